// `node .tools/size.mjs <folder>`: fails if the bundle that wrangler made there is over the budget.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { Problem, main, say } from "./rust.mjs";

// Cold starts grow with what must be fetched and compiled. Of this the crate's own code is 120 KB; the standard library,
// JSON and the URL standard's parser are 90 KB, and texts 40 KB: the pages in their six languages, and what is said of the
// configuration's mistakes.
const BUDGET_BYTES = 330_000;

await main(() => {
  const folder = process.argv[2];
  if (!folder) throw new Problem("usage: node .tools/size.mjs <folder>");
  const names = readdirSync(folder).filter((name) => /\.(js|mjs|wasm)$/.test(name));
  for (const extension of [".js", ".wasm"]) {
    // Without this an empty folder would pass.
    if (!names.some((name) => name.endsWith(extension))) throw new Problem(`${folder} holds no ${extension} file`);
  }
  const files = names.map((name) => ({ name, bytes: gzipSync(readFileSync(join(folder, name)), { level: 9 }).length }));
  for (const { name, bytes } of files) say(`${name}: ${bytes} bytes gzip`);
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  say(`total: ${total} of ${BUDGET_BYTES} bytes gzip`);
  if (total > BUDGET_BYTES) throw new Problem(`the Worker is ${total - BUDGET_BYTES} bytes over its budget`);
});
