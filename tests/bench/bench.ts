/** One run: every Worker in a process of its own, rounds interleaved, medians over rounds. */
import { connect } from "./load.ts";
import { type Bundle, bundle, LATE, type Running, start, type Variant } from "./runtime.ts";
import { operationsTable } from "./operations.ts";
import { measure, scenarios, type Scenario } from "./scenarios.ts";
import { type Site, startSite } from "./site.ts";

export interface Options {
  rounds: number;
  requests: number;
  /** Distinct tokens for the memory's measure; 0 leaves it out. */
  tokens: number;
  /** Process starts that are timed; 0 leaves them out. */
  starts: number;
  /** Only scenarios whose name contains this. */
  only: string;
  variants: Variant[];
  /** Of our Worker. */
  logLevel: string;
  progress(line: string): void;
}

export interface Results {
  rounds: number;
  requests: number;
  tokens: number;
  starts: number;
  logLevel: string;
  /** Microseconds of CPU per request, by scenario. */
  cpu: { name: string; medians: Partial<Record<Variant, Spread>> }[];
  processes: Partial<Record<Variant, ProcessFacts>>;
  /** Milliseconds until the answer, Auth being 30 ms away. */
  latency: { variant: Variant; p50: number; p99: number }[];
  /** Microseconds of single operations, as Markdown. */
  operations: string;
}

/** A median, and the quartiles around it. */
export interface Spread {
  median: number;
  low: number;
  high: number;
}

export interface ProcessFacts {
  rawBytes: number;
  gzipBytes: number;
  firstResponseMs?: Spread;
  /** The same with nothing logged. */
  firstSilentResponseMs?: Spread;
  residentStartBytes?: number;
  residentGrowthBytes?: number;
}

/** Requests before anything is measured, so that the engine has compiled what it will. */
const WARM_UP = 3000;
/** How far Auth is from a data centre of Cloudflare's, in the latency table. */
const AUTH_AWAY_MS = 30;
const LATENCY_WARM_UP = 20;

export async function bench(options: Options): Promise<Results> {
  const site = await startSite();
  try {
    const bundles = await Promise.all(options.variants.map((variant) => bundle(variant)));
    const processes: Results["processes"] = {};
    for (const { variant, rawBytes, gzipBytes } of bundles) {
      processes[variant] = { rawBytes, gzipBytes };
    }
    const cpu = await cpuTable(options, site, bundles);
    for (const [variant, spread] of await timeStarts(options, site, bundles)) {
      Object.assign(processes[variant] ?? {}, { firstResponseMs: spread });
    }
    // At the first line of an isolate the runtime reads the module that formats lines for a terminal, which Cloudflare's does not.
    const silent = bundles.filter(({ variant }) => variant !== "edits");
    for (const [variant, spread] of await timeStarts({ ...options, logLevel: "error" }, site, silent)) {
      Object.assign(processes[variant] ?? {}, { firstSilentResponseMs: spread });
    }
    await weigh(options, site, bundles, processes);
    options.progress("latency");
    const latency = await latencyTable(options, site);
    options.progress("single operations");
    const operations = await operationsTable(site);
    const { rounds, requests, tokens, starts, logLevel } = options;
    return { rounds, requests, tokens, starts, logLevel, cpu, processes, latency, operations };
  } finally {
    await site.close();
  }
}

async function cpuTable(options: Options, site: Site, bundles: Bundle[]): Promise<Results["cpu"]> {
  const chosen = (await scenarios(site)).filter(({ name }) => name.includes(options.only));
  const running = await Promise.all(bundles.map((worker) => start(worker, vars(site, options))));
  try {
    const table: Results["cpu"] = [];
    for (const scenario of chosen) {
      options.progress(scenario.name);
      const own = await ofItsOwn(options, site, scenario);
      const others = running.filter(({ variant }) => own === undefined || variant !== "ours");
      try {
        table.push({ name: scenario.name, medians: await rounds(options, scenario, own === undefined ? others : [...others, own]) });
      } finally {
        await own?.stop();
      }
    }
    return table;
  } finally {
    await Promise.all(running.map((worker) => worker.stop()));
  }
}

/** Our Worker for this scenario alone, if it asks for another than the usual. */
async function ofItsOwn(options: Options, site: Site, scenario: Scenario): Promise<Running | undefined> {
  if (!options.variants.includes("ours") || (scenario.vars === undefined && !scenario.isInside)) {
    return undefined;
  }
  return start(await bundle("ours", scenario.isInside), { ...vars(site, options), ...scenario.vars });
}

