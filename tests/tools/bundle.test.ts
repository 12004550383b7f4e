/** What is deployed comes from the crates alone: no npm package is in it, and nothing in it asks for one. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** Modules of the runtime itself, the name that wasm-bindgen replaces, and files beside the bundle. */
const ALLOWED = /^(cloudflare:[\w-]+|__wbindgen_placeholder__|\.\/[\w.-]+\.wasm)$/;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "edge-session-bundle-"));
  const wrangler = join(ROOT, "node_modules", "wrangler", "bin", "wrangler.js");
  const args = [wrangler, "deploy", "--dry-run", "--outdir", folder, "--metafile", join(folder, "inputs.json")];
  const { status, stderr, stdout } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: "utf8" });
  expect(status, `${stdout}${stderr}`).toBe(0);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The modules that a script imports. */
function imports(script: string): string[] {
  const statements = /\b(?:from|import|require)\s*\(?\s*["'`]([^"'`]+)["'`]/g;
  return [...script.matchAll(statements)].map(([, name = ""]) => name);
}

/** The JavaScript modules that a crate's code binds to (`#[wasm_bindgen(module = "…")]`), but for its own snippets. */
function boundModules(code: string): string[] {
  const attributes = code.matchAll(/#!?\[wasm_bindgen\(([^\]]*)\)\]/g);
  const named = [...attributes].flatMap(([, attribute = ""]) => [...attribute.matchAll(/\b(?:raw_)?module\s*=\s*"([^"]+)"/g)]);
  return named.map(([, name = ""]) => name).filter((name) => !name.startsWith("/") && !name.startsWith("./"));
}

function rustFiles(path: string): string[] {
  return readdirSync(path, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".rs")).map((name) => join(path, name));
}

interface Metadata {
  packages: { id: string; manifest_path: string; name: string; dependencies: { name: string }[] }[];
}

test("an import and a binding are found where there is one", () => {
  expect(imports('import*as a from"hono";import"x";export{b}from\'y\';await import("z");')).toEqual(["hono", "x", "y", "z"]);
  expect(boundModules('#[wasm_bindgen(module = "left-pad")]\n#[wasm_bindgen(js_name = "a", raw_module = "b")]\n#[wasm_bindgen(module = "/c.js")]')).toEqual(["left-pad", "b"]);
});

test("package.json has packages for development only", () => {
  const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as Record<string, unknown>;
  expect(Object.keys(manifest).filter((key) => /dependencies/i.test(key))).toEqual(["devDependencies"]);
});

test("wrangler bundles the build and nothing else", () => {
  const { inputs } = JSON.parse(readFileSync(join(folder, "inputs.json"), "utf8")) as { inputs: Record<string, unknown> };
  expect(Object.keys(inputs)).toContain("build/index.js");
  expect(Object.keys(inputs).filter((path) => !path.startsWith("build/"))).toEqual([]);
});

test("the bundle imports from the runtime and its own wasm only", () => {
  const scripts = readdirSync(folder).filter((name) => name.endsWith(".js"));
  expect(scripts).not.toEqual([]);
  const imported = scripts.flatMap((name) => imports(readFileSync(join(folder, name), "utf8")));
  expect(imported.some((name) => name.endsWith(".wasm"))).toBe(true);
  expect(imported.filter((name) => !ALLOWED.test(name))).toEqual([]);
});

test("no crate binds to a module of npm, and the entry in front of the crate imports none", () => {
  const args = ["metadata", "--format-version", "1", "--locked", "--filter-platform", "wasm32-unknown-unknown"];
  const { stdout } = spawnSync(process.execPath, [join(ROOT, ".tools", "cargo.mjs"), ...args], { cwd: ROOT, encoding: "utf8", maxBuffer: 1 << 26 });
  const { packages } = JSON.parse(stdout) as Metadata;
  const binding = packages.filter(({ name, dependencies }) => name === "edge-session" || dependencies.some((dependency) => dependency.name === "wasm-bindgen"));
  expect(binding.map(({ name }) => name)).toEqual(expect.arrayContaining(["edge-session", "worker"]));
  const modules = binding.flatMap(({ manifest_path: manifest }) => rustFiles(join(dirname(manifest), "src"))).flatMap((path) => boundModules(readFileSync(path, "utf8")));
  const entry = join(ROOT, ".tools", "entry.js");
  if (existsSync(entry)) modules.push(...imports(readFileSync(entry, "utf8")).filter((name) => name !== "./index.js"));
  expect(modules).toContain("cloudflare:sockets");
  expect(modules.filter((name) => !ALLOWED.test(name))).toEqual([]);
});
