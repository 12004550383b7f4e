/** Contract §8: whoever can sign in also finishes what he began, through the built Worker and the local Auth. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { sessionIn } from "../support/expectations.ts";
import type { Answer } from "../support/http.ts";
import { type Cookie, parseSetCookies } from "../support/sessions.ts";
import { type FetchInit, SITE, type Stack, startStack, type WorkerHandle } from "../support/stack.ts";

const PASSWORD = "correct horse battery";
const GUARD = [{ path: "/vault*", require: { aal: "aal2" } }, { path: "/members*", require: true }];

let stack: Stack<"main" | "bare" | "observing">;
let worker: WorkerHandle;

beforeAll(async () => {
  stack = await startStack({
    vars: { AUTH_PATH: "/auth", RULES: GUARD },
    workers: {
      main: { vars: { ACCOUNT_PAGES: "on" }, bindings: { kv: true, gate: true } },
      bare: {},
      observing: { vars: { MODE: "observe" } },
    },
  });
  worker = stack.worker("main");
}, 60_000);
afterAll(() => stack.close());
beforeEach(() => {
  stack.clear();
  stack.auth.inbox.clear();
  stack.auth.config({ siteUrl: SITE, autoconfirm: false });
});

let visitors = 0;
function visitor(): string {
  visitors += 1;
  const email = `account-visitor-${visitors}@example.com`;
  stack.auth.createUser({ email, password: PASSWORD });
  return email;
}

function form(fields: Record<string, string>, cookies: Cookie[] = []): FetchInit {
  const headers: [string, string][] = [["Origin", SITE], ["Content-Type", "application/x-www-form-urlencoded"], ["Referer", `${SITE}/`]];
  return { method: "POST", cookies, headers, body: new URLSearchParams(fields).toString() };
}

function json(body: unknown, cookies: Cookie[] = []): FetchInit {
  const headers: [string, string][] = [["Sec-Fetch-Site", "same-origin"], ["Content-Type", "application/json"]];
  return { method: "POST", cookies, headers, body: JSON.stringify(body) };
}

/** The cookies that an answer leaves in a browser that had `had`. */
function after(answer: Answer, had: Cookie[] = []): Cookie[] {
  const jar = new Map(had.map(({ name, value }) => [name, value]));
  for (const { name, value, deletes } of parseSetCookies(answer.headers)) {
    if (deletes) {
      jar.delete(name);
    } else {
      jar.set(name, value);
    }
  }
  return [...jar].map(([name, value]) => ({ name, value }));
}

async function signIn(email: string): Promise<Cookie[]> {
  return after(await worker.fetch("/auth/login", json({ email, password: PASSWORD })));
}

describe("§8 codes and passwords", () => {
  test("§8 POST /otp and /verify: the code of the mail signs in", async () => {
    const email = visitor();
    const asked = await worker.fetch("/auth/otp", form({ email, next: "/members" }));
    const step = new URL(asked.header("location")!, SITE);
    expect([asked.status, step.pathname, step.searchParams.get("sent"), step.searchParams.get("next")]).toEqual([303, "/auth/verify", "1", "/members"]);
    const token = stack.auth.inbox.latest(email)!.token;
    const wrong = await worker.fetch("/auth/verify", json({ email, token: token === "123456" ? "654321" : "123456" }));
    expect([wrong.status, wrong.json()]).toEqual([403, { error: "otp_expired" }]);
    const good = await worker.fetch("/auth/verify", form({ email, token, next: "/members" }));
    expect([good.status, good.header("location")]).toEqual([303, "/members"]);
    expect((await sessionIn(good, stack.auth.url, stack.key))?.user?.email).toBe(email);
  });

  test("§8 a forgotten password: the code leads to the page that sets one, and the new one holds", async () => {
    const email = visitor();
    await worker.fetch("/auth/recover", form({ email }));
    const { token } = stack.auth.inbox.latest(email)!;
    const verified = await worker.fetch("/auth/verify", form({ email, token, type: "recovery", next: "/members" }));
    expect(verified.header("location")).toBe("/auth/password?next=%2Fmembers");
    const cookies = after(verified);
    expect((await worker.fetch("/auth/password?next=%2Fmembers", { cookies, navigate: true })).status).toBe(200);
    const set = await worker.fetch("/auth/password", form({ password: "a new and longer one", next: "/members" }, cookies));
    expect([set.status, set.header("location")]).toEqual([303, "/members"]);
    expect((await worker.fetch("/auth/login", json({ email, password: PASSWORD }))).status).toBe(400);
    expect((await worker.fetch("/auth/login", json({ email, password: "a new and longer one" }))).status).toBe(200);
  });
});

describe("§8 second factors", () => {
  test("§8 POST /mfa: a navigation that lacks the level comes back with it", async () => {
    const email = visitor();
    const factor = stack.auth.factor({ email });
    const cookies = await signIn(email);
    const denied = await worker.fetch("/vault", { cookies, navigate: true });
    expect([denied.status, denied.header("location")]).toEqual([303, "/auth/mfa?next=%2Fvault"]);
    const page = await worker.fetch("/auth/mfa?next=%2Fvault", { cookies, navigate: true });
    expect([page.status, page.text.includes("one-time-code")]).toEqual([200, true]);
    const raised = await worker.fetch("/auth/mfa", form({ code: stack.auth.totp(factor.secret), next: "/vault" }, cookies));
    expect([raised.status, raised.header("location")]).toEqual([303, "/vault"]);
    expect((await worker.fetch("/vault", { cookies: after(raised, cookies), navigate: true })).status).toBe(200);
  });
});

describe("§8 pages, tokens, what is the site's", () => {
  test("§8.2 pages are the site's own without ACCOUNT_PAGES, and the Worker's with it", async () => {
    for (const page of ["login", "signup", "recover", "verify"]) {
      const own = await worker.fetch(`/auth/${page}`, { navigate: true });
      expect([page, own.status, own.header("x-frame-options"), own.header("x-content-type-options")]).toEqual([page, 200, "DENY", "nosniff"]);
      expect(own.header("content-security-policy")).toContain("default-src 'none'");
      expect(own.header("cache-control")).toContain("no-store");
    }
    expect(stack.origin.requests).toHaveLength(0);
    await stack.worker("bare").fetch("/auth/login", { navigate: true });
    expect(stack.origin.requests).toHaveLength(1);
  });

  test("§8 GET /token: the verified token for scripts of the site alone", async () => {
    const cookies = await signIn(visitor());
    const told = await worker.fetch("/auth/token", { cookies, headers: [["Sec-Fetch-Site", "same-origin"]] });
    expect([told.status, told.json().access_token.split(".").length]).toEqual([200, 3]);
    expect((await worker.fetch("/auth/token", { cookies })).status).toBe(403);
  });

  test("§8 GET /health: version, mode, last answers; served while observing too", async () => {
    await worker.fetch("/members", { cookies: await signIn(visitor()) });
    const body = (await worker.fetch("/auth/health")).json();
    expect([body.mode, body.auth.status, body.origin.status, typeof body.version]).toEqual(["enforce", 200, 200, "string"]);
    stack.clear();
    expect((await stack.worker("observing").fetch("/auth/health")).json().mode).toBe("observe");
    expect(stack.origin.requests).toHaveLength(0);
  });
});
