/** Contract §6: what the origin gets. */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { importJWK, jwtVerify } from "jose";
import { gunzipSync } from "node:zlib";
import { WebSocket } from "ws";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { outcomeOf, sessionAt, sessionCookiesAt, sessionIn, sessionSetCookies } from "../support/expectations.ts";
import { bytes, sha256, utf8 } from "../support/origin.ts";
import { claimsOf, type Cookie, cookieHeader, parseCookies } from "../support/sessions.ts";
import { type Stack, startStack, type WorkerSpec } from "../support/stack.ts";

const IDENTITY_SECRET = "an-identity-secret-of-more-than-32-bytes";
const PRIVATE_KEY = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "jwk" });
const IDENTITY = ["user-id", "id", "role", "aal", "expires-at", "anonymous", "claims"].map((name) => `x-session-${name}`);

const WORKERS = {
  main: {},
  bypass: { vars: { RULES: [{ bypass: true }] } },
  off: { vars: { IDENTITY_HEADERS: "off" } },
  asserted: { vars: { IDENTITY_SECRET } },
  named: { vars: { IDENTITY_CLAIMS: { "X-Plan": "/app_metadata/plan" }, ORIGIN_HEADERS: { "X-Lock": "open" } } },
  observing: { vars: { MODE: "observe", ORIGIN_HEADERS: { "X-Lock": "open" } } },
  signed: { vars: { IDENTITY_SECRET, IDENTITY_PRIVATE_KEY: PRIVATE_KEY } },
  renamed: { vars: { SITE_URL: "https://www.example.com" } },
  assertedRoute: { vars: { IDENTITY_SECRET }, bindings: { route: true } },
  service: { bindings: { originBinding: true } },
  route: { bindings: { route: true } },
  unreachable: { vars: { ORIGIN_URL: "http://127.0.0.1:1" } },
  itself: { vars: { ORIGIN_URL: null }, plain: true },
} satisfies Record<string, WorkerSpec>;

let stack: Stack<keyof typeof WORKERS>;

beforeAll(async () => {
  stack = await startStack({ vars: { SERVER_TIMING: "on" }, workers: WORKERS });
});
afterAll(() => stack.close());
beforeEach(() => stack.clear());

async function deadSession(): Promise<Cookie[]> {
  const session = stack.signIn({ expiresIn: -5 });
  stack.auth.deleteSession(session.session_id);
  return stack.cookies(session);
}

