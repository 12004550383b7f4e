/** The bed: the origins behind taps, the Worker and a Worker that only forwards in front of each, and the exchanges. */
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Miniflare, type MiniflareOptions, NoOpLog } from "miniflare";
import type { HeaderList } from "../support/origin.ts";
import { cookieHeader } from "../support/sessions.ts";
import { compatibility, type Stack, startStack } from "../support/stack.ts";
import { differences, type Difference, type Pass } from "./compare.ts";
import { type Kind, KINDS, type RunningOrigin, startOriginOf } from "./origins.ts";
import { unexplained } from "./reasons.ts";
import { replies } from "./replies.ts";
import { type Exchange, script } from "./script.ts";
import { exchange, startTap, type Tap } from "./wire.ts";

/** The site as its visitors know it. */
export const SITE = "site.example";
/** The taps' address: the origins have the same port on another. */
const TAPPED = "127.0.0.2";

export type State = "anonymous" | "signed in";

export interface Compared {
  kind: string;
  state: State;
  exchange: Exchange;
  own: string;
  /** What is otherwise than without the Worker. */
  differences: Difference[];
  /** What is otherwise than through a Worker that only forwards: the rest is the platform's. */
  ours: Difference[];
  /** What was answered: directly, and through the Worker. */
  statuses: [direct: number, through: number];
}

export interface Bed {
  kinds: Kind[];
  /** Those whose program this machine does not have. */
  missing: Kind[];
  compare(kind: Kind, state: State): Promise<Compared[]>;
  close(): Promise<void>;
}

/** One server of a kind, which is asked one thing at a time. */
interface Lane {
  name: string;
  own: string;
  exchanges: Exchange[];
  tap: Tap;
  running: RunningOrigin;
}

const FORWARDER = `export default {
  fetch(request, env) {
    const target = env.ORIGIN_URL + request.url.slice(new URL(request.url).origin.length);
    return fetch(new Request(target, request), { redirect: "manual" });
  },
};`;

