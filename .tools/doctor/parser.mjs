// The crate's own parser, natively: the Worker and the doctor cannot disagree.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Problem, ROOT, ensureToolchain, say } from "../rust.mjs";

/** Compiles the parser if need be, and returns a function that answers questions (see parser.rs). */
export async function startParser() {
  const env = await ensureToolchain();
  const target = process.env.CARGO_TARGET_DIR ?? join(ROOT, "target");
  if (!existsSync(join(target, "debug", "examples"))) say("compiling the configuration's parser, once, about a minute…");
  return (question) => ask(question, env);
}

function ask(question, env) {
  const args = ["run", "--quiet", "--locked", "--example", "parser"];
  const options = { cwd: ROOT, env, input: JSON.stringify(question), encoding: "utf8", maxBuffer: 16 * 1024 * 1024 };
  const { status, stdout, stderr } = spawnSync("cargo", args, options);
  if (status !== 0) throw new Problem(`the parser failed:\n${stderr}`);
  return JSON.parse(stdout);
}