describe("§6 Cookie", () => {
  test("§6 after a refresh the new chunks under the session's names, one per name, stale chunk names gone", async () => {
    const session = stack.signIn({ expiresIn: -5 });
    const cookies = [...(await stack.cookies(session)), { name: `${stack.key}.3`, value: "stale" }, { name: `${stack.key}.17`, value: "stale" }];
    const answer = await stack.worker("main").fetch("/", { cookies });
    const names = sessionCookiesAt(stack.origin.only(), stack.key).map(({ name }) => name);
    expect(names).toEqual([...new Set(names)]);
    expect(names).not.toContain(`${stack.key}.3`);
    const sets = sessionSetCookies(answer, stack.key).filter(({ deletes }) => !deletes);
    expect([...names].sort()).toEqual(sets.map(({ name }) => name).sort());
    expect(claimsOf((await sessionAt(stack.origin.only(), stack.auth.url))?.access_token ?? "").exp).toBeGreaterThan(Date.now() / 1000);
  });

  test("§6 after a refresh that needs fewer chunks, none of the old names is left", async () => {
    const email = "shrinking@example.com";
    const cookies = await stack.cookies(stack.signIn({ email, expiresIn: -5, user_metadata: { bio: "x".repeat(6_000) } }));
    expect(cookies.length).toBeGreaterThan(2);
    stack.signIn({ email, user_metadata: { bio: "" } });
    const answer = await stack.worker("main").fetch("/", { cookies });
    expect(outcomeOf(answer)).toBe("refreshed");
    expect(sessionCookiesAt(stack.origin.only(), stack.key).length).toBeLessThan(cookies.length);
    expect(await sessionAt(stack.origin.only(), stack.auth.url)).toEqual(await sessionIn(answer, stack.auth.url, stack.key));
  });

  test.each([
    ["expired", deadSession],
    ["invalid", async () => [{ name: "sb-127-auth-token", value: "rubbish" }]],
    [
      "unavailable",
      async () => {
        stack.auth.faults.add({ match: { path: "/token" }, status: 500, body: "{}" });
        return stack.cookies(stack.signIn({ expiresIn: -5 }));
      },
    ],
  ] as [string, () => Promise<Cookie[]>][])("§6 after %s none of them", async (word, session) => {
    const cookies = [{ name: "a", value: "1" }, ...(await session()), { name: "b", value: "2" }];
    const answer = await stack.worker("main").fetch("/", { cookies });
    expect(outcomeOf(answer)).toBe(word);
    expect(stack.origin.only().header("cookie")).toBe("a=1; b=2");
  });

  test("§6 after expired no Cookie header is left where nothing else stood in it", async () => {
    await stack.worker("main").fetch("/", { cookies: await deadSession() });
    expect(stack.origin.only().all("cookie")).toEqual([]);
  });

  test("§6 all other cookies byte for byte as they came", async () => {
    const others = ["a=%7E%20~", 'b="quo;ted"', "c==x==", "novalue", "d=a,b", "e= spaced ", `f=${bytes("é🤦")}`, "a=again"];
    for (const session of [await stack.cookies(stack.signIn({ expiresIn: -5 })), await deadSession()]) {
      stack.origin.clear();
      const header = [...others.slice(0, 4), cookieHeader(session), ...others.slice(4)].join("; ");
      await stack.worker("main").fetch("/", { cookies: header });
      const forwarded = stack.origin.only().header("cookie") ?? "";
      const left = forwarded.split(/; ?/).filter((pair) => !pair.startsWith(stack.key)).join("; ");
      expect(left.replace(/ *; */g, ";").trim()).toBe(others.join("; ").replace(/ *; */g, ";").trim());
    }
  });

  test("§6 bytes that are no UTF-8 stay in a header that is left as it is; in one that is written anew they are U+FFFD", async () => {
    for (const [expiresIn, other] of [[3_600, "a=caf\xe9"], [-5, `a=${bytes("caf\ufffd")}`]] as const) {
      stack.origin.clear();
      const session = cookieHeader(await stack.cookies(stack.signIn({ expiresIn })));
      await stack.worker("main").fetch("/", { cookies: `a=caf\xe9; ${session}` });
      expect(stack.origin.only().header("cookie")?.split("; ")[0]).toBe(other);
    }
  });

  test("§6 untouched sessions leave the header untouched", async () => {
    const header = `z=1;a=2;  b=%zz; ${cookieHeader(await stack.cookies(stack.signIn()))}; ${stack.key}-code-verifier=v;c`;
    await stack.worker("main").fetch("/", { cookies: header });
    expect(stack.origin.only().all("cookie")).toEqual([header]);
  });

  test("§6 except that duplicates of a session name are reduced to the one that was verified", async () => {
    const email = "duplicates@example.com";
    const [old, current] = [stack.signIn({ email, expiresIn: 500 }), stack.signIn({ email })];
    const header = `a=1; ${cookieHeader(await stack.cookies(old))}; b=2; ${cookieHeader(await stack.cookies(current))}; c=3`;
    await stack.worker("main").fetch("/", { cookies: header });
    const forwarded = parseCookies(stack.origin.only().header("cookie"));
    expect(forwarded.filter(({ name }) => !name.startsWith(stack.key))).toEqual([
      { name: "a", value: "1" },
      { name: "b", value: "2" },
      { name: "c", value: "3" },
    ]);
    expect((await sessionAt(stack.origin.only(), stack.auth.url))?.access_token).toBe(current.access_token);
    const names = sessionCookiesAt(stack.origin.only(), stack.key).map(({ name }) => name);
    expect(names).toEqual([...new Set(names)]);
  });
});

