/** Contract §8 and §9: the Worker's own routes and revocation, with the local Auth as counterpart. */
import { createServerClient } from "@supabase/ssr";
import { CookieJar } from "tough-cookie";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { expectUncacheable, outcomeOf, sessionIn } from "../support/expectations.ts";
import type { Answer } from "../support/http.ts";
import { type Cookie, parseSetCookies } from "../support/sessions.ts";
import { type FetchInit, SITE, type Stack, startStack, type WorkerHandle } from "../support/stack.ts";

const AUTH_PATH = "/auth";
const PASSWORD = "correct horse battery";
const GUARD = [{ path: "/members*", require: true }];
const revoking = { bindings: { kv: "revocations" }, vars: { REVOCATION: "on", SUPABASE_SECRET_KEY: "sb_secret_operator_of_the_routes" } };

let stack: Stack<"main" | "plain" | "bound" | "cold" | "keyed" | "revoking" | "elsewhere" | "slow">;
let worker: WorkerHandle;

beforeAll(async () => {
  stack = await startStack({
    vars: { SERVER_TIMING: "on", AUTH_PATH, RULES: GUARD },
    workers: {
      main: {},
      plain: { vars: { AUTH_PATH: null } },
      bound: { bindings: { kv: true, gate: true } },
      cold: {},
      keyed: { vars: ({ auth }) => ({ SUPABASE_SECRET_KEY: auth.secretKey }) },
      revoking,
      elsewhere: revoking,
      slow: { vars: { AUTH_TIMEOUT_MS: 500 } },
    },
  });
  worker = stack.worker("main");
}, 60_000);
afterAll(() => stack.close());
beforeEach(() => {
  stack.clear();
  stack.auth.inbox.clear();
  stack.auth.config({ siteUrl: SITE, autoconfirm: false, mailLinks: "token_hash" });
});

let visitors = 0;
function visitor(): string {
  visitors += 1;
  const email = `route-visitor-${visitors}@example.com`;
  stack.auth.createUser({ email, password: PASSWORD });
  return email;
}

function form(fields: Record<string, string>, init: FetchInit = {}): FetchInit {
  return {
    ...init,
    method: "POST",
    headers: [["Origin", SITE], ["Content-Type", "application/x-www-form-urlencoded"], ...((init.headers as [string, string][]) ?? [])],
    body: new URLSearchParams(fields).toString(),
  };
}

