/**
 * The built Worker in workerd between a local Auth and an echoing origin.
 *
 * One stack is one runtime with any number of Workers of different
 * configuration; each has an isolate, a memory and a key-value namespace of its
 * own and listens on a proxy-style socket, so that a test chooses scheme, host
 * and raw path by the request line. Everything that the runtime prints is kept:
 * `close` fails when a token, cookie, secret or address stood in it.
 */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Log, LogLevel, Miniflare, type MiniflareOptions } from "miniflare";
import { type AuthServer, startAuthServer } from "./auth-server/server.ts";
import { type Answer, open, type OpenRequest, send, upgrade, type Upgraded } from "./http.ts";
import { type HeaderList, type Origin, startOrigin } from "./origin.ts";
import { type Cookie, type CookieFormat, cookieHeader, type SessionBody, storageKey, writeCookies } from "./sessions.ts";
import { startTurnstile, type Turnstile, TURNSTILE_HOST } from "./turnstile.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
/** The site as its visitors know it; requests go there unless a test says otherwise. */
export const SITE = "https://app.example.com";

type Values = Record<string, string | number | object | null>;
/** Variables; a function where they depend on the addresses of the stack. */
type Vars = Values | ((at: { auth: AuthServer; origin: Origin }) => Values);

export interface Bindings {
  /** `SESSION_KV`; a name shares one namespace between Workers. */
  kv?: boolean | string;
  /** `REFRESH_GATE`: the Worker's own objects, or those of the Worker named here. */
  gate?: boolean | string;
  /** The Worker's own objects hear of an end late, fail the first time they are told of it, or are silent when first asked. */
  hindrance?: keyof typeof HINDRANCES;
  /** `SESSION_METRICS`: a dataset as the runtime has it, or one that prints every data point. */
  metrics?: "dataset" | "printed";
  /** `ORIGIN`, a service binding to the origin. */
  originBinding?: boolean;
  /** `ASSETS`: the directory to serve. */
  assets?: string;
  /** Whatever the Worker fetches outside Auth lands at the origin, as a zone's own host does on a route. */
  route?: boolean;
  /** `SIGN_IN_LIMIT`: so many requests of one key in a minute. */
  limit?: number;
  /** What the Worker asks Turnstile, a local stand-in answers. */
  turnstile?: boolean;
}

export interface WorkerSpec {
  /** Over the defaults of `startStack`; null leaves one out. */
  vars?: Vars;
  bindings?: Bindings;
  /** Listens as a plain server, so that the Worker can be reached by a fetch to its own address. */
  plain?: boolean;
}

export interface FetchInit {
  /** The visitor's own address, which the 403 page names to him; no other secret may stand in an error. */
  account?: string;
  method?: string;
  headers?: HeaderList;
  /** One `Cookie` line; more go into `headers`. */
  cookies?: Cookie[] | string;
  /** A browser that opens a page. */
  navigate?: boolean;
  body?: string | Buffer;
  /** Instead of SITE: scheme and host of the request. */
  site?: string;
}

export interface WorkerHandle {
  name: string;
  fetch(path: string, init?: FetchInit): Promise<Answer>;
  open(path: string, init?: FetchInit): OpenRequest;
  upgrade(path: string, init?: FetchInit): Promise<Upgraded>;
  /** The request, and the log lines that it left. */
  logged(path: string, init?: FetchInit): Promise<{ answer: Answer; lines: Record<string, any>[] }>;
  /** The address at which it listens. */
  socket: URL;
}

export interface StackOptions<Name extends string> {
  /** Added to every Worker. */
  vars?: Vars;
  bindings?: Bindings;
  workers: Record<Name, WorkerSpec>;
  auth?: Parameters<typeof startAuthServer>[0];
}

export interface SignedIn extends SessionBody {
  session_id: string;
  user: Record<string, any>;
}

export interface Stack<Name extends string> {
  auth: AuthServer;
  origin: Origin;
  turnstile: Turnstile;
  miniflare: Miniflare;
  /** The storage key of the local project. */
  key: string;
  worker(name: Name): WorkerHandle;
  /** Signs somebody in at Auth and remembers what must never be printed. */
  signIn(spec?: Parameters<AuthServer["createSession"]>[0]): SignedIn;
  /** The cookies of a session as the real client writes them. */
  cookies(session: SessionBody, format?: CookieFormat): Promise<Cookie[]>;
  /** Marks a value that must not stand in any output. */
  secret(...values: string[]): void;
  /** Auth calls since the last `clear`, by endpoint. */
  authCalls(): Record<string, number>;
  /** Kills the runtime with everything in its memory and starts it again; what was stored stays. */
  restart(): Promise<void>;
  /** Forgets what Auth and the origin received, and their faults and scripts. */
  clear(): void;
  /** Everything printed so far. */
  printed(): string;
  close(): Promise<void>;
}

