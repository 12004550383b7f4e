// What the build needs of Rust: the toolchain of rust-toolchain.toml, and command line tools kept outside the clone.
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, existsSync, readFileSync, renameSync, rmSync, statSync, utimesSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Problem, main, say } from "./problem.mjs";

export { Problem, main, say };

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const WINDOWS = process.platform === "win32";
const EXE = WINDOWS ? ".exe" : "";
const TARGET = "wasm32-unknown-unknown";

const HEARTBEAT_MS = 2_000;
// Far above the heartbeat, so that only a holder which died without cleaning up is passed over.
const LOCK_STALE_MS = 30_000;

// The tools handle one small file per build: they are compiled for a quick installation, not for speed.
const QUICK_COMPILATION = {
  CARGO_PROFILE_RELEASE_CODEGEN_UNITS: "256",
  CARGO_PROFILE_RELEASE_DEBUG: "false",
  CARGO_PROFILE_RELEASE_LTO: "off",
  CARGO_PROFILE_RELEASE_OPT_LEVEL: "1",
};

// Settings meant for the user's own crates would change or break the compilation of a tool.
const NOT_FOR_TOOLS = ["CARGO_BUILD_TARGET", "CARGO_ENCODED_RUSTFLAGS", "CARGO_TARGET_DIR", "RUSTC_WRAPPER", "RUSTFLAGS"];

/**
 * The environment for every Rust command: rustup's folder is on PATH even in a shell started before rustup was
 * installed, and `node` is the one running this script.
 */
export function rustEnvironment() {
  const env = { ...process.env };
  // Windows spells the name `Path` and treats names without regard to case.
  const name = Object.keys(env).find((key) => key.toUpperCase() === "PATH") ?? "PATH";
  const cargoBin = join(env.CARGO_HOME ?? join(homedir(), ".cargo"), "bin");
  env[name] = [dirname(process.execPath), env[name], cargoBin].filter(Boolean).join(delimiter);
  return env;
}

/** Makes sure that cargo runs with the pinned toolchain and knows the wasm target. Returns the environment to use. */
export async function ensureToolchain() {
  const env = rustEnvironment();
  if (!answers("cargo", ["--version"], env) && !answers("rustup", ["--version"], env)) {
    throw new Problem("cargo is not installed. Install Rust with rustup (https://rustup.rs) and run this again. A packed Worker of this commit needs none (README, Contributing).");
  }
  ensureLinker(env);
  if (hasTarget(env)) return env;
  if (!answers("rustup", ["--version"], env)) {
    throw new Problem(`this Rust has no ${TARGET} target and no rustup to add it. Install Rust with rustup (https://rustup.rs), or the target by hand.`);
  }
  await installToolchain(env);
  if (!hasTarget(env)) throw new Problem(`rustc still has no ${TARGET} target after rustup added it; see \`rustup show\`.`);
  return env;
}

/** Crates run code of their own while they are compiled, and that is linked by the system's C compiler. */
function ensureLinker(env) {
  // On Windows rustc finds the linker of Visual Studio by itself, and says so where there is none.
  if (WINDOWS || process.env.CARGO_BUILD_TARGET || ["cc", "gcc", "clang"].some((name) => answers(name, ["--version"], env))) return;
  const remedy = process.platform === "darwin" ? "`xcode-select --install`" : "on Debian and Ubuntu `apt install build-essential`, on Fedora `dnf install gcc`, on Alpine `apk add build-base`";
  throw new Problem(`there is no C compiler (cc), by which Rust links: ${remedy}. A packed Worker of this commit needs neither (README, Contributing).`);
}

/** Runs a command with its output shown, and fails with a `Problem` naming it. */
export async function run(command, args, env) {
  const child = spawn(command, args, { cwd: ROOT, env, stdio: "inherit" });
  const forward = (signal) => child.kill(signal);
  process.on("SIGINT", forward).on("SIGTERM", forward);
  try {
    await new Promise((resolve, reject) => {
      child.on("error", (error) => reject(new Problem(`cannot run ${command}: ${error.message}`)));
      child.on("exit", (status, signal) =>
        status === 0 ? resolve() : reject(new Problem(`\`${command} ${args.join(" ")}\` failed (${signal ?? `status ${status}`})`)),
      );
    });
  } finally {
    process.off("SIGINT", forward).off("SIGTERM", forward);
  }
}

