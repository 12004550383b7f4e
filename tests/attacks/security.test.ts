/** SECURITY.md promises nothing that no test holds. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "..", "..");
const page = readFileSync(join(ROOT, "SECURITY.md"), "utf8");
const section = /\n## Invariants\n([\s\S]*?)\n## /.exec(page)?.[1] ?? "";
const invariants = section
  .split("\n")
  .filter((line) => line.startsWith("| ") && !line.startsWith("| invariant") && !line.startsWith("|---"))
  .map((line) => line.slice(2, -2).split(" | ") as [invariant: string, held: string]);

test("there are invariants, each once", () => {
  expect(invariants.length).toBeGreaterThanOrEqual(25);
  expect(new Set(invariants.map(([invariant]) => invariant)).size).toBe(invariants.length);
});

test.each(invariants)("%s", (_, held) => {
  const [, name = "", target = "", test = ""] = /^\[`([^`]+)`\]\(([^)]+)\) (`\w+`|".+")$/.exec(held) ?? [];
  expect(target).toBe(name);
  const source = readFileSync(join(ROOT, name), "utf8");
  if (name.endsWith(".rs")) {
    // The attribute stands in front of the function, perhaps with comments and other attributes between; a property has its own.
    expect(source).toMatch(new RegExp(`#\\[test\\](\\s*(//[^\\n]*|#\\[[^\\]]*\\]))*\\s*fn ${test.slice(1, -1)}\\(`));
  } else {
    const quoted = [test, `\`${test.slice(1, -1)}\``].map((text) => text.replace(/[$()*+.?[\\\]^{|}]/g, "\\$&"));
    expect(source).toMatch(new RegExp(`(test\\(|test\\.each\\([\\s\\S]*?\\)\\()(${quoted.join("|")})`));
  }
});

test("every link to a file leads to one", () => {
  const links = [...page.matchAll(/\]\(([^)#]+)\)/g)].map(([, link]) => link!).filter((link) => !link.startsWith("http"));
  expect(links.length).toBeGreaterThan(invariants.length);
  expect(links.filter((link) => !existsSync(join(ROOT, link)))).toEqual([]);
});
