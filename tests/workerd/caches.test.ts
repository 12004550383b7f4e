/** Contract §7: what the browser and the caches get. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  expectDeleted,
  expectKept,
  expectUncacheable,
  isSessionName,
  outcomeOf,
  sessionCookiesAt,
  sessionIn,
  sessionSetCookies,
} from "../support/expectations.ts";
import type { HeaderList } from "../support/origin.ts";
import { browserJar, type Cookie, cookieHeader, jarCookies, parseSetCookies } from "../support/sessions.ts";
import { SITE, type Stack, startStack, type WorkerSpec } from "../support/stack.ts";

const WORKERS = {
  main: {},
  domain: { vars: { COOKIE_DOMAIN: "example.com" } },
  guarded: { vars: { RULES: [{ path: "/members*", require: true }] } },
  shared: {
    vars: {
      FORWARD_BEARER: "on",
      SHARED_COOKIES: "preview",
      IDENTITY_SECRET: "an-identity-secret-of-more-than-32-bytes",
      RULES: [
        { path: "/members*", require: true, cache: "shared" },
        { path: "/shared*", cache: "shared" },
      ],
    },
  },
  unreachable: { vars: { ORIGIN_URL: "http://127.0.0.1:1" } },
} satisfies Record<string, WorkerSpec>;

let stack: Stack<keyof typeof WORKERS>;

beforeAll(async () => {
  stack = await startStack({ vars: { SERVER_TIMING: "on" }, workers: WORKERS });
});
afterAll(() => stack.close());
beforeEach(() => stack.clear());

const CACHEABLE: HeaderList = [
  ["Cache-Control", "public, max-age=300, s-maxage=900"],
  ["CDN-Cache-Control", "max-age=600"],
  ["Cloudflare-CDN-Cache-Control", "max-age=600"],
  ["Surrogate-Control", "max-age=600"],
  ["Surrogate-Key", "page"],
  ["X-Accel-Expires", "600"],
  ["Edge-Control", "max-age=600"],
  ["Other-CDN-Cache-Control", "max-age=600"],
  ["ETag", '"v1"'],
  ["Last-Modified", "Fri, 20 Nov 2026 10:00:00 GMT"],
  ["Age", "12"],
  ["Expires", "Sat, 21 Nov 2026 10:00:00 GMT"],
  ["Vary", "Accept-Encoding"],
];

async function expired(): Promise<Cookie[]> {
  return stack.cookies(stack.signIn({ expiresIn: -5 }));
}

async function dead(): Promise<Cookie[]> {
  const session = stack.signIn({ expiresIn: -5 });
  stack.auth.deleteSession(session.session_id);
  return stack.cookies(session);
}

describe("§7 a session written or deleted", () => {
  test("§7 deletes first, then sets, in one response", async () => {
    const cookies = [...(await expired()), { name: `${stack.key}.9`, value: "stale" }, { name: `${stack.key}.5`, value: "stale" }];
    const answer = await stack.worker("main").fetch("/", { cookies });
    const kinds = sessionSetCookies(answer, stack.key).map(({ deletes }) => deletes);
    expect(kinds).toEqual([...kinds].sort((one, other) => Number(other) - Number(one)));
    expect(kinds.filter((deletes) => deletes)).toHaveLength(2 + (await staleForms(cookies, answer.headers)));
    expect(kinds).toContain(false);
  });

  test("§7 all stale chunk names present in the request are deleted", async () => {
    const stale = ["4", "7", "40", "999999999999"].map((index) => ({ name: `${stack.key}.${index}`, value: "stale" }));
    const others = ["01", "x", "", "0.1"].map((index) => ({ name: `${stack.key}.${index}`, value: "other" }));
    const answer = await stack.worker("main").fetch("/", { cookies: [...(await expired()), ...stale, ...others] });
    const deleted = parseSetCookies(answer.headers).filter(({ deletes }) => deletes).map(({ name }) => name);
    expect(deleted).toEqual(expect.arrayContaining(stale.map(({ name }) => name)));
    for (const { name } of others) {
      expect(deleted).not.toContain(name);
    }
  });

  test("§7 with COOKIE_DOMAIN also the host-only twin of every name it sets or deletes, host-only deletes first", async () => {
    const cookies = [...(await expired()), { name: `${stack.key}.9`, value: "stale" }];
    const answer = await stack.worker("domain").fetch("/", { cookies });
    const lines = sessionSetCookies(answer, stack.key);
    const written = new Set(lines.map(({ name }) => name));
    for (const name of written) {
      expect(lines.filter((line) => line.name === name && line.deletes && line.attributes.domain === undefined)).toHaveLength(1);
      expect(lines.filter((line) => line.name === name && line.attributes.domain === "example.com")).toHaveLength(1);
    }
    const stage = lines.map(({ deletes, attributes }) => (deletes ? (attributes.domain === undefined ? 0 : 1) : 2));
    expect(stage).toEqual([...stage].sort());
  });

  test("§7 with COOKIE_DOMAIN a browser ends with the new session alone, whatever scope it had before", async () => {
    const had = await expired();
    const answer = await stack.worker("domain").fetch("/", { cookies: had });
    const jar = await browserJar(SITE, had.map(({ name, value }) => ({ name, value: encodeURIComponent(value) })), answer.headers);
    const kept = (await jarCookies(jar, SITE)).filter(({ name }) => isSessionName(name, stack.key));
    const sets = sessionSetCookies(answer, stack.key).filter(({ deletes }) => !deletes);
    expect(kept.map(({ name }) => name).sort()).toEqual(sets.map(({ name }) => name).sort());
    expect(kept.map(({ value }) => value).sort()).toEqual(sets.map(({ value }) => decodeURIComponent(value)).sort());
  });

  test("§7 with COOKIE_DOMAIN a dead session is deleted at both scopes", async () => {
    const had = await dead();
    const answer = await stack.worker("domain").fetch("/", { cookies: had });
    const jar = await browserJar(SITE, had, answer.headers);
    expect(await jarCookies(jar, SITE)).toEqual([]);
    expect(sessionSetCookies(answer, stack.key).some(({ attributes }) => attributes.domain === "example.com")).toBe(true);
  });

  test.each([
    ["one cookie, base64url", {}, {}],
    ["chunks, base64url", { user_metadata: { bio: "é".repeat(3_000) } }, {}],
    ["one cookie, raw", {}, { encoding: "raw" }],
    ["chunks, raw", { user_metadata: { bio: "é🤦".repeat(400) } }, { encoding: "raw" }],
    ["tokens only", {}, { tokensOnly: true }],
    ["tokens only, raw", {}, { tokensOnly: true, encoding: "raw" }],
  ] as const)("§7 same chunking, encoding and shape as the session came in: %s", async (_, spec, format) => {
    const session = stack.signIn({ expiresIn: -5, ...spec });
    const cookies = await stack.cookies(session, format);
    const answer = await stack.worker("main").fetch("/", { cookies });
    const fresh = await sessionIn(answer, stack.auth.url, stack.key);
    expect(fresh?.refresh_token).toBeDefined();
    // The client itself would have written this session in just these cookies.
    const expected = await stack.cookies(freshBody(fresh, session), format);
    const sets = sessionSetCookies(answer, stack.key).filter(({ deletes }) => !deletes);
    const written = sets.map(({ name, value }) => ({ name, value: decodeURIComponent(value) }));
    expect(written.map(({ name }) => name)).toEqual(expected.map(({ name }) => name));
    expect(written.map(({ value }) => value.slice(0, 7) === "base64-")).toEqual(expected.map(({ value }) => value.slice(0, 7) === "base64-"));
    const text = written.map(({ value }) => value).join("");
    const json = text.startsWith("base64-") ? Buffer.from(text.slice(7), "base64url").toString() : text;
    expect("user" in JSON.parse(json)).toBe(!("tokensOnly" in format));
  });

  test("§7 every set cookie stays below the size at which clients split", async () => {
    const cookies = await stack.cookies(stack.signIn({ expiresIn: -5, user_metadata: { bio: "é🤦".repeat(900) } }));
    const answer = await stack.worker("main").fetch("/", { cookies });
    const sets = sessionSetCookies(answer, stack.key).filter(({ deletes }) => !deletes);
    expect(sets.length).toBeGreaterThan(2);
    for (const { value } of sets) {
      expect(value.length).toBeLessThanOrEqual(3180);
    }
  });

  test("§7 a session that is valid is not written again", async () => {
    expectKept(await stack.worker("main").fetch("/", { cookies: await stack.cookies(stack.signIn()) }), stack.key);
  });
});

describe("§7 every response that carries a session cookie", () => {
  test.each([
    ["written", expired],
    ["deleted", dead],
  ] as const)("§7 is uncacheable for everybody: %s", async (_, session) => {
    stack.origin.on("/page", { body: "page", headers: CACHEABLE });
    const answer = await stack.worker("main").fetch("/page", { cookies: await session() });
    expect(sessionSetCookies(answer, stack.key).length).toBeGreaterThan(0);
    expect(answer.text).toBe("page");
    expectUncacheable(answer);
    expect(answer.header("vary")?.toLowerCase()).toContain("accept-encoding");
    for (const name of ["x-accel-expires", "edge-control", "other-cdn-cache-control"]) {
      expect([name, answer.header(name)]).toEqual([name, undefined]);
    }
  });

  test("§7 no-transform stays if the origin said so", async () => {
    stack.origin.on("/page", { body: "page", headers: [["Cache-Control", "public, no-transform"]] });
    const written = await stack.worker("main").fetch("/page", { cookies: await expired() });
    expect(written.header("cache-control")).toBe("private, no-cache, no-store, must-revalidate, max-age=0, no-transform");
    const answer = await stack.worker("main").fetch("/page", { cookies: await stack.cookies(stack.signIn()) });
    expect(answer.header("cache-control")).toBe("private, no-cache, no-transform");
  });

  test("§7 Vary includes Cookie once, beside what the origin says", async () => {
    stack.origin.on("/page", { body: "page", headers: [["Vary", "Accept-Encoding, Cookie"]] });
    const answer = await stack.worker("main").fetch("/page", { cookies: await expired() });
    const names = (answer.header("vary") ?? "").toLowerCase().split(/, */);
    expect(names.filter((name) => name === "cookie")).toHaveLength(1);
    expect(names).toContain("accept-encoding");
  });

  test("§7 a 304 and a HEAD answer too", async () => {
    stack.origin.on("/page", { status: 304, headers: CACHEABLE });
    const notModified = await stack.worker("main").fetch("/page", { cookies: await expired() });
    expect(notModified.status).toBe(304);
    expectUncacheable(notModified);
    stack.origin.on("/page", { headers: CACHEABLE, body: "page" });
    expectUncacheable(await stack.worker("main").fetch("/page", { method: "HEAD", cookies: await expired() }));
  });
});