describe("§6 identity", () => {
  test("§6 X-Session-Outcome stands on every request", async () => {
    await stack.worker("main").fetch("/");
    expect(stack.origin.only().all("x-session-outcome")).toEqual(["anonymous"]);
    stack.origin.clear();
    await stack.worker("main").fetch("/", { cookies: await deadSession() });
    expect(stack.origin.only().all("x-session-outcome")).toEqual(["expired"]);
  });

  test("§6 a verified session: user, session, role, aal, expiry, anonymous, claims", async () => {
    const session = stack.signIn({ role: "editor", aal: "aal2", app_metadata: { plan: "größer" } });
    await stack.worker("main").fetch("/", { cookies: await stack.cookies(session) });
    const claims = claimsOf(session.access_token);
    const received = stack.origin.only();
    expect(received.header("x-session-outcome")).toBe("valid");
    expect(received.header("x-session-user-id")).toBe(session.user.id);
    expect(received.header("x-session-id")).toBe(session.session_id);
    expect(received.header("x-session-role")).toBe("editor");
    expect(received.header("x-session-aal")).toBe("aal2");
    expect(received.header("x-session-expires-at")).toBe(String(claims.exp));
    expect(received.header("x-session-anonymous")).toBe("false");
    const sent = received.header("x-session-claims") ?? "";
    expect(sent).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(JSON.parse(Buffer.from(sent, "base64url").toString())).toEqual(claims);
  });

  test("§6 after a refresh the identity is that of the new token", async () => {
    const session = stack.signIn({ expiresIn: -5 });
    await stack.worker("main").fetch("/", { cookies: await stack.cookies(session) });
    const fresh = await sessionAt(stack.origin.only(), stack.auth.url);
    expect(stack.origin.only().header("x-session-outcome")).toBe("refreshed");
    expect(stack.origin.only().header("x-session-expires-at")).toBe(String(claimsOf(fresh?.access_token ?? "").exp));
  });

  test("§6 an anonymous user", async () => {
    const token = await stack.auth.sign({ claims: { is_anonymous: true } });
    stack.secret(token);
    await stack.worker("main").fetch("/", { headers: [["Authorization", `Bearer ${token}`]] });
    expect(stack.origin.only().header("x-session-anonymous")).toBe("true");
  });

  test("§6 without a verified session none of them but the outcome", async () => {
    for (const cookies of ["", `${stack.key}=rubbish`, cookieHeader(await deadSession())]) {
      stack.origin.clear();
      await stack.worker("main").fetch("/", { cookies });
      for (const name of IDENTITY) {
        expect([name, stack.origin.only().header(name)]).toEqual([name, undefined]);
      }
    }
  });

  test("§6 X-Session-Claims is left out above 8 KiB", async () => {
    const small = await stack.auth.sign({ claims: { padding: "x".repeat(5_000) } });
    const large = await stack.auth.sign({ claims: { padding: "x".repeat(8_300) } });
    stack.secret(small, large);
    await stack.worker("main").fetch("/", { headers: [["Authorization", `Bearer ${small}`]] });
    expect(stack.origin.only().header("x-session-claims")).toBeDefined();
    stack.origin.clear();
    await stack.worker("main").fetch("/", { headers: [["Authorization", `Bearer ${large}`]] });
    expect(stack.origin.only().header("x-session-user-id")).toBeDefined();
    expect(stack.origin.only().header("x-session-claims")).toBeUndefined();
  });

  test.each(["main", "bypass", "off", "service", "route", "asserted"] as const)(
    "§6 any inbound header whose name begins with x-session- is removed first, in every mode (%s)",
    async (name) => {
      const forged = ["X-Session-User-Id", "x-session-role", "X_Session_User_Id", "x_session-role", "X-SESSION_AAL", "X-Session-Anything", "x-session-assertion", "X-Session-"];
      await stack.worker(name).fetch("/", { headers: forged.map((header) => [header, "forged"]) });
      const received = stack.origin.only();
      expect(received.headers.filter(([, value]) => value.includes("forged"))).toEqual([]);
    },
  );

  test.each(["named", "observing"] as const)("§6 headers named in ORIGIN_HEADERS are the operator's in every mode (%s)", async (name) => {
    await stack.worker(name).fetch("/", { headers: [["X-Lock", "forged"], ["x_lock", "forged"]] });
    const received = stack.origin.only();
    expect(received.headers.filter(([, value]) => value.includes("forged"))).toEqual([]);
    expect(received.all("x-lock")).toEqual(["open"]);
  });

  test("§6 IDENTITY_CLAIMS as a table: the claim stands in the header named for it", async () => {
    const session = stack.signIn({ app_metadata: { plan: "größer" } });
    await stack.worker("named").fetch("/", { cookies: await stack.cookies(session), headers: [["X-Plan", "forged"]] });
    expect(stack.origin.only().all("x-plan")).toEqual(["gr%C3%B6%C3%9Fer"]);
    expect(stack.origin.only().header("x-session-claims")).toBeUndefined();
  });

  test("§6 a header that only resembles the reserved ones stays", async () => {
    const headers: [string, string][] = [["X-Sessions", "1"], ["X-My-Session-Id", "2"], ["Session-Id", "3"]];
    await stack.worker("main").fetch("/", { headers });
    for (const [name, value] of headers) {
      expect(stack.origin.only().all(name)).toEqual([value]);
    }
  });
});

