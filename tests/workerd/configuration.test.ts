/** Contract §1: configuration. */
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SignJWT } from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { expectUncacheable, outcomeOf, sessionAt, sessionIn, sessionSetCookies } from "../support/expectations.ts";
import { cookieHeader, parseCookies } from "../support/sessions.ts";
import { SITE, type Stack, startStack, type WorkerSpec } from "../support/stack.ts";

const JWT_SECRET = "a-jwt-secret-that-is-long-enough-for-hs256";
const REQUIRE_ALL = [{ require: true }];

const unsigned = (claims: object): string =>
  [{ alg: "HS256", typ: "JWT" }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".") + ".c2lnbmF0dXJl";

/** Every variable with values that it must refuse; `names` is what the answer has to name. */
const BAD: { variable: string; value: string | number | object | null; vars?: Record<string, string | null>; secret?: true }[] = [
  { variable: "SUPABASE_URL", value: null },
  { variable: "SUPABASE_URL", value: "" },
  { variable: "SUPABASE_URL", value: "abc.supabase.co" },
  { variable: "SUPABASE_URL", value: "ftp://abc.supabase.co" },
  { variable: "SUPABASE_URL", value: "https://" },
  { variable: "SUPABASE_URL", value: "http://abc.supabase.co" },
  { variable: "SUPABASE_URL", value: "http://8.8.8.8" },
  { variable: "SUPABASE_PUBLISHABLE_KEY", value: null },
  { variable: "SUPABASE_PUBLISHABLE_KEY", value: "sb_secret_misplaced_0123456789", secret: true },
  { variable: "SUPABASE_PUBLISHABLE_KEY", value: unsigned({ iss: "supabase", role: "service_role" }), secret: true },
  { variable: "SUPABASE_ANON_KEY", value: "sb_secret_misplaced_0123456789", vars: { SUPABASE_PUBLISHABLE_KEY: null }, secret: true },
  { variable: "CLOCK_SKEW_SECONDS", value: "-1" },
  { variable: "CLOCK_SKEW_SECONDS", value: "61" },
  { variable: "CLOCK_SKEW_SECONDS", value: "a few" },
  { variable: "ORIGIN_URL", value: "not a url" },
  { variable: "ORIGIN_URL", value: "ftp://origin.example.com" },
  { variable: "RULES", value: "not json" },
  { variable: "RULES", value: '{"path":"/"}' },
  { variable: "RULES", value: [{ paths: "/" }] },
  { variable: "RULES", value: '[{"path":"/","allow":true}]' },
  { variable: "RULES", value: [{ path: 1 }] },
  { variable: "RULES", value: [{ require: { roles: "admin" } }] },
  { variable: "RULES", value: [{ verify: "sometimes" }] },
  { variable: "RULES", value: [{ cache: "public" }] },
  { variable: "RULES", value: [{ on_denied: "explode" }] },
  { variable: "RULES", value: [{ bypass: "yes" }] },
  { variable: "LOGIN_PATH", value: "login" },
  { variable: "LOGIN_PATH", value: "ftp://login.example.com/" },
  { variable: "LOGIN_PATH", value: "//evil.example/login" },
  { variable: "AUTH_PATH", value: "auth" },
  { variable: "SITE_URL", value: "app.example.com" },
  { variable: "REFRESH_MARGIN_SECONDS", value: "-1" },
  { variable: "REFRESH_MARGIN_SECONDS", value: "601" },
  { variable: "REFRESH_REPLAY_SECONDS", value: "301" },
  { variable: "AUTH_TIMEOUT_MS", value: "99" },
  { variable: "AUTH_TIMEOUT_MS", value: "30001" },
  { variable: "JWKS_TTL_SECONDS", value: "59" },
  { variable: "JWKS_TTL_SECONDS", value: "86401" },
  { variable: "REVOCATION", value: "sometimes" },
  { variable: "COOKIE_NAME", value: "bad;name" },
  { variable: "COOKIE_DOMAIN", value: "example.com; Secure" },
  { variable: "COOKIE_PATH", value: "members" },
  { variable: "COOKIE_SAMESITE", value: "sometimes" },
  { variable: "COOKIE_SAMESITE", value: "None", vars: { COOKIE_SECURE: "false" } },
  { variable: "COOKIE_MAX_AGE", value: "a year" },
  { variable: "COOKIE_MAX_AGE", value: "-1" },
  { variable: "COOKIE_SECURE", value: "sometimes" },
  { variable: "COOKIE_HTTP_ONLY", value: "sometimes" },
  { variable: "COOKIE_ENCODING", value: "base64" },
  { variable: "IDENTITY_HEADERS", value: "sometimes" },
  { variable: "IDENTITY_SECRET", value: "only-thirty-one-bytes-long-12345", secret: true },
  { variable: "FORWARD_COOKIES", value: "sometimes" },
  { variable: "FORWARD_BEARER", value: "sometimes" },
  { variable: "SERVER_TIMING", value: "sometimes" },
  { variable: "LOG_LEVEL", value: "loud" },
].map((entry) =>
  entry.variable === "IDENTITY_SECRET" ? { ...entry, value: String(entry.value).slice(0, 31) } : entry,
) as typeof BAD;

