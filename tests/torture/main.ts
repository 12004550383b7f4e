/**
 * `node tests/torture/main.ts [--browsers 2000] [--minutes 10] [--seed 1] [--scale 5] [--no-faults] [--tokens 1|2|upgrade]
 *  [--without gate|replay|tombstone|recheck|newest|repair|late] [--auth-bin program --database-url postgres://…]`
 *
 * Ends with status 1 if a session was lost, crossed or outlived its sign-out.
 */
import { parseArgs } from "node:util";
import { run } from "./bed.ts";
import type { Options } from "./plan.ts";
import type { Tokens } from "./real-auth.ts";
import { failures, stories, table } from "./report.ts";
import { isDefence, runWithout } from "./without.ts";

const { values } = parseArgs({
  options: {
    browsers: { type: "string", default: "2000" },
    minutes: { type: "string", default: "10" },
    seed: { type: "string", default: "1" },
    scale: { type: "string", default: "5" },
    "no-faults": { type: "boolean", default: false },
    without: { type: "string" },
    "auth-bin": { type: "string" },
    "database-url": { type: "string", default: process.env.DATABASE_URL ?? "" },
    tokens: { type: "string", default: "1" },
  },
});
if (isDefence(values.without)) {
  process.exit(await runWithout(values.without, process.argv.slice(2)));
}
// The clients print a hint for every session that is read from cookies.
console.warn = () => undefined;
const report = await run({
  browsers: Number(values.browsers),
  minutes: Number(values.minutes),
  seed: Number(values.seed),
  scale: Number(values.scale),
  faults: !values["no-faults"],
  without: (values.without ?? null) as Options["without"],
  tokens: values.tokens as Tokens,
  ...(values["auth-bin"] === undefined
    ? {}
    : { real: { program: values["auth-bin"], databaseUrl: values["database-url"] } }),
});
console.log(table(report));
const found = failures(report);
if (found.length > 0) {
  console.log(`\n${stories(report)}\n\nfailed: ${found.join(", ")}`);
  process.exitCode = 1;
}