export async function startStack<Name extends string>(options: StackOptions<Name>): Promise<Stack<Name>> {
  const [auth, origin, turnstile] = await Promise.all([startAuthServer(options.auth), startOrigin(), startTurnstile()]);
  const printed: string[] = [];
  const secrets = new Set<string>([auth.secretKey]);
  const keep = (line: string): void => void printed.push(line);
  const names = Object.keys(options.workers) as Name[];
  const specs = new Map(names.map((name) => [name, withDefaults(options, options.workers[name], auth, origin)]));
  const runtime = {
    host: "127.0.0.1",
    port: 0,
    cf: false,
    log: new KeptLog(keep),
    handleStructuredLogs: ({ message }) => keep(message),
    telemetry: { enabled: false },
    workers: [
      ...[...specs].map(([name, spec]) => workerOptions(name, spec)),
      zoneWorker(auth, origin, turnstile),
    ],
  } as MiniflareOptions;
  const miniflare = new Miniflare(runtime);
  const handles = new Map<Name, WorkerHandle>();
  const reach = async (): Promise<void> => {
    await miniflare.ready;
    for (const [name, spec] of specs) {
      handles.set(name, handle(name, spec, await miniflare.unsafeGetDirectURL(name), printed, secrets));
    }
  };
  await reach();
  for (const spec of specs.values()) {
    secretsOf(spec).forEach((value) => secrets.add(value));
  }
  return {
    auth,
    origin,
    turnstile,
    miniflare,
    key: storageKey(auth.url),
    worker: (name) => required(handles.get(name), `there is no Worker named ${name}`),
    signIn(spec) {
      const session = auth.createSession(spec) as unknown as SignedIn;
      rememberSession(session, secrets);
      return session;
    },
    async cookies(session, format) {
      rememberSession(session, secrets);
      const cookies = await writeCookies(auth.url, session, format);
      cookies.forEach(({ value }) => secrets.add(value));
      return cookies;
    },
    secret: (...values) => values.forEach((value) => secrets.add(value)),
    authCalls: () => auth.calls.counts(),
    async restart() {
      await miniflare.setOptions(runtime);
      await reach();
    },
    clear() {
      auth.calls.clear();
      auth.faults.clear();
      origin.clear();
      turnstile.asked.length = 0;
    },
    printed: () => printed.join("\n"),
    async close() {
      await miniflare.dispose();
      await Promise.all([auth.close(), origin.close(), turnstile.close()]);
      refuseLeaks(printed.join("\n"), secrets, "the output");
    },
  };
}

/** Throws when `text` holds one of `secrets`, without repeating it. */
export function refuseLeaks(text: string, secrets: Iterable<string>, place: string): void {
  for (const secret of secrets) {
    if (secret.length >= 8 && text.includes(secret)) {
      throw new Error(`a secret of ${secret.length} characters (${secret.slice(0, 4)}…) stands in ${place}`);
    }
  }
}

class KeptLog extends Log {
  readonly #keep: (line: string) => void;

  constructor(keep: (line: string) => void) {
    super(LogLevel.WARN);
    this.#keep = keep;
  }

  override log(message: string): void {
    this.#keep(message);
  }
}

interface Configured {
  vars: Values;
  bindings: Bindings;
  plain: boolean;
}

function withDefaults<Name extends string>(
  options: StackOptions<Name>,
  spec: WorkerSpec,
  auth: AuthServer,
  origin: Origin,
): Configured {
  const bindings = { ...options.bindings, ...spec.bindings };
  const elsewhere = bindings.originBinding === true || bindings.assets !== undefined || bindings.route === true;
  const values = (vars: Vars | undefined): Values => (typeof vars === "function" ? vars({ auth, origin }) : (vars ?? {}));
  const vars = {
    SUPABASE_URL: auth.url,
    SUPABASE_PUBLISHABLE_KEY: auth.publishableKey,
    ORIGIN_URL: elsewhere ? null : origin.url,
    ...values(options.vars),
    ...values(spec.vars),
  };
  return { vars, bindings, plain: spec.plain === true };
}

