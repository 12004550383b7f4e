/** Tables in docs/clients.md that are made from a run: `WRITE_DOCS=1` writes them, every other run compares. */
import { readFileSync, writeFileSync } from "node:fs";
import { expect } from "vitest";

const PAGE = new URL("../../docs/clients.md", import.meta.url);

/** The part of the page between the markers of that name is `text`. */
export function expectDocumented(name: string, text: string): void {
  const page = readFileSync(PAGE, "utf8");
  const [begin, end] = [`<!-- ${name}: begin -->\n`, `\n<!-- ${name}: end -->`];
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) {
    throw new Error(`docs/clients.md has no part named ${name}`);
  }
  if (process.env.WRITE_DOCS === "1") {
    writeFileSync(PAGE, page.slice(0, from + begin.length) + text + page.slice(to));
    return;
  }
  expect(page.slice(from + begin.length, to), "written by WRITE_DOCS=1 npm run test:clients").toBe(text);
}