const label = ({ variable, value }: (typeof BAD)[number], index: number): string =>
  `${variable} ${value === null ? "missing" : JSON.stringify(value).slice(0, 40)} (${index})`;

/** Plain http is for these hosts alone. */
const PLAIN_HTTP_HOSTS = ["10.0.0.5", "172.16.3.4", "192.168.1.5:8000", "localhost:54321", "kong:8000", "box.local", "auth.internal"];

const assets = mkdtempSync(join(tmpdir(), "edge-session-assets-"));
writeFileSync(join(assets, "page.txt"), "a static page");

const WORKERS: Record<string, WorkerSpec> = {
  plain: {},
  anonKey: { vars: ({ auth }) => ({ SUPABASE_PUBLISHABLE_KEY: null, SUPABASE_ANON_KEY: auth.publishableKey }) },
  prefix: { vars: ({ auth, origin }) => ({ SUPABASE_URL: `${origin.url}/some/path`, JWT_ISSUER: auth.authUrl }) },
  secretKey: { vars: ({ auth }) => ({ SUPABASE_SECRET_KEY: auth.secretKey }) },
  jwtSecret: { vars: { SUPABASE_JWT_SECRET: JWT_SECRET } },
  issuers: { vars: ({ auth }) => ({ JWT_ISSUER: `https://other.example/auth/v1, ${auth.authUrl}`, JWT_AUDIENCE: "mobile,authenticated" }) },
  noSkew: { vars: { CLOCK_SKEW_SECONDS: "0" } },
  path: { vars: ({ origin }) => ({ ORIGIN_URL: `${origin.url}/base` }) },
  urlWins: { vars: ({ origin }) => ({ ORIGIN_URL: origin.url }), bindings: { originBinding: true } },
  service: { bindings: { originBinding: true } },
  assets: { bindings: { assets } },
  route: { bindings: { route: true } },
  rulesText: { vars: { RULES: JSON.stringify([{ path: "/members*", require: true }]) } },
  rulesTable: { vars: { RULES: [{ path: "/members*", require: true }] } },
  login: { vars: { LOGIN_PATH: "/sign/in", RULES: REQUIRE_ALL } },
  site: { vars: { SITE_URL: "https://public.example.com", RULES: REQUIRE_ALL } },
  margin: { vars: { REFRESH_MARGIN_SECONDS: "200" } },
  noMargin: { vars: { REFRESH_MARGIN_SECONDS: "0" } },
  impatient: { vars: { AUTH_TIMEOUT_MS: "600" } },
  cookieName: { vars: { COOKIE_NAME: "my-session" } },
  cookieAttributes: {
    vars: { COOKIE_DOMAIN: "example.com", COOKIE_PATH: "/app", COOKIE_SAMESITE: "Strict", COOKIE_MAX_AGE: "86400", COOKIE_HTTP_ONLY: "true" },
  },
  alwaysSecure: { vars: { COOKIE_SECURE: "true", COOKIE_SAMESITE: "None" } },
  neverSecure: { vars: { COOKIE_SECURE: "false" } },
  noIdentity: { vars: { IDENTITY_HEADERS: "off" } },
  noCookies: { vars: { FORWARD_COOKIES: "off" } },
  bearer: { vars: { FORWARD_BEARER: "on" } },
  noTiming: { vars: { SERVER_TIMING: null } },
  quiet: { vars: { LOG_LEVEL: "off" } },
  errorsOnly: { vars: { LOG_LEVEL: "error" } },
  numbers: { vars: { REFRESH_MARGIN_SECONDS: 200, COOKIE_HTTP_ONLY: "true" } },
  ...Object.fromEntries(
    PLAIN_HTTP_HOSTS.map((host): [string, WorkerSpec] => [`http-${host}`, { vars: { SUPABASE_URL: `http://${host}` } }]),
  ),
  ...Object.fromEntries(
    BAD.map(({ variable, value, vars }, index): [string, WorkerSpec] => [
      `bad-${index}`,
      { vars: { ...vars, [variable]: value } },
    ]),
  ),
};

