/** What users of such layers complain about most, and must never meet here; those that fall into contract §1–§7. */
import { createServer, request as httpRequest, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { expectDeleted, expectKept, expectUncacheable, outcomeOf, sessionAt, sessionCookiesAt, sessionIn, sessionSetCookies } from "../support/expectations.ts";
import { type Cookie, claimsOf, cookieHeader, parseCookies } from "../support/sessions.ts";
import { SITE, type Stack, startStack, type WorkerSpec } from "../support/stack.ts";

const GUARDED = { RULES: [{ path: "/members*", require: true }] };

const WORKERS = {
  main: { vars: GUARDED },
  cold: { vars: GUARDED },
  domain: { vars: { COOKIE_DOMAIN: "example.com" } },
  lean: { vars: { FORWARD_COOKIES: "off", FORWARD_BEARER: "on" } },
  secretKey: { vars: ({ auth }) => ({ SUPABASE_SECRET_KEY: auth.secretKey }) },
  guardedBack: { vars: { RULES: [{ path: ["/admin*"], require: true }] } },
  live: { vars: { RULES: [{ path: "/live*", require: true, verify: "live" }, ...GUARDED.RULES] } },
  rotation: { vars: GUARDED },
  shared: { vars: { RULES: [{ path: "/shop*", cache: "shared" }] } },
  missing: { vars: { SUPABASE_PUBLISHABLE_KEY: null } },
  itself: { vars: { ORIGIN_URL: null }, plain: true },
  route: { bindings: { route: true } },
  otherProject: { vars: { JWT_ISSUER: "https://other.supabase.co/auth/v1" } },
  kv: { bindings: { kv: true } },
} satisfies Record<string, WorkerSpec>;

let stack: Stack<keyof typeof WORKERS>;

beforeAll(async () => {
  stack = await startStack({ vars: { SERVER_TIMING: "on" }, workers: WORKERS });
  await stack.worker("main").fetch("/", { cookies: await stack.cookies(stack.signIn()) });
});
afterAll(() => stack.close());
beforeEach(() => stack.clear());

const TOKEN = { match: { path: "/token" } };
const expired = async (spec: object = {}): Promise<Cookie[]> => stack.cookies(stack.signIn({ expiresIn: -30, ...spec }));
const browserCookies = (answer: { headers: [string, string][] }): string =>
  sessionSetCookies(answer, stack.key).filter(({ deletes }) => !deletes).map(({ name, value }) => `${name}=${value}`).join("; ");

test("pain 1: someone else's session after a CDN cached a Set-Cookie", async () => {
  stack.origin.on("/page", { body: "page", headers: [["Cache-Control", "public, s-maxage=600"], ["CDN-Cache-Control", "max-age=600"]] });
  const cache = await startCache(stack.worker("main").socket);
  const first = await cache.get("/page", cookieHeader(await expired()));
  const second = await cache.get("/page", "");
  await cache.close();
  expect(first.setCookies.length).toBeGreaterThan(0);
  expect(second.setCookies).toEqual([]);
  expect(cache.stored()).toEqual([]);
});

test("pain 2: random logouts from parallel requests", async () => {
  const cookies = await expired();
  const answers = await Promise.all(Array.from({ length: 12 }, () => stack.worker("main").fetch("/members", { cookies })));
  for (const answer of answers) {
    expect([answer.status, outcomeOf(answer)]).toEqual([200, "refreshed"]);
  }
  const tokens = await Promise.all(answers.map(async (answer) => (await sessionIn(answer, stack.auth.url, stack.key))?.refresh_token));
  expect(new Set(tokens).size).toBe(1);
});

test("pain 3: refreshed cookies lost on redirects and custom responses", async () => {
  for (const status of [302, 303, 307, 404, 500]) {
    stack.origin.on("/any", { status, headers: [["Location", "/next"]], body: "x" });
    const answer = await stack.worker("main").fetch("/any", { cookies: await expired() });
    expect([status, (await sessionIn(answer, stack.auth.url, stack.key)) !== null]).toEqual([status, true]);
  }
});

test("pain 4: an Auth outage is not the whole site's, and logs nobody out", async () => {
  const good = await stack.cookies(stack.signIn());
  const dead = await expired();
  stack.auth.faults.add({ status: 503, body: "{}" });
  expect((await stack.worker("main").fetch("/members", { cookies: good })).status).toBe(200);
  expect((await stack.worker("main").fetch("/public")).status).toBe(200);
  const open = await stack.worker("main").fetch("/public", { cookies: dead });
  expect([open.status, outcomeOf(open)]).toEqual([200, "unavailable"]);
  const closed = await stack.worker("main").fetch("/members", { cookies: dead });
  expect([closed.status, closed.header("retry-after")]).toEqual([503, "5"]);
  expectKept(open, stack.key);
  expectKept(closed, stack.key);
});

test("pain 5: hundreds of milliseconds and a call to Auth for every request", async () => {
  const cookies = await stack.cookies(stack.signIn());
  await stack.worker("main").fetch("/members", { cookies });
  stack.clear();
  for (let request = 0; request < 20; request += 1) {
    await stack.worker("main").fetch("/members", { cookies });
  }
  expect(stack.authCalls()).toEqual({});
  expect(stack.origin.requests).toHaveLength(20);
});

test("pain 6: unverified user data taken for an identity", async () => {
  const session = stack.signIn();
  const forged = { ...session, user: { ...session.user, id: "00000000-0000-4000-8000-000000000000", role: "service_role", app_metadata: { role: "admin" } } };
  await stack.worker("main").fetch("/", { cookies: await stack.cookies(forged) });
  const received = stack.origin.only();
  expect(received.header("x-session-user-id")).toBe(session.user.id);
  expect(received.header("x-session-role")).toBe("authenticated");
  expect(JSON.parse(Buffer.from(received.header("x-session-claims") ?? "", "base64url").toString()).app_metadata.role).toBeUndefined();
});

test("pain 7: 431, header too large", async () => {
  const session = stack.signIn({ user_metadata: { bio: "x".repeat(6_000) } });
  await stack.worker("lean").fetch("/", { cookies: [...(await stack.cookies(session)), { name: "theme", value: "dark" }] });
  expect(stack.origin.only().header("cookie")).toBe("theme=dark");
  expect(stack.origin.only().header("authorization")).toBe(`Bearer ${session.access_token}`);
});

test("pain 8: stale chunks make a mixed session", async () => {
  const long = await expired({ user_metadata: { bio: "x".repeat(6_000) } });
  const short = await stack.cookies(stack.signIn());
  // The plain cookie of a newer sign-in stands beside the chunks of an older one.
  const plain = await stack.worker("main").fetch("/", { cookies: [...long, ...short.map(({ value }) => ({ name: stack.key, value }))] });
  expect(outcomeOf(plain)).toBe("valid");
  // Two generations of chunks: what cannot be read is removed, name by name.
  const mixed = [long[0]!, { name: `${stack.key}.1`, value: "rest-of-another" }];
  const answer = await stack.worker("main").fetch("/", { cookies: mixed });
  expect(outcomeOf(answer)).toBe("invalid");
  expectDeleted(answer, mixed, stack.key);
});

test("pain 9: duplicates after a domain migration", async () => {
  const email = "moved@example.com";
  const [old, current] = [await stack.cookies(stack.signIn({ email, expiresIn: 600 })), await stack.cookies(stack.signIn({ email, expiresIn: 3_600 }))];
  const answer = await stack.worker("domain").fetch("/", { cookies: `${cookieHeader(old)}; ${cookieHeader(current)}` });
  expect(outcomeOf(answer)).toBe("valid");
  const hostOnly = sessionSetCookies(answer, stack.key).filter(({ deletes, attributes }) => deletes && attributes.domain === undefined);
  expect(hostOnly.length).toBeGreaterThan(0);
});

test("pain 10: an HttpOnly cookie that the browser client cannot read", async () => {
  const answer = await stack.worker("main").fetch("/", { cookies: await expired() });
  for (const { attributes } of sessionSetCookies(answer, stack.key)) {
    expect(attributes.httponly).toBeUndefined();
  }
});

test("pain 11: one rate limit for all users behind one server", async () => {
  stack.auth.config({ rateLimits: { token: { burst: 2, refillPerSecond: 0.01 } } });
  for (let visitor = 1; visitor <= 6; visitor += 1) {
    const answer = await stack.worker("secretKey").fetch("/", { cookies: await expired(), headers: [["CF-Connecting-IP", `203.0.113.${visitor}`]] });
    expect([visitor, outcomeOf(answer)]).toEqual([visitor, "refreshed"]);
  }
  stack.auth.config({ rateLimits: null });
});

test("pain 12: a pending PKCE verifier is lost with the session", async () => {
  const session = stack.signIn({ expiresIn: -30 });
  stack.auth.deleteSession(session.session_id);
  const flow = "0123456789abcdef0123456789abcdef";
  const pending = [`${stack.key}-code-verifier`, `${stack.key}-flow-${flow}-code-verifier`, `${stack.key}-flows-code-verifier`].map((name) => ({ name, value: "x" }));
  const answer = await stack.worker("main").fetch("/", { cookies: [...(await stack.cookies(session)), ...pending] });
  expect(outcomeOf(answer)).toBe("expired");
  expect(answer.all("set-cookie").join("\n")).not.toContain("code-verifier");
});

test("pain 14: infinite redirect loops", async () => {
  let path = "/members";
  let cookies = cookieHeader([{ name: stack.key, value: "rubbish" }]);
  for (let hop = 0; hop < 3; hop += 1) {
    const answer = await stack.worker("main").fetch(path, { cookies, navigate: true });
    if (answer.status === 200) {
      expect(path).toMatch(/^\/login\?/);
      return;
    }
    const location = new URL(answer.header("location") ?? "", SITE);
    path = location.pathname + location.search;
    cookies = "";
  }
  throw new Error("the login page was never served");
});

test("pain 14: a clock that is a few seconds off", async () => {
  const now = Math.floor(Date.now() / 1000);
  const token = await stack.auth.sign({ claims: { iat: now + 4, nbf: now + 4 } });
  stack.secret(token);
  expect((await stack.worker("main").fetch("/members", { headers: [["Authorization", `Bearer ${token}`]] })).status).toBe(200);
});

test("pain 15: prefetches and assets receive login pages or start refreshes", async () => {
  const prefetch: [string, string][] = [["Sec-Purpose", "prefetch"], ["Sec-Fetch-Mode", "cors"], ["Accept", "*/*"], ["RSC", "1"], ["Next-Router-Prefetch", "1"]];
  const guarded = await stack.worker("main").fetch("/members", { headers: prefetch });
  expect(guarded.status).toBe(401);
  const icon = await stack.worker("cold").fetch("/a.png", { cookies: await expired() });
  expect(outcomeOf(icon)).not.toBe("unavailable");
});

test("pain 16: guard bypass by path tricks", async () => {
  for (const path of ["/%61dmin", "//admin", "/x/../admin", "/admin%2fx", "/admin\\x", "/admin%5cx", "/x/%2e%2e/admin", "/admin?/public", "/admin;a=b", "/.//admin", "/admin%23x", "/%2561dmin/../admin"]) {
    const answer = await stack.worker("guardedBack").fetch(path);
    expect([path, [400, 401].includes(answer.status)]).toEqual([path, true]);
  }
  for (const header of ["X-Middleware-Subrequest", "X-HTTP-Method-Override", "X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Uri"]) {
    expect([header, (await stack.worker("guardedBack").fetch("/admin", { headers: [[header, "/public"]] })).status]).toEqual([header, 401]);
  }
  expect(stack.origin.requests).toEqual([]);
});

test("pain 17: identity headers spoofed towards the origin", async () => {
  for (const name of ["X-Session-User-Id", "X_Session_User_Id", "x-session_user-id", "X-SESSION-ROLE", "x-session-claims"]) {
    stack.origin.clear();
    await stack.worker("main").fetch("/", { headers: [[name, "spoofed-value"]] });
    expect([name, stack.origin.only().headers.filter(([, value]) => value.includes("spoofed-value"))]).toEqual([name, []]);
  }
});

test("pain 18: a transient refresh failure destroys a good session", async () => {
  const cookies = await expired();
  for (const fault of [{ status: 429, body: "{}" }, { status: 500, body: "" }, { cut: true as const }, { status: 403, body: "<html>", contentType: "text/html" }]) {
    stack.clear();
    stack.auth.faults.add({ ...TOKEN, ...fault });
    expectKept(await stack.worker("main").fetch("/", { cookies }), stack.key);
  }
  stack.clear();
  expect(outcomeOf(await stack.worker("main").fetch("/", { cookies }))).toBe("refreshed");
});

test("pain 19: users stay in after a ban or a sign-out elsewhere, on pages that ask", async () => {
  const session = stack.signIn();
  const cookies = await stack.cookies(session);
  expect((await stack.worker("live").fetch("/live", { cookies })).status).toBe(200);
  stack.auth.deleteSession(session.session_id);
  expect((await stack.worker("live").fetch("/live", { cookies })).status).toBe(401);
  const banned = stack.signIn();
  const bannedCookies = await stack.cookies(banned);
  stack.auth.createSession({ email: banned.user.email, bannedFor: 3_600 });
  expect((await stack.worker("live").fetch("/live", { cookies: bannedCookies })).status).toBe(401);
});

test("pain 20: key rotation throws everybody out", async () => {
  const before = await stack.cookies(stack.signIn());
  expect((await stack.worker("rotation").fetch("/members", { cookies: before })).status).toBe(200);
  await stack.auth.keys.rotate();
  const after = await stack.cookies(stack.signIn());
  const answers = await Promise.all([after, before, after].map((cookies) => stack.worker("rotation").fetch("/members", { cookies })));
  stack.auth.keys.reset();
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
});

test("pain 21: I/O on behalf of a different request, with 100 parallel cold requests", async () => {
  const visitors = await Promise.all(Array.from({ length: 100 }, async (_, index) => (index % 4 === 0 ? await expired() : await stack.cookies(stack.signIn()))));
  const answers = await Promise.all(visitors.map((cookies) => stack.worker("cold").fetch("/members", { cookies })));
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 100 }, () => 200));
  expect(stack.authCalls()["token:refresh_token"]).toBe(25);
  expect(stack.printed()).not.toMatch(/different request|hung|hanging/i);
});

