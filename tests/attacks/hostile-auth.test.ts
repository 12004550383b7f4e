/** Auth as somebody else would answer for it: a refresh, a live check and a key set that must not be believed. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { expectDeleted, expectKept, expectUncacheable, outcomeOf, sessionCookiesAt, sessionIn, sessionSetCookies } from "../support/expectations.ts";
import type { FaultSpec } from "../support/auth-server/faults.ts";
import type { Cookie } from "../support/sessions.ts";
import { type SignedIn, type Stack, startStack, type WorkerSpec } from "../support/stack.ts";
import { type Attack, expectTable, identityAt } from "./support.ts";

const RULES = [{ path: "/members*", require: true }, { path: "/live*", require: true, verify: "live" }];
const WORKERS = {
  main: { vars: { RULES } },
  impatient: { vars: { RULES, AUTH_TIMEOUT_MS: 600 } },
  /** Auth played by the origin, which can let its answers drip. */
  played: { vars: ({ auth, origin }) => ({ SUPABASE_URL: origin.url, JWT_ISSUER: auth.authUrl, ORIGIN_URL: `${origin.url}/site`, AUTH_TIMEOUT_MS: 600 }) },
} satisfies Record<string, WorkerSpec>;
const TRAP = "/trap";

let stack: Stack<keyof typeof WORKERS>;

beforeAll(async () => {
  stack = await startStack({ vars: { SERVER_TIMING: "on" }, workers: WORKERS });
  stack.auth.createUser({ email: "other@example.com", password: "correct horse" });
  for (const name of ["main", "impatient"] as const) {
    await stack.worker(name).fetch("/", { cookies: await stack.cookies(stack.signIn()) });
  }
});
afterAll(() => stack.close());
beforeEach(async () => {
  stack.clear();
  // An isolate that has seen Auth hang holds back for a while; a success ends that.
  for (const name of ["main", "impatient"] as const) {
    await expect.poll(async () => outcomeOf(await stack.worker(name).fetch("/", { cookies: await stack.cookies(stack.signIn({ expiresIn: -5 })) })), { timeout: 8_000 }).toBe("refreshed");
  }
  stack.clear();
});

type Fault = Omit<FaultSpec, "match">;

interface RefreshAttack extends Attack {
  /** Auth's answer to the refresh of this session; `good` is the one that it should have given. */
  fault: (session: SignedIn, good: Record<string, unknown>) => Fault | Promise<Fault>;
  outcome: "unavailable" | "expired" | "refreshed";
  worker?: "impatient";
}

const answer = (body: unknown, more: Fault = {}): Fault => ({ status: 200, body: typeof body === "string" ? body : JSON.stringify(body), ...more });
const refusal = (status: number, body: unknown, more: Fault = {}): Fault => answer(body, { status, ...more });
const token = (session: SignedIn, claims: object, more: object = {}): Promise<string> =>
  stack.auth.sign({ claims: { sub: session.user.id, session_id: session.session_id, ...claims }, ...more });
const later = (): number => Math.floor(Date.now() / 1000) + 3_600;

type Row = [attack: string, fault: RefreshAttack["fault"], outcome?: RefreshAttack["outcome"], more?: Partial<RefreshAttack>];

function rows(source: string, list: Row[]): RefreshAttack[] {
  return list.map(([attack, fault, outcome = "unavailable", more]) => ({ attack, source, fault, outcome, ...more }));
}

const swapped = (name: string, change: (session: SignedIn) => string | Promise<string>): Row => [
  name,
  async (session, good) => answer({ ...good, access_token: await change(session) }),
];

