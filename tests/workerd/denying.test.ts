/** Contract §5: denying. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { expectDeleted, expectDenialHeaders, expectKept, outcomeOf, sessionIn } from "../support/expectations.ts";
import type { Answer } from "../support/http.ts";
import { type FetchInit, SITE, type Stack, startStack, type WorkerSpec } from "../support/stack.ts";

const WORKERS = {
  guard: {
    vars: {
      RULES: [
        { path: "/role*", require: { role: "editor" } },
        { path: "/redirect*", require: true, on_denied: "redirect" },
        { path: "/status*", require: true, on_denied: "status" },
        { path: "/cors*", require: true, cors: ["https://app.example.org"] },
        { require: true },
      ],
    },
  },
  routes: { vars: { RULES: [{ path: "/role*", require: { role: "editor" } }, { require: true }], AUTH_PATH: "/auth" } },
  impatient: { vars: { RULES: [{ require: true }], AUTH_TIMEOUT_MS: "300" } },
} satisfies Record<string, WorkerSpec>;

let stack: Stack<keyof typeof WORKERS>;

beforeAll(async () => {
  stack = await startStack({ vars: { SERVER_TIMING: "on" }, workers: WORKERS });
});
afterAll(() => stack.close());
beforeEach(() => stack.clear());

const guard = (path: string, init?: FetchInit): Promise<Answer> => stack.worker("guard").fetch(path, init);

/** One visitor without a usable session for each outcome. */
const WITHOUT_SESSION: Record<string, () => Promise<FetchInit>> = {
  anonymous: async () => ({}),
  expired: async () => {
    const session = stack.signIn({ expiresIn: -5 });
    stack.auth.deleteSession(session.session_id);
    return { cookies: await stack.cookies(session) };
  },
  invalid: async () => {
    const session = stack.signIn();
    return { cookies: await stack.cookies({ ...session, access_token: `${session.access_token.slice(0, -8)}AAAAAAAA` }) };
  },
};

describe("§5 no session", () => {
  test.each(Object.keys(WITHOUT_SESSION))("§5 no session (%s), navigation: 303 to LOGIN_PATH?next=<path and query>", async (kind) => {
    const answer = await guard("/members/1?tab=a%26b&x=%C3%A9", { ...(await WITHOUT_SESSION[kind]!()), navigate: true });
    expect([answer.status, outcomeOf(answer)]).toEqual([303, kind]);
    const location = new URL(answer.header("location") ?? "", SITE);
    expect(location.origin + location.pathname).toBe(`${SITE}/login`);
    expect([...location.searchParams.keys()]).toEqual(["next"]);
    expect(location.searchParams.get("next")).toBe("/members/1?tab=a%26b&x=%C3%A9");
    expectDenialHeaders(answer);
    expect(stack.origin.requests).toEqual([]);
  });

  test.each(Object.keys(WITHOUT_SESSION))("§5 no session (%s), otherwise: 401 JSON and WWW-Authenticate: Bearer", async (kind) => {
    const answer = await guard("/api/x", await WITHOUT_SESSION[kind]!());
    expect([answer.status, outcomeOf(answer)]).toEqual([401, kind]);
    expect(answer.header("www-authenticate")).toMatch(/^Bearer/);
    expect(answer.header("content-type")).toMatch(/^application\/json/);
    expect(answer.json().error).toBe("unauthorized");
    expect(typeof answer.json().reason).toBe("string");
    expect(answer.json().reason).not.toBe("");
    expectDenialHeaders(answer);
    expect(stack.origin.requests).toEqual([]);
  });
});

describe("§5 a session that falls short", () => {
  test("§5 session without the required role, navigation: 403", async () => {
    const session = stack.signIn();
    const account = String(session.user.email);
    const answer = await guard("/role", { cookies: await stack.cookies(session), navigate: true, account });
    expect(answer.status).toBe(403);
    expect(answer.header("location")).toBeUndefined();
    expectDenialHeaders(answer);
    expect(stack.origin.requests).toEqual([]);
  });

  test("§5 the 403 page names the account and offers another sign-in if AUTH_PATH is set", async () => {
    const account = "ines@example.com";
    const asked = { cookies: await stack.cookies(stack.signIn({ email: account })), navigate: true, account };
    const answer = await stack.worker("routes").fetch("/role", asked);
    expect([answer.status, answer.header("x-content-type-options")]).toEqual([403, "nosniff"]);
    expect(answer.text).toContain(account);
    expect(answer.text).toContain("/auth/signout");
    expect((await guard("/role", asked)).text).not.toContain("signout");
  });

  test("§5 session without the required role, otherwise: 403 JSON", async () => {
    const answer = await guard("/role", { cookies: await stack.cookies(stack.signIn()) });
    expect(answer.status).toBe(403);
    expect(answer.header("content-type")).toMatch(/^application\/json/);
    expect(answer.json().error).toBe("forbidden");
    expect(typeof answer.json().reason).toBe("string");
    expectDenialHeaders(answer);
  });

  test("§5 a session that falls short keeps its cookies", async () => {
    expectKept(await guard("/role", { cookies: await stack.cookies(stack.signIn()) }), stack.key);
  });
});