let stack: Stack<string>;

beforeAll(async () => {
  stack = await startStack({ vars: { SERVER_TIMING: "on" }, workers: WORKERS });
});
afterAll(() => stack.close());
beforeEach(() => stack.clear());

describe("§1 a bad value answers every request", () => {
  test.each(BAD.map((entry, index) => ({ name: label(entry, index), index, ...entry })))(
    "§1 $name",
    async ({ index, variable, value, secret }) => {
      const session = stack.signIn({ expiresIn: -5 });
      const cookies = await stack.cookies(session);
      const answer = await stack.worker(`bad-${index}`).fetch("/anything?x=1", { cookies });
      const page = await stack.worker(`bad-${index}`).fetch("/anything?x=1", { cookies, navigate: true });
      expect([page.status, page.header("content-type"), page.text.includes(variable)]).toEqual([500, "text/html; charset=utf-8", true]);
      expect(answer.status).toBe(500);
      expect(answer.header("content-type")).toMatch(/^application\/problem\+json/);
      expect(answer.header("cache-control")).toBe("no-store");
      expect(JSON.stringify(answer.json())).toContain(variable);
      if (secret === true) {
        expect(answer.text).not.toContain(String(value).slice(0, 24));
      }
      expect(stack.origin.requests).toEqual([]);
      expect(stack.authCalls()).toEqual({});
      expect(answer.all("set-cookie")).toEqual([]);
    },
  );

  test("§1 also API requests, the login page and static files", async () => {
    const index = BAD.findIndex(({ variable }) => variable === "LOG_LEVEL");
    for (const path of ["/api/x", "/login", "/favicon.ico", "/_next/static/a.js"]) {
      const answer = await stack.worker(`bad-${index}`).fetch(path, { method: path === "/api/x" ? "POST" : "GET" });
      expect([path, answer.status]).toEqual([path, 500]);
    }
    expect(stack.origin.requests).toEqual([]);
  });

  test("§1 says what the variable must be", async () => {
    const index = BAD.findIndex(({ variable }) => variable === "AUTH_TIMEOUT_MS");
    const answer = await stack.worker(`bad-${index}`).fetch("/");
    expect(answer.text).toContain("100");
    expect(answer.text).toContain("30000");
  });
});

