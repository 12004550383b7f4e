/** `SESSION_METRICS`: one data point per request, with nothing personal, and none where no dataset is bound. */
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