test("pain 22: a panic poisons the Worker", async () => {
  for (const cookies of [`${stack.key}=base64-`, `${stack.key}=%`, `${stack.key}.0=;${stack.key}.1=x`, `${stack.key}=\\u0000`]) {
    expect((await stack.worker("main").fetch("/", { cookies })).status).toBe(200);
  }
  expect(stack.printed()).not.toMatch(/panicked|RuntimeError/);
});

test("pain 23: Set-Cookie folded or lost", async () => {
  const lines = ["a=1; Path=/; Expires=Wed, 21 Oct 2037 07:28:00 GMT", "b=2; Path=/", "c=3; HttpOnly"];
  stack.origin.on("/three", { body: "x", headers: lines.map((line) => ["Set-Cookie", line]) });
  const answer = await stack.worker("main").fetch("/three", { cookies: await expired({ user_metadata: { bio: "x".repeat(7_000) } }) });
  const own = sessionSetCookies(answer, stack.key);
  expect(own.length).toBeGreaterThanOrEqual(4);
  expect(answer.all("set-cookie")).toHaveLength(own.length + 3);
  expect(answer.all("set-cookie").filter((line) => lines.includes(line))).toEqual(lines);
});

test("pain 24: redirects followed by the Worker", async () => {
  stack.origin.on("/old", { status: 308, headers: [["Location", "/new"]] });
  const answer = await stack.worker("main").fetch("/old", { method: "POST", body: "form" });
  expect([answer.status, answer.header("location")]).toEqual([308, "/new"]);
  expect(stack.origin.only().body.toString()).toBe("form");
});