async function rounds(options: Options, scenario: Scenario, running: Running[]): Promise<Partial<Record<Variant, Spread>>> {
  const samples = new Map<Variant, number[]>();
  const count = Math.max(1, Math.round(options.requests * scenario.share));
  const warmUp = Math.min(WARM_UP, options.requests * 2) * scenario.share;
  for (let round = -1; round < options.rounds; round += 1) {
    for (const worker of running.filter(({ variant }) => scenario.variants.includes(variant))) {
      const client = connect(worker.port, scenario.connections);
      const requests = round < 0 ? Math.max(1, Math.round(warmUp)) : count;
      const value = await measure(client, worker.cpuNanoseconds, requests, scenario.shots(requests));
      client.close();
      if (round >= 0) {
        samples.set(worker.variant, [...(samples.get(worker.variant) ?? []), value]);
      }
    }
  }
  return Object.fromEntries([...samples].map(([variant, values]) => [variant, spread(values)]));
}

/** One visitor after the other with a session that is known, as a browser has it: time and not CPU. */
async function latencyTable(options: Options, site: Site): Promise<Results["latency"]> {
  site.auth.faults.add({ delayMs: AUTH_AWAY_MS });
  const cookie = site.newSession();
  const shot = { path: "/page", headers: site.headers(cookie), status: 200 };
  const table: Results["latency"] = [];
  for (const variant of LATE) {
    const worker = await start(await bundle(variant), vars(site, options));
    const client = connect(worker.port, 1);
    const times: number[] = [];
    await client.fire(LATENCY_WARM_UP, () => shot);
    for (let count = 0; count < Math.max(LATENCY_WARM_UP, options.requests); count += 1) {
      const began = performance.now();
      await client.fire(1, () => shot);
      times.push(performance.now() - began);
    }
    client.close();
    await worker.stop();
    const sorted = times.toSorted((one, other) => one - other);
    const at = (part: number): number => sorted[Math.floor(sorted.length * part)] ?? Number.NaN;
    table.push({ variant, p50: at(0.5), p99: at(0.99) });
  }
  site.auth.faults.clear();
  return table;
}

/** From the start of the process to the end of its first answer, to a visitor with a session: nothing is cached yet. */
async function timeStarts(options: Options, site: Site, bundles: Bundle[]): Promise<[Variant, Spread][]> {
  options.progress(`${options.starts} process starts`);
  const samples = new Map<Variant, number[]>();
  for (let round = 0; round < options.starts; round += 1) {
    for (const worker of bundles) {
      const cookie = site.newSession();
      const running = await start(worker, vars(site, options));
      const client = connect(running.port);
      await client.fire(1, () => ({ path: "/page", headers: site.headers(cookie), status: 200 }));
      samples.set(worker.variant, [...(samples.get(worker.variant) ?? []), performance.now() - running.startedAt]);
      client.close();
      await running.stop();
    }
  }
  return [...samples].map(([variant, values]) => [variant, spread(values)]);
}

/** Memory of the process after many visitors, beside what it had after its first answer. */
async function weigh(options: Options, site: Site, bundles: Bundle[], processes: Results["processes"]): Promise<void> {
  for (const worker of options.tokens > 0 ? bundles : []) {
    options.progress(`${options.tokens} tokens: ${worker.variant}`);
    const running = await start(worker, vars(site, options));
    const client = connect(running.port);
    const shot = () => ({ path: "/page", headers: site.headers(site.newSession()), status: 200 });
    await client.fire(1, shot);
    const residentStartBytes = running.residentBytes();
    await client.fire(options.tokens, shot);
    const residentGrowthBytes = running.residentBytes() - residentStartBytes;
    Object.assign(processes[worker.variant] ?? {}, { residentStartBytes, residentGrowthBytes });
    client.close();
    await running.stop();
  }
}

function vars(site: Site, options: Options): Record<string, string> {
  return {
    SUPABASE_URL: site.auth.url,
    SUPABASE_PUBLISHABLE_KEY: site.auth.publishableKey,
    LOG_LEVEL: options.logLevel,
    RULES: JSON.stringify([
      { path: ["/_next/static/*", "/_next/image*", "/favicon.ico"], bypass: true },
      { path: "/members/*", require: true },
    ]),
  };
}

function spread(values: number[]): Spread {
  const sorted = values.toSorted((one, other) => one - other);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { median: at(0.5), low: at(0.25), high: at(0.75) };
}
