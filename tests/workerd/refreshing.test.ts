/** Contract §4: refreshing. The gate has a file of its own. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  expectDeleted,
  expectKept,
  expectUncacheable,
  outcomeOf,
  sessionAt,
  sessionCookiesAt,
  sessionIn,
  sessionSetCookies,
} from "../support/expectations.ts";
import { type Cookie, claimsOf, type SessionBody } from "../support/sessions.ts";
import { type SignedIn, type Stack, startStack, type WorkerSpec } from "../support/stack.ts";

const WORKERS = {
  main: {},
  gated: { bindings: { gate: true } },
  cold: {},
  impatient: { vars: { AUTH_TIMEOUT_MS: "1000" } },
  unknownKeys: {},
  revokedKey: {},
  /** Auth played by the origin, which keeps the bodies that it gets and sees who hangs up. */
  played: { vars: ({ auth, origin }) => ({ SUPABASE_URL: origin.url, JWT_ISSUER: auth.authUrl, ORIGIN_URL: `${origin.url}/site` }) },
  guarded: { vars: { RULES: [{ path: "/members*", require: true }] } },
} satisfies Record<string, WorkerSpec>;

let stack: Stack<keyof typeof WORKERS>;
let legacy: Stack<"without">;

beforeAll(async () => {
  stack = await startStack({ vars: { SERVER_TIMING: "on" }, workers: WORKERS });
  legacy = await startStack({
    vars: { SERVER_TIMING: "on" },
    auth: { algorithm: "HS256", jwtSecret: "a-jwt-secret-that-is-long-enough-for-hs256" },
    workers: { without: {} },
  });
  // Every test below counts calls from a warm key set on.
  await stack.worker("main").fetch("/", { cookies: await stack.cookies(stack.signIn()) });
  await stack.worker("impatient").fetch("/", { cookies: await stack.cookies(stack.signIn()) });
});
afterAll(async () => {
  await stack.close();
  await legacy.close();
});
beforeEach(async () => {
  stack.clear();
  legacy.clear();
  // An isolate that has seen Auth fail holds back for a while; a success ends that.
  for (const name of ["main", "gated", "impatient", "guarded"] as const) {
    const { cookies } = await expired();
    await expect.poll(async () => outcomeOf(await stack.worker(name).fetch("/", { cookies })), { timeout: 5_000 }).toBe("refreshed");
  }
  stack.clear();
});

const TOKEN = { match: { path: "/token", grant: "refresh_token" } };

async function expired(): Promise<{ session: SignedIn; cookies: Cookie[] }> {
  const session = stack.signIn({ expiresIn: -30 });
  return { session, cookies: await stack.cookies(session) };
}

async function dying(): Promise<{ session: SignedIn; cookies: Cookie[] }> {
  const session = stack.signIn({ expiresIn: 40 });
  return { session, cookies: await stack.cookies(session) };
}

const refreshes = (): number => stack.authCalls()["token:refresh_token"] ?? 0;

