/**
 * `npm run test:frameworks -- [--only express,hono] [--write]`
 *
 * Installs and builds the apps that this run needs, tests them behind the Worker, prints the table and compares it with the
 * one in docs/frameworks.md; `--write` puts it there.
 */
import { parseArgs } from "node:util";
import { APPS } from "./run/apps.ts";
import { buildApps, installPackages } from "./run/build.ts";
import { installNginx } from "./run/nginx.ts";
import { difference, table, write } from "./run/table.ts";
import { runTests } from "./run/vitest.ts";

const { values } = parseArgs({ options: { only: { type: "string" }, write: { type: "boolean", default: false } } });
const names = values.only?.split(",") ?? APPS.map(({ name }) => name);
const unknown = names.filter((name) => !APPS.some((app) => app.name === name));
if (unknown.length > 0 || (values.write && values.only !== undefined)) {
  const known = APPS.map(({ name }) => name).join(", ");
  throw new Error(unknown.length > 0 ? `no such row: ${unknown.join(", ")}; there are ${known}` : "--write needs the whole table");
}
const apps = APPS.filter(({ name }) => names.includes(name));

await timed("packages", installPackages);
if (apps.some(({ cached }) => cached !== undefined)) {
  await timed("nginx", installNginx);
}
await timed("builds", () => buildApps([...new Set(apps.map(({ folder }) => folder))], (line) => say(`  ${line}`)));
const { passed, results } = await timed("tests", () => runTests(apps));
results.seconds.forEach((seconds, name) => say(`  ${name}: tested in ${seconds.toFixed(1)} s`));

console.log(`\n${table(apps, results)}\n`);
if (values.write && passed) {
  write(table(apps, results));
}
const wrong = passed ? difference(apps, results) : "a test has failed";
if (wrong !== undefined) {
  say(`frameworks: ${wrong}`);
  process.exitCode = 1;
}

async function timed<T>(what: string, run: () => Promise<T>): Promise<T> {
  const started = Date.now();
  const result = await run();
  say(`frameworks: ${what}: ${((Date.now() - started) / 1000).toFixed(1)} s`);
  return result;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