const REFRESHES: RefreshAttack[] = [
  ...rows("OWASP ASVS 3.3; CWE-287, CWE-384: a session that is not this one", [
    ["another user's session", () => answer(JSON.stringify(stack.signIn()))],
    ["another session of the same user", async (session, good) => answer({ ...good, access_token: await token(session, { session_id: randomUUID(), exp: later() }) })],
    ["no session id", async (session, good) => answer({ ...good, access_token: await token(session, { exp: later() }, { omit: ["session_id"] }) })],
    swapped("a token that ends earlier", (session) => token(session, { exp: Math.floor(Date.now() / 1000) - 60 })),
    swapped("a token of another issuer", (session) => token(session, { exp: later(), iss: "https://evil.example/auth/v1" })),
    swapped("a token for another audience", (session) => token(session, { exp: later(), aud: "other" })),
    swapped("a token that begins tomorrow", (session) => token(session, { exp: later(), nbf: later() })),
    swapped("a token without a role", (session) => token(session, { exp: later() }, { omit: ["role"] })),
    swapped("a token with another signature", async (session) => `${(await token(session, { exp: later() })).slice(0, -12)}AAAAAAAAAAAA`),
    swapped("a token with alg none", async (session) => { const [, payload] = (await token(session, { exp: later() })).split("."); return `${Buffer.from('{"alg":"none"}').toString("base64url")}.${payload}.`; }),
    swapped("an empty token", () => ""),
    swapped("a token that is none", () => "not.a.token"),
    swapped("a token of 20 KB", () => "a".repeat(20_000)),
    ["a second access_token that belongs to somebody else", (_, good) => answer(JSON.stringify(good).replace(/}$/, `,"access_token":"${stack.signIn().access_token}"}`))],
  ]),
  ...rows("CWE-20: answers that are no session", [
    ["no refresh token", (_, good) => answer({ ...good, refresh_token: undefined })],
    ["an empty refresh token", (_, good) => answer({ ...good, refresh_token: "" })],
    ["a refresh token that is a number", (_, good) => answer({ ...good, refresh_token: 7 })],
    ["an access token that is an object", (_, good) => answer({ ...good, access_token: {} })],
    ["expires_in below zero", (_, good) => answer({ ...good, expires_in: -1 })],
    ["expires_in as text", (_, good) => answer({ ...good, expires_in: "3600" })],
    ["nothing", () => answer("")],
    ["null", () => answer("null")],
    ["a list", () => answer("[]")],
    ["half of it", (_, good) => answer(JSON.stringify(good).slice(0, -20))],
    ["a page with status 200", () => answer("<!doctype html><title>Sign in</title>", { contentType: "text/html" })],
    ["two documents", (_, good) => answer(`${JSON.stringify(good)}{}`)],
    ["nested 100,000 deep", () => answer("[".repeat(100_000))],
    ["300 KB", (_, good) => answer({ ...good, padding: "x".repeat(300_000) })],
    ["a session of 70 KB, which no cookies could hold", (_, good) => answer({ ...good, padding: "x".repeat(70_000) })],
    ["201 with a good session", (_, good) => refusal(201, good)],
    ["206 with a good session", (_, good) => refusal(206, good)],
    ["204", () => ({ status: 204 })],
    ["304", () => ({ status: 304 })],
    ["compressed in name only", (_, good) => answer(good, { headers: { "Content-Encoding": "gzip" } })],
  ]),
  ...rows("RFC 9110 15.4; CWE-601, CWE-918: a redirect of Auth is not followed", [
    ...[301, 302, 303, 307, 308].map((status): Row => [
      `${status} to somewhere else`,
      () => ({ status, body: "", headers: { Location: `${stack.origin.url}${TRAP}` } }),
    ]),
    ["200 with a Location and Refresh", () => answer("{}", { headers: { Location: `${stack.origin.url}${TRAP}`, Refresh: `0; url=${stack.origin.url}${TRAP}` } })],
  ]),
  ...rows("CWE-393, CWE-754: words of death from the wrong mouth end no session", [
    ["refresh_token_not_found with 401", () => refusal(401, { code: "refresh_token_not_found" })],
    ["refresh_token_not_found with 404", () => refusal(404, { code: "refresh_token_not_found" })],
    ["refresh_token_not_found with 429", () => refusal(429, { code: "refresh_token_not_found" })],
    ["refresh_token_not_found with 500", () => refusal(500, { code: "refresh_token_not_found" })],
    ["refresh_token_not_found with 200", () => answer({ code: "refresh_token_not_found" })],
    ["refresh_token_not_found with 302", () => refusal(302, { code: "refresh_token_not_found" })],
    ["refresh_token_not_found in a page", () => refusal(400, "<p>refresh_token_not_found</p>", { contentType: "text/html" })],
    ["refresh_token_not_found in upper case", () => refusal(400, { code: "REFRESH_TOKEN_NOT_FOUND" })],
    ["refresh_token_not_found in a list", () => refusal(400, { code: ["refresh_token_not_found"] })],
    ["refresh_token_not_found as a message", () => refusal(400, { message: "refresh_token_not_found" })],
    ["400 without a word", () => refusal(400, "{}")],
    ["403 of a gateway", () => refusal(403, "<h1>Forbidden</h1>", { contentType: "text/html" })],
    ["a challenge of Cloudflare", () => refusal(403, "<title>Just a moment...</title>", { contentType: "text/html" })],
    ["invalid_credentials", () => refusal(400, { error: "invalid_grant" })],
    ["409", () => refusal(409, { code: "conflict" })],
    ["418", () => refusal(418, { code: "teapot" })],
    ["429 with Retry-After of 30 years", () => refusal(429, "{}", { headers: { "Retry-After": "999999999" } })],
    ["429 with a Retry-After that is no number", () => refusal(429, "{}", { headers: { "Retry-After": "-1e9" } })],
    ["503 with a Retry-After that is a date", () => refusal(503, "{}", { headers: { "Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT" } })],
  ]),
  ...rows("CWE-400, CWE-770: time", [
    ["no answer at all", () => ({ hang: true }), "unavailable", { worker: "impatient" }],
    ["an answer after the budget", (_, good) => answer(good, { delayMs: 5_000 }), "unavailable", { worker: "impatient" }],
    ["a connection that breaks", () => ({ cut: true })],
    ["a connection that breaks inside the body", () => ({ cut: "body" })],
  ]),
  ...rows("controls: what has to be believed", [
    ["the good answer", (_, good) => answer(good), "refreshed"],
    ["the good answer with a Set-Cookie of Auth's own", (_, good) => answer(good, { headers: { "Set-Cookie": "evil=1; Path=/" } }), "refreshed"],
    ["a refresh token with a line break and a semicolon (CWE-113)", (_, good) => answer({ ...good, refresh_token: "a\r\nSet-Cookie: evil=1; Path=/" }), "refreshed"],
    ["a user with a name in markup", (_, good) => answer({ ...good, user: { id: good.sub, user_metadata: { name: "</script>\u2028;\r\n" } } }), "refreshed"],
    ["expires_in beyond all time", (_, good) => answer({ ...good, expires_in: 1e308, expires_at: undefined }), "refreshed"],
    ["a type that is wrong", (_, good) => answer(good, { contentType: "text/html" }), "refreshed"],
    ["refresh_token_not_found", () => refusal(400, { code: "refresh_token_not_found" }), "expired"],
    ["refresh_token_already_used in the older form", () => refusal(400, { code: 400, error_code: "refresh_token_already_used", msg: "" }), "expired"],
    ["session_not_found with 403", () => refusal(403, { code: "session_not_found" }), "expired"],
  ]),
];