describe("§5 unavailable", () => {
  test("§5 unavailable, navigation: 503, Retry-After: 5, a short HTML page", async () => {
    stack.auth.faults.add({ match: { path: "/token" }, status: 500, body: "{}" });
    const answer = await guard("/members", { cookies: await stack.cookies(stack.signIn({ expiresIn: -5 })), navigate: true });
    expect([answer.status, outcomeOf(answer)]).toEqual([503, "unavailable"]);
    expect(answer.header("retry-after")).toBe("5");
    expect(answer.header("content-type")).toMatch(/^text\/html/);
    expect(answer.text).toMatch(/<html|<!doctype html/i);
    expectDenialHeaders(answer);
    expectKept(answer, stack.key);
  });

  test("§5 unavailable, otherwise: 503 JSON", async () => {
    stack.auth.faults.add({ match: { path: "/token" }, status: 500, body: "{}" });
    const answer = await guard("/api", { cookies: await stack.cookies(stack.signIn({ expiresIn: -5 })) });
    expect(answer.status).toBe(503);
    expect(answer.header("content-type")).toMatch(/^application\/json/);
    expect(typeof answer.json().error).toBe("string");
    expectDenialHeaders(answer);
    expectKept(answer, stack.key);
  });
});

describe("§5 auto: what a navigation is", () => {
  const accept = (value: string): [string, string] => ["Accept", value];
  const mode = (value: string): [string, string] => ["Sec-Fetch-Mode", value];
  const html = accept("text/html,application/xhtml+xml,*/*;q=0.8");

  test.each([
    ["Sec-Fetch-Mode: navigate", { headers: [mode("navigate")] }],
    ["Sec-Fetch-Mode: navigate, with any Accept", { headers: [mode("navigate"), accept("application/json")] }],
    ["no Sec-Fetch-Mode, GET, text/html in Accept", { headers: [html] }],
    ["no Sec-Fetch-Mode, HEAD, text/html in Accept", { method: "HEAD", headers: [html] }],
    ["Sec-Fetch-Mode: navigate, POST", { method: "POST", body: "a=b", headers: [mode("navigate"), html] }],
  ] as [string, FetchInit][])("§5 a navigation: %s", async (_, init) => {
    expect((await guard("/page", init)).status).toBe(303);
  });

  test.each([
    ["nothing said", {}],
    ["Accept: */*", { headers: [accept("*/*")] }],
    ["Accept: application/json", { headers: [accept("application/json")] }],
    ["Sec-Fetch-Mode: cors with text/html in Accept", { headers: [mode("cors"), html] }],
    ["Sec-Fetch-Mode: no-cors with text/html in Accept", { headers: [mode("no-cors"), html] }],
    ["no Sec-Fetch-Mode, POST, text/html in Accept", { method: "POST", body: "a=b", headers: [html] }],
  ] as [string, FetchInit][])("§5 no navigation: %s", async (_, init) => {
    expect((await guard("/page", init)).status).toBe(401);
  });

  test("§5 on_denied: redirect sends everything to the login, status nothing", async () => {
    expect((await guard("/redirect")).status).toBe(303);
    expect((await guard("/redirect", { method: "POST", body: "x" })).status).toBe(303);
    const page = await guard("/status", { navigate: true });
    expect([page.status, page.header("content-type")]).toEqual([401, "text/html; charset=utf-8"]);
  });
});