function json(body: unknown, init: FetchInit = {}): FetchInit {
  return { ...init, method: "POST", headers: [["Sec-Fetch-Site", "same-origin"], ["Content-Type", "application/json"]], body: JSON.stringify(body) };
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

/** A real client whose cookies are `jar`, as a browser or a server of the site would have it. */
function client(jar: Map<string, string>) {
  return createServerClient(stack.auth.url, stack.auth.publishableKey, {
    cookies: {
      getAll: () => [...jar].map(([name, value]) => ({ name, value })),
      setAll: (cookies) => {
        for (const { name, value, options } of cookies) {
          if (options.maxAge === 0) {
            jar.delete(name);
          } else {
            jar.set(name, value);
          }
        }
      },
    },
  });
}

const asCookies = (jar: Map<string, string>): Cookie[] => [...jar].map(([name, value]) => ({ name, value }));

describe("§8 every route", () => {
  test("§8 without AUTH_PATH the origin serves these paths", async () => {
    expect((await stack.worker("plain").fetch("/auth/session")).status).toBe(200);
    expect(stack.origin.requests).toHaveLength(1);
  });

  test("§8 POST routes take only requests of the same site", async () => {
    for (const route of ["login", "signup", "otp", "recover", "anonymous", "signout", "confirm"]) {
      for (const headers of [
        [["Origin", "https://evil.example"], ["Sec-Fetch-Site", "cross-site"]],
        [["Origin", "null"]],
        [["Sec-Fetch-Site", "same-site"]],
        [["Origin", `${SITE}.evil.example`]],
        [["Referer", `${SITE}/login`]],
      ] as [string, string][][]) {
        const answer = await worker.fetch(`/auth/${route}`, { method: "POST", headers, body: "" });
        expect([route, headers, answer.status]).toEqual([route, headers, 403]);
      }
    }
    expect(stack.authCalls()).toEqual({});
    expect(stack.origin.requests).toEqual([]);
  });

  test("§8 other paths and methods are the site's; bodies over 64 KiB: 413; all answers no-store and nosniff", async () => {
    for (const [path, method] of [["/auth/login", "DELETE"], ["/auth/nowhere", "GET"], ["/auth/login", "GET"]] as const) {
      stack.clear();
      expect([path, method, (await worker.fetch(path, { method })).status]).toEqual([path, method, 200]);
      expect(stack.origin.requests).toHaveLength(1);
    }
    const large = await worker.fetch("/auth/login", form({ email: "a".repeat(64 * 1024) }));
    expect(large.status).toBe(413);
    const chunked = await worker.fetch("/auth/login", { ...form({ email: "a".repeat(200 * 1024) }) });
    expect(chunked.status).toBe(413);
    for (const answer of [large, await worker.fetch("/auth/session/"), await worker.fetch("/auth/health")]) {
      expect(answer.header("cache-control")).toContain("no-store");
      expect(answer.header("x-content-type-options")).toBe("nosniff");
    }
  });

  test("§8 a rule never shuts the routes out", async () => {
    expect((await worker.fetch("/auth/session")).status).toBe(200);
    expect(stack.origin.requests).toEqual([]);
  });
});

describe("§8 signing in", () => {
  test("§8 POST /login: a form gets a session and 303 to next", async () => {
    const email = visitor();
    const answer = await worker.fetch("/auth/login", form({ email, password: PASSWORD, next: "/members?a=1" }));
    expect([answer.status, answer.header("location")]).toEqual([303, "/members?a=1"]);
    expectUncacheable(answer);
    expect((await sessionIn(answer, stack.auth.url, stack.key))?.user?.email).toBe(email);
    expect((await worker.fetch("/members", { cookies: after(answer) })).status).toBe(200);
  });

  test("§8 POST /login: JSON gets the user, a wrong password its code, and no cookie", async () => {
    const email = visitor();
    const good = await worker.fetch("/auth/login", json({ email, password: PASSWORD }));
    expect([good.status, good.json().user.email]).toEqual([200, email]);
    const bad = await worker.fetch("/auth/login", json({ email, password: "wrong" }));
    expect([bad.status, bad.json()]).toEqual([400, { error: "invalid_credentials" }]);
    expect(parseSetCookies(bad.headers)).toEqual([]);
  });

  test("§8 POST /anonymous signs in without an address", async () => {
    const answer = await worker.fetch("/auth/anonymous", json({}));
    expect(answer.json().user.is_anonymous).toBe(true);
    expect(outcomeOf(await worker.fetch("/", { cookies: after(answer) }))).toBe("valid");
  });

  test("§8 POST /signup, /otp, /recover never tell whether an address exists", async () => {
    const known = visitor();
    for (const route of ["signup", "otp", "recover"]) {
      const answers = await Promise.all(
        [known, `nobody-${route}@example.com`].map((email) => worker.fetch(`/auth/${route}`, form({ email, password: PASSWORD }))),
      );
      const [one, other] = answers.map(({ status, headers }) => [status, headers.filter(([name]) => /^(location|content-type)$/i.test(name)), parseSetCookies(headers).length]);
      expect(one).toEqual(other);
      expect(answers[0]!.header("location")).toBe("/login?sent=1");
    }
  });

  test("§1 the secret key, with which Auth asks for no captcha, is sent with no sign-in and no mail", async () => {
    const email = visitor();
    for (const route of ["login", "signup", "otp", "recover", "anonymous"]) {
      const request = form({ email, password: PASSWORD });
      await stack.worker("keyed").fetch(`/auth/${route}`, { ...request, headers: [...(request.headers as [string, string][]), ["CF-Connecting-IP", "203.0.113.9"]] });
    }
    const calls = stack.auth.calls.log().filter(({ endpoint }) => endpoint !== "jwks");
    expect(calls.map(({ endpoint }) => endpoint)).toEqual(["token:password", "signup", "otp", "recover", "signup"]);
    expect(calls.map(({ headers }) => headers.apikey)).toEqual(calls.map(() => stack.auth.publishableKey));
  });

  test("§8 Auth down: an error, and nothing lost", async () => {
    const cookies = await stack.cookies(stack.signIn());
    stack.auth.faults.add({ match: { path: "/token" }, hang: true });
    const answer = await stack.worker("slow").fetch("/auth/login", form({ email: "a@example.com", password: "b" }, { cookies }));
    expect([answer.status, answer.header("location")]).toEqual([303, "/login?error=auth_timeout"]);
    expect(parseSetCookies(answer.headers)).toEqual([]);
  });
});

describe("§8 confirm", () => {
  async function mail(email: string): Promise<URL> {
    await worker.fetch("/auth/signup", form({ email, password: PASSWORD, next: "/members" }));
    return new URL(stack.auth.inbox.latest(email)!.link);
  }

  test("§8 mail scanners that open the link do not use the token up", async () => {
    const email = "scanned@example.com";
    const link = await mail(email);
    for (const method of ["GET", "HEAD", "GET", "HEAD"]) {
      const answer = await worker.fetch(link.pathname + link.search, { method });
      expect([answer.status, answer.header("referrer-policy")]).toEqual([200, "no-referrer"]);
      expect(parseSetCookies(answer.headers)).toEqual([]);
    }
    expect(stack.authCalls()["verify"] ?? 0).toBe(0);
    const fields = Object.fromEntries(link.searchParams);
    const answer = await worker.fetch("/auth/confirm", form(fields));
    expect([answer.status, answer.header("location")]).toEqual([303, "/members"]);
    expect((await sessionIn(answer, stack.auth.url, stack.key))?.user?.email).toBe(email);
    const again = await worker.fetch("/auth/confirm", form(fields));
    expect(again.header("location")).toBe("/login?error=otp_expired&next=%2Fmembers");
  });

  test("§8 the page needs no script and allows none", async () => {
    const answer = await worker.fetch("/auth/confirm?token_hash=abc&type=email&next=%2F%22%3E%3Cscript%3E");
    expect(answer.header("content-security-policy")).toMatch(/^default-src 'none'; style-src 'sha256-[^']+'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'$/);
    expect(answer.text).not.toContain("<script");
  });

  test("§8 recovery goes to next like the others", async () => {
    const email = visitor();
    await worker.fetch("/auth/recover", form({ email, next: "/password" }));
    const link = new URL(stack.auth.inbox.latest(email)!.link);
    const answer = await worker.fetch("/auth/confirm", form(Object.fromEntries(link.searchParams)));
    expect(answer.header("location")).toBe("/password");
  });
});

