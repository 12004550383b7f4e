/** Contract §1, §6 and §7: what the newer variables do to cookies, headers and the log. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { expectUncacheable, outcomeOf, sessionSetCookies, UNCACHEABLE } from "../support/expectations.ts";
import { parseSetCookies } from "../support/sessions.ts";
import { SITE, type Stack, startStack, type WorkerSpec } from "../support/stack.ts";

const OPERATOR = "an-operator-token-of-more-than-32-bytes";
const SECRET = "sb_secret_settings0123456789";

const WORKERS = {
  partitioned: { vars: { COOKIE_PARTITIONED: "true", COOKIE_SAMESITE: "None" } },
  untilClosed: { vars: { COOKIE_MAX_AGE: "session" } },
  renewing: { vars: { COOKIE_RENEW: "on" } },
  prefixed: { vars: { COOKIE_NAME: "__Secure-session" } },
  domain: { vars: { COOKIE_DOMAIN: "example.com" } },
  strict: { vars: { COOKIE_SAMESITE: "Strict", AUTH_PATH: "/auth" } },
  site: { vars: { SITE_URL: "https://www.example.com", AUTH_PATH: "/auth" } },
  operator: { vars: { OPERATOR_TOKEN: OPERATOR, SUPABASE_SECRET_KEY: SECRET, LOG_LEVEL: "debug" } },
  paths: { vars: { LOG_PATH: "on" } },
  noPaths: {},
  noClaims: { vars: { IDENTITY_CLAIMS: "none" } },
  badHeader: { vars: { IDENTITY_CLAIMS: { "X Plan": "/app_metadata/plan" } } },
  ownHeader: { vars: { ORIGIN_HEADERS: { Cookie: "a=1" } } },
  guarded: { vars: { RULES: [{ path: "/members*", require: true, cache: "shared" }] } },
} satisfies Record<string, WorkerSpec>;

let stack: Stack<keyof typeof WORKERS>;
let pinned: Stack<"pinned">;

beforeAll(async () => {
  stack = await startStack({ vars: { SERVER_TIMING: "on" }, workers: WORKERS });
  const keys = await (await fetch(`${stack.auth.authUrl}/.well-known/jwks.json`)).text();
  pinned = await startStack({ vars: { SERVER_TIMING: "on", SUPABASE_URL: stack.auth.url, SUPABASE_JWKS: keys }, workers: { pinned: { vars: { AUTH_PATH: "/auth" } } } });
});
afterAll(() => Promise.all([stack.close(), pinned.close()]));
beforeEach(() => stack.clear());

const late = async () => ({ cookies: await stack.cookies(stack.signIn({ expiresIn: -30 })) });

test("§1 SUPABASE_JWKS: a pinned key set, and no key is ever fetched", async () => {
  const session = stack.signIn();
  const answer = await pinned.worker("pinned").fetch("/", { cookies: await stack.cookies(session) });
  expect([outcomeOf(answer), stack.authCalls()]).toEqual(["valid", {}]);
  const health = await pinned.worker("pinned").fetch("/auth/health");
  expect([health.status, health.json().keys]).toEqual([200, { number: 1, age_seconds: 0 }]);
  const unknown = await stack.auth.sign({ key: "unknown" });
  await pinned.worker("pinned").fetch("/", { headers: [["Authorization", `Bearer ${unknown}`]] });
  expect(stack.authCalls()).toEqual({});
});

describe("§1 cookies", () => {
  const lines = async (worker: keyof typeof WORKERS, site?: string) => {
    const key = worker === "prefixed" ? "__Secure-session" : stack.key;
    const session = stack.signIn({ expiresIn: -30 });
    const cookies = await stack.cookies(session, { name: key });
    const answer = await stack.worker(worker).fetch("/", { cookies, ...(site === undefined ? {} : { site }) });
    expect(outcomeOf(answer)).toBe("refreshed");
    return sessionSetCookies(answer, key);
  };

  test("§1 COOKIE_PARTITIONED: Partitioned on set and on delete", async () => {
    for (const { attributes } of await lines("partitioned")) {
      expect(attributes).toMatchObject({ partitioned: true, secure: true });
    }
    const session = stack.signIn({ expiresIn: -30 });
    stack.auth.deleteSession(session.session_id);
    const answer = await stack.worker("partitioned").fetch("/", { cookies: await stack.cookies(session) });
    const deleted = sessionSetCookies(answer, stack.key);
    expect(deleted.map(({ deletes, attributes }) => [deletes, attributes.partitioned])).toEqual(deleted.map(() => [true, true]));
    expect(deleted.length).toBeGreaterThan(0);
  });

  test("§1 COOKIE_MAX_AGE=session: until the browser closes", async () => {
    for (const { attributes, deletes } of await lines("untilClosed")) {
      expect(deletes ? attributes["max-age"] : [attributes["max-age"], attributes.expires]).toEqual(deletes ? "0" : [undefined, undefined]);
    }
  });

  test("§1 COOKIE_RENEW: a navigation whose token this isolate sees for the first time gets the cookies anew", async () => {
    const session = stack.signIn();
    const cookies = await stack.cookies(session);
    const ask = (navigate: boolean) => stack.worker("renewing").fetch("/", { cookies, navigate });
    const first = await ask(true);
    expect(outcomeOf(first)).toBe("valid");
    const set = sessionSetCookies(first, stack.key).filter(({ deletes }) => !deletes);
    expect(set.map(({ name, value }) => [name, decodeURIComponent(value)])).toEqual(cookies.map(({ name, value }) => [name, value]));
    expectUncacheable(first);
    expect(sessionSetCookies(await ask(true), stack.key)).toEqual([]);
    const other = await stack.cookies(stack.signIn());
    expect(sessionSetCookies(await stack.worker("renewing").fetch("/", { cookies: other }), stack.key)).toEqual([]);
    expect(sessionSetCookies(await stack.worker("noPaths").fetch("/", { cookies, navigate: true }), stack.key)).toEqual([]);
  });

  test("§1 COOKIE_NAME: __Secure- implies Secure, on http too", async () => {
    for (const { attributes } of await lines("prefixed", "http://app.example.com")) {
      expect(attributes.secure).toBe(true);
    }
  });

  test("§1 COOKIE_DOMAIN: a request whose host is not the domain or below it gets host-only cookies", async () => {
    const domains = async (site: string) => new Set((await lines("domain", site)).filter(({ deletes }) => !deletes).map(({ attributes }) => attributes.domain));
    expect(await domains("https://app.example.com")).toEqual(new Set(["example.com"]));
    expect(await domains("https://preview.example.net")).toEqual(new Set([undefined]));
    expect(await domains("https://notexample.com")).toEqual(new Set([undefined]));
  });

  test("§1 code verifiers are never stricter than Lax, and live an hour", async () => {
    const answer = await stack.worker("strict").fetch("/auth/login?provider=github", { navigate: true });
    const verifiers = parseSetCookies(answer.headers).filter(({ name, deletes }) => name.includes("-code-verifier") && !deletes);
    expect(verifiers.length).toBeGreaterThan(0);
    for (const { attributes } of verifiers) {
      expect([attributes.samesite, attributes["max-age"]]).toEqual(["Lax", "3600"]);
    }
  });
});

describe("§1 SITE_URL", () => {
  test("§1 GET and HEAD below AUTH_PATH on the host right above or below are sent there first", async () => {
    const ask = (site: string, method = "GET") => stack.worker("site").fetch("/auth/session?a=b", { site, method });
    for (const method of ["GET", "HEAD"]) {
      const answer = await ask("https://example.com", method);
      expect([answer.status, answer.header("location")]).toEqual([308, "https://www.example.com/auth/session?a=b"]);
    }
    expect((await ask("https://a.www.example.com")).status).toBe(308);
    expect((await ask("https://www.example.com")).status).toBe(200);
    expect((await ask("https://other.example.net")).status).toBe(200);
  });

  test("§1 X-Forwarded-Host and -Proto are those of SITE_URL", async () => {
    await stack.worker("site").fetch("/", { site: "http://inner.local", headers: [["X-Forwarded-Proto", "ftp"]] });
    expect([stack.origin.only().header("x-forwarded-host"), stack.origin.only().header("x-forwarded-proto")]).toEqual(["www.example.com", "https"]);
  });
});

describe("§1 operators", () => {
  const explained = (token: string) => stack.worker("operator").fetch("/", { headers: [["X-Session-Explain", token]] });

  test("§1 OPERATOR_TOKEN is what X-Session-Explain takes, and the secret key no longer", async () => {
    const answer = await explained(OPERATOR);
    expect(answer.header("x-session-explanation")).toContain("no_session");
    expect(answer.header("cache-control")).toBe(UNCACHEABLE);
    expect((await explained(SECRET)).header("x-session-explanation")).toBeUndefined();
  });

  test("§1 LOG_LEVEL: no level ever shows an explanation to a visitor", async () => {
    for (const token of ["", "1", `${OPERATOR}x`]) {
      expect((await explained(token)).header("x-session-explanation")).toBeUndefined();
    }
    expect((await stack.worker("operator").fetch("/")).header("x-session-explanation")).toBeUndefined();
  });

  test("§1 LOG_PATH: the log line has method, host and path, without the query", async () => {
    const { lines } = await stack.worker("paths").logged("/a/b?code=secret", { method: "PUT" });
    expect(lines).toMatchObject([{ method: "PUT", host: new URL(SITE).host, path: "/a/b" }]);
    expect(JSON.stringify(lines)).not.toContain("secret");
    const without = await stack.worker("noPaths").logged("/a/b");
    expect(JSON.stringify(without.lines)).not.toContain("/a/b");
  });
});

describe("§6 what else the origin learns", () => {
  test("§6 IDENTITY_CLAIMS=none: no X-Session-Claims", async () => {
    await stack.worker("noClaims").fetch("/", { cookies: await stack.cookies(stack.signIn()) });
    const received = stack.origin.only();
    expect([received.header("x-session-claims"), received.header("x-session-outcome")]).toEqual([undefined, "valid"]);
  });

  test("§6 X-Session-Client-Id if the token has one", async () => {
    await stack.worker("noPaths").fetch("/", { cookies: await stack.cookies(stack.signIn({ client: { client_id: "app-7", scope: "openid" } })) });
    expect(stack.origin.only().header("x-session-client-id")).toBe("app-7");
    stack.origin.clear();
    await stack.worker("noPaths").fetch("/", { cookies: await stack.cookies(stack.signIn()), headers: [["X-Session-Client-Id", "forged"]] });
    expect(stack.origin.only().header("x-session-client-id")).toBeUndefined();
  });

  test("§6 X-Session-Claims is left out where it and Cookie together pass 12 KiB", async () => {
    const claimsWith = async (bytes: number): Promise<boolean> => {
      stack.origin.clear();
      await stack.worker("noPaths").fetch("/", { cookies: await stack.cookies(stack.signIn({ user_metadata: { note: "n".repeat(bytes) } })) });
      return stack.origin.only().header("x-session-claims") !== undefined;
    };
    // The claims stand in the header, and twice more in the cookie: in the token and in the user.
    expect([await claimsWith(500), await claimsWith(4_000)]).toEqual([true, false]);
  });

  test.each(["badHeader", "ownHeader"] as const)("§1 a name of IDENTITY_CLAIMS or ORIGIN_HEADERS that is no header name or not the operator's: 500 (%s)", async (name) => {
    const answer = await stack.worker(name).fetch("/");
    expect([answer.status, answer.header("cache-control")]).toEqual([500, "no-store"]);
    expect(answer.text).toMatch(/IDENTITY_CLAIMS|ORIGIN_HEADERS/);
    expect(stack.origin.requests).toEqual([]);
  });
});

describe("§7 caches", () => {
  const LOUD: [string, string][] = [
    ["X-Accel-Expires", "60"],
    ["Edge-Control", "max-age=60"],
    ["Some-CDN-Cache-Control", "max-age=60"],
    ["CDN-Cache-Control", "max-age=60"],
    ["Cache-Control", "public, max-age=60, no-transform"],
    ["ETag", '"1"'],
  ];

  test("§7 a response that carries a session has no header left for any cache, and no-transform stays", async () => {
    stack.origin.on("/loud", { body: "ok", headers: LOUD });
    const answer = await stack.worker("noPaths").fetch("/loud", await late());
    expect(answer.header("cache-control")).toBe(`${UNCACHEABLE}, no-transform`);
    for (const [name] of LOUD.filter(([name]) => name !== "Cache-Control")) {
      expect([name, answer.header(name)]).toEqual([name, undefined]);
    }
  });

  test("§7 private, no-cache keeps no-transform, behind a guard of a shared page too", async () => {
    for (const [worker, path] of [["noPaths", "/loud"], ["guarded", "/members/loud"]] as const) {
      stack.origin.on(path, { body: "ok", headers: LOUD });
      const answer = await stack.worker(worker).fetch(path, { cookies: await stack.cookies(stack.signIn()) });
      expect([answer.header("cache-control"), answer.header("etag"), answer.header("edge-control")]).toEqual(["private, no-cache, no-transform", '"1"', undefined]);
    }
  });

  test("§7 the answer to a bearer token that is the origin's affair is kept from others too; without one its headers stand", async () => {
    stack.origin.on("/loud", { body: "ok", headers: LOUD });
    const answer = await stack.worker("noPaths").fetch("/loud", { headers: [["Authorization", "Bearer an-api-key"]] });
    expect([answer.header("cache-control"), answer.header("etag"), answer.header("edge-control")]).toEqual(["private, no-cache, no-transform", '"1"', undefined]);
    const anonymous = await stack.worker("noPaths").fetch("/loud");
    expect(LOUD.map(([name]) => [name, anonymous.header(name)])).toEqual(LOUD);
  });
});
