/** What is asked of every Worker. */
import type { Client, Shot } from "./load.ts";
import { VARIANTS, type Variant } from "./runtime.ts";
import { ETAG, type Site } from "./site.ts";

/** Requests that arrive together with one expired session. */
export const AT_ONCE = 50;
/** Ours alone is asked to do this; the floor stands beside it. */
const OURS: readonly Variant[] = ["floor", "ours"];
const SECRET = "0123456789abcdef0123456789abcdef";
const CLAIMS = { "X-User-Email": "/email", "X-User-Provider": "/app_metadata/provider" };

export interface Scenario {
  name: string;
  variants: readonly Variant[];
  /** The part of a round's requests that this scenario sends: some cost much to prepare. */
  share: number;
  /** What our Worker is told beside the usual, in a process of its own. */
  vars?: Record<string, string>;
  /** Ours stands around an application in the same Worker. */
  isInside?: boolean;
  /** Connections, if others than usual. */
  connections?: number;
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
    {
      name: `${AT_ONCE} at once, one refresh needed`,
      variants: ["floor", "guide", "ours"],
      share: 0.5,
      connections: AT_ONCE,
      shots: (count) => {
        const cookies = Array.from({ length: Math.ceil(count / AT_ONCE) }, () => site.newSession(true));
        return (index) => page(cookies[Math.floor(index / AT_ONCE)]);
      },
    },
    { name: MIXED_DAY, variants: ["floor", "guide", "ours"], share: 1, shots: mixedDay(site, page, small, asset) },
    { name: "session, the page unchanged (304)", variants: VARIANTS, share: 1, shots: same(unchanged(page(small))) },
    { name: "session, claims in named headers", variants: OURS, share: 1, vars: { IDENTITY_CLAIMS: JSON.stringify(CLAIMS) }, shots: same(page(small)) },
    { name: "session, assertion HS256", variants: OURS, share: 1, vars: { IDENTITY_SECRET: SECRET }, shots: same(page(small)) },
    { name: "session, assertion ES256", variants: OURS, share: 1, vars: { IDENTITY_PRIVATE_KEY: await privateKey() }, shots: same(page(small)) },
    { name: "session, shared page", variants: OURS, share: 1, vars: { RULES: JSON.stringify([{ cache: "shared" }]) }, shots: same(page(small)) },
    { name: "session, inside another Worker", variants: OURS, share: 1, isInside: true, shots: same(page(small)) },
    {
      name: "sign-in page of the Worker",
      variants: ["ours"],
      share: 1,
      vars: { AUTH_PATH: "/auth", ACCOUNT_PAGES: "on" },
      shots: same({ path: "/auth/login", headers: site.headers(), status: 200 }),
    },
  ];
}

export const MIXED_DAY = "mixed day";

/** Of a hundred requests 70 carry a session, 2 one that is due, 20 are for static files, 8 are anonymous. */
function mixedDay(site: Site, page: (cookie?: string) => Shot, session: string, asset: Shot): Scenario["shots"] {
  return (count) => {
    const shots = Array.from({ length: count }, (_, index) => {
      const at = (index * 37) % 100;
      if (at < 2) {
        return page(site.newSession(true));
      }
      if (at < 22) {
        return asset;
      }
      return at < 30 ? page() : page(session);
    });
    return (index) => shots[index] ?? page();
  };
}

function unchanged(shot: Shot): Shot {
  return { ...shot, headers: { ...shot.headers, "If-None-Match": ETAG }, status: 304 };
}

async function privateKey(): Promise<string> {
  const { privateKey } = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
  const { kty, crv, x, y, d } = await crypto.subtle.exportKey("jwk", privateKey);
  return JSON.stringify({ kty, crv, x, y, d });
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