describe("§7 the origin speaks last", () => {
  const KEY = "sb-127-auth-token";

  test.each([
    ["signs in", `${KEY}=base64-new; Path=/; HttpOnly`],
    ["signs in with a chunk", `${KEY}.0=base64-new; Path=/`],
    ["signs out", `${KEY}=; Path=/; Max-Age=0`],
    ["drops a stale chunk", `${KEY}.3=; Path=/; Max-Age=0`],
  ])("§7 if the origin %s itself, the Worker adds none of its own", async (_, line) => {
    stack.origin.on("/act", { body: "x", headers: [["Set-Cookie", line], ["Set-Cookie", "a=1; Path=/"]] });
    for (const session of [expired, dead]) {
      const answer = await stack.worker("main").fetch("/act", { cookies: await session() });
      expect(answer.all("set-cookie")).toEqual([line, "a=1; Path=/"]);
    }
  });

  test("§7 what the origin writes is uncacheable as well", async () => {
    stack.origin.on("/act", { body: "x", headers: [["Set-Cookie", `${KEY}=base64-new; Path=/`], ...CACHEABLE] });
    expectUncacheable(await stack.worker("main").fetch("/act", { cookies: await expired() }));
    expectUncacheable(await stack.worker("main").fetch("/act"));
  });

  test("§7 a code verifier alone does not count", async () => {
    const line = `${KEY}-code-verifier=base64-v; Path=/`;
    stack.origin.on("/act", { body: "x", headers: [["Set-Cookie", line]] });
    const answer = await stack.worker("main").fetch("/act", { cookies: await expired() });
    expect(answer.all("set-cookie")).toContain(line);
    expect(await sessionIn(answer, stack.auth.url, stack.key)).not.toBeNull();
    expectUncacheable(answer);
  });

  test("§7 a cookie of another name does not silence the Worker", async () => {
    stack.origin.on("/act", { body: "x", headers: [["Set-Cookie", `${KEY}2=x; Path=/`], ["Set-Cookie", "sb-other-auth-token=y; Path=/"]] });
    const answer = await stack.worker("main").fetch("/act", { cookies: await expired() });
    expect(await sessionIn(answer, stack.auth.url, stack.key)).not.toBeNull();
  });
});

