/**
 * Would the origin or the browser notice? Real servers are asked by one script, directly and through the Worker; what is
 * otherwise has to stand in the list of reasons.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { KINDS } from "./origins.ts";
import { REASONS, unexplained } from "./reasons.ts";
import { document, revalidations, tables, unusedReasons, write } from "./report.ts";
import { type Bed, type Compared, startBed } from "./run.ts";

const only = process.env.FIDELITY_ONLY?.split(",");
const chosen = KINDS.filter(({ name }) => only === undefined || only.includes(name));

let bed: Bed;
/** Every origin is asked at the same time as the others: most of it is waiting. */
let results: Map<string, Promise<Compared[]>>;
beforeAll(async () => {
  bed = await startBed(only);
  const compare = async (kind: Bed["kinds"][number]): Promise<Compared[]> => [...(await bed.compare(kind, "anonymous")), ...(await bed.compare(kind, "signed in"))];
  results = new Map(bed.kinds.map((kind) => [kind.name, compare(kind)]));
  results.forEach((result) => result.catch(() => undefined));
});
afterAll(() => bed?.close());

async function compared(): Promise<Compared[]> {
  return (await Promise.all(results.values())).flat();
}

describe.each(chosen)("$title", ({ name, title }) => {
  test("says and is told the same through the Worker, but for what has a reason", async (context) => {
    const result = await results.get(name);
    if (result === undefined) {
      return context.skip(`this machine has no program for ${title}`);
    }
    expect(result.length).toBeGreaterThan(400);
    const told = result.flatMap((each) => unexplained(each).map(({ side, what, direct, through }) => ({ exchange: each.exchange.name, state: each.state, side, what, direct, through })));
    expect(told).toEqual([]);
  });

  test("answers 304 as often through the Worker, with a session and without", async (context) => {
    const result = await results.get(name);
    if (result === undefined) {
      return context.skip(`this machine has no program for ${title}`);
    }
    const [direct, anonymous] = revalidations(result, "anonymous");
    const [directSignedIn, signedIn] = revalidations(result, "signed in");
    expect([anonymous, signedIn]).toEqual([direct, direct]);
    expect(directSignedIn).toBe(direct);
  });
});

test("every reason is one of some exchange, and stands in docs/fidelity.md", async () => {
  const result = await compared();
  if (bed.missing.length === 0 && only === undefined) {
    expect(unusedReasons(result)).toEqual([]);
    if (process.env.FIDELITY_WRITE === "1") {
      write(tables(bed.kinds, result));
    }
  }
  const text = document();
  expect(REASONS.filter(({ title, why }) => !text.includes(`| ${title} | ${why} |`)).map(({ title }) => title)).toEqual([]);
});