describe("§6 X-Session-Assertion", () => {
  const verify = async (token: string | undefined) => jwtVerify(token ?? "", new TextEncoder().encode(IDENTITY_SECRET));

  test("§6 with IDENTITY_SECRET: an HS256 JWT of a verified session", async () => {
    const session = stack.signIn({ role: "editor", aal: "aal2" });
    await stack.worker("asserted").fetch("/", { cookies: await stack.cookies(session) });
    const { payload, protectedHeader } = await verify(stack.origin.only().header("x-session-assertion"));
    expect(protectedHeader).toEqual({ alg: "HS256", typ: "JWT" });
    const { iat = 0, exp, ...rest } = payload;
    expect(rest).toEqual({
      iss: "edge-session",
      aud: stack.origin.host,
      sub: session.user.id,
      session_id: session.session_id,
      role: "editor",
      aal: "aal2",
      outcome: "valid",
    });
    expect(exp).toBe(iat + 60);
    expect(Math.abs(Date.now() / 1000 - iat)).toBeLessThan(5);
  });

  test("§6 sub, session_id, role, aal are absent for anonymous", async () => {
    await stack.worker("asserted").fetch("/");
    const { payload } = await verify(stack.origin.only().header("x-session-assertion"));
    expect(Object.keys(payload).sort()).toEqual(["aud", "exp", "iat", "iss", "outcome"]);
    expect(payload.outcome).toBe("anonymous");
  });

  test("§6 aud is the origin's host, which is the site's own on a route", async () => {
    await stack.worker("assertedRoute").fetch("/");
    const { payload } = await verify(stack.origin.only().header("x-session-assertion"));
    expect(payload.aud).toBe("app.example.com");
  });

  test("§6 with IDENTITY_PRIVATE_KEY: an ES256 JWT with kid, also beside a secret", async () => {
    const { d: _, ...jwk } = PRIVATE_KEY as { d?: string };
    for (const cookies of ["", cookieHeader(await stack.cookies(stack.signIn()))]) {
      stack.origin.clear();
      await stack.worker("signed").fetch("/", { cookies });
      const token = stack.origin.only().header("x-session-assertion") ?? "";
      const { payload, protectedHeader } = await jwtVerify(token, await importJWK(jwk, "ES256"));
      expect(protectedHeader).toEqual({ alg: "ES256", typ: "JWT", kid: expect.stringMatching(/^[\w-]{43}$/) });
      expect([payload.iss, payload.aud]).toEqual(["edge-session", stack.origin.host]);
    }
  });

  test("§6 without IDENTITY_SECRET there is none", async () => {
    await stack.worker("main").fetch("/", { cookies: await stack.cookies(stack.signIn()) });
    expect(stack.origin.only().header("x-session-assertion")).toBeUndefined();
  });
});