describe("§8 PKCE", () => {
  /** Follows Auth's pages of the stand-in provider to the address that it sends the browser back to. */
  async function agree(authorizeUrl: string): Promise<URL> {
    const url = new URL(authorizeUrl);
    url.searchParams.set("auto", "true");
    let at = url.toString();
    for (let hop = 0; hop < 5; hop += 1) {
      const answer = await fetch(at, { redirect: "manual" });
      const location = new URL(answer.headers.get("location")!, at);
      if (location.origin === SITE) {
        return location;
      }
      at = location.toString();
    }
    throw new Error("the provider never came back");
  }

  test("§8 started at the edge, finished at the edge", async () => {
    const start = await worker.fetch("/auth/login?provider=github&next=%2Fmembers");
    expect(start.status).toBe(303);
    const had = after(start);
    const back = await agree(start.header("location")!);
    const answer = await worker.fetch(back.pathname + back.search, { cookies: had });
    expect([answer.header("location"), answer.header("referrer-policy")]).toEqual(["/members", "no-referrer"]);
    const cookies = after(answer, had);
    expect(cookies.filter(({ name }) => name.includes("code-verifier"))).toEqual([]);
    expect((await worker.fetch("/members", { cookies })).status).toBe(200);
  });

  test("§8 started at the edge, finished by the real client", async () => {
    const start = await worker.fetch("/auth/login?provider=github");
    const jar = new Map(after(start).map(({ name, value }) => [name, decodeURIComponent(value)]));
    const back = await agree(start.header("location")!);
    const { data, error } = await client(jar).auth.exchangeCodeForSession(back.searchParams.get("code")!);
    expect(error).toBeNull();
    expect(data.session?.access_token).toBeTruthy();
  });

  test("§8 started by the real client, finished at the edge", async () => {
    const jar = new Map<string, string>();
    const { data } = await client(jar).auth.signInWithOAuth({ provider: "github", options: { redirectTo: `${SITE}/auth/callback?next=%2Fmembers` } });
    const back = await agree(data.url!);
    const answer = await worker.fetch(back.pathname + back.search, { cookies: asCookies(jar) });
    expect(answer.header("location")).toBe("/members");
    expect(await sessionIn(answer, stack.auth.url, stack.key)).not.toBeNull();
    expect(after(answer, asCookies(jar)).map(({ name }) => name)).not.toContain(`${stack.key}-code-verifier`);
  });

  test("§8 a slot that sb_flow_id names is used, and flows under way beside it are untouched", async () => {
    const one = await worker.fetch("/auth/login?provider=github&next=%2Fone");
    const two = await worker.fetch("/auth/login?provider=github&next=%2Ftwo", { cookies: after(one) });
    let cookies = after(two, after(one));
    for (const [start, goal] of [[one, "/one"], [two, "/two"]] as const) {
      const back = await agree(start.header("location")!);
      const answer = await worker.fetch(back.pathname + back.search, { cookies });
      expect(answer.header("location")).toBe(goal);
      cookies = after(answer, cookies);
    }
  });

  test("§8 a failed exchange deletes the used verifier and goes to the login page", async () => {
    const start = await worker.fetch("/auth/login?provider=github");
    const had = after(start);
    const back = await agree(start.header("location")!);
    back.searchParams.set("code", "00000000-0000-4000-8000-000000000000");
    const answer = await worker.fetch(back.pathname + back.search, { cookies: had });
    expect(answer.header("location")).toBe("/login?error=flow_state_not_found");
    expect(after(answer, had).filter(({ name }) => name.includes("code-verifier"))).toEqual([]);
    const refused = await worker.fetch("/auth/callback?error=access_denied&error_description=x", { cookies: had });
    expect(refused.header("location")).toBe("/login?error=access_denied");
    const other = await worker.fetch("/auth/callback?code=x");
    expect(other.header("location")).toBe("/login?error=pkce_code_verifier_not_found");
  });
});

