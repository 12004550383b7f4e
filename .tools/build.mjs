// Builds the Worker: leaves build/index.js and build/index_bg.wasm, and build/examine.js, by which the doctor asks the same module. `wrangler dev` and `wrangler deploy` run it
// (wrangler.toml, [build]); `npm run build` does the same.
//
//   cargo → wasm-bindgen → wasm-opt → esbuild (with .tools/entry.js)
//
// `worker-build` makes the same steps, but its entry reaches the crate through a class and proxies on every request.
// It would also download the tools from their release pages; here cargo installs wasm-bindgen in the
// version of Cargo.lock, and wasm-opt and esbuild are npm packages. WASM_BINDGEN_BIN, WASM_OPT_BIN and ESBUILD_BIN name
// others, as they do for worker-build.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import { withoutClasses } from "./exports.mjs";
import { Problem, ROOT, ensureTool, ensureToolchain, main, run, say, withLock } from "./rust.mjs";

const OUTPUTS = ["index.js", "index_bg.wasm", "examine.js"].map((name) => join(ROOT, "build", name));
const STAMP = join(ROOT, "build", ".stamp.json");
const SOURCES = [".cargo", ".tools/build.mjs", ".tools/entry.js", ".tools/exports.mjs", ".tools/microtask.js", "Cargo.lock", "Cargo.toml", "build.rs", "package-lock.json", "rust-toolchain.toml", "src"];
// Variables that change what comes out.
const SETTINGS = /^(CARGO_(BUILD|ENCODED|PROFILE|TARGET_WASM32)_.*|RUSTFLAGS|RUSTUP_TOOLCHAIN|(ESBUILD|WASM_BINDGEN|WASM_OPT)_BIN)$/;
// Named one by one: what a newer wasm-opt knows besides might be more than the runtime does.
const WASM_FEATURES = ["bulk-memory", "exception-handling", "multivalue", "mutable-globals", "nontrapping-float-to-int", "reference-types", "sign-ext"];
// What is sent is what counts, and that is gzip's. A function with one caller stays a function of its own: one that holds
// many has too many locals to be like any other, and functions of one module, side by side, are much like each other.
// Only the smallest are taken into their callers: each call costs, and they are hardly longer than one.
// What is said twice gzip says once, and better than a jump to shared code or a local for it.
const SMALLER = ["-Oz", "--skip-pass=code-folding", "--skip-pass=local-cse", "--one-caller-inline-max-function-size=20", "--always-inline-max-function-size=4", "--reorder-functions-by-name", "--strip-debug", "--strip-producers"];

await main(async () => {
  mkdirSync(join(ROOT, "build"), { recursive: true });
  await withLock(join(ROOT, "build", ".lock"), "another build of this clone", build);
});

async function build() {
  const inputs = digest(inputParts());
  if (isCurrent(inputs)) return say(`build/ is up to date (${sizes()})`);
  const packed = takePacked(inputs);
  if (packed) return say(`took the Worker of ${packed}, which is of this commit (${sizes()})`);
  const started = Date.now();
  const env = await ensureToolchain();
  const tools = await findTools(env);
  say("compiling the Worker…");
  await compile(tools, env);
  // Taken before the compilation: a file saved meanwhile counts as changed.
  writeFileSync(STAMP, JSON.stringify({ inputs, outputs: digest(OUTPUTS.map(contents)) }));
  say(`built in ${Math.round((Date.now() - started) / 1000)} s (${sizes()})`);
}

