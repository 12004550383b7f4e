/**
 * A browser whose tabs refresh by their client's ticker while the edge refreshes on the same cookies, for a number
 * of token lives, in time that runs 120 times faster: a client's tick of 30 s takes 0.25 s, so that its ticker refreshes
 * when less than 1 s is left (else 2 minutes). The edge's margin is that same second, so that either may be the first
 * and often both are.
 */
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { findChromium } from "../../.tools/chromium.mjs";
import { type ConfigPatch } from "../support/auth-server/controls.ts";
import { type Bindings, type Stack, startStack } from "../support/stack.ts";
import { bundlePage } from "./page/bundle.ts";

const QUIET = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
// Chromium's sandbox does not work for root, which is who runs in most containers.
const FLAGS = process.getuid?.() === 0 ? [...QUIET, "--no-sandbox"] : QUIET;
const TICK_MS = 250;
const LIFE_SECONDS = 3;
const CONVERGE_MS = 3_000;
const EMAIL = "ada@harbour.example";
const PASSWORD = "correct horse battery";

export interface LivesSpec {
  version: string;
  lives: number;
  tabs: number;
  bindings?: Bindings;
  vars?: Record<string, string>;
  auth?: ConfigPatch;
  /** Ends the run early at the first of these. */
  untilLost?: boolean;
}

export interface Lives {
  /** Sessions that followed each other in the jar. */
  lives: number;
  /** `SIGNED_OUT` of a client, refusals of the edge, and navigations to the login page. */
  logouts: number;
  /** Lives in which jar, tabs and edge did not come to hold the same token. */
  divergences: number;
  /** Answers of the edge. */
  answers: number;
  navigations: number;
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
    const executablePath = findChromium();
    if (executablePath === undefined) {
      throw new Error("no Chromium found: run `node .tools/chromium.mjs`, or name one in CHROMIUM_PATH");
    }
    browser = await chromium.launch({ executablePath, args: FLAGS });
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
  for (const path of ["/login", "/members"]) {
    origin.on(path, { headers: [html], body });
  }
}

async function run(spec: LivesSpec, stack: Stack<"site">, context: BrowserContext): Promise<Lives> {
  const seen: Lives = { lives: 0, logouts: 0, divergences: 0, answers: 0, navigations: 0, refreshes: { client: 0, edge: 0 }, seconds: 0 };
  await context.exposeFunction("report", (kind: "event" | "status", value: string) => {
    seen.answers += kind === "status" ? 1 : 0;
    seen.logouts += value === "SIGNED_OUT" || (kind === "status" && value !== "200") ? 1 : 0;
  });
  const tabs = await openTabs(context, spec.tabs);
  const started = Date.now();
  stack.clear();
  await servePages(stack, spec.version);
  await onAll(tabs, (tab) => tab.evaluate(() => window.resume()));
  for (let token = await jarToken(context, stack.key); seen.lives < spec.lives; seen.lives += 1) {
    token = await nextToken(context, stack.key, token);
    if (token === undefined || (spec.untilLost === true && seen.logouts > 0)) {
      seen.logouts += token === undefined ? 1 : 0;
      break;
    }
    await navigate(tabs[seen.lives % tabs.length]!, seen);
    await onAll(tabs, (tab) => tab.evaluate(() => window.pause()));
    const common = await converged(context, stack.key, tabs);
    seen.divergences += common === undefined ? 1 : 0;
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

/** Waits for another session in the jar; undefined when there is none any more. */
async function nextToken(context: BrowserContext, key: string, before: string | undefined): Promise<string | undefined> {
  const deadline = Date.now() + 4 * LIFE_SECONDS * 1000;
  let token = before;
  while (token !== undefined && token === before && Date.now() < deadline) {
    await new Promise((passed) => setTimeout(passed, 20));
    token = await jarToken(context, key);
  }
  return token === before ? undefined : token;
}

/** The token on which jar, tabs and edge agree, or undefined if they do not come to it. */
async function converged(context: BrowserContext, key: string, tabs: Page[]): Promise<string | undefined> {
  const deadline = Date.now() + CONVERGE_MS;
  while (Date.now() < deadline) {
    const held = await Promise.all([
      ...tabs.map((tab) => tab.evaluate(() => window.clientToken())),
      ...tabs.map((tab) => tab.evaluate(() => window.edgeToken())),
    ]);
    const token = await jarToken(context, key);
    if (token !== undefined && held.every((other) => other === token)) {
      return token;
    }
    await new Promise((passed) => setTimeout(passed, 20));
  }
  return undefined;
}

/** The access token in the browser's cookies. */
async function jarToken(context: BrowserContext, key: string): Promise<string | undefined> {
  const cookies = new Map((await context.cookies()).map(({ name, value }) => [name, decodeURIComponent(value)]));
  let text = cookies.get(key) ?? "";
  for (let index = 0; cookies.get(key) === undefined && cookies.has(`${key}.${index}`); index += 1) {
    text += cookies.get(`${key}.${index}`) ?? "";
  }
  if (!text.startsWith("base64-")) {
    return undefined;
  }
  return JSON.parse(Buffer.from(text.slice("base64-".length), "base64url").toString("utf8")).access_token;
}

async function onAll(tabs: Page[], act: (tab: Page) => Promise<unknown>): Promise<void> {
  await Promise.all(tabs.map(act));
}
