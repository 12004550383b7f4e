/**
 * `node tests/pages/size.ts`: what the pages cost of the module, in gzip. Builds it as it is, and in a copy of the tree in
 * which every page is empty; fails where they cost more than they may.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const MAX_BYTES = 25_000;
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
// What the build reads, and what Cargo wants to find.
const TREE = [".cargo", ".tools", "Cargo.lock", "Cargo.toml", "package.json", "package-lock.json", "rust-toolchain.toml", "src", "tests/attacks/read_cookies.rs", "tests/it", "tests/pages/gallery.rs"];
const PAGE = /pub fn html\(&self\) -> Html \{/g;
const EMPTY = "pub fn html(&self) -> Html { Html { body: String::new(), csp: String::new() } }\n#[allow(dead_code)] fn unused(&self) -> Html {";

function build(folder: string): number {
  execFileSync(process.execPath, [".tools/build.mjs"], { cwd: folder, stdio: "inherit", env: { ...process.env, CARGO_TARGET_DIR: join(ROOT, "target") } });
  return gzipSync(readFileSync(join(folder, "build", "index_bg.wasm")), { level: 9 }).length;
}

const whole = build(ROOT);
const copy = mkdtempSync(join(tmpdir(), "edge-session-size-"));
try {
  for (const path of TREE) cpSync(join(ROOT, path), join(copy, path), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
  const folder = join(copy, "src", "pages");
  let pages = 0;
  for (const name of readdirSync(folder).filter((name) => name.endsWith(".rs"))) {
    const text = readFileSync(join(folder, name), "utf8");
    pages += text.match(PAGE)?.length ?? 0;
    writeFileSync(join(folder, name), text.replaceAll(PAGE, EMPTY));
  }
  if (pages === 0) throw new Error("no page was found");
  const cost = whole - build(copy);
  console.log(`${pages} pages cost ${cost} of ${whole} bytes gzip; they may cost ${MAX_BYTES}`);
  process.exitCode = cost > 0 && cost <= MAX_BYTES ? 0 : 1;
} finally {
  rmSync(copy, { recursive: true });
}
