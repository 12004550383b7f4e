/** What is asked of every Worker. */
import type { Client, Shot } from "./load.ts";
import { VARIANTS, type Variant } from "./runtime.ts";
import type { Site } from "./site.ts";

export interface Scenario {
  name: string;
  variants: readonly Variant[];
  /** The part of a round's requests that this scenario sends: some cost much to prepare. */
  share: number;
  /** Makes the requests of one round, before the CPU is read. */
  shots(count: number): (index: number) => Shot;
}

export async function scenarios(site: Site): Promise<Scenario[]> {
  const page = (cookie?: string): Shot => ({ path: "/page", headers: site.headers(cookie), status: 200 });
  const small = await site.session(1900);
  const large = site.withOthers(await site.session(5900));
  const same = (shot: Shot) => () => () => shot;
  const each = (cookie: () => string) => (count: number) => {
    const shots = Array.from({ length: count }, () => page(cookie()));
    return (index: number) => shots[index] ?? page();
  };
  const denied: Shot = { path: "/members/list", headers: { ...site.headers(), "Sec-Fetch-Mode": "cors" }, status: 401 };
  const asset: Shot = { path: "/_next/static/chunks/main.js", headers: site.headers(small), status: 200 };
  return [
    { name: "anonymous", variants: VARIANTS, share: 1, shots: same(page()) },
    { name: `session ${kilobytes(small)}`, variants: VARIANTS, share: 1, shots: same(page(small)) },
    { name: `session ${kilobytes(large)}, chunked, other cookies`, variants: VARIANTS, share: 1, shots: same(page(large)) },
    { name: "first sight of a token", variants: ["floor", "jose", "guide", "ours"], share: 0.5, shots: each(() => site.newSession()) },
    { name: "denied (401)", variants: VARIANTS, share: 1, shots: same(denied) },
    { name: "bypass (static file)", variants: VARIANTS, share: 1, shots: same(asset) },
    { name: "refresh needed", variants: ["floor", "guide", "ours"], share: 0.2, shots: each(() => site.newSession(true)) },
  ];
}

/** CPU time of one request in microseconds, all of the process's threads together. */
export async function measure(
  client: Client,
  cpuNanoseconds: () => number,
  count: number,
  shot: (index: number) => Shot,
): Promise<number> {
  const before = cpuNanoseconds();
  await client.fire(count, shot);
  return (cpuNanoseconds() - before) / count / 1000;
}

function kilobytes(cookie: string): string {
  return `${(cookie.length / 1000).toFixed(1)} KB`;
}