test("pain 26: fetching itself", async () => {
  const answer = await stack.worker("itself").fetch("/");
  expect([answer.status, answer.text.includes("ORIGIN_URL")]).toEqual([508, true]);
  expect((await stack.worker("route").fetch("/")).status).toBe(200);
});

test("pain 27: static and ISR pages lose caching once auth is added", async () => {
  const headers: [string, string][] = [["Cache-Control", "public, s-maxage=60"], ["ETag", '"1"']];
  stack.origin.on("/shop/1", { body: "x", headers });
  const anonymous = await stack.worker("main").fetch("/shop/1");
  expect([anonymous.header("cache-control"), anonymous.header("etag")]).toEqual(["public, s-maxage=60", '"1"']);
  stack.origin.requests.length = 0;
  const signedIn = await stack.worker("shared").fetch("/shop/1", { cookies: await stack.cookies(stack.signIn()) });
  expect(signedIn.header("cache-control")).toBe("public, s-maxage=60");
  expect(stack.origin.only().header("cookie")).toBeUndefined();
});

test("pain 28: projects whose cookies have the same name", async () => {
  const cookies = await stack.cookies(stack.signIn());
  const answer = await stack.worker("otherProject").fetch("/", { cookies });
  expect(outcomeOf(answer)).toBe("invalid");
  expect(stack.origin.only().header("x-session-user-id")).toBeUndefined();
});