describe("§1 variables", () => {
  test.each(PLAIN_HTTP_HOSTS)("§1 SUPABASE_URL takes plain http for %s", async (host) => {
    const answer = await stack.worker(`http-${host}`).fetch("/");
    expect(answer.status).toBe(200);
    expect(outcomeOf(answer)).toBe("anonymous");
  });

  test("§1 SUPABASE_URL: the auth base is <url>/auth/v1 and a path prefix is kept", async () => {
    const session = stack.signIn();
    stack.origin.on("/some/path/auth/v1/.well-known/jwks.json", {
      body: JSON.stringify(stack.auth.keys.jwks()),
      headers: [["Content-Type", "application/json"]],
    });
    const answer = await stack.worker("prefix").fetch("/", { cookies: await stack.cookies(session) });
    expect(outcomeOf(answer)).toBe("valid");
    expect(stack.origin.requests.map(({ path }) => path)).toContain("/some/path/auth/v1/.well-known/jwks.json");
  });

  test("§1 SUPABASE_ANON_KEY is accepted as another name of SUPABASE_PUBLISHABLE_KEY", async () => {
    const cookies = await stack.cookies(stack.signIn({ expiresIn: -5 }));
    expect(outcomeOf(await stack.worker("anonKey").fetch("/", { cookies }))).toBe("refreshed");
    expect(refreshCalls()[0]?.headers.apikey).toBe(stack.auth.publishableKey);
  });

  test("§1 SUPABASE_PUBLISHABLE_KEY is the apikey of a refresh without a secret key, and no client address is sent", async () => {
    const cookies = await stack.cookies(stack.signIn({ expiresIn: -5 }));
    await stack.worker("plain").fetch("/", { cookies, headers: [["CF-Connecting-IP", "203.0.113.7"]] });
    expect(refreshCalls()[0]?.headers.apikey).toBe(stack.auth.publishableKey);
    expect(refreshCalls()[0]?.headers.sbForwardedFor).toBeUndefined();
  });

  test("§1 SUPABASE_SECRET_KEY is sent as apikey on refresh, with Sb-Forwarded-For, never with the browser's User-Agent", async () => {
    const cookies = await stack.cookies(stack.signIn({ expiresIn: -5 }));
    const answer = await stack.worker("secretKey").fetch("/", {
      cookies,
      headers: [
        ["CF-Connecting-IP", "203.0.113.7"],
        ["User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Chrome/140"],
      ],
    });
    expect(outcomeOf(answer)).toBe("refreshed");
    const [call] = refreshCalls();
    expect(call?.headers.apikey).toBe(stack.auth.secretKey);
    expect(call?.headers.sbForwardedFor).toBe("203.0.113.7");
    expect(call?.headers.userAgent ?? "").not.toContain("Mozilla");
  });

  test("§1 SUPABASE_SECRET_KEY never goes towards origin or browser", async () => {
    const cookies = await stack.cookies(stack.signIn({ expiresIn: -5 }));
    const answer = await stack.worker("secretKey").fetch("/", { cookies });
    expect(JSON.stringify(stack.origin.only().headers)).not.toContain(stack.auth.secretKey);
    expect(JSON.stringify(answer.headers) + answer.text).not.toContain(stack.auth.secretKey);
  });

  test("§1 SUPABASE_JWT_SECRET verifies HS256 tokens locally", async () => {
    const token = await hs256(JWT_SECRET);
    const answer = await stack.worker("jwtSecret").fetch("/", { headers: [["Authorization", `Bearer ${token}`]] });
    expect(outcomeOf(answer)).toBe("valid");
    expect(stack.authCalls().user).toBeUndefined();
  });

  test("§1 SUPABASE_JWT_SECRET: without it HS256 tokens are checked at GET /user", async () => {
    const token = await hs256(JWT_SECRET);
    await stack.worker("plain").fetch("/", { headers: [["Authorization", `Bearer ${token}`]] });
    expect(stack.authCalls().user).toBe(1);
  });

  test("§1 JWT_ISSUER is the auth base by default", async () => {
    const token = await stack.auth.sign({ claims: { iss: "https://other.example/auth/v1" } });
    expect(outcomeOf(await stack.worker("plain").fetch("/", bearer(token)))).toBe("invalid");
  });

  test("§1 JWT_ISSUER lists the accepted issuers, comma separated", async () => {
    const other = await stack.auth.sign({ claims: { iss: "https://other.example/auth/v1" } });
    const own = await stack.auth.sign();
    const third = await stack.auth.sign({ claims: { iss: "https://third.example/auth/v1" } });
    const worker = stack.worker("issuers");
    expect(outcomeOf(await worker.fetch("/", bearer(other)))).toBe("valid");
    expect(outcomeOf(await worker.fetch("/", bearer(own)))).toBe("valid");
    expect(outcomeOf(await worker.fetch("/", bearer(third)))).toBe("invalid");
  });

  test("§1 JWT_AUDIENCE is authenticated by default and a comma separated list otherwise", async () => {
    const mobile = await stack.auth.sign({ claims: { aud: "mobile" } });
    expect(outcomeOf(await stack.worker("plain").fetch("/", bearer(mobile)))).toBe("invalid");
    expect(outcomeOf(await stack.worker("issuers").fetch("/", bearer(mobile)))).toBe("valid");
  });

  test("§1 JWT_AUDIENCE: a token whose aud is an array passes if any member matches", async () => {
    const some = await stack.auth.sign({ claims: { aud: ["web", "authenticated"] } });
    const none = await stack.auth.sign({ claims: { aud: ["web", "tv"] } });
    expect(outcomeOf(await stack.worker("plain").fetch("/", bearer(some)))).toBe("valid");
    expect(outcomeOf(await stack.worker("plain").fetch("/", bearer(none)))).toBe("invalid");
  });

  test("§1 CLOCK_SKEW_SECONDS is a leeway of 5 on exp, nbf, iat", async () => {
    const worker = stack.worker("plain");
    const now = Math.floor(Date.now() / 1000);
    const inside = [{ exp: now - 2 }, { nbf: now + 3 }, { iat: now + 3 }];
    const outside = [{ exp: now - 8 }, { nbf: now + 20 }, { iat: now + 20 }];
    for (const claims of inside) {
      expect([claims, outcomeOf(await worker.fetch("/", bearer(await stack.auth.sign({ claims }))))]).toEqual([claims, "valid"]);
    }
    for (const claims of outside) {
      expect([claims, outcomeOf(await worker.fetch("/", bearer(await stack.auth.sign({ claims }))))]).not.toEqual([claims, "valid"]);
    }
  });

  test("§1 CLOCK_SKEW_SECONDS=0 gives no leeway", async () => {
    const now = Math.floor(Date.now() / 1000);
    for (const claims of [{ exp: now - 2 }, { nbf: now + 4 }, { iat: now + 4 }]) {
      const token = await stack.auth.sign({ claims });
      expect([claims, outcomeOf(await stack.worker("noSkew").fetch("/", bearer(token)))]).not.toEqual([claims, "valid"]);
    }
  });

  test("§1 ORIGIN_URL: host, scheme and port replaced, path and query kept", async () => {
    await stack.worker("plain").fetch("/a/b%20c/?q=1&q=2%2F&empty=");
    expect(stack.origin.only().url).toBe("/a/b%20c/?q=1&q=2%2F&empty=");
    expect(stack.origin.only().header("host")).toBe(stack.origin.host);
  });

  test("§1 ORIGIN_URL: a path prefix is prepended", async () => {
    await stack.worker("path").fetch("/a?b=c");
    expect(stack.origin.only().url).toBe("/base/a?b=c");
  });

  test("§1 ORIGIN is used if there is no ORIGIN_URL", async () => {
    await stack.worker("service").fetch("/via?service=1");
    expect(stack.origin.only().url).toBe("/via?service=1");
    expect(stack.origin.only().header("host")).toBe("app.example.com");
  });

  test("§1 ORIGIN_URL is used before ORIGIN", async () => {
    await stack.worker("urlWins").fetch("/via?url=1");
    expect(stack.origin.only().header("host")).toBe(stack.origin.host);
  });

  test("§1 ASSETS is used if there is neither", async () => {
    const answer = await stack.worker("assets").fetch("/page.txt");
    expect([answer.status, answer.text]).toEqual([200, "a static page"]);
    expect(stack.origin.requests).toEqual([]);
  });

  test("§1 with none of the three the request goes on to the zone's own origin, as on a route", async () => {
    await stack.worker("route").fetch("/page?x=1");
    expect(stack.origin.only().url).toBe("/page?x=1");
    expect(stack.origin.only().header("host")).toBe("app.example.com");
  });

  test.each(["rulesText", "rulesTable"])("§1 RULES: a TOML array of tables or a JSON string (%s)", async (name) => {
    expect((await stack.worker(name).fetch("/members/1")).status).toBe(401);
    expect((await stack.worker(name).fetch("/open")).status).toBe(200);
  });

  test("§1 LOGIN_PATH is where a denied navigation is sent", async () => {
    const answer = await stack.worker("login").fetch("/page", { navigate: true });
    expect(answer.status).toBe(303);
    expect(new URL(answer.header("location") ?? "", SITE).pathname).toBe("/sign/in");
    expect((await stack.worker("login").fetch("/sign/in", { navigate: true })).status).toBe(200);
  });

  test("§1 AUTH_PATH unset: the Worker serves no route of its own", async () => {
    for (const path of ["/auth/session", "/auth/health", "/auth/callback?code=1"]) {
      stack.origin.clear();
      await stack.worker("plain").fetch(path);
      expect(stack.origin.only().url).toBe(path);
    }
  });

  test("§1 SITE_URL is the public origin of the site for redirects", async () => {
    const answer = await stack.worker("site").fetch("/page?x=1", { navigate: true, site: "http://internal.example" });
    const location = new URL(answer.header("location") ?? "", "https://public.example.com");
    expect(location.origin).toBe("https://public.example.com");
    expect(location.pathname).toBe("/login");
    expect(location.searchParams.get("next")).toBe("/page?x=1");
  });

  test("§1 REFRESH_MARGIN_SECONDS: 90 by default", async () => {
    const soon = await stack.cookies(stack.signIn({ expiresIn: 80 }));
    const later = await stack.cookies(stack.signIn({ expiresIn: 120 }));
    expect(outcomeOf(await stack.worker("plain").fetch("/", { cookies: soon }))).toBe("refreshed");
    expect(outcomeOf(await stack.worker("plain").fetch("/", { cookies: later }))).toBe("valid");
  });

  test.each(["margin", "numbers"])("§1 REFRESH_MARGIN_SECONDS: another margin, as text or number (%s)", async (name) => {
    const cookies = await stack.cookies(stack.signIn({ expiresIn: 150 }));
    expect(outcomeOf(await stack.worker(name).fetch("/", { cookies }))).toBe("refreshed");
  });

  test("§1 REFRESH_MARGIN_SECONDS=0 refreshes only what has expired", async () => {
    const alive = await stack.cookies(stack.signIn({ expiresIn: 20 }));
    const dead = await stack.cookies(stack.signIn({ expiresIn: -1 }));
    expect(outcomeOf(await stack.worker("noMargin").fetch("/", { cookies: alive }))).toBe("valid");
    expect(outcomeOf(await stack.worker("noMargin").fetch("/", { cookies: dead }))).toBe("refreshed");
  });

  test("§1 AUTH_TIMEOUT_MS is the whole budget for the Auth server in one request", async () => {
    await stack.worker("impatient").fetch("/", { cookies: await stack.cookies(stack.signIn()) });
    stack.auth.faults.add({ match: { path: "/token" }, hang: true });
    const cookies = await stack.cookies(stack.signIn({ expiresIn: -5 }));
    const started = Date.now();
    const answer = await stack.worker("impatient").fetch("/", { cookies });
    expect(outcomeOf(answer)).toBe("unavailable");
    expect(Date.now() - started).toBeLessThan(1_000);
  });

  test("§1 COOKIE_NAME is sb-<first host label>-auth-token by default", async () => {
    expect(stack.key).toBe("sb-127-auth-token");
    const session = stack.signIn({ expiresIn: -5 });
    const answer = await stack.worker("plain").fetch("/", { cookies: await stack.cookies(session) });
    expect(sessionSetCookies(answer, "sb-127-auth-token").length).toBeGreaterThan(0);
  });

  test("§1 COOKIE_NAME: another storage key", async () => {
    const session = stack.signIn({ expiresIn: -5 });
    const own = await stack.cookies(session, { name: "my-session" });
    const answer = await stack.worker("cookieName").fetch("/", { cookies: own });
    expect(outcomeOf(answer)).toBe("refreshed");
    expect(sessionSetCookies(answer, "my-session").length).toBeGreaterThan(0);
    const other = await stack.cookies(stack.signIn());
    expect(outcomeOf(await stack.worker("cookieName").fetch("/", { cookies: other }))).toBe("anonymous");
  });

  test("§1 cookie attributes: Path=/, SameSite=Lax, Max-Age=34560000, no Domain, no HttpOnly by default", async () => {
    const cookies = await stack.cookies(stack.signIn({ expiresIn: -5 }));
    const [set] = sessionSetCookies(await stack.worker("plain").fetch("/", { cookies }), stack.key);
    expect(set?.attributes).toEqual({ "max-age": "34560000", path: "/", samesite: "Lax", secure: true });
  });

  test("§1 cookie attributes: as configured on set", async () => {
    const cookies = await stack.cookies(stack.signIn({ expiresIn: -5 }));
    const answer = await stack.worker("cookieAttributes").fetch("/", { cookies });
    const sets = sessionSetCookies(answer, stack.key).filter(({ deletes }) => !deletes);
    expect(sets.length).toBeGreaterThan(0);
    for (const { attributes } of sets) {
      expect(attributes).toEqual({ domain: "example.com", httponly: true, "max-age": "86400", path: "/app", samesite: "Strict", secure: true });
    }
  });

  test("§1 cookie attributes: as configured on delete", async () => {
    const session = stack.signIn({ expiresIn: -5 });
    stack.auth.deleteSession(session.session_id);
    const answer = await stack.worker("cookieAttributes").fetch("/", { cookies: await stack.cookies(session) });
    const scoped = sessionSetCookies(answer, stack.key).filter(({ attributes }) => attributes.domain !== undefined);
    expect(scoped.length).toBeGreaterThan(0);
    for (const { attributes } of scoped) {
      expect(attributes).toEqual({ domain: "example.com", httponly: true, "max-age": "0", path: "/app", samesite: "Strict", secure: true });
    }
  });

  test("§1 COOKIE_SECURE=auto is on for https requests", async () => {
    const overHttps = await refreshedCookie("plain", "https://app.example.com");
    const overHttp = await refreshedCookie("plain", "http://app.example.com");
    expect([overHttps.secure, overHttp.secure]).toEqual([true, undefined]);
  });

  test("§1 COOKIE_SECURE: true and false", async () => {
    expect((await refreshedCookie("alwaysSecure", "http://app.example.com")).secure).toBe(true);
    expect((await refreshedCookie("alwaysSecure", "http://app.example.com")).samesite).toBe("None");
    expect((await refreshedCookie("neverSecure", "https://app.example.com")).secure).toBeUndefined();
  });

  test("§1 COOKIE_ENCODING: reading always detects", async () => {
    const raw = await stack.cookies(stack.signIn(), { encoding: "raw" });
    const base64url = await stack.cookies(stack.signIn(), { encoding: "base64url" });
    expect(outcomeOf(await stack.worker("plain").fetch("/", { cookies: raw }))).toBe("valid");
    expect(outcomeOf(await stack.worker("plain").fetch("/", { cookies: base64url }))).toBe("valid");
  });

  test("§1 IDENTITY_HEADERS=off sends no identity", async () => {
    const cookies = await stack.cookies(stack.signIn());
    await stack.worker("noIdentity").fetch("/", { cookies, headers: [["X-Session-User-Id", "forged"]] });
    const names = stack.origin.only().headers.map(([name]) => name.toLowerCase());
    expect(names.filter((name) => name.startsWith("x-session-") && name !== "x-session-hop")).toEqual([]);
  });

  test("§1 FORWARD_COOKIES=off: no cookie of the session's family reaches the origin", async () => {
    const cookies = await stack.cookies(stack.signIn());
    const family = `${cookieHeader(cookies)}; a=1; ${stack.key}-code-verifier=x; ${stack.key}-user=y; ${stack.key}.7=z; b=2`;
    await stack.worker("noCookies").fetch("/", { cookies: family });
    expect(parseCookies(stack.origin.only().header("cookie")).map(({ name }) => name)).toEqual(["a", "b"]);
    expect(stack.origin.only().header("x-session-user-id")).toBeDefined();
  });

  test("§1 FORWARD_COOKIES=off still refreshes the browser's cookies", async () => {
    const cookies = await stack.cookies(stack.signIn({ expiresIn: -5 }));
    const answer = await stack.worker("noCookies").fetch("/", { cookies });
    expect(stack.origin.only().header("cookie")).toBeUndefined();
    expect(await sessionIn(answer, stack.auth.url, stack.key)).not.toBeNull();
  });

  test("§1 FORWARD_BEARER=on gives the origin the access token when the client sent none", async () => {
    const session = stack.signIn();
    await stack.worker("bearer").fetch("/", { cookies: await stack.cookies(session) });
    expect(stack.origin.only().all("authorization")).toEqual([`Bearer ${session.access_token}`]);
  });

  test("§1 FORWARD_BEARER=on: the origin's Authorization is the verified token, whatever the client sent", async () => {
    const session = stack.signIn();
    await stack.worker("bearer").fetch("/", { cookies: await stack.cookies(session), headers: [["Authorization", "Basic dTpw"]] });
    expect(stack.origin.only().all("authorization")).toEqual([`Bearer ${session.access_token}`]);
  });

  test("§1 FORWARD_BEARER=on: what is no JWT passes where there is no verified session, and a JWT that was not verified never does", async () => {
    const forged = await stack.auth.sign({ claims: { iss: "https://other.example/auth/v1" } });
    for (const [sent, arrives] of [["Basic dTpw", ["Basic dTpw"]], ["Bearer an-api-key", ["Bearer an-api-key"]], [`Bearer ${forged}`, []]] as const) {
      stack.clear();
      await stack.worker("bearer").fetch("/", { headers: [["Authorization", sent]] });
      expect(stack.origin.only().all("authorization")).toEqual(arrives);
    }
  });

  test("§1 FORWARD_BEARER=on forwards the token of a refresh, and none for a visitor without a session", async () => {
    const cookies = await stack.cookies(stack.signIn({ expiresIn: -5 }));
    await stack.worker("bearer").fetch("/", { cookies });
    const fresh = await sessionAt(stack.origin.only(), stack.auth.url);
    expect(stack.origin.only().all("authorization")).toEqual([`Bearer ${fresh?.access_token}`]);
    stack.clear();
    await stack.worker("bearer").fetch("/");
    expect(stack.origin.only().all("authorization")).toEqual([]);
  });

  test("§1 FORWARD_BEARER is off by default", async () => {
    await stack.worker("plain").fetch("/", { cookies: await stack.cookies(stack.signIn()) });
    expect(stack.origin.only().all("authorization")).toEqual([]);
  });

  test("§1 SERVER_TIMING=on stands on every response, off sends none", async () => {
    const on = await stack.worker("plain").fetch("/");
    expect(on.header("server-timing")).toMatch(/^edge-session;desc="anonymous";dur=[0-9.]+$/);
    const denied = await stack.worker("login").fetch("/page");
    expect(denied.header("server-timing")).toMatch(/edge-session;desc="anonymous";dur=/);
    expect((await stack.worker("noTiming").fetch("/")).header("server-timing")).toBeUndefined();
  });

  test("§1 LOG_LEVEL=off prints nothing, error no line for an ordinary request", async () => {
    expect((await stack.worker("quiet").logged("/")).lines).toEqual([]);
    expect((await stack.worker("errorsOnly").logged("/")).lines).toEqual([]);
    expect((await stack.worker("plain").logged("/")).lines).toHaveLength(1);
  });

  test("§1 the build leaves build/index.js and build/index_bg.wasm", () => {
    const build = process.env.WORKER_BUILD ?? join(import.meta.dirname, "..", "..", "build");
    expect(readFileSync(join(build, "index.js"), "utf8")).toContain("index_bg.wasm");
    expect(readFileSync(join(build, "index_bg.wasm")).subarray(0, 4)).toEqual(Buffer.from("\0asm"));
  });
});

