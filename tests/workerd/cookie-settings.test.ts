/**
 * Contract §1: whatever the settings of the cookies and by whatever host and scheme the site is reached, a browser's jar
 * holds the session after a sign-in, a refresh and an OAuth round trip, and none after a sign-out.
 */
import { CookieJar } from "tough-cookie";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { outcomeOf } from "../support/expectations.ts";
import type { Answer } from "../support/http.ts";
import { parseSetCookies, readSession } from "../support/sessions.ts";
import { type FetchInit, type Stack, startStack, type WorkerSpec } from "../support/stack.ts";

const PASSWORD = "correct horse battery";
const SITE_URL = "https://www.example.com";

/** The settings; a path for the site where cookies are for a part of it. */
const SETTINGS: Record<string, { vars: Record<string, string>; below?: string }> = {
  "the defaults": { vars: {} },
  "COOKIE_DOMAIN": { vars: { COOKIE_DOMAIN: "example.com" } },
  "COOKIE_DOMAIN with a dot": { vars: { COOKIE_DOMAIN: ".example.com" } },
  "COOKIE_DOMAIN of a subdomain": { vars: { COOKIE_DOMAIN: "www.example.com" } },
  "COOKIE_PATH": { vars: { COOKIE_PATH: "/app", AUTH_PATH: "/app/auth" }, below: "/app" },
  "COOKIE_SAMESITE=Strict": { vars: { COOKIE_SAMESITE: "Strict" } },
  "COOKIE_SAMESITE=None": { vars: { COOKIE_SAMESITE: "None" } },
  "COOKIE_MAX_AGE=session": { vars: { COOKIE_MAX_AGE: "session" } },
  "COOKIE_SECURE=true": { vars: { COOKIE_SECURE: "true" } },
  "COOKIE_SECURE=false": { vars: { COOKIE_SECURE: "false" } },
  "COOKIE_PARTITIONED": { vars: { COOKIE_PARTITIONED: "true" } },
  "COOKIE_HTTP_ONLY": { vars: { COOKIE_HTTP_ONLY: "true" } },
  "COOKIE_ENCODING=raw": { vars: { COOKIE_ENCODING: "raw" } },
  "COOKIE_NAME": { vars: { COOKIE_NAME: "session" } },
  "a __Host- name": { vars: { COOKIE_NAME: "__Host-session" } },
  "a __Secure- name": { vars: { COOKIE_NAME: "__Secure-session" } },
  "a __Secure- name with COOKIE_DOMAIN": { vars: { COOKIE_NAME: "__Secure-session", COOKIE_DOMAIN: "example.com" } },
  "Domain, Strict, session, partitioned, HttpOnly": {
    vars: { COOKIE_DOMAIN: "example.com", COOKIE_SAMESITE: "Strict", COOKIE_MAX_AGE: "session", COOKIE_PARTITIONED: "true", COOKIE_HTTP_ONLY: "true" },
  },
};

interface Reach {
  /** Where the browser is. */
  seen: string;
  /** What the Worker is asked for, where another proxy changes it. */
  asked?: string;
}

/** The ways by which a site is reached. */
const WAYS: Record<string, Reach> = {
  "the apex": { seen: "https://example.com" },
  "www": { seen: "https://www.example.com" },
  "a subdomain": { seen: "https://app.example.com" },
  "a preview domain": { seen: "https://branch.site.workers.dev" },
  "a second domain": { seen: "https://example.org" },
  "a host that only ends like the domain": { seen: "https://badexample.com" },
  "a port": { seen: "https://www.example.com:8443" },
  "http": { seen: "http://www.example.com" },
  "localhost": { seen: "http://localhost:8787" },
  "SITE_URL": { seen: SITE_URL, asked: "https://internal.example.net" },
  "SITE_URL, asked by http": { seen: SITE_URL, asked: "http://internal.example.net:8080" },
};

/** Browsers take no `Secure` cookie by http, but from the own machine. */
const NEEDS_HTTPS = /SAMESITE=None|SECURE=true|PARTITIONED|__|partitioned/;

const cells = Object.keys(SETTINGS).flatMap((setting) =>
  Object.keys(WAYS)
    .filter((way) => way !== "http" || !NEEDS_HTTPS.test(setting))
    .map((way) => [setting, way] as const),
);

let stack: Stack<string>;

beforeAll(async () => {
  const workers: Record<string, WorkerSpec> = {};
  for (const [setting, { vars }] of Object.entries(SETTINGS)) {
    workers[workerName(setting, false)] = { vars };
    workers[workerName(setting, true)] = { vars: { ...vars, SITE_URL } };
  }
  stack = await startStack({ vars: { SERVER_TIMING: "on", AUTH_PATH: "/auth" }, workers });
}, 120_000);
afterAll(() => stack?.close());
beforeEach(() => {
  stack.clear();
  stack.auth.config({ siteUrl: SITE_URL, uriAllowList: ["http*://**"] });
});

function workerName(setting: string, hasSiteUrl: boolean): string {
  return `worker-${Object.keys(SETTINGS).indexOf(setting)}${hasSiteUrl ? "-site" : ""}`;
}

/** A browser on one way to the site. */
class Browser {
  readonly jar = new CookieJar();
  readonly #way: Reach;
  readonly #setting: string;
  readonly below: string;

