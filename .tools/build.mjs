// Builds the Worker: leaves build/index.js and build/index_bg.wasm. `wrangler dev` and `wrangler deploy` run it
// (wrangler.toml, [build]); `npm run build` does the same.
//
// worker-build would download wasm-bindgen, wasm-opt and esbuild from their release pages. Here they come from the two
// package registries that the clone needs anyway: cargo installs wasm-bindgen in the version of Cargo.lock, and
// wasm-opt and esbuild are npm packages. So a build needs nothing else of the network.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { Problem, ROOT, ensureTool, ensureToolchain, main, run, say, withLock } from "./rust.mjs";

const WORKER_BUILD = { name: "worker-build", crate: "worker-build", version: "0.8.7", minutes: 3 };
const OUTPUTS = ["index.js", "index_bg.wasm"].map((name) => join(ROOT, "build", name));
const STAMP = join(ROOT, "build", ".stamp.json");
const SOURCES = [".cargo", ".tools/build.mjs", "Cargo.lock", "Cargo.toml", "build.rs", "package-lock.json", "rust-toolchain.toml", "src"];
// Variables that cargo or worker-build read and that change what comes out.
const SETTINGS = /^(CARGO_(BUILD|ENCODED|PROFILE|TARGET_WASM32)_.*|CUSTOM_SHIM|NO_MINIFY|RUN_TO_COMPLETION|RUSTFLAGS|RUSTUP_TOOLCHAIN|COREDUMP(_FLAGS)?)$/;

await main(async () => {
  mkdirSync(join(ROOT, "build"), { recursive: true });
  await withLock(join(ROOT, "build", ".lock"), "another build of this clone", build);
});

async function build() {
  const inputs = digest(inputParts());
  if (isCurrent(inputs)) return say(`build/ is up to date (${sizes()})`);
  const started = Date.now();
  const npm = npmTools();
  const env = await ensureToolchain();
  const workerBuild = await ensureTool(WORKER_BUILD, env);
  const version = lockedVersion("wasm-bindgen");
  const bindgen = await ensureTool({ name: "wasm-bindgen", crate: "wasm-bindgen-cli", version, minutes: 2 }, env);
  say("compiling the Worker…");
  await run(workerBuild, ["--release"], { ...env, ...npm, WASM_BINDGEN_BIN: bindgen });
  // Taken before the compilation: a file saved meanwhile counts as changed.
  writeFileSync(STAMP, JSON.stringify({ inputs, outputs: digest(OUTPUTS.map(contents)) }));
  say(`built in ${Math.round((Date.now() - started) / 1000)} s (${sizes()})`);
}

/** Whether build/ holds, byte for byte, what these inputs made. Contents are compared, since times lie after a checkout. */
function isCurrent(inputs) {
  if (![STAMP, ...OUTPUTS].every((path) => existsSync(path))) return false;
  try {
    const stamp = JSON.parse(readFileSync(STAMP, "utf8"));
    return stamp.inputs === inputs && stamp.outputs === digest(OUTPUTS.map(contents));
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
  try {
    const platform = `${process.platform}-${process.arch}`;
    if (process.platform === "win32") {
      // A script without extension does not start there; npm puts a .cmd beside it.
      const wasmOpt = join(ROOT, "node_modules", ".bin", "wasm-opt.cmd");
      return { ESBUILD_BIN: resolve(`@esbuild/${platform}/esbuild.exe`), WASM_OPT_BIN: wasmOpt };
    }
    return { ESBUILD_BIN: resolve(`@esbuild/${platform}/bin/esbuild`), WASM_OPT_BIN: resolve("binaryen/bin/wasm-opt") };
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