test("§1 a refresh under every cookie configuration is uncacheable", async () => {
  for (const name of ["cookieAttributes", "alwaysSecure", "neverSecure", "noCookies"]) {
    const cookies = await stack.cookies(stack.signIn({ expiresIn: -5 }));
    expectUncacheable(await stack.worker(name).fetch("/", { cookies }));
  }
});

function bearer(token: string): { headers: [string, string][] } {
  stack.secret(token);
  return { headers: [["Authorization", `Bearer ${token}`]] };
}

function refreshCalls() {
  return stack.auth.calls.log().filter(({ endpoint }) => endpoint === "token:refresh_token");
}

/** An HS256 token of somebody, as a project with a legacy secret issues it. */
async function hs256(secret: string): Promise<string> {
  const token = await new SignJWT({ role: "authenticated", session_id: crypto.randomUUID(), aal: "aal1", is_anonymous: false })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setIssuer(stack.auth.authUrl)
    .setAudience("authenticated")
    .setSubject(crypto.randomUUID())
    .setIssuedAt()
    .setExpirationTime("1h")
    .sign(new TextEncoder().encode(secret));
  stack.secret(token);
  return token;
}

async function refreshedCookie(name: string, site: string) {
  const cookies = await stack.cookies(stack.signIn({ expiresIn: -5 }));
  const answer = await stack.worker(name).fetch("/", { cookies, site });
  const set = sessionSetCookies(answer, stack.key).find(({ deletes }) => !deletes);
  expect(set).toBeDefined();
  return set?.attributes ?? {};
}