  constructor(setting: string, way: string) {
    this.#setting = setting;
    this.#way = WAYS[way]!;
    this.below = SETTINGS[setting]!.below ?? "";
  }

  get name(): string {
    return SETTINGS[this.#setting]!.vars.COOKIE_NAME ?? stack.key;
  }

  /** A request as the browser sends it; `lax` where another site led here. */
  async go(path: string, init: FetchInit = {}, sameSiteContext: "strict" | "lax" = "strict"): Promise<Answer> {
    const url = `${this.#way.seen}${this.below}${path}`;
    const cookies = await this.jar.getCookieString(url, { sameSiteContext });
    const worker = stack.worker(workerName(this.#setting, this.#way.asked !== undefined));
    const answer = await worker.fetch(`${this.below}${path}`, { ...init, ...(cookies === "" ? {} : { cookies }), site: this.#way.asked ?? this.#way.seen });
    for (const { line } of parseSetCookies(answer.headers)) {
      await this.jar.setCookie(line, url, { sameSiteContext: "lax" });
    }
    return answer;
  }

  /** What a form of the site posts. */
  post(path: string, fields: Record<string, string>): Promise<Answer> {
    const headers: [string, string][] = [["Origin", this.#way.seen], ["Sec-Fetch-Site", "same-origin"], ["Content-Type", "application/x-www-form-urlencoded"]];
    return this.go(path, { method: "POST", headers, body: new URLSearchParams(fields).toString() });
  }

  /** Follows a provider to the address that it sends the browser back to. */
  async agree(authorizeUrl: string): Promise<string> {
    const url = new URL(authorizeUrl);
    url.searchParams.set("auto", "true");
    for (let at = url.toString(), hop = 0; hop < 5; hop += 1) {
      const answer = await fetch(at, { redirect: "manual" });
      const location = new URL(answer.headers.get("location")!, at);
      if (location.origin === this.#way.seen) {
        return (location.pathname + location.search).slice(this.below.length);
      }
      at = location.toString();
    }
    throw new Error("the provider never came back");
  }

  /** A page of the site wrote a session there, some time ago: its client knows no Domain. */
  async signedInByScript(email: string): Promise<void> {
    const { encoding = "base64url" } = { encoding: SETTINGS[this.#setting]!.vars.COOKIE_ENCODING as "raw" | undefined };
    const cookies = await stack.cookies(stack.signIn({ email, expiresIn: -30 }), { name: this.name, encoding });
    const secure = this.name.startsWith("__") ? "; Secure" : "";
    for (const { name, value } of cookies) {
      const line = `${name}=${encodeURIComponent(value)}; Path=${this.below || "/"}; SameSite=Lax${secure}`;
      await this.jar.setCookie(line, `${this.#way.seen}${this.below}/`);
    }
    expect(await this.held()).toEqual([this.name]);
  }

  /** The cookies of the session and its family in the jar. */
  async held(): Promise<string[]> {
    const cookies = await this.jar.getCookies(`${this.#way.seen}${this.below}/`);
    return cookies.map(({ key }) => key).filter((key) => key.startsWith(this.name));
  }

  /** The session is there: one cookie, which the Worker believes and the real client reads. */
  async expectSession(email: string): Promise<void> {
    const page = await this.go("/");
    expect([outcomeOf(page), page.all("set-cookie")]).toEqual(["valid", []]);
    const cookies = await this.jar.getCookies(`${this.#way.seen}${this.below}/`);
    const session = await readSession(stack.auth.url, cookies.map(({ key, value }) => ({ name: key, value: decodeURIComponent(value) })), this.name);
    expect((session as { user?: { email?: string } } | null)?.user?.email).toBe(email);
    expect(await this.held()).toEqual([this.name]);
  }
}

let visitors = 0;
function visitor(): string {
  visitors += 1;
  const email = `settings-${visitors}@example.com`;
  stack.auth.createUser({ email, password: PASSWORD });
  return email;
}

test("the table has every setting and every way", () => {
  expect(cells.length).toBeGreaterThan(180);
});

describe.each(cells)("%s, reached by %s", (setting, way) => {
  test("the session is there after a sign-in, and gone after a sign-out", async () => {
    const browser = new Browser(setting, way);
    const email = visitor();
    expect((await browser.post("/auth/login", { email, password: PASSWORD })).status).toBe(303);
    await browser.expectSession(email);
    expect((await browser.post("/auth/signout", {})).status).toBe(303);
    expect(await browser.held()).toEqual([]);
    expect(outcomeOf(await browser.go("/"))).toBe("anonymous");
  });

  test("the session is there after a refresh", async () => {
    const browser = new Browser(setting, way);
    const email = visitor();
    await browser.signedInByScript(email);
    const page = await browser.go("/");
    expect(outcomeOf(page)).toBe("refreshed");
    await browser.expectSession(email);
  });

  test("the session is there after an OAuth round trip", async () => {
    const browser = new Browser(setting, way);
    const start = await browser.go("/auth/login?provider=github");
    expect(start.status).toBe(303);
    const back = await browser.agree(start.header("location")!);
    const answer = await browser.go(back, {}, "lax");
    expect([answer.status, answer.header("location")?.includes("error=")]).toEqual([303, false]);
    const { email } = (await (await browser.go("/auth/session")).json()).user;
    await browser.expectSession(email);
  });
});