test("pain 29: opaque failures", async () => {
  const answer = await stack.worker("missing").fetch("/");
  expect(answer.status).toBe(500);
  expect(answer.text).toContain("SUPABASE_PUBLISHABLE_KEY");
  const { lines } = await stack.worker("main").logged("/members", { cookies: `${stack.key}=rubbish` });
  expect(lines[0]?.reason).toBeTruthy();
});

test("pain 30: a KV read or write for every request", async () => {
  const namespace = await stack.miniflare.getKVNamespace("SESSION_KV", "kv");
  const cookies = await stack.cookies(stack.signIn());
  await stack.worker("kv").fetch("/", { cookies });
  await expect.poll(async () => (await namespace.list()).keys.length).toBeGreaterThan(0);
  for (const { name } of (await namespace.list()).keys) {
    await namespace.delete(name);
  }
  for (let request = 0; request < 10; request += 1) {
    expect(outcomeOf(await stack.worker("kv").fetch("/", { cookies: await stack.cookies(stack.signIn()) }))).toBe("valid");
  }
  expect((await namespace.list()).keys).toEqual([]);
});

test("H1: an expired cookie without a refresh token never reaches the origin's own client", async () => {
  const session = stack.signIn({ expiresIn: -30 });
  const value = `base64-${Buffer.from(JSON.stringify({ ...session, refresh_token: "" })).toString("base64url")}`;
  const answer = await stack.worker("main").fetch("/", { cookies: `${stack.key}=${value}` });
  expect(answer.status).toBe(200);
  expect(sessionCookiesAt(stack.origin.only(), stack.key)).toEqual([]);
});

