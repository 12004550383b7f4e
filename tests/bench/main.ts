/**
 * `npm run bench -- [--write] [--rounds 25] [--requests 500] [--tokens 100000] [--only <scenario>] [--variants floor,ours]`
 *
 * Prints the table; `--write` puts it, and what a million requests cost, into docs/performance.md.
 */
import { parseArgs } from "node:util";
import { bench } from "./bench.ts";
import { costTable } from "./cost.ts";
import { table, write } from "./report.ts";
import { VARIANTS, type Variant } from "./runtime.ts";

const { values } = parseArgs({
  options: {
    write: { type: "boolean", default: false },
    rounds: { type: "string", default: "25" },
    requests: { type: "string", default: "500" },
    tokens: { type: "string", default: "100000" },
    starts: { type: "string", default: "9" },
    only: { type: "string", default: "" },
    variants: { type: "string", default: VARIANTS.join(",") },
    "log-level": { type: "string", default: "info" },
  },
});
// The real clients print hints about sessions read from cookies.
console.warn = () => undefined;
const results = await bench({
  rounds: Number(values.rounds),
  requests: Number(values.requests),
  tokens: Number(values.tokens),
  starts: Number(values.starts),
  only: values.only,
  variants: VARIANTS.filter((variant) => values.variants.split(",").includes(variant)) as Variant[],
  logLevel: values["log-level"],
  progress: (line) => void process.stderr.write(`${line}\n`),
});
console.log([table(results), results.operations, costTable(results)].join("\n\n"));
if (values.write) {
  write(results);
}