/** Takes over what somebody else built of the same inputs: a package that `npm pack` made, here or where EDGE_SESSION_PACKED says. */
function takePacked(inputs) {
  const named = process.env.EDGE_SESSION_PACKED;
  const found = named ? [named] : readdirSync(ROOT).filter((name) => /^edge-session-.*\.tgz$/.test(name)).map((name) => join(ROOT, name));
  const aside = join(ROOT, "build", ".packed");
  try {
    for (const path of found) {
      rmSync(aside, { recursive: true, force: true });
      mkdirSync(aside);
      const { status } = spawnSync("tar", ["-xzf", path, "-C", aside], { stdio: "ignore" });
      const build = join(aside, "package", "build");
      if (status !== 0 || !isMadeOf(build, inputs)) {
        say(`${path} holds no Worker of this commit`);
        continue;
      }
      for (const to of [...OUTPUTS, STAMP]) renameSync(join(build, basename(to)), to);
      return basename(path);
    }
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
  return undefined;
}

/** Every step writes aside; the last one moves both files into place, so that nobody sees half a build. */
async function compile(tools, env) {
  const aside = join(ROOT, "build", ".aside");
  rmSync(aside, { recursive: true, force: true });
  mkdirSync(aside);
  const crate = await compileCrate(env);
  // The runtime's own module type imports what is a compiled module already; see `import source` below.
  const bindings = ["--target", "module", "--no-typescript", "--experimental-reset-state-function", "--force-enable-abort-handler"];
  await run(tools.bindgen, [crate, "--out-dir", aside, "--out-name", "index", ...bindings], env);
  const wasm = join(aside, "index_bg.wasm");
  writeFileSync(wasm, withoutClasses(readFileSync(wasm), "refreshgate"));
  const features = WASM_FEATURES.map((feature) => `--enable-${feature}`);
  await run(tools.wasmOpt[0], [...tools.wasmOpt.slice(1), wasm, "-o", wasm, ...SMALLER, ...features], env);
  const glue = join(aside, "index.js");
  const written = readFileSync(glue, "utf8");
  // Workers import a compiled module without the `source` phase, which esbuild does not know either.
  writeFileSync(glue, countingClosures(written).replace("import source ", "import "));
  copyFileSync(join(ROOT, ".tools", "entry.js"), join(aside, "entry.js"));
  const bundle = join(aside, "bundle.js");
  const inject = `--inject:${join(ROOT, ".tools", "microtask.js")}`;
  const options = ["--bundle", inject, "--format=esm", "--minify", "--external:./index_bg.wasm", "--log-level=warning", `--outfile=${bundle}`];
  await run(tools.esbuild, [join(aside, "entry.js"), ...options], env);
  const doctor = join(aside, "doctor.js");
  writeFileSync(join(aside, "node.js"), forNode(written));
  const nodeOptions = ["--bundle", "--format=esm", "--platform=node", "--minify", "--log-level=warning", `--outfile=${doctor}`];
  await run(tools.esbuild, [join(aside, "node.js"), ...nodeOptions], env);
  renameSync(wasm, OUTPUTS[1]);
  renameSync(bundle, OUTPUTS[0]);
  renameSync(doctor, OUTPUTS[2]);
  rmSync(aside, { recursive: true, force: true });
}

/** The glue, counting the closures that are inside the crate as `.tools/entry.js` counts calls: what runs behind a promise is cut off there. */
function countingClosures(glue) {
  const body = /(state\.cnt\+\+;\n[^}]*?)(return f\((?:state\.)?a, state\.b, \.\.\.args\);\s+\} finally \{)/g;
  const makers = glue.match(/function make(Mut)?Closure\(/g)?.length;
  if (makers === undefined || glue.match(body)?.length !== makers) throw new Problem("wasm-bindgen calls closures in a way that this build does not know.");
  return `${glue.replace(body, "calls.inside += 1;\n        $1$2\n            calls.inside -= 1;")}\nexport const calls = { inside: 0 };\n`;
}

/** The glue for Node.js: it reads the module from the file beside it, and hands out the doctor's function alone. */
function forNode(glue) {
  const asked = /^import source (\w+) from "\.\/index_bg\.wasm";?$/m;
  if (!asked.test(glue)) throw new Problem("wasm-bindgen imports its module in a way that this build does not know.");
  const read = 'import { readFileSync } from "node:fs";\nconst $1 = new WebAssembly.Module(readFileSync(new URL("./index_bg.wasm", import.meta.url)));';
  return glue.replace(asked, read).replaceAll(/^export (?!function examine\b)(?=(async )?function|class|const|let)/gm, "").replaceAll(/^export (default .*|\{[^}]*\});?$/gm, "");
}