describe("§4 when", () => {
  test("§4 an expired session costs exactly one Auth call", async () => {
    const { session, cookies } = await expired();
    const answer = await stack.worker("main").fetch("/", { cookies });
    expect(outcomeOf(answer)).toBe("refreshed");
    expect(stack.authCalls()).toEqual({ "token:refresh_token": 1 });
    const fresh = await sessionIn(answer, stack.auth.url, stack.key);
    expect(claimsOf(fresh?.access_token ?? "").sub).toBe(session.user.id);
    expect(claimsOf(fresh?.access_token ?? "").session_id).toBe(session.session_id);
    expect(fresh?.expires_at).toBeGreaterThan(Date.now() / 1000);
    expect(await sessionAt(stack.origin.only(), stack.auth.url)).toEqual(fresh);
    expectUncacheable(answer);
  });

  test("§4 in a cold isolate the key set comes on top, once", async () => {
    const { cookies } = await expired();
    expect(outcomeOf(await stack.worker("cold").fetch("/", { cookies }))).toBe("refreshed");
    expect(stack.authCalls()).toEqual({ jwks: 1, "token:refresh_token": 1 });
  });

  test("§4 needed when less than the margin is left", async () => {
    const { cookies } = await dying();
    expect(outcomeOf(await stack.worker("main").fetch("/", { cookies }))).toBe("refreshed");
    expect(refreshes()).toBe(1);
  });

  test("§4 the token's own exp counts, not the cookie's expires_at: a dead token with a far expires_at", async () => {
    const { session } = await expired();
    const cookies = await stack.cookies({ ...session, expires_at: 4_000_000_000 });
    expect(outcomeOf(await stack.worker("main").fetch("/", { cookies }))).toBe("refreshed");
  });

  test("§4 the token's own exp counts, not the cookie's expires_at: a good token with a past expires_at", async () => {
    const session = stack.signIn();
    const cookies = await stack.cookies({ ...session, expires_at: 1 });
    const answer = await stack.worker("main").fetch("/", { cookies });
    expect(outcomeOf(answer)).toBe("valid");
    expect(stack.authCalls()).toEqual({});
  });

  test("§4 the refreshed session serves the next request without a call", async () => {
    const { cookies } = await expired();
    const answer = await stack.worker("main").fetch("/", { cookies });
    const fresh = sessionSetCookies(answer, stack.key).filter(({ deletes }) => !deletes);
    stack.clear();
    const next = await stack.worker("main").fetch("/", { cookies: fresh.map(({ name, value }) => `${name}=${value}`).join("; ") });
    expect(outcomeOf(next)).toBe("valid");
    expect(stack.authCalls()).toEqual({});
    expect(next.all("set-cookie")).toEqual([]);
  });

  test("§4 a refresh token of the second format serves as well", async () => {
    stack.auth.config({ algorithmVersion: 2 });
    const { cookies } = await expired();
    expect(outcomeOf(await stack.worker("main").fetch("/", { cookies }))).toBe("refreshed");
    stack.auth.config({ algorithmVersion: 1 });
  });
});

describe("§4 only a session worth a refresh", () => {
  test("§4 a forged token never reaches the Auth server", async () => {
    const { session } = await expired();
    const [header, payload] = session.access_token.split(".");
    const forged = `${header}.${payload}.${Buffer.alloc(64, 7).toString("base64url")}`;
    const answer = await stack.worker("main").fetch("/", { cookies: await stack.cookies({ ...session, access_token: forged }) });
    expect(outcomeOf(answer)).toBe("invalid");
    expect(stack.authCalls()).toEqual({});
  });

  test.each([
    ["another issuer", { iss: "https://evil.example/auth/v1" }],
    ["another audience", { aud: "other" }],
  ])("§4 an expired token of %s is not refreshed", async (_, claims) => {
    const { session } = await expired();
    const past = Math.floor(Date.now() / 1000) - 60;
    const token = await stack.auth.sign({ claims: { ...claims, exp: past, iat: past - 3600 } });
    const answer = await stack.worker("main").fetch("/", { cookies: await stack.cookies({ ...session, access_token: token }) });
    expect(outcomeOf(answer)).toBe("invalid");
    expect(stack.authCalls()).toEqual({});
  });

  test("§4 a session whose key is unknown after a refetch is worth a refresh (its key may have been revoked)", async () => {
    const session = stack.signIn({ expiresIn: -30 });
    await stack.auth.keys.rotate();
    stack.auth.keys.revoke();
    const answer = await stack.worker("revokedKey").fetch("/", { cookies: await stack.cookies(session) });
    // The Workers that are already warm know the first key alone.
    stack.auth.keys.reset();
    expect(outcomeOf(answer)).toBe("refreshed");
    expect(refreshes()).toBe(1);
  });

  test("§4 at most 10 of these a minute per isolate, so that sprayed kids cannot use up the Auth server's rate limit", async () => {
    for (let request = 0; request < 15; request += 1) {
      const token = await stack.auth.sign({ key: "unknown" });
      const cookies = await stack.cookies({ ...stack.signIn(), access_token: token, refresh_token: `sprayed${String(request).padStart(5, "0")}` });
      await stack.worker("unknownKeys").fetch("/", { cookies });
    }
    expect(refreshes()).toBeLessThanOrEqual(10);
    expect(refreshes()).toBeGreaterThan(0);
    expect(stack.authCalls().jwks ?? 0).toBeLessThanOrEqual(2);
  });

  test("§4 an HS256 session that cannot be checked locally is worth a refresh", async () => {
    const session = legacy.signIn({ expiresIn: -30 });
    const answer = await legacy.worker("without").fetch("/", { cookies: await legacy.cookies(session) });
    expect(outcomeOf(answer)).toBe("refreshed");
    expect(legacy.authCalls()["token:refresh_token"]).toBe(1);
    expect((await sessionIn(answer, legacy.auth.url, legacy.key))?.user?.id).toBe(session.user.id);
  });

  test.each([
    ["empty", ""],
    ["null", null],
    ["a number", 5],
    ["an object", {}],
  ])("§4 a refresh token that is %s is never sent", async (_, refresh_token) => {
    const session = stack.signIn({ expiresIn: -30 });
    const value = `base64-${Buffer.from(JSON.stringify({ ...session, refresh_token })).toString("base64url")}`;
    const answer = await stack.worker("main").fetch("/", { cookies: `${stack.key}=${value}` });
    expect(answer.status).toBe(200);
    expect(["invalid", "expired"]).toContain(outcomeOf(answer));
    expect(refreshes()).toBe(0);
  });
});