describe("§6 the request as it came", () => {
  test("§6 X-Forwarded-Host, X-Forwarded-Proto when ORIGIN_URL changes the host", async () => {
    await stack.worker("main").fetch("/");
    expect(stack.origin.only().all("x-forwarded-host")).toEqual(["app.example.com"]);
    expect(stack.origin.only().all("x-forwarded-proto")).toEqual(["https"]);
    stack.origin.clear();
    await stack.worker("main").fetch("/", { site: "http://other.example:8080" });
    expect(stack.origin.only().all("x-forwarded-host")).toEqual(["other.example:8080"]);
    expect(stack.origin.only().all("x-forwarded-proto")).toEqual(["http"]);
  });

  test("§6 X-Forwarded-Host, X-Forwarded-Proto are those of SITE_URL", async () => {
    await stack.worker("renamed").fetch("/", { site: "http://inner.example", headers: [["X-Forwarded-Proto", "forged"]] });
    expect(stack.origin.only().all("x-forwarded-host")).toEqual(["www.example.com"]);
    expect(stack.origin.only().all("x-forwarded-proto")).toEqual(["https"]);
  });

  test.each(["main", "observing"] as const)("§6 Expect is dropped (%s)", async (name) => {
    const answer = await stack.worker(name).fetch("/upload", { method: "POST", body: "payload", headers: [["Expect", "100-continue"]] });
    expect(answer.status).toBe(200);
    expect(stack.origin.only().header("expect")).toBeUndefined();
    expect(stack.origin.only().body.toString()).toBe("payload");
  });

  test.each(["main", "service", "route"] as const)("§6 no Cache-Control or Pragma that the visitor did not send (%s)", async (name) => {
    const cookies = await stack.cookies(stack.signIn());
    await stack.worker(name).fetch("/", { cookies, headers: [["If-None-Match", '"1"']] });
    expect(stack.origin.only().header("cache-control")).toBeUndefined();
    expect(stack.origin.only().header("pragma")).toBeUndefined();
    expect(stack.origin.only().header("if-none-match")).toBe('"1"');
    stack.origin.clear();
    await stack.worker(name).fetch("/", { cookies, headers: [["Cache-Control", "max-age=0"]] });
    expect(stack.origin.only().header("cache-control")).toBe("max-age=0");
    expect(stack.origin.only().header("pragma")).toBeUndefined();
  });

  test("§6 revalidation with a session answers 304 as without one", async () => {
    stack.origin.on("/kept", { status: 304, headers: [["ETag", '"1"']] });
    for (const cookies of ["", cookieHeader(await stack.cookies(stack.signIn()))]) {
      const answer = await stack.worker("main").fetch("/kept", { cookies, headers: [["If-None-Match", '"1"']] });
      expect([answer.status, answer.header("etag")]).toEqual([304, '"1"']);
    }
  });

  test("§6 where the host stays, none is added", async () => {
    await stack.worker("route").fetch("/");
    expect(stack.origin.only().header("x-forwarded-host")).toBeUndefined();
  });

  test.each(["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "QUERY", "PURGE", "REPORT", "MKCOL"])("§6 method %s", async (method) => {
    await stack.worker("main").fetch("/m", { method, ...(method === "QUERY" || method.startsWith("P") ? { body: "payload" } : {}) });
    expect(stack.origin.only().method).toBe(method);
  });

  test("§6 HEAD stays HEAD and has no body", async () => {
    const answer = await stack.worker("main").fetch("/m", { method: "HEAD" });
    expect(stack.origin.only().method).toBe("HEAD");
    expect([answer.status, answer.raw.length]).toEqual([200, 0]);
  });

  test("§6 body, byte for byte", async () => {
    const body = randomBytes(300_000);
    await stack.worker("main").fetch("/upload", { method: "POST", body, headers: [["Content-Type", "application/octet-stream"]] });
    expect(stack.origin.only().bodySha256).toBe(sha256(body));
    expect(stack.origin.only().header("content-type")).toBe("application/octet-stream");
  });

  test("§6 body of a request whose session is refreshed", async () => {
    const body = randomBytes(100_000);
    const answer = await stack.worker("main").fetch("/upload", { method: "PUT", body, cookies: await stack.cookies(stack.signIn({ expiresIn: -5 })) });
    expect(outcomeOf(answer)).toBe("refreshed");
    expect(stack.origin.only().bodySha256).toBe(sha256(body));
  });

  test("§6 body streamed, never buffered: the origin gets the first part before the last is sent", async () => {
    const request = stack.worker("main").open("/upload", {
      method: "POST",
      headers: [["Transfer-Encoding", "chunked"]],
      cookies: await stack.cookies(stack.signIn()),
    });
    request.write("first ");
    await expect.poll(() => stack.origin.requests.length).toBe(1);
    await stack.origin.only().firstByte;
    expect(stack.origin.only().complete).toBe(false);
    request.write("last");
    request.end();
    expect((await request.response).status).toBe(200);
    expect(stack.origin.only().body.toString()).toBe("first last");
  });

  test.each(["/?a=1&a=2&b=%2F%20+&c", "/p%20q/%C3%A9?x=y%3Dz", "/a//b/", "/a;b=c?d", "/?", "/%F0%9F%A4%A6"])("§6 query and path: %s", async (path) => {
    await stack.worker("main").fetch(path);
    expect(stack.origin.only().url.replace(/\?$/, "")).toBe(path.replace(/\?$/, ""));
  });

  test("§6 every other header as it came, non-ASCII values too", async () => {
    const headers: [string, string][] = [
      ["Accept-Language", "de;q=0.9, en;q=0.8"],
      ["If-None-Match", 'W/"abc"'],
      ["Range", "bytes=0-10"],
      ["X-City", bytes("São Paulo — 東京")],
      ["X-Empty", ""],
      ["User-Agent", "probe/1.0"],
      ["Authorization", "Basic dTpw"],
      ["Accept-Encoding", "gzip, br"],
    ];
    await stack.worker("main").fetch("/", { headers });
    for (const [name, value] of headers) {
      expect([name, stack.origin.only().all(name).map(utf8)]).toEqual([name, [utf8(value)]]);
    }
  });
});

