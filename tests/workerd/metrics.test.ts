/** `SESSION_METRICS`: one data point per request, with nothing personal, and none where no dataset is bound. */
import { readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type Stack, startStack, type WorkerSpec } from "../support/stack.ts";

const RULES = [{ path: "/members*", require: true }];

const WORKERS = {
  printed: { vars: { RULES, AUTH_PATH: "/auth" }, bindings: { metrics: "printed", gate: true } },
  observed: { vars: { RULES, MODE: "observe" }, bindings: { metrics: "printed" } },
  real: { vars: { RULES }, bindings: { metrics: "dataset" } },
  unbound: { vars: { RULES } },
} satisfies Record<string, WorkerSpec>;

let stack: Stack<keyof typeof WORKERS>;

beforeAll(async () => {
  stack = await startStack({ workers: WORKERS });
});
afterAll(() => stack.close());
beforeEach(() => stack.clear());

interface Point {
  indexes: string[];
  blobs: string[];
  doubles: number[];
}

/** The data points that `act` left; they arrive on another stream than the answers. */
async function pointsOf(act: () => Promise<unknown>): Promise<Point[]> {
  const before = printedPoints().length;
  await act();
  const deadline = Date.now() + 2_000;
  while (printedPoints().length === before && Date.now() < deadline) {
    await new Promise((passed) => setTimeout(passed, 10));
  }
  await new Promise((passed) => setTimeout(passed, 100));
  return printedPoints().slice(before);
}

function printedPoints(): Point[] {
  const lines = stack.printed().split("\n").filter((line) => line.startsWith('{"point":'));
  return lines.map((line) => JSON.parse(line).point);
}

test("metrics: one data point per request, whoever answers it", async () => {
  const cookies = await stack.cookies(stack.signIn());
  const worker = stack.worker("printed");
  const cases = [
    [() => worker.fetch("/"), "anonymous,no_session,none,none,none,2xx,none,none,info", 200],
    [() => worker.fetch("/members", { cookies }), "valid,token_valid,none,none,0,2xx,network,none,info", 200],
    [() => worker.fetch("/members"), "anonymous,no_session,none,session,0,4xx,none,none,info", 401],
    [() => worker.fetch("/auth/health"), "anonymous,health,none,none,none,2xx,none,none,info", 200],
  ] as const;
  for (const [act, blobs, status] of cases) {
    const points = await pointsOf(act);
    expect(points.map((point) => point.blobs.join(","))).toEqual([blobs]);
    expect(points[0]?.indexes).toEqual([blobs.split(",")[0]]);
    expect([points[0]?.doubles.length, points[0]?.doubles[7]]).toEqual([8, status]);
  }
});

test("metrics: refreshes, what they cost, and how the gate served them", async () => {
  const cookies = await stack.cookies(stack.signIn({ expiresIn: -30 }));
  stack.auth.faults.add({ match: { path: "/token" }, delayMs: 200 });
  const points = await pointsOf(() => Promise.all(Array.from({ length: 8 }, () => stack.worker("printed").fetch("/", { cookies }))));
  expect(points.map(({ blobs }) => blobs[0])).toEqual(Array(8).fill("refreshed"));
  const gates = points.map(({ blobs }) => blobs[7]);
  expect(gates.filter((gate) => gate === "led").length).toBe(1);
  expect(gates.filter((gate) => gate === "shared" || gate === "replayed").length).toBe(7);
  // What led waited for Auth, and alone called it for the refresh.
  const led = points.find(({ blobs }) => blobs[7] === "led");
  expect(led?.doubles[1]).toBeGreaterThanOrEqual(150);
  expect(stack.authCalls()["token:refresh_token"]).toBe(1);
});

test("metrics: while observing, what enforcing would have done", async () => {
  const points = await pointsOf(() => stack.worker("observed").fetch("/members"));
  expect(points.map(({ blobs }) => blobs.slice(0, 6).join(","))).toEqual(["anonymous,no_session,deny,session,0,2xx"]);
});

test("metrics: a dataset of the platform takes them, and without one nothing is written", async () => {
  for (const name of ["real", "unbound"] as const) {
    const { answer, lines } = await stack.worker(name).logged("/");
    expect([answer.status, lines.length]).toEqual([200, 1]);
  }
  expect(stack.printed()).not.toMatch(/exception|uncaught/i);
});

