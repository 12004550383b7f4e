/** `npm run bench` in small: a run of a few requests fills every row of every table, and writes them only where it is told to. */
import { expect, test } from "vitest";
import { bench } from "../bench/bench.ts";
import { costTable } from "../bench/cost.ts";
import { between, table } from "../bench/report.ts";
import { VARIANTS } from "../bench/runtime.ts";

const SLOWEST_MS = 180_000;

test("every Worker answers in every scenario, and every row has its numbers", async () => {
  const results = await bench({
    rounds: 1,
    requests: 20,
    tokens: 50,
    starts: 1,
    only: "",
    variants: [...VARIANTS],
    logLevel: "info",
    progress: () => undefined,
  });
  expect(results.cpu.map(({ name }) => name)).toEqual([
    "anonymous",
    expect.stringMatching(/^session 1\.9 KB$/),
    expect.stringMatching(/^session 6\.\d KB, chunked, other cookies$/),
    "first sight of a token",
    "denied (401)",
    "bypass (static file)",
    "refresh needed",
    "50 at once, one refresh needed",
    "mixed day",
    "session, the page unchanged (304)",
    "session, claims in named headers",
    "session, assertion HS256",
    "session, assertion ES256",
    "session, shared page",
    "session, inside another Worker",
    "sign-in page of the Worker",
  ]);
  for (const { name, medians } of results.cpu) {
    expect(medians.ours?.median, name).toBeGreaterThan(0);
    // The floor has no pages of its own.
    if (!name.startsWith("sign-in page")) expect(medians.floor?.median, name).toBeGreaterThan(0);
  }
  // Whoever asks Auth about each visitor waits for it each time.
  const waits = Object.fromEntries(results.latency.map(({ variant, p50 }) => [variant, p50]));
  expect(waits.user).toBeGreaterThan(30);
  expect(waits.ours).toBeLessThan(waits.user ?? 0);
  const printed = [table(results), results.operations, costTable(results)].join("\n");
  expect(printed).not.toMatch(/NaN|undefined/);
  expect(results.operations.split("\n").length).toBeGreaterThan(10);
}, SLOWEST_MS);

test("a table goes between its marks and nowhere else", () => {
  const marks = ["<!-- bench: written by `npm run bench -- --write` -->", "<!-- /bench -->"];
  expect(between(`before\n${marks[0]}\nold\n${marks[1]}\nafter`, "bench", "new")).toBe(`before\n${marks[0]}\nnew\n${marks[1]}\nafter`);
  expect(() => between("no marks", "bench", "new")).toThrow("has no marks");
});