describe("§7 the shipped configuration", () => {
  const toml = readFileSync(join(import.meta.dirname, "..", "..", "wrangler.toml"), "utf8");

  test("§7 Workers Cache, workers_dev and preview URLs are off", () => {
    expect(toml).toMatch(/^workers_dev\s*=\s*false/m);
    expect(toml).toMatch(/^preview_urls\s*=\s*false/m);
    expect(/^\[cache\]\s*\n\s*enabled\s*=\s*false/m.test(toml) || /cache\s*=\s*\{\s*enabled\s*=\s*false/.test(toml)).toBe(true);
    expect(toml).not.toMatch(/^compatibility_flags.*global_fetch_strictly_public/m);
  });
});

describe("§7 cookies that are due are put on whatever leaves", () => {
  test("§7 origin answers of every status", async () => {
    for (const status of [200, 201, 204, 301, 302, 304, 400, 401, 404, 500, 503]) {
      stack.origin.on("/any", { status, headers: [["Location", "/elsewhere"]] });
      const answer = await stack.worker("main").fetch("/any", { cookies: await expired() });
      expect([status, answer.status]).toEqual([status, status]);
      expect([status, (await sessionIn(answer, stack.auth.url, stack.key)) !== null]).toEqual([status, true]);
      expectUncacheable(answer);
    }
  });

  test("§7 redirects to the login and denials", async () => {
    for (const navigate of [true, false]) {
      const cookies = await dead();
      expectDeleted(await stack.worker("guarded").fetch("/members", { cookies, navigate }), cookies, stack.key);
    }
  });

  test("§7 error pages", async () => {
    for (const navigate of [true, false]) {
      const answer = await stack.worker("unreachable").fetch("/", { cookies: await expired(), navigate });
      expect(answer.status).toBe(502);
      expect(await sessionIn(answer, stack.auth.url, stack.key)).not.toBeNull();
      expectUncacheable(answer);
    }
  });
});

describe("§7 Set-Cookie of the origin", () => {
  const LINES = ["a=1; Path=/; HttpOnly", "b=2; Expires=Wed, 21 Oct 2037 07:28:00 GMT; Path=/", "a=3; Domain=example.com", "c=x,y; SameSite=None; Secure; Partitioned"];

  test("§7 several Set-Cookie headers of the origin stay several, in order, unchanged", async () => {
    stack.origin.on("/many", { body: "x", headers: LINES.map((line) => ["Set-Cookie", line]) });
    expect((await stack.worker("main").fetch("/many")).all("set-cookie")).toEqual(LINES);
    expect((await stack.worker("main").fetch("/many", { cookies: await stack.cookies(stack.signIn()) })).all("set-cookie")).toEqual(LINES);
  });

  test("§7 they stay beside the Worker's own", async () => {
    stack.origin.on("/many", { body: "x", headers: LINES.map((line) => ["Set-Cookie", line]) });
    const answer = await stack.worker("main").fetch("/many", { cookies: await expired() });
    const lines = answer.all("set-cookie");
    const own = sessionSetCookies(answer, stack.key).map(({ line }) => line);
    expect(lines.filter((line) => !own.includes(line))).toEqual(LINES);
    expect(own.length).toBeGreaterThan(0);
  });
});

describe("§7 cache: private", () => {
  test.each([
    ["public", "public, max-age=300"],
    ["s-maxage", "max-age=0, s-maxage=600"],
    ["immutable", "max-age=31536000, immutable"],
    ["nothing", undefined],
  ])("§7 a response to a request with a session that the origin left shareable (%s) gets private, no-cache and Vary: Cookie", async (_, value) => {
    stack.origin.on("/page", { body: "x", headers: value === undefined ? [] : [["Cache-Control", value]] });
    const answer = await stack.worker("main").fetch("/page", { cookies: await stack.cookies(stack.signIn()) });
    expect(answer.header("cache-control")).toBe("private, no-cache");
    expect(answer.header("vary") ?? "").toMatch(/\bcookie\b/i);
    for (const name of ["cdn-cache-control", "cloudflare-cdn-cache-control", "surrogate-control"]) {
      expect(answer.header(name)).toBeUndefined();
    }
  });

  test("§7 headers for other caches do not undo it", async () => {
    stack.origin.on("/page", { body: "x", headers: CACHEABLE });
    const answer = await stack.worker("main").fetch("/page", { cookies: await stack.cookies(stack.signIn()) });
    expect(answer.header("cache-control")).toBe("private, no-cache");
    for (const name of ["cdn-cache-control", "cloudflare-cdn-cache-control", "surrogate-control"]) {
      expect([name, answer.header(name)]).toEqual([name, undefined]);
    }
  });

  test.each(["private, max-age=60", "no-store", "no-cache", "Private", "max-age=0, NO-CACHE"])("§7 what the origin marked itself stands: %s", async (value) => {
    stack.origin.on("/page", { body: "x", headers: [["Cache-Control", value]] });
    const answer = await stack.worker("main").fetch("/page", { cookies: await stack.cookies(stack.signIn()) });
    expect(answer.header("cache-control")).toBe(value);
  });

  test("§7 a bearer token is a session too", async () => {
    stack.origin.on("/api", { body: "x", headers: [["Cache-Control", "public, max-age=300"]] });
    const answer = await stack.worker("main").fetch("/api", { headers: [["Authorization", `Bearer ${stack.signIn().access_token}`]] });
    expect(answer.header("cache-control")).toBe("private, no-cache");
  });

  test("§7 a session that could not be decided is one too", async () => {
    stack.auth.faults.add({ match: { path: "/token" }, status: 500, body: "{}" });
    stack.origin.on("/page", { body: "x", headers: [["Cache-Control", "public, max-age=300"]] });
    const answer = await stack.worker("main").fetch("/page", { cookies: await expired() });
    expect(outcomeOf(answer)).toBe("unavailable");
    expect(answer.header("cache-control")).toBe("private, no-cache");
  });

  test("§7 without a session the origin's headers stand", async () => {
    stack.origin.on("/page", { body: "x", headers: CACHEABLE });
    const answer = await stack.worker("main").fetch("/page", { cookies: "theme=dark" });
    for (const [name, value] of CACHEABLE) {
      expect([name, answer.header(name)]).toEqual([name, value]);
    }
  });
});

describe("§7 cache: shared", () => {
  test("§7 the subrequest carries no cookie, no authorization and no identity", async () => {
    const cookies = `theme=dark; ${cookieHeader(await stack.cookies(stack.signIn()))}`;
    const answer = await stack.worker("shared").fetch("/members", { cookies, headers: [["Authorization", "Basic dTpw"], ["X-Session-User-Id", "forged"]] });
    expect(answer.status).toBe(200);
    const received = stack.origin.only();
    expect(received.all("cookie")).toEqual([]);
    expect(received.all("authorization")).toEqual([]);
    expect(received.headers.map(([name]) => name.toLowerCase()).filter((name) => name.startsWith("x-session-") && name !== "x-session-hop")).toEqual([]);
  });

  test("§7 of the cookies those of SHARED_COOKIES pass", async () => {
    const cookies = `theme=dark; preview=a%20b; ${cookieHeader(await stack.cookies(stack.signIn()))}`;
    await stack.worker("shared").fetch("/shared", { cookies });
    expect(stack.origin.only().all("cookie")).toEqual(["preview=a%20b"]);
  });

  test("§7 rules, refresh and guards still run before it", async () => {
    expect((await stack.worker("shared").fetch("/members")).status).toBe(401);
    expect(stack.origin.requests).toEqual([]);
    const answer = await stack.worker("shared").fetch("/members", { cookies: await expired() });
    expect([answer.status, outcomeOf(answer)]).toEqual([200, "refreshed"]);
    expect(sessionCookiesAt(stack.origin.only(), stack.key)).toEqual([]);
    expect(await sessionIn(answer, stack.auth.url, stack.key)).not.toBeNull();
  });

  test("§7 the response to the browser is private, no-cache if a guard stood before it; its ETag is kept", async () => {
    stack.origin.on("/members", { body: "page", headers: CACHEABLE });
    const answer = await stack.worker("shared").fetch("/members", { cookies: await stack.cookies(stack.signIn()) });
    expect(answer.header("cache-control")).toBe("private, no-cache");
    expect(answer.header("etag")).toBe('"v1"');
    for (const name of ["cdn-cache-control", "cloudflare-cdn-cache-control", "surrogate-control"]) {
      expect([name, answer.header(name)]).toEqual([name, undefined]);
    }
  });

  test("§7 revalidation works", async () => {
    stack.origin.on("/members", { status: 304, headers: [["ETag", '"v1"'], ["Cache-Control", "public, max-age=300"]] });
    const answer = await stack.worker("shared").fetch("/members", {
      cookies: await stack.cookies(stack.signIn()),
      headers: [["If-None-Match", '"v1"']],
    });
    expect(stack.origin.only().header("if-none-match")).toBe('"v1"');
    expect([answer.status, answer.header("etag"), answer.header("cache-control")]).toEqual([304, '"v1"', "private, no-cache"]);
  });

  test("§7 without a guard the origin's headers stand, with a session too", async () => {
    stack.origin.on("/shared", { body: "page", headers: [["Cache-Control", "public, max-age=300"], ["ETag", '"v1"']] });
    for (const cookies of ["", cookieHeader(await stack.cookies(stack.signIn()))]) {
      const answer = await stack.worker("shared").fetch("/shared", { cookies });
      expect(answer.header("cache-control")).toBe("public, max-age=300");
      expect(answer.header("etag")).toBe('"v1"');
    }
  });

  test("§7 if cookies are written with it, the response is uncacheable", async () => {
    for (const path of ["/members", "/shared"]) {
      stack.origin.on(path, { body: "page", headers: CACHEABLE });
      expectUncacheable(await stack.worker("shared").fetch(path, { cookies: await expired() }));
    }
  });
});

/** How many forms of the session the browser sent that the answer no longer uses. */
async function staleForms(sent: Cookie[], answer: HeaderList): Promise<number> {
  const set = parseSetCookies(answer).filter(({ deletes }) => !deletes).map(({ name }) => name);
  const stale = [`${stack.key}.9`, `${stack.key}.5`];
  return sent.filter(({ name }) => isSessionName(name, stack.key) && !set.includes(name) && !stale.includes(name)).length;
}

/** The new session with the user that a tokens-only cookie leaves out. */
function freshBody(fresh: Awaited<ReturnType<typeof sessionIn>>, session: { user: Record<string, unknown> }) {
  if (fresh === null) {
    throw new Error("no session was written");
  }
  const { access_token, refresh_token, expires_in, expires_at, token_type } = fresh;
  return { access_token, token_type, expires_in, expires_at, refresh_token, user: session.user };
}