test("the tables are whole", () => {
  expectTable(REFRESHES, 70);
  expectTable(LIVE, 20);
});

describe("a refresh", () => {
  test.each(REFRESHES)("$attack is $outcome [$source]", async ({ fault, outcome, worker = "main" }) => {
    const session = stack.signIn({ expiresIn: -30 });
    const cookies = await stack.cookies(session);
    const good = await goodAnswer(session);
    stack.auth.faults.add({ match: { path: "/token" }, ...(await fault(session, good)) });
    const started = performance.now();
    const visit = await stack.worker(worker).fetch("/", { cookies });
    expect([visit.status, outcomeOf(visit)]).toEqual([200, outcome]);
    expect(performance.now() - started).toBeLessThan(worker === "impatient" ? 1_500 : 5_000);
    const received = stack.origin.only();
    await expectJar(visit, session, cookies, outcome);
    expect(received.header("x-session-user-id")).toBe(outcome === "refreshed" ? session.user.id : undefined);
    if (outcome !== "refreshed") {
      expect([identityAt(received), sessionCookiesAt(received, stack.key)]).toEqual([[], []]);
    }
    expect(visit.all("set-cookie").filter((line) => /evil/.test(line.split(";").slice(1).join(";") + line.split("=")[0]))).toEqual([]);
    // Nobody followed Auth anywhere.
    expect(stack.origin.requests.map(({ path }) => path)).not.toContain(TRAP);
  });

  test.each(REFRESHES.filter(({ outcome, worker }) => outcome === "unavailable" && worker === undefined))("$attack costs nobody a token that is alive [$source]", async ({ fault }) => {
    const session = stack.signIn({ expiresIn: 45 });
    stack.auth.faults.add({ match: { path: "/token" }, ...(await fault(session, await goodAnswer(session))) });
    const visit = await stack.worker("main").fetch("/members", { cookies: await stack.cookies(session) });
    // An answer whose token ends no later is the one that this token, too, would not take for its successor.
    expect([visit.status, outcomeOf(visit)]).toEqual([200, "valid"]);
    expect(stack.origin.only().header("x-session-user-id")).toBe(session.user.id);
    expectKept(visit, stack.key);
  });

  test.each(["headers", "body"] as const)("an answer whose %s drip is given up in time [CWE-400: slow read]", async (part) => {
    const session = stack.signIn({ expiresIn: -30 });
    const never = new Promise<void>((passed) => setTimeout(passed, 4_000));
    stack.origin.on("/auth/v1/.well-known/jwks.json", { body: JSON.stringify(stack.auth.keys.jwks()) });
    stack.origin.on("/auth/v1/token", part === "headers" ? { delayMs: 4_000, body: "{}" } : { chunks: [{ data: "{" }, { data: '"access', after: never }, { data: '_token":1}', after: never }] });
    const started = performance.now();
    const visit = await stack.worker("played").fetch("/", { cookies: await stack.cookies(session) });
    expect(outcomeOf(visit)).toBe("unavailable");
    expect(performance.now() - started).toBeLessThan(2_500);
    expectKept(visit, stack.key);
  });
});

