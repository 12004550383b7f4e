/** `npm run test:fidelity -- [--only express,go] [--write]`: the comparison, and with `--write` its tables in docs/fidelity.md. */
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { KINDS } from "./origins.ts";

const { values } = parseArgs({ options: { only: { type: "string" }, write: { type: "boolean", default: false } } });
if (values.write && values.only !== undefined) {
  throw new Error("--write needs all origins");
}
for (const { title } of KINDS.filter((kind) => kind.program() === undefined)) {
  process.stderr.write(`fidelity: ${title} is left out: its program is not on this machine\n`);
}
const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");
const config = fileURLToPath(new URL("../vitest.config.ts", import.meta.url));
const env = { ...process.env, ...(values.only === undefined ? {} : { FIDELITY_ONLY: values.only }), ...(values.write ? { FIDELITY_WRITE: "1" } : {}) };
const { status } = spawnSync(process.execPath, [vitest, "run", "--config", config, "--project", "fidelity"], { env, stdio: "inherit" });
process.exitCode = status ?? 1;
