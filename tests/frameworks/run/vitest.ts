/** Runs the tests and collects, for each row, what became of each column. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { App } from "./apps.ts";
import { FOLDER } from "./settings.ts";

export interface Results {
  /** `cellKey` → whether all tests of the cell have passed; absent when none ran. */
  cells: Map<string, boolean>;
  /** Answers that held what was another's, by row and what stood where. */
  leaks: { row: string; part: string; leaks: number }[];
  /** Seconds that the tests of each row took. */
  seconds: Map<string, number>;
}

interface Assertion {
  ancestorTitles: string[];
  title: string;
  status: string;
  duration?: number | null;
  meta?: { leaks?: number };
}

interface Report {
  testResults: { assertionResults: Assertion[] }[];
}

export async function runTests(apps: App[]): Promise<{ passed: boolean; results: Results }> {
  const folder = mkdtempSync(join(tmpdir(), "edge-session-frameworks-"));
  try {
    const report = join(folder, "report.json");
    const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
    const args = ["run", "--config", join(FOLDER, "vitest.config.ts"), ...reporters];
    const files = [...new Set(apps.flatMap(filesOf))];
    const env = { ...process.env, FRAMEWORKS: apps.map(({ name }) => name).join(",") };
    const child = spawn(process.execPath, [vitest, ...args, ...files], { env, stdio: ["ignore", 2, 2] });
    const status = await new Promise((resolve) => child.once("close", resolve));
    return { passed: status === 0, results: read(JSON.parse(readFileSync(report, "utf8")) as Report) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The files whose tests are about that row. */
function filesOf({ kind, cached }: App): string[] {
  const own = kind === "server" ? "frameworks.test.ts" : "pages.test.ts";
  return cached === undefined ? [own] : [own, "caches.test.ts"];
}

function read({ testResults }: Report): Results {
  const results: Results = { cells: new Map(), leaks: [], seconds: new Map() };
  for (const { ancestorTitles, title, status, duration, meta } of testResults.flatMap(({ assertionResults }) => assertionResults)) {
    const [row = ""] = ancestorTitles;
    const [column = "", part = ""] = title.split(": ");
    const key = cellKey(row, column);
    results.seconds.set(row, (results.seconds.get(row) ?? 0) + (duration ?? 0) / 1000);
    results.cells.set(key, status === "passed" && results.cells.get(key) !== false);
    if (meta?.leaks !== undefined) {
      results.leaks.push({ row, part, leaks: meta.leaks });
    }
  }
  return results;
}

export function cellKey(row: string, column: string): string {
  return `${row} ${column}`;
}
