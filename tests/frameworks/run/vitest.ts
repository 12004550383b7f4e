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
}

interface Report {
  testResults: { assertionResults: { ancestorTitles: string[]; title: string; status: string; meta?: { leaks?: number } }[] }[];
}

/** The files whose tests are about rows of that kind. */
const FILES: Record<App["kind"], string[]> = { server: ["frameworks.test.ts"], pages: ["pages.test.ts", "caches.test.ts"] };

export async function runTests(apps: App[]): Promise<{ passed: boolean; results: Results }> {
  const folder = mkdtempSync(join(tmpdir(), "edge-session-frameworks-"));
  try {
    const report = join(folder, "report.json");
    const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");
    const args = ["run", "--config", join(FOLDER, "vitest.config.ts"), "--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
    const files = [...new Set(apps.flatMap(({ kind }) => FILES[kind]))];
    const env = { ...process.env, FRAMEWORKS: apps.map(({ name }) => name).join(",") };
    const child = spawn(process.execPath, [vitest, ...args, ...files], { env, stdio: ["ignore", 2, 2] });
    const status = await new Promise((resolve) => child.once("close", resolve));
    return { passed: status === 0, results: read(JSON.parse(readFileSync(report, "utf8")) as Report) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function read({ testResults }: Report): Results {
  const results: Results = { cells: new Map(), leaks: [] };
  for (const { ancestorTitles, title, status, meta } of testResults.flatMap(({ assertionResults }) => assertionResults)) {
    const [row = ""] = ancestorTitles;
    const [column = "", part = ""] = title.split(": ");
    const key = cellKey(row, column);
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
