/**
 * `node tests/torture/main.ts [--browsers 2000] [--minutes 10] [--seed 1] [--scale 5] [--no-faults] [--without gate|replay]`
 *
 * Ends with status 1 if a session was lost, crossed or outlived its sign-out.
 */
import { parseArgs } from "node:util";
import { run } from "./bed.ts";
import type { Options } from "./plan.ts";
import { failures, stories, table } from "./report.ts";

const { values } = parseArgs({
  options: {
    browsers: { type: "string", default: "2000" },
    minutes: { type: "string", default: "10" },
    seed: { type: "string", default: "1" },
    scale: { type: "string", default: "5" },
    "no-faults": { type: "boolean", default: false },
    without: { type: "string" },
  },
});
// The clients print a hint for every session that is read from cookies.
console.warn = () => undefined;
const report = await run({
  browsers: Number(values.browsers),
  minutes: Number(values.minutes),
  seed: Number(values.seed),
  scale: Number(values.scale),
  faults: !values["no-faults"],
  without: (values.without ?? null) as Options["without"],
});
console.log(table(report));
const found = failures(report);
if (found.length > 0) {
  console.log(`\n${stories(report)}\n\nfailed: ${found.join(", ")}`);
  process.exitCode = 1;
}
