/** Runs the conformance suite against a started project and reads what came of it. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Configuration } from "./configurations.ts";
import { startOperator } from "./operator.ts";
import { REUSE_INTERVAL_SECONDS, type Project } from "./program.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export interface Outcome {
  passed: string[];
  failed: string[];
  skipped: string[];
}

export async function conformance(project: Project, configuration: Configuration): Promise<Outcome> {
  const operator = await startOperator(project);
  try {
    return await vitest("auth-server", ["tests/auth-server/conformance"], {
      AUTH_URL: `${project.url}/auth/v1`,
      AUTH_PUBLISHABLE_KEY: project.publishableKey,
      AUTH_SECRET_KEY: project.secretKey,
      AUTH_REUSE_INTERVAL: String(REUSE_INTERVAL_SECONDS),
      AUTH_OPERATOR_URL: operator.url,
      AUTH_SETTINGS: JSON.stringify(configuration.settings),
    });
  } finally {
    await operator.close();
  }
}

/** Runs one project of the test runner in a process of its own. */
export async function vitest(project: string, filters: string[], environment: Record<string, string>): Promise<Outcome> {
  const directory = mkdtempSync(join(tmpdir(), "edge-session-"));
  const report = join(directory, "report.json");
  try {
    const args = ["run", "--config", "tests/vitest.config.ts", "--project", project, "--reporter", "dot", "--reporter", "json", "--outputFile.json", report];
    const runner = join(ROOT, "node_modules", "vitest", "vitest.mjs");
    const child = spawn(process.execPath, [runner, ...args, ...filters], { cwd: ROOT, env: { ...process.env, ...environment }, stdio: ["ignore", "ignore", "inherit"] });
    await new Promise((exited) => child.once("exit", exited));
    return outcome(JSON.parse(readFileSync(report, "utf8")));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

interface Report {
  testResults: { message: string; assertionResults: { ancestorTitles: string[]; title: string; status: string; failureMessages: string[] }[] }[];
}

function outcome({ testResults }: Report): Outcome {
  const cases = testResults.flatMap(({ assertionResults }) => assertionResults);
  const named = (...statuses: string[]) => cases.filter(({ status }) => statuses.includes(status)).map(fullName);
  const failed = cases.filter(({ status }) => status === "failed").map((failed) => `${fullName(failed)}: ${failed.failureMessages[0] ?? ""}`);
  const broken = testResults.filter(({ assertionResults, message }) => assertionResults.length === 0 && message !== "").map(({ message }) => message);
  return { passed: named("passed"), failed: [...failed, ...broken], skipped: named("skipped", "pending", "todo") };
}

function fullName({ ancestorTitles, title }: { ancestorTitles: string[]; title: string }): string {
  return [...ancestorTitles, title].join(" > ");
}