describe("§6 the answer as it came", () => {
  test("§6 status and status text", async () => {
    for (const [status, statusText] of [
      [200, "Fine"],
      [201, "Made"],
      [299, "Odd"],
      [418, "I'm a teapot"],
      [404, "Nothing here"],
      [503, "Resting"],
      [599, "Own"],
    ] as const) {
      stack.origin.on("/s", { status, statusText, body: "x" });
      const answer = await stack.worker("main").fetch("/s");
      expect([answer.status, answer.statusText, answer.text]).toEqual([status, statusText, "x"]);
    }
  });

  test("§6 status text of an answer that carries new cookies", async () => {
    stack.origin.on("/s", { status: 201, statusText: "Made by hand", body: "x" });
    const answer = await stack.worker("main").fetch("/s", { cookies: await stack.cookies(stack.signIn({ expiresIn: -5 })) });
    expect([answer.status, answer.statusText, answer.text]).toEqual([201, "Made by hand", "x"]);
  });

  test.each([204, 304])("§6 an answer without a body: %i, with and without new cookies", async (status) => {
    stack.origin.on("/empty", { status, headers: [["X-Kept", "yes"]] });
    for (const cookies of [[], await stack.cookies(stack.signIn({ expiresIn: -5 }))]) {
      const answer = await stack.worker("main").fetch("/empty", { cookies });
      expect([answer.status, answer.header("x-kept"), answer.raw.length]).toEqual([status, "yes", 0]);
    }
  });

  test.each(["gzip", "br"] as const)("§6 encoding %s: the very bytes of the origin", async (encoding) => {
    const text = "compressible ".repeat(500);
    stack.origin.on("/z", { body: text, encoding });
    for (const cookies of [[], await stack.cookies(stack.signIn()), await stack.cookies(stack.signIn({ expiresIn: -5 }))]) {
      const answer = await stack.worker("main").fetch("/z", { cookies, headers: [["Accept-Encoding", "gzip, br"]] });
      expect(answer.header("content-encoding")).toBe(encoding);
      expect(answer.raw.length).toBeLessThan(text.length / 4);
      if (encoding === "gzip") {
        expect(gunzipSync(answer.raw).toString()).toBe(text);
      }
    }
  });

  test("§6 headers of the answer, non-ASCII values too", async () => {
    stack.origin.on("/h", {
      body: "x",
      headers: [
        ["X-City", bytes("Ærøskøbing 東京")],
        ["Link", "</a>; rel=preload"],
        ["Content-Disposition", 'attachment; filename="é.txt"'],
      ],
    });
    for (const cookies of [[], await stack.cookies(stack.signIn({ expiresIn: -5 }))]) {
      const answer = await stack.worker("main").fetch("/h", { cookies });
      expect(utf8(answer.header("x-city") ?? "")).toBe("Ærøskøbing 東京");
      expect(answer.header("link")).toBe("</a>; rel=preload");
    }
  });

  test("§6 redirects of the origin are passed on, not followed", async () => {
    for (const status of [301, 302, 303, 307, 308]) {
      stack.origin.clear();
      stack.origin.on("/from", { status, headers: [["Location", "/to"], ["Set-Cookie", "a=1; Path=/"]] });
      const answer = await stack.worker("main").fetch("/from");
      expect([answer.status, answer.header("location"), answer.all("set-cookie")]).toEqual([status, "/to", ["a=1; Path=/"]]);
      expect(stack.origin.only().path).toBe("/from");
    }
  });

  test("§6 streamed responses pass through: the first part arrives before the last is sent", async () => {
    for (const cookies of [[], await stack.cookies(stack.signIn({ expiresIn: -5 }))]) {
      let release = (): void => undefined;
      const held = new Promise<void>((done) => (release = done));
      stack.origin.on("/stream", { chunks: [{ data: "first" }, { data: "last", after: held }], headers: [["Content-Type", "text/event-stream"]] });
      const request = stack.worker("main").open("/stream", { cookies });
      request.end();
      const response = await request.response;
      expect(await response.next()).toBe("first");
      release();
      expect(await response.next()).toBe("last");
      expect(await response.next()).toBeUndefined();
    }
  });

  test("§6 WebSocket upgrades pass through, with the identity of the visitor", async () => {
    const session = stack.signIn();
    const socket = connect("/socket", cookieHeader(await stack.cookies(session)));
    const echoed = await new Promise<string>((resolve, reject) => {
      socket.once("open", () => socket.send("hello"));
      socket.once("message", (data) => resolve(String(data)));
      socket.once("error", reject);
    });
    socket.terminate();
    expect(echoed).toBe("hello");
    expect(stack.origin.only().upgrade).toBe(true);
    expect(stack.origin.only().header("x-session-user-id")).toBe(session.user.id);
  });

  test("§6 a WebSocket upgrade with an expired session: refreshed towards the origin, and the connection works", async () => {
    const session = stack.signIn({ expiresIn: -5 });
    const socket = connect("/socket", cookieHeader(await stack.cookies(session)));
    await new Promise((resolve, reject) => {
      socket.once("open", resolve);
      socket.once("error", reject);
    });
    socket.terminate();
    expect(stack.origin.only().header("x-session-outcome")).toBe("refreshed");
  });

  test("§6 an upgrade that the origin refuses", async () => {
    stack.origin.on("/no", { status: 426, statusText: "Refused" });
    const { status, socket } = await stack.worker("main").upgrade("/no", { headers: upgradeHeaders() });
    socket?.destroy();
    expect(status).toBe(426);
  });
});

