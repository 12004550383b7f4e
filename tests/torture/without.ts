/**
 * The Worker without one of its defences, to see that the bed notices: a scratch copy of the repository in which a few
 * lines of the source are replaced, built aside, and the bed run from there. Nothing of it is ever part of a release.
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export interface Defence {
  /** What is missing then. */
  what: string;
  file: string;
  /** Stands in the file exactly once. */
  from: string;
  to: string;
}

export const DEFENCES = {
  tombstone: {
    what: "the gate does not remember that a session has ended",
    file: "src/gate/family.rs",
    from: "self.ended.is_some_and(|ended| ended.covers(issued_at))",
    to: "{ let _ = issued_at; false }",
  },
  recheck: {
    what: "a renewed session is written without asking once more whether it has ended",
    file: "src/handler/leave.rs",
    from: "desk.ask(Effect::IsEnded, question).await",
    to: "desk.ask(Effect::IsEnded, question).await && false",
  },
  newest: {
    what: "the gate answers only refresh tokens that it knows, not whoever comes with an older access token",
    file: "src/gate/family.rs",
    from: "&& (is_known || (self.is_open(now) && newest.outdates(presented)))",
    to: "&& (is_known || (self.is_open(now) && newest.outdates(presented) && false))",
  },
  repair: {
    what: "nobody asks again for an answer that was lost",
    file: "src/auth_api/attempts.rs",
    from: "const REPAIR_ATTEMPTS: u8 = 1;",
    to: "const REPAIR_ATTEMPTS: u8 = 0;",
  },
  late: {
    what: "an answer that comes after its time-out is not read on",
    file: "src/auth_api/attempts.rs",
    from: "const ANSWER_LIMIT_MS: u64 = 12_000;",
    to: "const ANSWER_LIMIT_MS: u64 = 0;",
  },
} as const satisfies Record<string, Defence>;
export type DefenceName = keyof typeof DEFENCES;

export function isDefence(name: string | undefined): name is DefenceName {
  return name !== undefined && Object.hasOwn(DEFENCES, name);
}

/** The source without the defence. */
export function taken({ file, from, to }: Defence): string {
  const source = readFileSync(join(ROOT, file), "utf8");
  const [before, after, ...more] = source.split(from);
  if (before === undefined || after === undefined || more.length > 0) {
    throw new Error(`${file} does not hold "${from}" exactly once`);
  }
  return before + to + after;
}

/** Builds the copy and runs the bed in it with the other arguments; the status of the run. */
export async function runWithout(name: DefenceName, args: string[]): Promise<number> {
  const copy = join(ROOT, "target", "without", name);
  rmSync(copy, { recursive: true, force: true });
  const listed = spawnSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: ROOT, encoding: "utf8" });
  for (const file of listed.stdout.split("\0").filter((file) => file !== "" && existsSync(join(ROOT, file)))) {
    mkdirSync(dirname(join(copy, file)), { recursive: true });
    cpSync(join(ROOT, file), join(copy, file));
  }
  symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
  writeFileSync(join(copy, DEFENCES[name].file), taken(DEFENCES[name]));
  const run = (command: string[], env: NodeJS.ProcessEnv = {}): number =>
    spawnSync(process.execPath, command, { cwd: copy, env: { ...process.env, ...env }, stdio: "inherit" }).status ?? 1;
  const built = run([".tools/build.mjs"], { CARGO_TARGET_DIR: join(ROOT, "target", "without", "cargo") });
  if (built !== 0) {
    return built;
  }
  console.log(`without ${name}: ${DEFENCES[name].what}`);
  const rest = args.filter((arg, index) => arg !== "--without" && args[index - 1] !== "--without" && !arg.startsWith("--without="));
  return run(["tests/torture/main.ts", ...rest]);
}