/** The path of a tool of exactly this version: from PATH, from the cache, or installed into the cache once. */
export async function ensureTool({ name, crate, version, minutes }, env) {
  if (hasVersion(name, version, env)) return name;
  const cache = cacheFolder();
  const home = join(cache, `${name}-${version}`);
  const binary = join(home, "bin", name + EXE);
  if (hasVersion(binary, version, env)) return binary;
  mkdirSync(cache, { recursive: true });
  await withLock(`${home}.lock`, `another installation of ${name}`, async () => {
    if (hasVersion(binary, version, env)) return;
    say(`installing ${crate} ${version} into ${cache}, once, about ${minutes} min…`);
    await installInto(home, crate, version, env);
  });
  if (!hasVersion(binary, version, env)) throw new Problem(`${binary} does not answer \`--version\` with ${version}`);
  return binary;
}

/** Runs `task` while holding the folder `path` as a lock between processes. */
export async function withLock(path, holder, task) {
  for (let waited = 0; !tryLock(path); waited += 500) {
    if (waited === 0) say(`waiting for ${holder}…`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  const heartbeat = setInterval(() => touch(path), HEARTBEAT_MS);
  try {
    return await task();
  } finally {
    clearInterval(heartbeat);
    rmSync(path, { recursive: true, force: true });
  }
}

async function installInto(home, crate, version, env) {
  // Everything is made aside and moved in one step: a cut installation is never taken for a tool.
  const staging = `${home}.${process.pid}.tmp`;
  const quiet = Object.fromEntries(Object.entries(env).filter(([name]) => !NOT_FOR_TOOLS.includes(name)));
  const args = ["install", crate, "--version", version, "--locked", "--root", staging, "--no-track"];
  try {
    await run("cargo", args, { ...quiet, ...QUICK_COMPILATION });
    // What is there does not work on this machine, or it would have been used.
    rmSync(home, { recursive: true, force: true });
    renameSync(staging, home);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

async function installToolchain(env) {
  const file = readFileSync(join(ROOT, "rust-toolchain.toml"), "utf8");
  const channel = env.RUSTUP_TOOLCHAIN ?? /^channel\s*=\s*"([^"]+)"/m.exec(file)?.[1];
  if (!channel) throw new Problem("rust-toolchain.toml names no channel");
  const components = /^components\s*=\s*\[([^\]]*)\]/m.exec(file)?.[1].match(/[\w-]+/g) ?? [];
  say(`installing Rust ${channel} with the ${TARGET} target…`);
  const extras = components.flatMap((component) => ["--component", component]);
  const args = ["toolchain", "install", channel, "--no-self-update", "--profile", "minimal", "--target", TARGET, ...extras];
  await run("rustup", args, env);
}

function hasTarget(env) {
  const { status, stdout } = spawnSync("rustc", ["--target", TARGET, "--print", "target-libdir"], { cwd: ROOT, env, encoding: "utf8" });
  return status === 0 && existsSync(stdout.trim()) && answers("cargo", ["--version"], env);
}

function answers(command, args, env) {
  return spawnSync(command, args, { cwd: ROOT, env, stdio: "ignore" }).status === 0;
}

function hasVersion(command, version, env) {
  const { status, stdout } = spawnSync(command, ["--version"], { cwd: ROOT, env, encoding: "utf8" });
  return status === 0 && stdout.trim().split(/\s+/).includes(version);
}

function cacheFolder() {
  const { EDGE_SESSION_TOOLS, LOCALAPPDATA, XDG_CACHE_HOME } = process.env;
  if (EDGE_SESSION_TOOLS) return EDGE_SESSION_TOOLS;
  const caches = WINDOWS ? LOCALAPPDATA || join(homedir(), "AppData", "Local") : XDG_CACHE_HOME || join(homedir(), ".cache");
  return join(caches, "edge-session");
}

function tryLock(path) {
  try {
    mkdirSync(path);
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
  }
  const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
  if (age > LOCK_STALE_MS) rmSync(path, { recursive: true, force: true });
  return false;
}

function touch(path) {
  try {
    utimesSync(path, new Date(), new Date());
  } catch {
    // Somebody removed the lock by hand; the result is still moved into place in one step.
  }
}
