/** A short run of the test bed in `tests/torture`; `npm run torture` is the long one. */
import { expect, test, vi } from "vitest";
import { type Report, run } from "../torture/bed.ts";
import type { Options } from "../torture/plan.ts";
import { callsPerRefresh, failures, MOST_CALLS, stories } from "../torture/report.ts";

const SHORT = { browsers: 60, seed: 1, without: null };
const TIMEOUT_MS = 300_000;
/** Later answers say that the machine did not keep up: Auth's own time-out is one second at the first scale. */
const KEPT_UP_MS = 4_000;

/** The run, slower on a machine that does not keep up with it. */
async function runInTime(options: Omit<Options, "scale">): Promise<Report> {
  const quick = await run({ ...options, scale: 5 });
  return quick.latestMs < KEPT_UP_MS ? quick : run({ ...options, browsers: options.browsers / 2, minutes: 2 * options.minutes, scale: 2 });
}

test("no session is lost, crossed or revived while Auth fails and refresh tokens change their version", async () => {
  // The clients print a hint for every session that is read from cookies.
  vi.spyOn(console, "warn").mockReturnValue();
  const report = await runInTime({ ...SHORT, minutes: 1.5, faults: true, tokens: "upgrade" });
  expect(failures(report), stories(report)).toEqual([]);
  // A run in which nothing happened proves nothing.
  expect(report.outcomes.refreshed).toBeGreaterThan(30);
  expect(report.wakes.promised).toBeGreaterThan(0);
  expect(report.struck["500"]).toBeGreaterThan(0);
  expect(report.struck["lost upgrade"]).toBeGreaterThan(0);
  expect(report.late.refreshed).toBeGreaterThan(0);
  expect(report.late.toOthers).toBeGreaterThan(0);
  expect(report.stolen).toBeGreaterThan(0);
  expect(report.factors.late).toBeGreaterThan(0);
  expect(report.bans).toBeGreaterThan(0);
  expect(report.passwords).toBeGreaterThan(0);
}, TIMEOUT_MS);

test("without faults, a refresh costs one call to Auth", async () => {
  vi.spyOn(console, "warn").mockReturnValue();
  const report = await runInTime({ ...SHORT, minutes: 1, faults: false, tokens: "1" });
  expect(failures(report), stories(report)).toEqual([]);
  expect(report.needed).toBeGreaterThan(20);
  expect(callsPerRefresh(report)).toBeLessThanOrEqual(MOST_CALLS);
}, TIMEOUT_MS);
