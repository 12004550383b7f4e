/** Everything that a test needs around the apps: Auth, the Worker in front of each app, a gate and a browser. */
import type { BrowserContext } from "playwright-core";
import { launchChromium } from "../../support/chromium.ts";
import { freePort } from "../../demo/worker.ts";
import { type Cookie, readSession, type SessionBody } from "../../support/sessions.ts";
import { type Stack, startStack, type WorkerHandle } from "../../support/stack.ts";
import { type App, APPS } from "./apps.ts";
import { type Running, startApp } from "./processes.ts";
import { type Gate, type Recorder, startGate, startRecorder } from "./servers.ts";
import { AUTH_PORT, PUBLISHABLE_KEY, SUPABASE_URL } from "./settings.ts";

export interface Bed {
  stack: Stack<string>;
  gate: Gate;
  /** The Worker in front of that app, for requests to `SITE`. */
  worker(app: App): WorkerHandle;
  /** What passes between the Worker and the app. */
  recorder(app: App): Recorder;
  start(app: App): Promise<Running>;
  /** Chromium with these cookies, in front of the same Worker; closed by the caller. */
  open(app: App, cookies: Cookie[]): Promise<BrowserContext>;
  /** The refreshes that Auth was asked for since the last `clear`, by the name that each client gave. */
  refreshes(): string[];
  clear(): void;
  close(): Promise<void>;
}

/** Rules as a site would have them: assets pass, the members' pages are one copy for all, the account is private. */
const RULES = [
  { path: ["/_next/static/*", "/_app/immutable/*", "/_astro/*", "/assets/*", "/favicon.ico"], bypass: true },
  { path: "/members/*", require: true, cache: "shared" },
  // Next.js asks for a page's data under another path than the page's.
  { path: ["/account*", "/api/account*", "/_next/data/*/account*"], require: true },
];

/** The clients in the origin refresh when 90 seconds are left; the edge has to be earlier, by more than a request is under way. */
export const VARS = { REFRESH_MARGIN_SECONDS: "120", RULES };

/** The rows of this run: all, or those that `FRAMEWORKS` names. */
export function chosen(kind: App["kind"]): App[] {
  const names = process.env.FRAMEWORKS?.split(",");
  return APPS.filter((app) => app.kind === kind && (names === undefined || names.includes(app.name)));
}

export async function startBed(apps: App[]): Promise<Bed> {
  const gate = await startGate();
  const recorders = new Map<string, Recorder>();
  const ports = new Map<string, number>();
  for (const { name } of apps) {
    recorders.set(name, await startRecorder(() => `http://127.0.0.1:${ports.get(name)}`));
  }
  const stack = await startStack({
    auth: { port: AUTH_PORT, publishableKey: PUBLISHABLE_KEY },
    bindings: { kv: true, gate: true },
    vars: VARS,
    workers: Object.fromEntries(
      [...recorders].flatMap(([name, recorder]) => [
        [name, { vars: { ORIGIN_URL: recorder.url } }],
        [`${name}-browser`, { vars: { ORIGIN_URL: recorder.url }, plain: true }],
      ]),
    ),
  });
  const browser = await launchChromium();
  return {
    stack,
    gate,
    worker: ({ name }) => stack.worker(name),
    recorder: ({ name }) => recorders.get(name)!,
    async start({ name, folder }) {
      // Chosen now that everything else listens: no server of the bed can take it before the app does.
      const port = await freePort();
      ports.set(name, port);
      return startApp(folder, port, { GATE_URL: gate.url });
    },
    async open({ name }, cookies) {
      const site = String(stack.worker(`${name}-browser`).socket);
      const context = await browser.newContext({ baseURL: site });
      await context.addCookies(cookies.map((cookie) => ({ ...cookie, url: site })));
      return context;
    },
    refreshes: () =>
      stack.auth.calls
        .log()
        .filter(({ endpoint }) => endpoint === "token:refresh_token")
        .map(({ headers }) => headers.clientInfo ?? ""),
    clear() {
      stack.clear();
      recorders.forEach((recorder) => recorder.clear());
    },
    async close() {
      await browser.close();
      await stack.close();
      await Promise.all([...recorders.values()].map((recorder) => recorder.close()));
      await gate.close();
    },
  };
}

/** The session that a Supabase client finds in these cookies; throws where a visitor has been signed out. */
export async function sessionIn(cookies: Cookie[]): Promise<SessionBody> {
  const session = await readSession(SUPABASE_URL, cookies);
  if (session === null) {
    throw new Error("the visitor is signed out");
  }
  return session;
}

export async function cookiesOf(context: BrowserContext): Promise<Cookie[]> {
  return (await context.cookies()).map(({ name, value }) => ({ name, value }));
}
