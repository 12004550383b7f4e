/** The client's ticker in a real browser and the edge, on the same cookies at the same time. */
import { expect, test } from "vitest";
import { expectDocumented } from "./docs.ts";
import { live } from "./lives.ts";
import { table } from "./report.ts";
import { versions } from "./versions.ts";

const LIVES = 50;
const TABS = 3;
/** 40 s on an idle machine of two cores. */
const SLOWEST_MS = 300_000;
const NEWEST = versions().at(-1)!.name;
/** Its supabase-js lets the tabs of a browser take turns by a lock, which newer ones do not have. */
const WITH_LOCKS = "0.7.0";

const rows: string[][] = [];

test.each([NEWEST, WITH_LOCKS])(`${TABS} tabs of %s and the edge refresh through ${LIVES} token lives: no logout, and one session after each`, async (version) => {
  const seen = await live({ version, lives: LIVES, tabs: TABS });
  console.log(JSON.stringify(seen));
  expect(seen).toMatchObject({ lives: LIVES, logouts: 0, divergences: 0, navigations: LIVES });
  // Without both taking turns nothing would have been shown.
  expect(seen.refreshes.client).toBeGreaterThan(0);
  expect(seen.refreshes.edge).toBeGreaterThan(0);
  rows.push([version, "the gate; Auth takes a used token for 10 s", String(seen.lives), String(seen.logouts), String(seen.divergences)]);
}, SLOWEST_MS);

test("the same without the gate and without Auth's grace loses the session, so that the count can fail", async () => {
  const seen = await live({
    version: NEWEST,
    lives: LIVES,
    tabs: TABS,
    bindings: { gate: false },
    auth: { reuseInterval: 0 },
    untilLost: true,
  });
  console.log(JSON.stringify(seen));
  expect(seen.logouts).toBeGreaterThan(0);
  rows.push([NEWEST, "no gate; Auth takes the newest token and the one before", "until lost", "at least 1", "–"]);
}, SLOWEST_MS);

test("docs/clients.md says what was tested", () => {
  expectDocumented("lives", table(["`@supabase/ssr`", "with", "token lives", "logouts", "lives after which browser and edge differ"], rows));
});