describe("§5 next", () => {
  const nextOf = (answer: Answer): string | null => new URL(answer.header("location") ?? "", SITE).searchParams.get("next");
  const post = (referer?: string): FetchInit => ({
    method: "POST",
    body: "a=b",
    navigate: true,
    headers: referer === undefined ? [] : [["Referer", referer]],
  });

  test("§5 for methods other than GET and HEAD next is the path of a same-site Referer", async () => {
    expect(nextOf(await guard("/form", post(`${SITE}/members/edit`)))).toBe("/members/edit");
  });

  test.each([undefined, "https://evil.example/members", "not a url", "http://app.example.com.evil.example/x", `${SITE}//evil.example`])(
    "§5 for methods other than GET and HEAD next is / with Referer %s",
    async (referer) => {
      expect(nextOf(await guard("/form", post(referer)))).toBe("/");
    },
  );

  test("§5 HEAD keeps its own path", async () => {
    expect(nextOf(await guard("/page", { method: "HEAD", navigate: true }))).toBe("/page");
  });

  test.each(["//evil.example", "//evil.example/x", "/\\evil.example", "///evil.example", "//evil.example%2f.."])(
    "§5 next is only ever a path on the same site: %s becomes /",
    async (path) => {
      const next = nextOf(await guard(path, { navigate: true }));
      expect(next).toBe("/");
    },
  );

  test("§5 next holds no control character", async () => {
    for (const path of ["/a%0d%0aSet-Cookie:%20x=1", "/a%09b", "/%00"]) {
      const answer = await guard(path, { navigate: true });
      const next = answer.status === 400 ? "/" : nextOf(answer);
      expect(next).toMatch(/^\/(?![/\\])[^\u0000-\u001f\u007f]*$/);
      expect(answer.all("set-cookie")).toEqual([]);
    }
  });
});

describe("§5 never denied", () => {
  test("§5 the login path is never denied (no redirect loops)", async () => {
    for (const path of ["/login", "/login?next=/x"]) {
      expect((await guard(path, { navigate: true })).status).toBe(200);
    }
    expect(stack.origin.requests.map(({ url }) => url)).toEqual(["/login", "/login?next=/x"]);
  });

  test("§5 what the Worker serves below AUTH_PATH is never denied; all else there belongs to the site", async () => {
    expect((await stack.worker("routes").fetch("/auth/session", { navigate: true })).status).toBe(200);
    const answer = await stack.worker("routes").fetch("/auth/anything", { navigate: true });
    expect(new URL(answer.header("location") ?? "/none", SITE).pathname).toBe("/login");
  });

  test("§5 a path that only begins like the login path is denied", async () => {
    expect((await guard("/login-as-admin", { navigate: true })).status).toBe(303);
  });

  test("§5 CORS preflights pass to the origin", async () => {
    stack.origin.on("/api/x", { status: 204, headers: [["Access-Control-Allow-Origin", "https://other.example"]] });
    const answer = await guard("/api/x", {
      method: "OPTIONS",
      headers: [
        ["Origin", "https://other.example"],
        ["Access-Control-Request-Method", "PUT"],
        ["Access-Control-Request-Headers", "authorization"],
      ],
    });
    expect(answer.status).toBe(204);
    expect(answer.header("access-control-allow-origin")).toBe("https://other.example");
    expect(stack.origin.only().method).toBe("OPTIONS");
  });

  test("§2 cors: scripts of the origins named may read what the Worker answers", async () => {
    const answer = await guard("/cors", { headers: [["Origin", "https://app.example.org"]] });
    expect([answer.status, answer.header("access-control-allow-origin"), answer.header("access-control-allow-credentials")]).toEqual([401, "https://app.example.org", "true"]);
    expect(answer.header("vary")?.toLowerCase()).toContain("origin");
    expect((await guard("/cors", { headers: [["Origin", "https://evil.example"]] })).header("access-control-allow-origin")).toBeUndefined();
  });

  test("§5 an OPTIONS request that is no preflight is denied", async () => {
    expect((await guard("/api/x", { method: "OPTIONS" })).status).toBe(401);
    expect(stack.origin.requests).toEqual([]);
  });
});

describe("§5 cookies on denials", () => {
  test.each(["expired", "invalid"])("§5 a denial still carries whatever cookies had to be written: %s deletes", async (kind) => {
    const init = await WITHOUT_SESSION[kind]!();
    for (const navigate of [true, false]) {
      // A dead session is found dead again by the second request.
      expectDeleted(await guard("/page", { ...init, navigate }), init.cookies as [], stack.key);
    }
  });

  test("§5 a denial still carries whatever cookies had to be written: a refresh before a 403", async () => {
    const session = stack.signIn({ expiresIn: -5 });
    const answer = await guard("/role", { cookies: await stack.cookies(session) });
    expect(answer.status).toBe(403);
    const fresh = await sessionIn(answer, stack.auth.url, stack.key);
    expect(fresh?.refresh_token).toBeDefined();
    expect(fresh?.refresh_token).not.toBe(session.refresh_token);
  });

  test("§5 a denial during an outage writes nothing", async () => {
    stack.auth.faults.add({ match: { path: "/token" }, hang: true });
    const answer = await stack.worker("impatient").fetch("/", { cookies: await stack.cookies(stack.signIn({ expiresIn: -5 })) });
    expect(answer.status).toBe(503);
    expectKept(answer, stack.key);
  });
});