function secretsOf({ vars }: Configured): string[] {
  return ["SUPABASE_SECRET_KEY", "SUPABASE_JWT_SECRET", "IDENTITY_SECRET", "TURNSTILE_SECRET_KEY"].flatMap((name) => {
    const value = vars[name];
    return typeof value === "string" && value.length >= 8 ? [value] : [];
  });
}

function workerOptions(name: string, { vars, bindings, plain }: Configured): object {
  const env: Record<string, object> = {};
  for (const [variable, value] of Object.entries(vars)) {
    if (value !== null) {
      env[variable] = typeof value === "string" ? { type: "text", value } : { type: "json", value };
    }
  }
  if (bindings.kv !== undefined && bindings.kv !== false) {
    env.SESSION_KV = { type: "kv", id: typeof bindings.kv === "string" ? bindings.kv : `kv-${name}` };
  }
  const gate = bindings.gate === true ? name : bindings.gate;
  if (typeof gate === "string") {
    env.REFRESH_GATE = { type: "durable-object", worker: gate, exportName: "RefreshGate" };
  }
  if (bindings.metrics === "dataset") {
    env.SESSION_METRICS = { type: "analytics-engine-dataset", name: "edge_session" };
  }
  if (bindings.originBinding === true) {
    env.ORIGIN = { type: "worker", worker: ZONE };
  }
  if (bindings.assets !== undefined) {
    env.ASSETS = { type: "assets" };
  }
  if (bindings.limit !== undefined) {
    env.SIGN_IN_LIMIT = { type: "rate-limit", namespace: name, simple: { limit: bindings.limit, period: 60 } };
  }
  return {
    config: {
      name,
      ...compatibility(),
      manifest: builtWorker(wrapperOf(bindings)),
      env,
      ...(gate === name ? { exports: { RefreshGate: { type: "durable-object", storage: "sqlite" } } } : {}),
      ...(bindings.assets === undefined
        ? {}
        : { assets: { directory: bindings.assets, hasUserWorker: true, runWorkerFirst: true } }),
    },
    dev: {
      unsafeDirectSockets: [{ host: "127.0.0.1", port: 0, proxy: !plain }],
      ...(bindings.route === true || bindings.turnstile === true ? { outboundService: { type: "worker", worker: ZONE } } : {}),
    },
  };
}

const ZONE = "zone";

/** What stands behind a route: the zone's own host, except that Auth stays reachable, and Turnstile is a local one. */
function zoneWorker(auth: AuthServer, origin: Origin, turnstile: Turnstile): object {
  const script = `export default {
    fetch(request, env) {
      const { host } = new URL(request.url);
      if (host === "${TURNSTILE_HOST}") return env.TURNSTILE.fetch(request);
      return host === env.AUTH_HOST ? fetch(request) : env.SITE.fetch(request);
    },
  };`;
  return {
    config: {
      name: ZONE,
      ...compatibility(),
      manifest: { mainModule: "zone.mjs", modulesRoot: ROOT, modules: { "zone.mjs": { type: "esm", contents: script } } },
      env: {
        AUTH_HOST: { type: "text", value: new URL(auth.url).host },
        SITE: { type: "external", address: origin.host, http: {} },
        TURNSTILE: { type: "external", address: turnstile.host, http: {} },
      },
    },
  };
}

/** The runtime's own local dataset forgets what is written; this one has the same method and prints it. */
const PRINTED_METRICS = `import worker from "./index.js";
export * from "./index.js";
const SESSION_METRICS = { writeDataPoint: (point) => console.log(JSON.stringify({ point })) };
export default { fetch: (request, env, context) => worker.fetch(request, { ...env, SESSION_METRICS }, context) };`;

/** What keeps objects from hearing a message of this kind at once. */
const HINDRANCES = {
  late: ["end", "await new Promise((resolve) => setTimeout(resolve, 2500));"],
  failing: ["end", "if (!this.failed) { this.failed = true; throw new Error('overloaded'); }"],
  silent: ["ask", "if (!this.asked) { this.asked = true; await new Promise((resolve) => setTimeout(resolve, 5000)); }"],
} as const;
const slowToHear = ([kind, hindrance]: readonly [string, string]): string => `import worker, { RefreshGate as Gate } from "./index.js";
export class RefreshGate {
  constructor(...parts) { this.gate = new Gate(...parts); }
  async fetch(request) {
    if ((await request.clone().text()).includes('"m":{"${kind}":')) { ${hindrance} }
    return this.gate.fetch(request);
  }
  alarm() { return this.gate.alarm(); }
}
export default worker;`;

