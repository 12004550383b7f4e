// The crate's own parser, natively: the Worker and the doctor cannot disagree.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Problem, ROOT, ensureToolchain, say } from "../rust.mjs";

let program;

/** Compiles the parser if need be, and returns a function that answers questions (see parser.rs). */
export async function startParser() {
  program ??= compile(await ensureToolchain());
  return (question) => JSON.parse(run(program, [], { input: JSON.stringify(question) }));
}

/** The path of the compiled parser. */
function compile(env) {
  const target = process.env.CARGO_TARGET_DIR ?? join(ROOT, "target");
  if (!existsSync(join(target, "debug", "examples"))) say("compiling the configuration's parser, once, about a minute…");
  const messages = run("cargo", ["build", "--quiet", "--locked", "--example", "parser", "--message-format", "json"], { env });
  const made = messages.split("\n").filter(Boolean).map((line) => JSON.parse(line));
  return made.findLast((message) => message.executable && message.target.name === "parser").executable;
}

function run(command, args, options) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: ROOT, encoding: "utf8", maxBuffer: 64 * 1024 * 1024, ...options });
  if (status !== 0) throw new Problem(`the configuration's parser failed:\n${error?.message ?? stderr}`);
  return stdout;
}
