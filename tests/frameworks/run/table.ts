/** The table framework × behaviour, as it stands in docs/frameworks.md. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type App, APPS, type Column, COLUMNS } from "./apps.ts";
import { FOLDER } from "./settings.ts";
import { cellKey, type Results } from "./vitest.ts";

const DOCUMENT = join(FOLDER, "..", "..", "docs", "frameworks.md");
const [BEGIN, END] = ["<!-- table: npm run test:frameworks -- --write -->", "<!-- /table -->"];
const NAMES = Object.keys(COLUMNS) as Column[];

export function table(apps: App[], results: Results): string {
  const rows = apps.map((app) => [nameOf(app), ...NAMES.map((column) => cell(app, column, results))]);
  return [markdown(["", ...NAMES], rows), "", ...legend(apps), "", ...caches(apps, results)].join("\n").trim();
}

export function write(text: string): void {
  const { before, after } = parts();
  writeFileSync(DOCUMENT, `${before}${BEGIN}\n${text}\n${END}${after}`);
}

/** What the document says otherwise than this run; undefined when it says the same. A run of some rows is held against theirs. */
export function difference(apps: App[], results: Results): string | undefined {
  const [committed, ran] = [parts().text, table(apps, results)];
  if (apps.length === APPS.length) {
    return committed === ran ? undefined : "docs/frameworks.md does not say what this run does; `-- --write` puts it there";
  }
  const kept = committed.split("\n");
  const missing = ran.split("\n").filter((line) => apps.some((app) => line.startsWith(`| ${nameOf(app)} |`)) && !kept.includes(line));
  return missing.length === 0 ? undefined : `docs/frameworks.md does not have these lines of this run:\n${missing.join("\n")}`;
}

function parts(): { before: string; text: string; after: string } {
  const document = readFileSync(DOCUMENT, "utf8");
  const [before, rest] = document.split(BEGIN);
  const [text, after] = (rest ?? "").split(END);
  if (before === undefined || text === undefined || after === undefined) {
    throw new Error(`docs/frameworks.md has no lines ${BEGIN} and ${END}`);
  }
  return { before, text: text.trim(), after };
}

/** ✓ passed, ✗ failed, nothing when no test ran, – when the framework has no use for it. */
function cell(app: App, column: Column, results: Results): string {
  const result = results.cells.get(cellKey(app.name, column));
  if (app.without[column] !== undefined) {
    return "–";
  }
  return result === undefined ? "" : result ? "✓" : "✗";
}

/** What each column says, and why a row leaves it out. */
function legend(apps: App[]): string[] {
  const columns = NAMES.map((name) => `- **${name}**: ${COLUMNS[name]}`);
  const reasons = new Set(apps.flatMap(({ without }) => Object.entries(without).map(([name, reason]) => `${name}: ${reason}`)));
  return [...columns, `- **–**: ${[...reasons].join("; ")}`];
}

/** Leaks by site and cache, and what the same cache leaks when it is told nothing. */
function caches(apps: App[], { leaks }: Results): string[] {
  const parts = [...new Set(leaks.map(({ part }) => part))];
  const count = (app: App, part: string): string =>
    String(leaks.find((known) => known.row === app.name && known.part === part)?.leaks ?? "–");
  const rows = apps
    .filter(({ name }) => leaks.some(({ row }) => row === name))
    .map((app) => [nameOf(app), ...parts.map((part) => count(app, part))]);
  return rows.length === 0 ? [] : [markdown(["answers of 600 that held what is another's", ...parts], rows)];
}

function markdown(head: string[], rows: string[][]): string {
  const line = head.map((_, index) => (index === 0 ? "---" : ":-:"));
  return [head, line, ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** With the versions that the app's package.json pins. */
function nameOf({ title, folder, packages }: App): string {
  const { dependencies = {}, devDependencies = {} } = JSON.parse(readFileSync(join(FOLDER, folder, "package.json"), "utf8")) as Record<
    "dependencies" | "devDependencies",
    Record<string, string> | undefined
  >;
  const versions = packages.map((name) => ({ ...dependencies, ...devDependencies })[name]);
  return [title, ...versions].join(" ");
}