describe("§4 a visitor who hangs up", () => {
  test("§4 a visitor who hangs up does not cancel a refresh: the attempt runs to its end", async () => {
    const { session, cookies } = await expired();
    const fresh = stack.signIn();
    const access_token = await stack.auth.sign({ claims: { ...claimsOf(session.access_token), exp: fresh.expires_at, iat: fresh.expires_at - 3600 } });
    playAuth({ body: JSON.stringify({ ...fresh, access_token }), delayMs: 800 });
    const request = stack.worker("played").open("/", { cookies });
    await expect.poll(() => played("/auth/v1/token").length).toBe(1);
    request.destroy();
    await expect.poll(() => played("/auth/v1/token")[0]?.answered, { timeout: 3_000 }).toBe(true);
  });
});

describe("§4 still alive", () => {
  test("§4 still alive: one attempt, and on any failure the request goes on with the old token", async () => {
    for (const fault of [{ status: 500, body: "{}" }, { status: 429, body: "{}" }, { cut: true as const }, { status: 200, body: "<html>" }]) {
      stack.clear();
      stack.auth.faults.add({ ...TOKEN, ...fault });
      const { session, cookies } = await dying();
      const answer = await stack.worker("main").fetch("/", { cookies });
      expect([fault, outcomeOf(answer)]).toEqual([fault, "valid"]);
      expect(refreshes()).toBe(1);
      expect((await sessionAt(stack.origin.only(), stack.auth.url))?.access_token).toBe(session.access_token);
      expect(stack.origin.only().header("x-session-user-id")).toBe(session.user.id);
      expectKept(answer, stack.key);
    }
  });

  test("§4 still alive: the attempt takes at most 2 s", async () => {
    stack.auth.faults.add({ ...TOKEN, hang: true });
    const { cookies } = await dying();
    const started = Date.now();
    expect(outcomeOf(await stack.worker("main").fetch("/", { cookies }))).toBe("valid");
    expect(Date.now() - started).toBeGreaterThan(1_500);
    expect(Date.now() - started).toBeLessThan(3_000);
    expect(refreshes()).toBe(1);
  });

  for (const fault of [{ cut: true as const, afterCommit: true }, { cut: "body" as const }, { status: 504, body: "" }, { hang: true }]) {
    test(`§4 still alive: an attempt whose answer was lost is made again behind the visitor's back (${JSON.stringify(fault)})`, async () => {
      for (const name of ["main", "gated"] as const) {
        stack.clear();
        stack.auth.faults.add({ ...TOKEN, ...fault, times: 1 });
        const { cookies } = await dying();
        expect(outcomeOf(await stack.worker(name).fetch("/", { cookies }))).toBe("valid");
        await expect.poll(refreshes, { timeout: 9_000 }).toBe(2);
        await expect.poll(async () => outcomeOf(await stack.worker(name).fetch("/", { cookies })), { timeout: 3_000 }).toBe("refreshed");
      }
    }, 30_000);
  }

  test("§4 still alive: a guarded page is served while Auth is down", async () => {
    stack.auth.faults.add({ ...TOKEN, status: 503, body: "{}" });
    await stack.worker("guarded").fetch("/members", { cookies: await stack.cookies(stack.signIn()) });
    const { cookies } = await dying();
    expect((await stack.worker("guarded").fetch("/members", { cookies })).status).toBe(200);
  });
});