describe("§6 addresses of the origin", () => {
  test.each(["Location", "Content-Location"])("§6 a %s that names ORIGIN_URL's own host is turned into the site's", async (name) => {
    for (const cookies of ["", cookieHeader(await stack.cookies(stack.signIn()))]) {
      stack.origin.on("/from", { status: name === "Location" ? 302 : 200, headers: [[name, `${stack.origin.url}/to?a=b#c`]] });
      const answer = await stack.worker("main").fetch("/from", { cookies });
      expect(answer.header(name.toLowerCase())).toBe("https://app.example.com/to?a=b#c");
      stack.origin.on("/from", { status: 302, headers: [[name, "https://elsewhere.example/to"]] });
      expect((await stack.worker("main").fetch("/from", { cookies })).header(name.toLowerCase())).toBe("https://elsewhere.example/to");
    }
  });
});

describe("§6 no origin", () => {
  test("§6 origin unreachable: 502 as problem+json for non-navigations", async () => {
    const answer = await stack.worker("unreachable").fetch("/api");
    expect(answer.status).toBe(502);
    expect(answer.header("content-type")).toMatch(/^application\/problem\+json/);
    expect(answer.json()).toMatchObject({ status: 502 });
  });

  test("§6 origin unreachable: short HTML otherwise", async () => {
    const answer = await stack.worker("unreachable").fetch("/page", { navigate: true });
    expect(answer.status).toBe(502);
    expect(answer.header("content-type")).toMatch(/^text\/html/);
  });

  test("§6 an origin that ends the connection is unreachable too", async () => {
    stack.origin.on("/cut", { cut: true });
    expect((await stack.worker("main").fetch("/cut")).status).toBe(502);
  });

  test("§6 the sixth time through such a Worker a request is answered 508, which names ORIGIN_URL, ORIGIN and ASSETS", async () => {
    for (const answer of [
      await stack.worker("itself").fetch("/page"),
      await stack.worker("main").fetch("/page", { headers: [["X-Session-Hop", "5"]] }),
      await stack.worker("main").fetch("/page", { navigate: true, headers: [["X-Session-Hop", "5"]] }),
    ]) {
      expect(answer.status).toBe(508);
      for (const name of ["ORIGIN_URL", "ORIGIN ", "ASSETS"]) {
        expect(answer.text).toContain(name);
      }
    }
    expect(stack.origin.requests).toEqual([]);
  });

  test("§6 X-Session-Hop counts", async () => {
    await stack.worker("main").fetch("/");
    expect(stack.origin.only().all("x-session-hop")).toEqual(["1"]);
    stack.origin.clear();
    await stack.worker("main").fetch("/", { headers: [["X-Session-Hop", "4"]] });
    expect(stack.origin.only().all("x-session-hop")).toEqual(["5"]);
  });
});

function upgradeHeaders(): [string, string][] {
  return [
    ["Connection", "Upgrade"],
    ["Upgrade", "websocket"],
    ["Sec-WebSocket-Version", "13"],
    ["Sec-WebSocket-Key", randomBytes(16).toString("base64")],
  ];
}

/** A WebSocket through the proxy-style socket of the Worker. */
function connect(path: string, cookie: string): WebSocket {
  const { host } = stack.worker("main").socket;
  return new WebSocket(`ws://${host}${path}`, {
    headers: { Cookie: cookie },
    finishRequest: (request) => {
      request.path = `http://app.example.com${path}`;
      request.end();
    },
  });
}
