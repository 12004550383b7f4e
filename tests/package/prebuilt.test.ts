/** A clone takes the Worker of a package of the same commit, without Rust, and says what is missing otherwise. */
import { spawnSync } from "node:child_process";
import { appendFileSync, chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, beforeEach, afterEach, expect, test } from "vitest";
import { type Packed, ROOT, pack, removeFolder } from "./install.ts";

let packed: Packed;
beforeAll(() => {
  packed = pack();
});
afterAll(() => removeFolder(dirname(packed.path)));

let clone: string;
let programs: string;
beforeEach(() => {
  clone = mkdtempSync(join(tmpdir(), "clone-"));
  programs = join(clone, ".programs");
  mkdirSync(programs);
  for (const name of [".cargo", ".tools", "Cargo.lock", "Cargo.toml", "package.json", "package-lock.json", "rust-toolchain.toml", "src"]) cpSync(join(ROOT, name), join(clone, name), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(clone, "node_modules"));
  for (const name of ["tar", "gzip"]) symlinkSync(spawnSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).stdout.trim(), join(programs, name));
});
afterEach(() => rmSync(clone, { recursive: true }));

/** The build on a machine that has only what stands in `programs`. */
function build(env: Record<string, string> = {}): { status: number | null; said: string } {
  const { status, stderr } = spawnSync(process.execPath, [join(clone, ".tools/build.mjs")], { cwd: clone, encoding: "utf8", env: { PATH: programs, CARGO_HOME: join(clone, "none"), HOME: clone, ...env } });
  return { status, said: stderr };
}

const outputs = (folder: string): Buffer[] => ["index.js", "index_bg.wasm", "examine.js"].map((name) => readFileSync(join(folder, "build", name)));

test("of this commit, found in the clone", () => {
  cpSync(packed.path, join(clone, "edge-session-0.1.0.tgz"));
  expect(build()).toEqual({ status: 0, said: expect.stringMatching(/took the Worker of edge-session-0\.1\.0\.tgz, which is of this commit/) });
  expect(outputs(clone)).toEqual(outputs(packed.folder));
  expect(build().said).toContain("build/ is up to date");
});

test("of this commit, named", () => {
  expect(build({ EDGE_SESSION_PACKED: packed.path }).status).toBe(0);
  expect(outputs(clone)).toEqual(outputs(packed.folder));
});

test("of another commit it is left alone, and Rust is asked for", () => {
  appendFileSync(join(clone, "src/lib.rs"), "// changed\n");
  const { status, said } = build({ EDGE_SESSION_PACKED: packed.path });
  expect(status).toBe(1);
  expect(said).toMatch(/holds no Worker of this commit\n[^]*cargo is not installed\. Install Rust with rustup/);
  expect(existsSync(join(clone, "build/index.js"))).toBe(false);
});

test("whose bytes were changed it is left alone", () => {
  const folder = join(clone, ".unpacked");
  cpSync(packed.folder, join(folder, "package"), { recursive: true });
  appendFileSync(join(folder, "package/build/index.js"), "\n");
  const changed = join(clone, "edge-session-changed.tgz");
  expect(spawnSync("tar", ["-czf", changed, "-C", folder, "package"]).status).toBe(0);
  expect(build().said).toContain("holds no Worker of this commit");
});

test.skipIf(process.platform === "win32")("without a C compiler it says which to install, before anything is compiled", () => {
  writeFileSync(join(programs, "cargo"), "#!/bin/sh\necho cargo 1.0.0\n");
  chmodSync(join(programs, "cargo"), 0o755);
  expect(build()).toEqual({ status: 1, said: expect.stringMatching(/there is no C compiler \(cc\), by which Rust links: .*(build-essential|xcode-select)/) });
});

test.skipIf(process.platform === "win32")("what cargo installs for the build is what its authors locked", () => {
  const script = (name: string, text: string): void => {
    writeFileSync(join(programs, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(programs, name), 0o755);
  };
  script("cc", "echo cc");
  script("rustc", `echo ${programs}`);
  script("cargo", `echo "$@" >> ${join(clone, "asked")}`);
  expect(build({ EDGE_SESSION_TOOLS: join(clone, ".tools-cache") }).status).toBe(1);
  expect(readFileSync(join(clone, "asked"), "utf8")).toMatch(/^install wasm-bindgen-cli --version \S+ --locked /m);
});