describe("§4 dead", () => {
  test("§4 dead: at most two attempts", async () => {
    stack.auth.faults.add({ ...TOKEN, status: 500, body: "{}" });
    const { cookies } = await expired();
    const answer = await stack.worker("main").fetch("/", { cookies });
    expect(outcomeOf(answer)).toBe("unavailable");
    expect(refreshes()).toBe(2);
    expectKept(answer, stack.key);
  });

  test("§4 dead: the second attempt can succeed", async () => {
    for (const fault of [{ status: 503, body: "{}" }, { cut: true as const }, { cut: true as const, afterCommit: true }, { cut: "body" as const }]) {
      stack.clear();
      stack.auth.faults.add({ ...TOKEN, ...fault, times: 1 });
      const { cookies } = await expired();
      expect([fault, outcomeOf(await stack.worker("main").fetch("/", { cookies }))]).toEqual([fault, "refreshed"]);
      expect(refreshes()).toBe(2);
    }
  });

  test("§4 dead: two attempts within AUTH_TIMEOUT_MS", async () => {
    stack.auth.faults.add({ ...TOKEN, hang: true });
    const { cookies } = await expired();
    const started = Date.now();
    expect(outcomeOf(await stack.worker("impatient").fetch("/", { cookies }))).toBe("unavailable");
    expect(Date.now() - started).toBeLessThan(1_600);
    expect(refreshes()).toBeLessThanOrEqual(2);
  });

  test("§4 dead: Retry-After is honoured if it fits", async () => {
    stack.auth.faults.add({ ...TOKEN, status: 503, body: "{}", headers: { "Retry-After": "1" }, times: 1 });
    const { cookies } = await expired();
    const started = Date.now();
    expect(outcomeOf(await stack.worker("main").fetch("/", { cookies }))).toBe("refreshed");
    expect(Date.now() - started).toBeGreaterThanOrEqual(950);
    expect(refreshes()).toBe(2);
  });

  test("§4 dead: a Retry-After that does not fit ends the attempts at once", async () => {
    stack.auth.faults.add({ ...TOKEN, status: 503, body: "{}", headers: { "Retry-After": "60" } });
    const { cookies } = await expired();
    const started = Date.now();
    expect(outcomeOf(await stack.worker("main").fetch("/", { cookies }))).toBe("unavailable");
    expect(Date.now() - started).toBeLessThan(2_000);
    expect(refreshes()).toBe(1);
  });

  test("§4 dead: every attempt uses the same refresh token", async () => {
    playAuth({ status: 500, body: "{}" });
    const { session, cookies } = await expired();
    expect(outcomeOf(await stack.worker("played").fetch("/", { cookies }))).toBe("unavailable");
    const bodies = played("/auth/v1/token").map(({ body }) => JSON.parse(body.toString()).refresh_token);
    expect(bodies).toEqual([session.refresh_token, session.refresh_token]);
    expect(played("/auth/v1/token")[0]?.url).toContain("grant_type=refresh_token");
    expect(played("/auth/v1/token")[0]?.method).toBe("POST");
  });
});