interface LiveAttack extends Attack {
  fault: (session: SignedIn) => Fault;
  outcome: "unavailable" | "invalid" | "revoked" | "valid";
}

function live(source: string, outcome: LiveAttack["outcome"], list: [attack: string, fault: LiveAttack["fault"]][]): LiveAttack[] {
  return list.map(([attack, fault]) => ({ attack, source, fault, outcome }));
}

const LIVE: LiveAttack[] = [
  ...live("CWE-287: somebody else's user", "invalid", [
    ["another id", () => answer({ id: randomUUID() })],
    ["the id in upper case", (session) => answer({ id: session.user.id.toUpperCase() })],
    ["the id with something behind it", (session) => answer({ id: `${session.user.id}x` })],
    ["an empty id", () => answer({ id: "" })],
  ]),
  ...live("CWE-20, CWE-754: no answer to the question", "unavailable", [
    ["an empty object", () => answer("{}")],
    ["nothing", () => answer("")],
    ["null", () => answer("null")],
    ["a list with the user", (session) => answer([{ id: session.user.id }])],
    ["an id in a list", (session) => answer({ id: [session.user.id] })],
    ["the user one level down", (session) => answer({ user: { id: session.user.id } })],
    ["a page", () => answer("<html>", { contentType: "text/html" })],
    ["201 with the user", (session) => refusal(201, { id: session.user.id })],
    ["302 to the user", () => ({ status: 302, body: "", headers: { Location: `${stack.origin.url}${TRAP}` } })],
    ["307 to the user", () => ({ status: 307, body: "", headers: { Location: `${stack.origin.url}${TRAP}` } })],
    ["401 of a gateway", () => refusal(401, { message: "Invalid API key" })],
    ["403 of a gateway", () => refusal(403, "<h1>Forbidden</h1>")],
    ["404", () => refusal(404, { code: "session_not_found" })],
    ["429", () => refusal(429, { code: "session_not_found" })],
    ["500 with session_not_found", () => refusal(500, { code: "session_not_found" })],
    ["300 KB", (session) => answer({ id: session.user.id, padding: "x".repeat(300_000) })],
    ["a broken connection", () => ({ cut: true })],
    ["bad_jwt for a token that its own key signed", () => refusal(403, { code: "bad_jwt" })],
  ]),
  ...live("controls: Auth's own word", "revoked", [
    ["session_not_found", () => refusal(403, { code: "session_not_found" })],
    ["user_not_found", () => refusal(403, { code: "user_not_found" })],
    ["user_banned", () => refusal(403, { code: "user_banned" })],
  ]),
  ...live("controls: Auth's own word", "valid", [["the user", (session) => answer({ id: session.user.id })]]),
];

describe("a live check", () => {
  test.each(LIVE)("$attack is $outcome [$source]", async ({ fault, outcome }) => {
    const session = stack.signIn();
    const cookies = await stack.cookies(session);
    stack.auth.faults.add({ match: { path: "/user" }, ...fault(session) });
    const visit = await stack.worker("main").fetch("/live", { cookies });
    expect([visit.status, outcomeOf(visit)]).toEqual([{ valid: 200, unavailable: 503, invalid: 401, revoked: 401 }[outcome], outcome]);
    // Where the origin plays Auth, a lost answer of a case before may be asked for again.
    expect(stack.origin.requests.filter(({ path }) => !path.startsWith("/auth/v1/"))).toHaveLength(outcome === "valid" ? 1 : 0);
    if (outcome === "invalid" || outcome === "revoked") {
      expectDeleted(visit, cookies, stack.key);
    } else {
      expectKept(visit, stack.key);
    }
    expect(stack.origin.requests.map(({ path }) => path)).not.toContain(TRAP);
  });
});

async function expectJar(visit: Parameters<typeof expectKept>[0], session: SignedIn, cookies: Cookie[], outcome: RefreshAttack["outcome"]): Promise<void> {
  if (outcome === "unavailable") {
    expectKept(visit, stack.key);
  } else if (outcome === "expired") {
    expectDeleted(visit, cookies, stack.key);
  } else {
    const written = await sessionIn(visit, stack.auth.url, stack.key);
    expect(written?.access_token).not.toBe(session.access_token);
    expect(sessionSetCookies(visit, stack.key).length).toBeGreaterThan(0);
    expectUncacheable(visit);
  }
}

/** The answer that Auth itself would give: the same user and session, a later end. */
async function goodAnswer(session: SignedIn): Promise<Record<string, unknown>> {
  const access_token = await token(session, { exp: later() });
  stack.secret(access_token);
  return { access_token, token_type: "bearer", expires_in: 3_600, expires_at: later(), refresh_token: `next-${randomUUID()}`, user: session.user };
}
