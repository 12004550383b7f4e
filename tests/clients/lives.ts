/**
 * A browser whose tabs refresh by their client's ticker while the edge refreshes on the same cookies, for a number
 * of token lives, in time that runs 120 times faster: a client's tick of 30 s takes 0.25 s, so that its ticker refreshes
 * when less than 1 s is left (else 2 minutes). The edge's margin is that same second, so that either may be the first
 * and often both are.
 */
import type { Browser, BrowserContext, Page } from "playwright-core";
import { launchChromium } from "../support/chromium.ts";
import type { ConfigPatch } from "../support/auth-server/controls.ts";
import { isSessionName } from "../support/expectations.ts";
import { type Bindings, type Stack, startStack } from "../support/stack.ts";
import { sessionOf } from "./cookies.ts";
import { bundlePage } from "./page/bundle.ts";

const TICK_MS = 250;
const LIFE_SECONDS = 2;
/** Longer than a life. */
const SLOW_MS = 2_200;
/** After so many lives the browser comes back with its cookies of two rotations ago, as after a crash. */
const CRASH_EVERY = 5;
const CONVERGE_MS = 3_000;
/** As far as a real Auth is away, so that others ask meanwhile. */
const AUTH_DELAY_MS = 60;
const REFRESH = { path: "/token", grant: "refresh_token" };
const EMAIL = "ada@harbour.example";
const PASSWORD = "correct horse battery";

export interface LivesSpec {
  version: string;
  lives: number;
  tabs: number;
  bindings?: Bindings;
  vars?: Record<string, string>;
  auth?: ConfigPatch;
  /** Ends the run at the first logout. */
  untilLost?: boolean;
}

export interface Lives {
  /** Sessions that followed each other in the jar. */
  lives: number;
  /** Signs of a lost session: `SIGNED_OUT` of a client, each refusal of the edge, each navigation to the login page. */
  logouts: number;
  /** Lives in which jar, tabs and edge did not come to hold the same token. */
  divergences: number;
  /** Answers of the edge to the pages' requests. */
  answers: number;
  navigations: number;
  /** How often the browser came back with older cookies. */
  crashes: number;
  refreshes: { client: number; edge: number };
  seconds: number;
}

export async function live(spec: LivesSpec): Promise<Lives> {
  const stack = await startStack({
    vars: {
      REFRESH_MARGIN_SECONDS: "1",
      CLOCK_SKEW_SECONDS: "0",
      FORWARD_BEARER: "on",
      RULES: [{ path: "/members*", require: true }],
      ...spec.vars,
    },
    bindings: { kv: true, gate: true, ...spec.bindings },
    workers: { site: { plain: true } },
    auth: { jwtExp: LIFE_SECONDS },
  });
  let browser: Browser | undefined;
  try {
    stack.auth.config(spec.auth ?? {});
    stack.auth.createUser({ email: EMAIL, password: PASSWORD });
    await servePages(stack, spec.version);
    browser = await launchChromium();
    return await run(spec, stack, await browser.newContext({ baseURL: stack.worker("site").socket.origin }));
  } finally {
    await browser?.close();
    await stack.close();
  }
}

async function servePages({ auth, origin }: Stack<"site">, version: string): Promise<void> {
  const project = JSON.stringify({ url: auth.url, key: auth.publishableKey });
  const html: [string, string] = ["Content-Type", "text/html; charset=utf-8"];
  const body = `<!doctype html><title>Page</title><script>window.project = ${project}</script><script src="/page.js"></script>`;
  origin.on("/page.js", { headers: [["Content-Type", "text/javascript; charset=utf-8"]], body: await bundlePage(version, TICK_MS) });
  origin.on("/members/slow", { body: "slow", delayMs: SLOW_MS });
  for (const path of ["/login", "/members"]) {
    origin.on(path, { headers: [html], body });
  }
}