test("H4: expires_at is written from the answer of Auth, not kept from the cookie", async () => {
  const session = stack.signIn({ expiresIn: -30 });
  const answer = await stack.worker("main").fetch("/", { cookies: await stack.cookies({ ...session, expires_at: 99 }) });
  const fresh = await sessionIn(answer, stack.auth.url, stack.key);
  expect(fresh?.expires_at).toBe(claimsOf(fresh?.access_token ?? "").exp);
});

test("H14: Secure on https", async () => {
  const answer = await stack.worker("main").fetch("/", { cookies: await expired() });
  expect(sessionSetCookies(answer, stack.key).every(({ attributes }) => attributes.secure === true)).toBe(true);
  expectUncacheable(answer);
});

test("the session that was refreshed is the one that both sides hold", async () => {
  const answer = await stack.worker("main").fetch("/", { cookies: await expired() });
  const fresh = await sessionIn(answer, stack.auth.url, stack.key);
  expect(await sessionAt(stack.origin.only(), stack.auth.url)).toEqual(fresh);
  expect(parseCookies(browserCookies(answer)).length).toBeGreaterThan(0);
});

/** A shared cache in front, as a CDN that keeps whatever it is allowed to keep, cookies included. */
async function startCache(behind: URL) {
  const kept = new Map<string, { status: number; headers: string[]; body: Buffer }>();
  const server: Server = createServer((request, response) => {
    const hit = kept.get(request.url ?? "");
    if (hit !== undefined) {
      response.writeHead(hit.status, hit.headers).end(hit.body);
      return;
    }
    const onward = httpRequest({ host: behind.hostname, port: behind.port, path: `${SITE}${request.url}`, headers: { ...request.headers, host: "app.example.com" } }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("end", () => {
        const body = Buffer.concat(chunks);
        if (mayBeStored(answer.headers)) {
          kept.set(request.url ?? "", { status: answer.statusCode ?? 0, headers: answer.rawHeaders, body });
        }
        response.writeHead(answer.statusCode ?? 0, answer.rawHeaders).end(body);
      });
    });
    onward.end();
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  return {
    stored: () => [...kept].filter(([, { headers }]) => headers.some((name) => name.toLowerCase() === "set-cookie")).map(([url]) => url),
    async get(path: string, cookie: string): Promise<{ setCookies: string[] }> {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: cookie === "" ? {} : { cookie } });
      await response.arrayBuffer();
      return { setCookies: response.headers.getSetCookie() };
    },
    close: () => new Promise((closed) => server.close(closed)),
  };
}

function mayBeStored(headers: Record<string, string | string[] | undefined>): boolean {
  const cdn = headers["cdn-cache-control"] ?? headers["surrogate-control"];
  const own = String(headers["cache-control"] ?? "");
  return cdn !== undefined ? /max-age=[1-9]/.test(String(cdn)) : !/private|no-store/.test(own) && /max-age=[1-9]|s-maxage=[1-9]/.test(own);
}