test("metrics: the five queries of docs/operating.md answer their questions", async () => {
  const worker = stack.worker("printed");
  const dead = await stack.cookies(stack.signIn({ expiresIn: -30 }));
  const ended = stack.signIn({ expiresIn: -30 });
  const endedCookies = await stack.cookies(ended);
  stack.auth.deleteSession(ended.session_id);
  stack.auth.faults.add({ match: { path: "/token" }, delayMs: 120 });
  const points = await pointsOf(async () => {
    await worker.fetch("/");
    await worker.fetch("/", { cookies: endedCookies });
    await Promise.all([worker.fetch("/", { cookies: dead }), worker.fetch("/", { cookies: dead })]);
    await stack.worker("observed").fetch("/members");
    await stack.worker("observed").fetch("/members", { cookies: `${stack.key}=rubbish` });
  });
  const [working, would, loggedOut, auth, gate] = ask(points);
  expect(working).toEqual([
    { outcome: "anonymous", requests: 20, failed: 0 },
    { outcome: "refreshed", requests: 20, failed: 0 },
    { outcome: "expired", requests: 10, failed: 0 },
    { outcome: "invalid", requests: 10, failed: 0 },
  ]);
  expect(would).toEqual([
    { would: "deny", reason: "no_session", denied: "session", rule: "0", requests: 10 },
    { would: "deny", reason: "not_json", denied: "session", rule: "0", requests: 10 },
  ]);
  expect(loggedOut).toEqual([{ reason: "refresh_token_not_found", outcome: "expired", sessions: 10 }]);
  expect(auth?.map(({ auth_calls }) => auth_calls)).toEqual([20]);
  expect(Number(auth?.[0]?.p99_ms)).toBeGreaterThanOrEqual(100);
  expect(gate).toEqual([{ hit_rate: 1 / 3, failed: 0, refreshes: 30 }]);
});

type Row = Record<string, unknown>;

/** Puts the points into a table as Analytics Engine has it, each standing for ten, and runs the documented queries. */
function ask(points: Point[]): Row[][] {
  const page = readFileSync(new URL("../../docs/operating.md", import.meta.url), "utf8");
  const queries = [...page.matchAll(/```sql\n([^`]+)```/g)].map(([, query]) => query ?? "");
  const names = [...Array.from({ length: 9 }, (_, i) => `blob${i + 1}`), ...Array.from({ length: 8 }, (_, i) => `double${i + 1}`)];
  const database = new DatabaseSync(":memory:");
  database.exec(`CREATE TABLE edge_session (timestamp, _sample_interval, ${names.join(", ")})`);
  const insert = database.prepare(`INSERT INTO edge_session VALUES (2, 10, ${names.map(() => "?").join(", ")})`);
  points.forEach(({ blobs, doubles }) => insert.run(...blobs, ...doubles));
  database.aggregate("sumIf", { start: 0, step: (sum: number, value: number, holds: number) => (holds ? sum + value : sum) });
  database.aggregate("quantile", {
    start: () => [] as { level: number; value: number; weight: number }[],
    step: (seen, level: number, value: number, weight: number) => [...seen, { level, value, weight }],
    result: weightedQuantile,
  });
  database.function("toStartOfHour", (at: number) => at - (at % 3600));
  return queries.map((query) => database.prepare(inSqlite(query)).all() as Row[]);
}

function weightedQuantile(seen: { level: number; value: number; weight: number }[]): number {
  const sorted = [...seen].sort((a, b) => a.value - b.value);
  const goal = (seen[0]?.level ?? 0) * seen.reduce((sum, { weight }) => sum + weight, 0);
  let passed = 0;
  const found = sorted.find(({ weight }) => (passed += weight) >= goal);
  return found?.value ?? 0;
}

/** What SQLite spells otherwise; rows of equal number are put in order, so that the answers can be compared. */
function inSqlite(query: string): string {
  return query
    .replace(/NOW\(\) - INTERVAL '\d+' DAY/g, "1")
    .replace(/quantileExactWeighted\(([\d.]+)\)\(/g, "quantile($1, ")
    .replace(/(GROUP BY [^\n]*?)( ORDER BY \w+ DESC)/, "$1$2, 1, 2")
    .replaceAll("SUM(_sample_interval)", "SUM(1.0 * _sample_interval)");
}