function wrapperOf({ metrics, hindrance }: Bindings): string | undefined {
  if (hindrance !== undefined) {
    return slowToHear(HINDRANCES[hindrance]);
  }
  return metrics === "printed" ? PRINTED_METRICS : undefined;
}

/** The modules that the build left, in a wrapper if there is one. */
function builtWorker(wrapper: string | undefined): object {
  const build = process.env.WORKER_BUILD ?? join(ROOT, "build");
  return {
    mainModule: wrapper === undefined ? "index.js" : "wrapper.js",
    modulesRoot: build,
    modules: {
      ...(wrapper === undefined ? {} : { "wrapper.js": { type: "esm", contents: wrapper } }),
      "index.js": { type: "esm", contents: readFileSync(join(build, "index.js"), "utf8") },
      "index_bg.wasm": { type: "wasm", contents: new Uint8Array(readFileSync(join(build, "index_bg.wasm"))) },
    },
  };
}

/** Date and flags as they are shipped, because some of them change what a Worker sees. */
export function compatibility(): { compatibilityDate: string; compatibilityFlags: string[] } {
  const toml = readFileSync(join(ROOT, "wrangler.toml"), "utf8");
  const date = /^compatibility_date\s*=\s*"([^"]+)"/m.exec(toml)?.[1];
  const flags = /^compatibility_flags\s*=\s*\[([^\]]*)\]/m.exec(toml)?.[1] ?? "";
  return {
    compatibilityDate: required(date, "wrangler.toml names no compatibility_date"),
    compatibilityFlags: [...flags.matchAll(/"([^"]+)"/g)].map(([, flag]) => flag ?? ""),
  };
}

function handle(name: string, { plain }: Configured, socket: URL, printed: string[], secrets: Set<string>): WorkerHandle {
  const raw = (path: string, init: FetchInit = {}) => ({
    socket,
    target: plain ? path : `${init.site ?? SITE}${path}`,
    method: init.method ?? "GET",
    headers: requestHeaders(init),
    ...(init.body === undefined ? {} : { body: init.body }),
  });
  const fetch = async (path: string, init?: FetchInit): Promise<Answer> => {
    const answer = await send(raw(path, init));
    if (answer.status >= 400) {
      const told = answer.status === 403 ? init?.account : undefined;
      refuseLeaks(answer.text, [...secrets].filter((secret) => secret !== told), `the body of a ${answer.status}`);
    }
    return answer;
  };
  return {
    name,
    socket,
    fetch,
    open: (path, init) => open(raw(path, init)),
    upgrade: (path, init) => upgrade(raw(path, init)),
    async logged(path, init) {
      const from = printed.length;
      const answer = await fetch(path, init);
      return { answer, lines: await recordsSince(printed, from) };
    },
  };
}

export function requestHeaders({ headers = [], cookies, navigate }: FetchInit): HeaderList {
  const lines: HeaderList = [];
  if (navigate === true) {
    lines.push(["Sec-Fetch-Mode", "navigate"], ["Sec-Fetch-Dest", "document"], ["Accept", "text/html,*/*;q=0.8"]);
  }
  lines.push(...headers);
  if (cookies !== undefined) {
    lines.push(["Cookie", typeof cookies === "string" ? cookies : cookieHeader(cookies)]);
  }
  return lines;
}

/** Waits for the record of a request: its output arrives on another stream than its answer. */
async function recordsSince(printed: string[], from: number): Promise<Record<string, any>[]> {
  const deadline = Date.now() + 2_000;
  let records: Record<string, any>[] = [];
  while (records.length === 0 && Date.now() < deadline) {
    await new Promise((passed) => setTimeout(passed, 10));
    records = printed.slice(from).flatMap(parseRecord);
  }
  // A second record of the same request would follow at once.
  await new Promise((passed) => setTimeout(passed, 50));
  return printed.slice(from).flatMap(parseRecord);
}

function parseRecord(line: string): Record<string, any>[] {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && "outcome" in value ? [value] : [];
  } catch {
    return [];
  }
}

function rememberSession(session: SessionBody, secrets: Set<string>): void {
  const { access_token, refresh_token, user } = session;
  for (const value of [access_token, access_token.split(".")[2], refresh_token, user?.email]) {
    if (typeof value === "string" && value !== "") {
      secrets.add(value);
    }
  }
}

function required<T>(value: T | undefined, otherwise: string): T {
  if (value === undefined) {
    throw new Error(otherwise);
  }
  return value;
}