/** None of these may lead away from the site, wherever they arrive. */
const HOSTILE_NEXT = [
  "//evil.example", "///evil.example", "////evil.example", "/\\evil.example", "\\/evil.example", "\\\\evil.example", "/\\/evil.example",
  "https://evil.example", "http://evil.example", "HTTPS://EVIL.EXAMPLE", "https:evil.example", "https:/evil.example", "https:\\\\evil.example", "//evil.example/%2e%2e",
  "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "blob:x", "about:blank",
  "/\t/evil.example", "/\n/evil.example", "/\r/evil.example", "/\t\\evil.example", "\t//evil.example", " //evil.example", "\u0000//evil.example", "/\u0000/evil.example",
  "/\u007f/evil.example", "/\u0085/evil.example", "\u00a0//evil.example", "\ufeff//evil.example", "\u3000//evil.example", "//evil.example:80", "//evil.example@app.example.com",
  "//app.example.com@evil.example", "@evil.example", ".evil.example", "evil.example", "?next=//evil.example", "#//evil.example", "", ".", "..", "../", "//", "///", "/\\", "\\", "//\\evil.example",
  "/%09/evil.example", "/%2f/evil.example", "/%5cevil.example", "/.//evil.example", "/..//evil.example", "/./\\evil.example", "/x/../..//evil.example", "//evil.example?app.example.com",
  "//evil.example#app.example.com", "//evil%E3%80%82example", "//ⓔvil.example", "/．//evil.example", "http:///evil.example", "//[::1]", "//2130706433", "ftp://evil.example", "ws://evil.example", "mailto:a@evil.example", "/\u2028/evil.example",
];

describe("§5 next", () => {
  test(`§5 none of ${HOSTILE_NEXT.length} hostile values leaves the site`, async () => {
    expect(HOSTILE_NEXT.length).toBeGreaterThanOrEqual(60);
    const email = visitor();
    for (const next of HOSTILE_NEXT) {
      const answer = await worker.fetch("/auth/login", form({ email, password: PASSWORD, next }));
      const location = answer.header("location")!;
      const target = new URL(location, `${SITE}/auth/login`);
      expect([JSON.stringify(next), answer.status, target.origin]).toEqual([JSON.stringify(next), 303, SITE]);
      expect(location).toMatch(/^\/(?![/\\])[\x20-\x7e]*$/);
    }
  });

  test("§5 a good value is kept", async () => {
    const email = visitor();
    for (const next of ["/", "/a", "/a/b?c=d&e=%2F%2Fx", "/a#b"]) {
      expect((await worker.fetch("/auth/login", form({ email, password: PASSWORD, next }))).header("location")).toBe(next);
    }
  });
});

