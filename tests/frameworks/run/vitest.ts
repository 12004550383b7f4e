/** Runs the tests and collects, for each row, what became of each column. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { FOLDER } from "./settings.ts";

/** `<row> <column>` → whether all tests of the cell have passed; absent when none ran. */
export type Results = Map<string, boolean>;

interface Report {
  testResults: { assertionResults: { ancestorTitles: string[]; title: string; status: string }[] }[];
}

export async function runTests(names: string[]): Promise<{ passed: boolean; results: Results }> {
  const folder = mkdtempSync(join(tmpdir(), "edge-session-frameworks-"));
  try {
    const report = join(folder, "report.json");
    const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");
    const args = ["run", "--config", join(FOLDER, "vitest.config.ts"), "--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
    const child = spawn(process.execPath, [vitest, ...args], { env: { ...process.env, FRAMEWORKS: names.join(",") }, stdio: ["ignore", 2, 2] });
    const status = await new Promise((resolve) => child.once("close", resolve));
    return { passed: status === 0, results: read(JSON.parse(readFileSync(report, "utf8")) as Report) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function read({ testResults }: Report): Results {
  const results: Results = new Map();
  for (const { ancestorTitles, title, status } of testResults.flatMap(({ assertionResults }) => assertionResults)) {
    const key = cellKey(ancestorTitles[0] ?? "", title.split(":")[0] ?? "");
    results.set(key, status === "passed" && results.get(key) !== false);
  }
  return results;
}

export function cellKey(row: string, column: string): string {
  return `${row} ${column}`;
}