/** The path of the crate's wasm. Cargo names it: its folder is a setting of the user's. */
async function compileCrate(env) {
  const args = ["build", "--locked", "--lib", "--release", "--target", "wasm32-unknown-unknown"];
  await run("cargo", args, { ...env, CARGO_ENCODED_RUSTFLAGS: flags(env) });
  const found = spawnSync("cargo", ["metadata", "--format-version", "1", "--no-deps", "--locked"], { cwd: ROOT, env, encoding: "utf8" });
  if (found.status !== 0) throw new Problem(`cargo metadata failed: ${found.stderr}`);
  return join(JSON.parse(found.stdout).target_directory, "wasm32-unknown-unknown", "release", "edge_session.wasm");
}

/** Cargo's flags, and with them no folder of this machine in the module: whoever builds the same commit gets the same bytes. */
function flags(env) {
  const own = env.CARGO_ENCODED_RUSTFLAGS?.split("\u001f") ?? env.RUSTFLAGS?.split(" ") ?? [];
  const home = env.CARGO_HOME ?? join(homedir(), ".cargo");
  return [...own.filter(Boolean), `--remap-path-prefix=${home}=/cargo`].join("\u001f");
}

async function findTools(env) {
  const npm = npmTools();
  const version = lockedVersion("wasm-bindgen");
  const bindgen = env.WASM_BINDGEN_BIN ?? (await ensureTool({ name: "wasm-bindgen", crate: "wasm-bindgen-cli", version, minutes: 3 }, env));
  const wasmOpt = env.WASM_OPT_BIN ? [env.WASM_OPT_BIN] : npm.wasmOpt;
  return { bindgen, esbuild: env.ESBUILD_BIN ?? npm.esbuild, wasmOpt };
}

/** Whether build/ holds, byte for byte, what these inputs made. Contents are compared, since times lie after a checkout. */
function isCurrent(inputs) {
  return isMadeOf(join(ROOT, "build"), inputs);
}

function isMadeOf(folder, inputs) {
  const [stamp, ...outputs] = [STAMP, ...OUTPUTS].map((path) => join(folder, basename(path)));
  if (![stamp, ...outputs].every((path) => existsSync(path))) return false;
  try {
    const { inputs: theirs, outputs: made } = JSON.parse(readFileSync(stamp, "utf8"));
    return theirs === inputs && made === digest(outputs.map(contents));
  } catch {
    return false;
  }
}

function inputParts() {
  const files = SOURCES.flatMap((path) => filesBelow(path)).sort();
  const settings = Object.entries(process.env).filter(([name]) => SETTINGS.test(name)).sort();
  return [...files.flatMap((path) => [path, contents(join(ROOT, path))]), ...settings.flat()];
}

function filesBelow(path) {
  const full = join(ROOT, path);
  if (!existsSync(full)) return [];
  try {
    return readdirSync(full).flatMap((name) => filesBelow(`${path}/${name}`));
  } catch (error) {
    if (error.code !== "ENOTDIR") throw error;
    return [path];
  }
}

function digest(parts) {
  const hash = createHash("sha256");
  // The length before each part keeps two lists apart that only join to the same bytes.
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part);
  return hash.digest("hex");
}

function contents(path) {
  return readFileSync(path);
}

function npmTools() {
  const { resolve } = createRequire(join(ROOT, "package.json"));
  const program = process.platform === "win32" ? "esbuild.exe" : "bin/esbuild";
  try {
    const esbuild = resolve(`@esbuild/${process.platform}-${process.arch}/${program}`);
    return { esbuild, wasmOpt: [process.execPath, resolve("binaryen/bin/wasm-opt")] };
  } catch {
    throw new Problem("esbuild or binaryen is missing in node_modules: run `npm install` first.");
  }
}

function lockedVersion(name) {
  const version = new RegExp(`^name = "${name}"\\r?\\nversion = "([^"]+)"`, "m").exec(readFileSync(join(ROOT, "Cargo.lock"), "utf8"))?.[1];
  if (!version) throw new Problem(`Cargo.lock has no ${name}`);
  return version;
}

function sizes() {
  const kilobytes = OUTPUTS.map((path) => gzipSync(contents(path), { level: 9 }).length / 1000);
  return `gzip: js ${kilobytes[0].toFixed(1)} KB, wasm ${kilobytes[1].toFixed(1)} KB`;
}