describe("§8 signing out", () => {
  test("§8 POST /signout ends the session at Auth, deletes the family, and goes to next or answers 204", async () => {
    const session = stack.signIn();
    const cookies = [...(await stack.cookies(session)), { name: `${stack.key}-code-verifier`, value: "x" }, { name: "other", value: "1" }];
    const answer = await worker.fetch("/auth/signout", form({ next: "/bye" }, { cookies }));
    expect([answer.status, answer.header("location")]).toEqual([303, "/bye"]);
    expect(after(answer, cookies)).toEqual([{ name: "other", value: "1" }]);
    expectUncacheable(answer);
    expect(stack.auth.sessions().some(({ id }) => id === session.session_id)).toBe(false);
    const second = stack.signIn();
    const program = await worker.fetch("/auth/signout", json({}, { cookies: await stack.cookies(second) }));
    expect(program.status).toBe(204);
  });

  test("§8 an expired access token is refreshed first, so that Auth can be told", async () => {
    const session = stack.signIn({ expiresIn: -5 });
    await worker.fetch("/auth/signout", form({}, { cookies: await stack.cookies(session) }));
    expect(stack.auth.sessions().some(({ id }) => id === session.session_id)).toBe(false);
  });

  test("§8 cookies are deleted even if Auth is down", async () => {
    const cookies = await stack.cookies(stack.signIn());
    stack.auth.faults.add({ match: { path: "/logout" }, status: 503, body: "down" });
    const answer = await worker.fetch("/auth/signout", form({}, { cookies }));
    expect(after(answer, cookies)).toEqual([]);
  });

  test("§8 scope others keeps this session and ends the rest; global ends all", async () => {
    const email = visitor();
    const [here, there] = [stack.signIn({ email }), stack.signIn({ email })];
    const open = () => stack.auth.sessions().map(({ id }) => id);
    await worker.fetch("/auth/signout", form({ scope: "others" }, { cookies: await stack.cookies(here) }));
    expect([open().includes(here.session_id), open().includes(there.session_id)]).toEqual([true, false]);
    const more = stack.signIn({ email });
    await worker.fetch("/auth/signout", form({ scope: "global" }, { cookies: await stack.cookies(here) }));
    expect([open().includes(here.session_id), open().includes(more.session_id)]).toEqual([false, false]);
  });
});

describe("§8 session and health", () => {
  test("§8 GET /session tells verified claims, not the cookie's user", async () => {
    const session = stack.signIn({ user_metadata: { name: "Ada" } });
    const forged = { ...session, user: { ...session.user, email: "forged@example.com" } };
    const answer = await worker.fetch("/auth/session", { cookies: await stack.cookies(forged) });
    const body = answer.json();
    expect([body.user.id, body.user.email, body.user.user_metadata.name, body.user.aal]).toEqual([session.user.id, session.user.email, "Ada", "aal1"]);
    expect(body.expires_at).toBeGreaterThan(Date.now() / 1000);
    expect(Object.keys(body.user).sort()).toEqual(["aal", "app_metadata", "email", "id", "is_anonymous", "role", "user_metadata"]);
  });

  test("§8 GET /session refreshes like any request", async () => {
    const answer = await worker.fetch("/auth/session", { cookies: await stack.cookies(stack.signIn({ expiresIn: -5 })) });
    expect(outcomeOf(answer)).toBe("refreshed");
    expect(await sessionIn(answer, stack.auth.url, stack.key)).not.toBeNull();
  });

  test("§8 GET /session of nobody is {\"user\":null}", async () => {
    const answer = await worker.fetch("/auth/session", { cookies: `${stack.key}=rubbish` });
    expect([answer.status, answer.json()]).toEqual([200, { user: null }]);
  });

  test("§8 GET /health: key set, KV and gate, no secrets", async () => {
    const well = await stack.worker("bound").fetch("/auth/health");
    const body = well.json();
    expect([well.status, body.kv, body.gate, body.keys.number]).toEqual([200, "reachable", "reachable", 1]);
    expect((await worker.fetch("/auth/health")).json().kv).toBe("unbound");
  });

  test("§8 GET /health is 503 while no key set can be had", async () => {
    stack.auth.faults.add({ match: { path: "/.well-known/jwks.json" }, status: 500, body: "down" });
    expect((await stack.worker("slow").fetch("/auth/health")).status).toBe(503);
  });

  test("§8 GET /health, which anyone may ask for, does not make the Worker press a failing Auth", async () => {
    stack.auth.faults.add({ match: { path: "/.well-known/jwks.json" }, status: 500, body: "down" });
    for (let look = 0; look < 5; look += 1) {
      expect((await stack.worker("cold").fetch("/auth/health")).status).toBe(503);
    }
    expect(stack.authCalls()).toEqual({ jwks: 1 });
  });
});