async function run(spec: LivesSpec, stack: Stack<"site">, context: BrowserContext): Promise<Lives> {
  const seen: Lives = { lives: 0, logouts: 0, divergences: 0, answers: 0, navigations: 0, crashes: 0, refreshes: { client: 0, edge: 0 }, seconds: 0 };
  await context.exposeFunction("report", (kind: "event" | "status", value: string) => {
    seen.answers += kind === "status" ? 1 : 0;
    seen.logouts += value === "SIGNED_OUT" || (kind === "status" && value !== "200") ? 1 : 0;
  });
  const tabs = await openTabs(context, spec.tabs);
  const started = Date.now();
  stack.clear();
  await servePages(stack, spec.version);
  stack.auth.faults.add({ match: REFRESH, delayMs: AUTH_DELAY_MS });
  await onAll(tabs, (tab) => tab.evaluate(() => window.resume()));
  const past: Held[] = [await held(context, stack.key)];
  while (seen.lives < spec.lives && !(spec.untilLost === true && seen.logouts > 0)) {
    const now = await nextLife(context, stack.key, past);
    if (now === undefined) {
      seen.logouts += 1;
      break;
    }
    seen.lives = past.push(now) - 1;
    await navigate(tabs[seen.lives % tabs.length]!, seen);
    await onAll(tabs, (tab) => tab.evaluate(() => window.pause()));
    seen.divergences += (await converge(context, stack.key, tabs)) ? 0 : 1;
    if (seen.lives % CRASH_EVERY === 0) {
      const old = beforeTwoRotations(past);
      await context.addCookies(old?.cookies ?? []);
      seen.crashes += old === undefined ? 0 : 1;
    }
    await onAll(tabs, (tab) => tab.evaluate(() => window.resume()));
  }
  await onAll(tabs, (tab) => tab.evaluate(() => window.pause()));
  seen.seconds = Math.round((Date.now() - started) / 1000);
  for (const { endpoint, headers } of stack.auth.calls.log()) {
    if (endpoint === "token:refresh_token") {
      seen.refreshes[headers.clientInfo?.includes("createBrowserClient") === true ? "client" : "edge"] += 1;
    }
  }
  return seen;
}

/** The first tab signs in, and all of them open the members' page. */
async function openTabs(context: BrowserContext, count: number): Promise<Page[]> {
  const tabs = await Promise.all(Array.from({ length: count }, () => context.newPage()));
  const [first] = tabs;
  await first!.goto("/login");
  const problem = await first!.evaluate(([email, password]) => window.signIn(email!, password!), [EMAIL, PASSWORD]);
  if (problem !== undefined) {
    throw new Error(`the sign-in failed: ${problem}`);
  }
  await onAll(tabs, (tab) => tab.goto("/members"));
  return tabs;
}

/** Opens the members' page anew in the middle of the traffic, which a new page has to be asked for. */
async function navigate(tab: Page, seen: Lives): Promise<void> {
  const response = await tab.goto("/members");
  seen.navigations += 1;
  seen.logouts += response?.status() === 200 && new URL(tab.url()).pathname === "/members" ? 0 : 1;
}

interface Held {
  /** The access token in the browser's cookies. */
  token: string | undefined;
  /** Lives can share it: Auth answers the parent of the newest token with the newest, and a new access token. */
  refreshToken: string | undefined;
  cookies: Awaited<ReturnType<BrowserContext["cookies"]>>;
}

/** Waits for a session in the jar that was not there before; undefined when there comes none. */
async function nextLife(context: BrowserContext, key: string, past: Held[]): Promise<Held | undefined> {
  const tokens = new Set(past.map(({ token }) => token));
  const deadline = Date.now() + 4 * LIFE_SECONDS * 1000;
  while (Date.now() < deadline) {
    const now = await held(context, key);
    if (now.token !== undefined && !tokens.has(now.token)) {
      return now;
    }
    await new Promise((passed) => setTimeout(passed, 20));
  }
  return undefined;
}

/** Whether jar, tabs and edge come to hold the same token. */
async function converge(context: BrowserContext, key: string, tabs: Page[]): Promise<boolean> {
  const deadline = Date.now() + CONVERGE_MS;
  while (Date.now() < deadline) {
    const tokens = await Promise.all([
      ...tabs.map((tab) => tab.evaluate(() => window.clientToken())),
      ...tabs.map((tab) => tab.evaluate(() => window.edgeToken())),
    ]);
    const { token } = await held(context, key);
    if (token !== undefined && tokens.every((other) => other === token)) {
      return true;
    }
    await new Promise((passed) => setTimeout(passed, 20));
  }
  return false;
}

async function held(context: BrowserContext, key: string): Promise<Held> {
  const cookies = (await context.cookies()).filter(({ name }) => isSessionName(name, key));
  const session = sessionOf(cookies.map(({ name, value }) => ({ name, value: decodeURIComponent(value) })), key);
  return { token: session?.access_token, refreshToken: session?.refresh_token, cookies };
}

/** What the browser last held of a token that is neither Auth's newest nor the parent of it. */
function beforeTwoRotations(past: Held[]): Held | undefined {
  const distinct = new Set<string | undefined>();
  return past.findLast(({ refreshToken }) => distinct.add(refreshToken).size > 2);
}

async function onAll(tabs: Page[], act: (tab: Page) => Promise<unknown>): Promise<void> {
  await Promise.all(tabs.map(act));
}
