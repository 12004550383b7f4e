import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export type Built = { ok: true; summary: string } | { ok: false; output: string };

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
// Long enough for every error of a compilation, short enough to be read.
const KEPT_LINES = 200;
const OWN_PREFIX = "edge-session: ";

/** Runs the project's build and calls `onStep` with what it is doing, in a few words. */
export function buildWorker(onStep: (step: string) => void): Promise<Built> {
  const child = spawn(process.execPath, [".tools/build.mjs"], { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
  const lines: string[] = [];
  let summary = "built";
  let crates = 0;
  const read = (line: string) => {
    lines.push(line);
    lines.splice(0, lines.length - KEPT_LINES);
    if (line.startsWith(OWN_PREFIX)) {
      summary = line.slice(OWN_PREFIX.length);
      crates = 0;
      return onStep(summary);
    }
    const crate = /^\s*Compiling (\S+)/.exec(line)?.[1];
    if (crate !== undefined) {
      crates += 1;
      onStep(`compiling ${crate} (${crates})`);
    } else if (/^\s*(Downloading|Updating|Optimizing|Installing)\b/i.test(line)) {
      onStep(line.trim());
    }
  };
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", read);
  }
  const endWithUs = () => child.kill();
  process.once("exit", endWithUs);
  child.once("exit", () => process.off("exit", endWithUs));
  return new Promise((resolve) => {
    child.once("error", (error) => resolve({ ok: false, output: error.message }));
    // `close` comes after the last line, `exit` may come before.
    child.once("close", (status) => resolve(status === 0 ? { ok: true, summary } : { ok: false, output: problem(lines) }));
  });
}

/** The compiler's own words, without the lines that only tell of progress. */
function problem(lines: string[]): string {
  return lines.filter((line) => !/^\s*(Compiling|Downloaded|Downloading|Fresh|Locking|Updating|Adding)\b/.test(line)).join("\n");
}