export async function startBed(only?: string[]): Promise<Bed> {
  const folder = mkdtempSync(join(tmpdir(), "edge-session-fidelity-"));
  const files = makeFiles(join(folder, "files"));
  const wanted = KINDS.filter(({ name }) => only === undefined || only.includes(name));
  const kinds = wanted.filter((kind) => kind.program() !== undefined);
  const lanes = await Promise.all(kinds.flatMap((kind) => lanesOf(kind).map((name) => startLane(kind, name, join(folder, name), files))));
  const origins = lanes.map(({ name, own }): [string, string] => [name, own]);
  const stack = await startStack({
    vars: { LOG_LEVEL: "off" },
    workers: Object.fromEntries(origins.map(([name, own]) => [name, { vars: { ORIGIN_URL: own }, plain: true }])),
  });
  const floor = startFloor(origins);
  await floor.ready;
  const cookie = cookieHeader(await stack.cookies(stack.signIn({ expiresIn: 3_600 })));
  return {
    kinds,
    missing: wanted.filter((kind) => !kinds.includes(kind)),
    async compare(kind, state) {
      const named = lanesOf(kind);
      const own = lanes.filter(({ name }) => named.includes(name));
      const compared = await Promise.all(
        own.map(async (lane, index) => {
          const at = { direct: new URL(lane.own), floor: await floor.unsafeGetDirectURL(lane.name), worker: stack.worker(lane.name).socket };
          const exchanges = lane.exchanges.filter((_, position) => position % own.length === index);
          return compareAll(kind, state, lane, exchanges, at, state === "anonymous" ? undefined : cookie);
        }),
      );
      return compared.flat();
    },
    async close() {
      await Promise.all([floor.dispose(), stack.close()]);
      await Promise.all(lanes.flatMap(({ tap, running }) => [tap.close(), running.stop()]));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

type At = Record<"direct" | "floor" | "worker", URL>;

async function compareAll(kind: Kind, state: State, lane: Lane, exchanges: Exchange[], at: At, cookie?: string): Promise<Compared[]> {
  const compared: Compared[] = [];
  for (const each of exchanges) {
    const once = async (): Promise<Compared> => {
      const direct = await pass(lane, at.direct, each, at.direct.host, cookie);
      const floor = await pass(lane, at.floor, each, SITE, cookie);
      const worker = await pass(lane, at.worker, each, SITE, cookie);
      const told = { kind: kind.name, state, exchange: each, own: lane.own, statuses: [statusOf(direct), statusOf(worker)] as [number, number] };
      return { ...told, differences: differences(direct, worker), ours: differences(floor, worker) };
    };
    let result = await once();
    // An origin that answers before it has read everything, and a machine that stumbles, do so now and then.
    for (let again = 0; again < REPEATS && unexplained(result).length > 0; again += 1) {
      result = await once();
    }
    compared.push(result);
  }
  return compared;
}

/** How often an exchange is repeated before its difference counts. */
const REPEATS = 2;

async function pass(lane: Lane, at: URL, each: Exchange, host: string, cookie?: string): Promise<Pass> {
  let headers = each.headers;
  if (each.again !== undefined) {
    const first = await say(lane, at, { ...each, headers }, host, cookie);
    headers = [...headers, ...each.again(first.answer)];
  }
  return say(lane, at, { ...each, headers }, host, cookie);
}

async function say({ tap }: Lane, at: URL, each: Exchange, host: string, cookie?: string): Promise<Pass> {
  await tap.take();
  const answer = await exchange(Number(at.port), at.hostname, bytesOf(each, host, cookie));
  const key = each.headers.find(([name]) => name === "Sec-WebSocket-Key")?.[1];
  return { answer, sent: await tap.take(), key };
}

function bytesOf(each: Exchange, host: string, cookie?: string): Parameters<typeof exchange>[2] {
  const { method, body, chunked, trailers = [], frames } = each;
  const target = each.target.replace("{own}", `http://${host}`);
  const common: HeaderList = each.bare === true ? [] : [["User-Agent", "fidelity/1"], ["Accept", "*/*"]];
  const has = (name: string): boolean => each.headers.some(([known]) => known.toLowerCase() === name.toLowerCase());
  const headers: HeaderList = [["Host", host], ...common.filter(([name]) => !has(name)), ...withSession(each.headers, cookie)];
  if (body !== undefined) {
    headers.push(chunked === true ? ["Transfer-Encoding", "chunked"] : ["Content-Length", String(body.length)]);
  }
  const lines = [`${method} ${target} HTTP/1.1`, ...headers.map(([name, value]) => `${name}: ${value}`)];
  return {
    method,
    head: `${lines.join("\r\n")}\r\n\r\n`,
    body: chunked === true ? inChunks(body ?? "", trailers) : (body ?? ""),
    waits: has("Expect"),
    ...(frames === undefined ? {} : { frames }),
  };
}

/** One `Cookie` line, as browsers send it. */
function withSession(headers: HeaderList, cookie?: string): HeaderList {
  if (cookie === undefined) {
    return headers;
  }
  const own = headers.find(([name]) => name === "Cookie");
  const rest = headers.filter((header) => header !== own);
  return [...rest, ["Cookie", own === undefined ? cookie : `${cookie}; ${own[1]}`]];
}

function inChunks(body: string, trailers: HeaderList): string {
  const half = Math.ceil(body.length / 2);
  const chunks = [body.slice(0, half), body.slice(half)].filter((chunk) => chunk !== "");
  const lines = trailers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return `${chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join("")}0\r\n${lines}\r\n`;
}

function statusOf({ answer }: Pass): number {
  return Number(answer.start.split(" ")[1] ?? 0);
}

function lanesOf({ name, lanes = 1 }: Kind): string[] {
  return Array.from({ length: lanes }, (_, index) => `${name}-${index}`);
}

async function startLane(kind: Kind, name: string, folder: string, files: string): Promise<Lane> {
  const port = await freePortOfBoth();
  const own = `http://${TAPPED}:${port}`;
  const made = replies(own);
  const running = await startOriginOf(kind, { port, folder, files, replies: made });
  const tap = await startTap(TAPPED, port, "127.0.0.1");
  return { name, own, exchanges: script(Object.keys(made)), tap, running };
}

function startFloor(origins: [name: string, own: string][]): Miniflare {
  const manifest = { mainModule: "floor.mjs", modulesRoot: import.meta.dirname, modules: { "floor.mjs": { type: "esm", contents: FORWARDER } } };
  return new Miniflare({
    host: "127.0.0.1",
    port: 0,
    cf: false,
    log: new NoOpLog(),
    handleStructuredLogs: () => undefined,
    telemetry: { enabled: false },
    workers: origins.map(([name, own]) => ({
      config: { name, ...compatibility(), manifest, env: { ORIGIN_URL: { type: "text", value: own } } },
      dev: { unsafeDirectSockets: [{ host: "127.0.0.1", port: 0, proxy: false }] },
    })),
  } as MiniflareOptions);
}

/** A port that is free on both addresses. */
async function freePortOfBoth(): Promise<number> {
  for (;;) {
    const port = await take("127.0.0.1", 0);
    if (port !== undefined && (await take(TAPPED, port)) !== undefined) {
      return port;
    }
  }
}

function take(host: string, wanted: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen(wanted, host, () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** What the origins serve as files, all of one age. */
function makeFiles(folder: string): string {
  const page = `<!doctype html><title>A file</title>${"<p>Some words of a file.</p>".repeat(60)}`;
  const made: Record<string, string | Buffer> = {
    "index.html": page,
    "page.html": page,
    "a.txt": "The quick brown fox jumps.\n",
    "empty.txt": "",
    "big.bin": Buffer.from(Array.from({ length: 200_000 }, (_, index) => (index * 7 + (index >> 8)) % 256)),
    "image.png": Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64"),
    "dir/index.html": page,
    "café.txt": "coffee",
    "with space.txt": "space",
    "sale/50%-off.html": page,
    ".hidden": "hidden",
    "_app/immutable/app.js": "export {};\n",
  };
  for (const [path, content] of Object.entries(made)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
    utimesSync(join(folder, path), 1_700_000_000, 1_700_000_000);
  }
  return folder;
}
