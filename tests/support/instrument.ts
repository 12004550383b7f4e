/** The built Worker, calling JavaScript at each call and each turn of a loop in its wasm. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FEATURES = ["bulk-memory", "exception-handling", "multivalue", "mutable-globals", "nontrapping-float-to-int", "reference-types", "sign-ext"];
const IMPORTS = '"./index_bg.js":{';

export interface Instrumented {
  wasm: Uint8Array<ArrayBuffer>;
  glue: string;
  /** What the glue calls its default export. */
  inner: string;
}

/** Instruments the build with `step`, a statement that runs at each step. */
export function instrument(step: string): Instrumented {
  const build = process.env.WORKER_BUILD ?? join(ROOT, "build");
  const scratch = mkdtempSync(join(tmpdir(), "instrumented-"));
  try {
    const file = join(scratch, "index_bg.wasm");
    const flags = ["--log-execution", ...FEATURES.map((feature) => `--enable-${feature}`)];
    execFileSync(join(ROOT, "node_modules/.bin/wasm-opt"), [...flags, join(build, "index_bg.wasm"), "-o", file]);
    const glue = readFileSync(join(build, "index.js"), "utf8");
    const [, inner] = /([\w$]+) as default/.exec(glue) ?? [];
    if (inner === undefined || !glue.includes(IMPORTS)) {
      throw new Error("the build's JavaScript is not as expected");
    }
    return { wasm: new Uint8Array(readFileSync(file)), glue: glue.replace(IMPORTS, `${IMPORTS}log_execution(){${step}},`), inner };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