describe("§9 revocation", () => {
  test("§9 after a sign-out the old token is refused at once in the same isolate, as cookie and as bearer", async () => {
    const session = stack.signIn();
    const cookies = await stack.cookies(session);
    const revoking = stack.worker("revoking");
    expect(outcomeOf(await revoking.fetch("/", { cookies }))).toBe("valid");
    await revoking.fetch("/auth/signout", form({}, { cookies }));
    const replayed = await revoking.fetch("/members", { cookies });
    expect([replayed.status, outcomeOf(replayed)]).toEqual([401, "revoked"]);
    expect(after(replayed, cookies)).toEqual([]);
    const bearer = await revoking.fetch("/members", { headers: [["Authorization", `Bearer ${session.access_token}`]] });
    expect([bearer.status, outcomeOf(bearer)]).toEqual([401, "revoked"]);
  });

  test("§9 and elsewhere, where the session was not seen lately", async () => {
    const cookies = await stack.cookies(stack.signIn());
    await stack.worker("revoking").fetch("/auth/signout", form({}, { cookies }));
    expect(outcomeOf(await stack.worker("elsewhere").fetch("/", { cookies }))).toBe("revoked");
  });

  test("§9 a global sign-out ends every token of the user issued until then, and no later one", async () => {
    const email = visitor();
    const [here, there] = [stack.signIn({ email, ageSeconds: 60 }), stack.signIn({ email, ageSeconds: 60 })];
    await stack.worker("revoking").fetch("/auth/signout", form({ scope: "global" }, { cookies: await stack.cookies(here) }));
    expect(outcomeOf(await stack.worker("elsewhere").fetch("/", { cookies: await stack.cookies(there) }))).toBe("revoked");
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const later = await stack.cookies(stack.signIn({ email }));
    expect(outcomeOf(await stack.worker("revoking").fetch("/", { cookies: later }))).toBe("valid");
  });

  test("§9 operators revoke with the secret key, and nobody else does", async () => {
    const session = stack.signIn();
    const path = `/auth/revocations/${session.session_id}`;
    const put = (key: string) => stack.worker("revoking").fetch(path, { method: "PUT", headers: [["Authorization", `Bearer ${key}`]] });
    expect((await put("sb_secret_wrong")).status).toBe(401);
    expect((await put(session.access_token)).status).toBe(401);
    expect((await put("sb_secret_operator_of_the_routes")).status).toBe(204);
    expect(outcomeOf(await stack.worker("elsewhere").fetch("/", { cookies: await stack.cookies(session) }))).toBe("revoked");
  });

  test("§9 without REVOCATION a signed-out token lives until it runs out", async () => {
    const cookies = await stack.cookies(stack.signIn());
    await worker.fetch("/auth/signout", form({}, { cookies }));
    expect(outcomeOf(await worker.fetch("/", { cookies }))).toBe("valid");
  });
});

test("a browser's cookie jar takes what the routes write", async () => {
  const email = visitor();
  const jar = new CookieJar();
  const answer = await worker.fetch("/auth/login", form({ email, password: PASSWORD }));
  for (const { line } of parseSetCookies(answer.headers)) {
    await jar.setCookie(line, `${SITE}/auth/login`);
  }
  const cookies = await jar.getCookies(`${SITE}/`);
  expect(cookies.every(({ secure, sameSite, path }) => secure && sameSite === "lax" && path === "/")).toBe(true);
  expect(cookies.some(({ key }) => key === stack.key)).toBe(true);
});
