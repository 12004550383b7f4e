/** What a million requests use of the platform and of Auth, computed from a run of the bench. */
import type { Results } from "./bench.ts";
import type { Variant } from "./runtime.ts";

/** Requests a day, and how many of them one isolate serves before it is evicted: the fewer, the colder. */
const SITES = [
  { name: "10 k", perDay: 10_000, perIsolate: 20 },
  { name: "1 M", perDay: 1_000_000, perIsolate: 1_000 },
  { name: "100 M", perDay: 100_000_000, perIsolate: 20_000 },
];
/** Share of requests by visitors with a session. */
const WITH_SESSION = 0.7;
/** Share of requests that need a refresh: 50 requests in an hour, which is how long Supabase's tokens live. */
const REFRESHES = 0.02;
/** Requests that a page with an expired token sends at the same time: the page, and what it prefetches. */
const AT_ONCE = 3;
/** Seconds that a gate is busy with a refresh, and what 128 MB cost for as long. */
const GATE_SECONDS = 0.5;
const GATE_GIGABYTES = 0.128;
/** US dollars beyond what the paid plan includes (Cloudflare's pricing pages of Workers, KV and Durable Objects, 2026). */
const DOLLARS = { request: 0.3e-6, cpuMs: 0.02e-6, kvRead: 0.5e-6, kvWrite: 5e-6, gateRequest: 0.15e-6, gateGigabyteSecond: 12.5e-6 };
const MILLION = 1_000_000;
const DAYS = 30;
/** A key set is written when it changed, and every 12 h. */
const KEY_WRITES_A_MONTH = 2 * DAYS;

interface Usage {
  cpuMs: number;
  kvReads: number;
  kvWrites: number;
  gateRequests: number;
  authCalls: number;
}

export function costTable(results: Results): string {
  const rows = SITES.flatMap((site) => [
    line(`${site.name}, ours`, ours(results, site)),
    line(`${site.name}, guides' middleware`, guide(results)),
  ]);
  return [
    "| a million requests of a site with … a day | CPU (ms) | KV reads | KV writes | gate requests | Auth calls | US$ |",
    "|---|--:|--:|--:|--:|--:|--:|",
    ...rows,
  ].join("\n");
}

function ours(results: Results, { perDay, perIsolate }: (typeof SITES)[number]): Usage {
  return {
    cpuMs: cpuMs(results, "ours"),
    // A cold isolate reads the key set, and once more before it would write a newer one.
    kvReads: (2 * MILLION) / perIsolate,
    kvWrites: KEY_WRITES_A_MONTH / ((perDay * DAYS) / MILLION),
    // Each request that finds the token expired asks, and the object's alarm clears its storage once.
    gateRequests: MILLION * REFRESHES * (1 + 1 / AT_ONCE),
    authCalls: (MILLION * REFRESHES) / AT_ONCE,
  };
}

function guide(results: Results): Usage {
  return { cpuMs: cpuMs(results, "guide"), kvReads: 0, kvWrites: 0, gateRequests: 0, authCalls: MILLION * REFRESHES };
}

/** CPU of a million requests: all of the process, so more than is billed. */
function cpuMs(results: Results, variant: Variant): number {
  const median = (part: string): number => results.cpu.find(({ name }) => name.startsWith(part))?.medians[variant]?.median ?? Number.NaN;
  const ordinary = WITH_SESSION * median("session 1.9") + (1 - WITH_SESSION) * median("anonymous");
  return (((1 - REFRESHES) * ordinary + REFRESHES * median("refresh")) * MILLION) / 1000;
}

function line(name: string, { cpuMs, kvReads, kvWrites, gateRequests, authCalls }: Usage): string {
  const gateSeconds = gateRequests === 0 ? 0 : authCalls * GATE_SECONDS;
  const dollars =
    MILLION * DOLLARS.request +
    cpuMs * DOLLARS.cpuMs +
    kvReads * DOLLARS.kvRead +
    kvWrites * DOLLARS.kvWrite +
    gateRequests * DOLLARS.gateRequest +
    gateSeconds * GATE_GIGABYTES * DOLLARS.gateGigabyteSecond;
  const numbers = [cpuMs, kvReads, kvWrites, gateRequests, authCalls].map((value) => Math.round(value).toLocaleString("en-US"));
  return `| ${[name, ...numbers, dollars.toFixed(3)].join(" | ")} |`;
}