describe("§4 the answer is verified before it is used", () => {
  type Change = (session: SignedIn) => Promise<Partial<SessionBody>>;
  const signed = (claims: Record<string, unknown>, spec: object = {}): Change => async (session) => ({
    access_token: await stack.auth.sign({ claims: { ...claimsOf(session.access_token), exp: Math.floor(Date.now() / 1000) + 3600, ...claims }, ...spec }),
  });

  test.each([
    ["another sub", signed({ sub: randomUUID() })],
    ["another session_id", signed({ session_id: randomUUID() })],
    ["no later exp", signed({ exp: Math.floor(Date.now() / 1000) - 3000 })],
    ["another issuer", signed({ iss: "https://evil.example" })],
    ["a bad signature", async ({ access_token }) => ({ access_token: `${access_token.split(".").slice(0, 2).join(".")}.${Buffer.alloc(64, 1).toString("base64url")}` })],
    ["an unknown key", signed({}, { key: "unknown" })],
    ["rubbish for a token", async () => ({ access_token: "not.a.token" })],
  ] as [string, Change][])("§4 an answer with %s is unavailable with an error log", async (_, change) => {
    const { session, cookies } = await expired();
    const body = { ...stack.signIn({ email: session.user.email }), ...(await change(session)) };
    stack.secret(body.access_token);
    stack.auth.faults.add({ ...TOKEN, status: 200, body: JSON.stringify(body) });
    const before = stack.printed().length;
    const { answer, lines } = await stack.worker("main").logged("/", { cookies });
    expect(outcomeOf(answer)).toBe("unavailable");
    expectKept(answer, stack.key);
    expect(sessionCookiesAt(stack.origin.only(), stack.key)).toEqual([]);
    expect(lines.map(({ outcome }) => outcome)).toContain("unavailable");
    expect(stack.printed().slice(before)).toMatch(/error/i);
  });

  test.each([
    ["no refresh_token", { refresh_token: undefined }],
    ["an empty refresh_token", { refresh_token: "" }],
    ["no access_token", { access_token: undefined }],
  ])("§4 an answer with %s is unavailable", async (_, change) => {
    const { session, cookies } = await expired();
    const access_token = await stack.auth.sign({ claims: { ...claimsOf(session.access_token), exp: Math.floor(Date.now() / 1000) + 3600 } });
    const body = { ...session, access_token, ...change };
    stack.auth.faults.add({ ...TOKEN, status: 200, body: JSON.stringify(body) });
    const answer = await stack.worker("main").fetch("/", { cookies });
    expect(outcomeOf(answer)).toBe("unavailable");
    expectKept(answer, stack.key);
  });
});

describe("§4 terminal codes end the session", () => {
  const VERSION = { "X-Supabase-Api-Version": "2024-01-01" };
  const CODES = ["refresh_token_not_found", "refresh_token_already_used", "session_not_found", "session_expired", "validation_failed", "user_banned", "user_not_found"];

  test.each(CODES)("§4 %s", async (code) => {
    for (const shape of [
      { body: JSON.stringify({ code, message: "gone" }), headers: VERSION },
      { body: JSON.stringify({ code: 400, error_code: code, msg: "gone" }) },
    ]) {
      stack.clear();
      stack.auth.faults.add({ ...TOKEN, status: code === "user_not_found" ? 403 : 400, ...shape });
      const { cookies } = await expired();
      const answer = await stack.worker("main").fetch("/", { cookies });
      expect([shape, outcomeOf(answer)]).toEqual([shape, "expired"]);
      expectDeleted(answer, cookies, stack.key);
      expect(sessionCookiesAt(stack.origin.only(), stack.key)).toEqual([]);
      expect(refreshes()).toBe(1);
    }
  });

  test("§4 invalid_client in the OAuth shape", async () => {
    stack.auth.faults.add({ ...TOKEN, status: 400, body: '{"error":"invalid_client","error_description":"gone"}' });
    const { cookies } = await expired();
    expect(outcomeOf(await stack.worker("main").fetch("/", { cookies }))).toBe("expired");
  });

  test("§4 a session that was ended elsewhere", async () => {
    const { session, cookies } = await expired();
    stack.auth.deleteSession(session.session_id);
    const answer = await stack.worker("main").fetch("/", { cookies });
    expect(outcomeOf(answer)).toBe("expired");
    expectDeleted(answer, cookies, stack.key);
  });

  test("§4 pending sign-in verifiers survive the end of a session", async () => {
    const { session, cookies } = await expired();
    stack.auth.deleteSession(session.session_id);
    const verifier = { name: `${stack.key}-code-verifier`, value: "verifier" };
    const answer = await stack.worker("main").fetch("/", { cookies: [...cookies, verifier] });
    expectDeleted(answer, cookies, stack.key);
    expect(answer.all("set-cookie").filter((line) => line.includes("code-verifier"))).toEqual([]);
  });
});

describe("§4 these never end a session: cookies stay", () => {
  const json = (status: number, body: object): object => ({ status, body: JSON.stringify(body) });
  test.each([
    ["429", json(429, { code: "over_request_rate_limit", message: "Request rate limit reached" })],
    ["409", json(409, { code: "conflict", message: "Too many concurrent token refresh requests" })],
    ["408", json(408, {})],
    ["500", json(500, { code: "unexpected_failure", message: "x" })],
    ["502", { status: 502, body: "<html>bad gateway</html>", contentType: "text/html" }],
    ["503", json(503, {})],
    ["504", json(504, { code: "request_timeout", message: "x" })],
    ["520", { status: 520, body: "error code: 520", contentType: "text/plain" }],
    ["gateway 401", json(401, { message: "Invalid API key", hint: "Double check" })],
    ["gateway 403 HTML", { status: 403, body: "<html>Just a moment…</html>", contentType: "text/html" }],
    ["404 text", { status: 404, body: "404 page not found", contentType: "text/plain" }],
    ["400 with an unknown code", json(400, { code: "unknown", message: "hook" })],
    ["422 hook_timeout", json(422, { code: "hook_timeout", message: "x" })],
    ["400 bad_json", json(400, { code: "bad_json", message: "x" })],
    ["a terminal code in a 500", json(500, { code: "refresh_token_not_found", message: "x" })],
    ["non-JSON", { status: 200, body: "<html>hello</html>", contentType: "text/html" }],
    ["an empty 200", { status: 200, body: "" }],
    ["204", { status: 204 }],
    ["JSON null", { status: 200, body: "null" }],
    ["{}", { status: 200, body: "{}" }],
    ["a redirect", { status: 302, body: "", headers: { Location: "https://elsewhere.example/" } }],
    ["a time-out", { hang: true }],
    ["a broken connection", { cut: true }],
  ] as [string, object][])("§4 %s", async (name, fault) => {
    stack.auth.faults.add({ ...TOKEN, ...fault });
    const { cookies } = await expired();
    const worker = name === "a time-out" ? stack.worker("impatient") : stack.worker("main");
    const answer = await worker.fetch("/", { cookies });
    expect([answer.status, outcomeOf(answer)]).toEqual([200, "unavailable"]);
    expectKept(answer, stack.key);
    expect(sessionCookiesAt(stack.origin.only(), stack.key)).toEqual([]);
    expect(refreshes()).toBeLessThanOrEqual(2);
  });

  test("§4 the next request after an outage is refreshed with the same cookies", async () => {
    stack.auth.faults.add({ ...TOKEN, status: 503, body: "{}" });
    const { cookies } = await expired();
    expect(outcomeOf(await stack.worker("main").fetch("/", { cookies }))).toBe("unavailable");
    stack.clear();
    expect(outcomeOf(await stack.worker("main").fetch("/", { cookies }))).toBe("refreshed");
  });
});

describe("§4 outcomes", () => {
  test("§4 the word in logs and Server-Timing is the same", async () => {
    const dead = await expired();
    stack.auth.deleteSession(dead.session.session_id);
    const visitors: [string, string | Cookie[] | undefined][] = [
      ["anonymous", undefined],
      ["valid", await stack.cookies(stack.signIn())],
      ["refreshed", (await expired()).cookies],
      ["expired", dead.cookies],
      ["invalid", `${stack.key}=rubbish`],
    ];
    for (const [word, cookies] of visitors) {
      const { answer, lines } = await stack.worker("main").logged("/", cookies === undefined ? {} : { cookies });
      expect([outcomeOf(answer), lines.map(({ outcome }) => outcome)]).toEqual([word, [word]]);
    }
    const bypass = await stack.worker("main").logged("/favicon.ico");
    expect([outcomeOf(bypass.answer), bypass.lines.map(({ outcome }) => outcome)]).toEqual(["bypass", ["bypass"]]);
  });
});

/** Scripts the origin as Auth: its key set, and this answer to a refresh. */
function playAuth(token: Parameters<Stack<string>["origin"]["on"]>[1]): void {
  stack.origin.on("/auth/v1/.well-known/jwks.json", { body: JSON.stringify(stack.auth.keys.jwks()) });
  stack.origin.on("/auth/v1/token", { headers: [["Content-Type", "application/json"]], ...token });
}

function played(path: string) {
  return stack.origin.requests.filter((request) => request.path === path);
}
