/** Caches that are made to keep one visitor's page, or to hand everybody a page that one visitor spoiled. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { expectDenialHeaders, expectUncacheable, outcomeOf, sessionSetCookies, UNCACHEABLE } from "../support/expectations.ts";
import type { Answer } from "../support/http.ts";
import type { HeaderList, Reply } from "../support/origin.ts";
import { type FetchInit, type SignedIn, type Stack, startStack, type WorkerSpec } from "../support/stack.ts";
import { type Attack, expectTable } from "./support.ts";

const WORKERS = {
  main: { vars: { AUTH_PATH: "/auth", RULES: [{ path: "/members*", require: true }] } },
  shared: { vars: { FORWARD_BEARER: "on", RULES: [{ path: "/members*", require: true, cache: "shared" }, { path: "/page*", cache: "shared" }] } },
} satisfies Record<string, WorkerSpec>;

const CACHEABLE: HeaderList = [
  ["Cache-Control", "public, max-age=300, s-maxage=900, immutable"],
  ["CDN-Cache-Control", "max-age=600"],
  ["Cloudflare-CDN-Cache-Control", "max-age=600"],
  ["Surrogate-Control", "max-age=600"],
  ["Surrogate-Key", "page"],
  ["ETag", '"v1"'],
  ["Last-Modified", "Fri, 20 Nov 2026 10:00:00 GMT"],
  ["Age", "12"],
  ["Expires", "Sat, 21 Nov 2037 10:00:00 GMT"],
];

let stack: Stack<keyof typeof WORKERS>;

beforeAll(async () => {
  stack = await startStack({ vars: { SERVER_TIMING: "on" }, workers: WORKERS });
});
afterAll(() => stack.close());
beforeEach(() => stack.clear());

/** Whether a shared cache that ignores cookies (RFC 9111, RFC 9213) may serve this answer to somebody else without asking. */
function isShareable(answer: Answer): boolean {
  const targeted = ["cloudflare-cdn-cache-control", "cdn-cache-control", "surrogate-control"].map((name) => answer.header(name)).find((value) => value !== undefined);
  const directives = (targeted ?? answer.header("cache-control") ?? "").replace(/"[^"]*"/g, '""').toLowerCase().split(",").map((directive) => directive.trim());
  return !directives.some((directive) => ["private", "no-store", "no-cache"].includes(directive));
}

interface CacheAttack extends Attack {
  path: string;
  reply?: Reply;
  visitor: "signed in" | "expired" | "dead" | "forged" | "bearer" | "bad bearer";
  init?: FetchInit;
  worker?: keyof typeof WORKERS;
  status?: number;
}

const deception = "Omer Gil 2017, PortSwigger 2024: web cache deception";
const extensions = ["/account/x.css", "/account/x.js", "/account.css", "/account;x.css", "/account%2fx.css", "/account%00.css", "/account%3fx.css", "/account%23.css", "/static/..%2faccount", "/account/robots.txt", "/account/%2e%2e/favicon.svgx", "/account?x.png"];

const ATTACKS: CacheAttack[] = [
  ...extensions.map((path): CacheAttack => ({ attack: `${path} with a session`, source: deception, path, visitor: "signed in" })),
  { attack: "/account/x.css with a bearer token", source: deception, path: "/account/x.css", visitor: "bearer" },
  { attack: "/account/x.css with a token that is refused", source: deception, path: "/account/x.css", visitor: "bad bearer" },
  { attack: "/account/x.css while the session is renewed", source: deception, path: "/account/x.css", visitor: "expired" },
  { attack: "/account/x.css while the session is deleted", source: deception, path: "/account/x.css", visitor: "dead" },
  { attack: "/account/x.css with a forged session", source: deception, path: "/account/x.css", visitor: "forged" },
  ...(["signed in", "expired", "dead", "forged"] as const).flatMap((visitor): CacheAttack[] => [
    { attack: `HEAD, ${visitor}`, source: "RFC 9111 4.3.5", path: "/page", visitor, init: { method: "HEAD" } },
    { attack: `a 304, ${visitor}`, source: "RFC 9111 4.3.4: a 304 updates what is stored, Set-Cookie too", path: "/page", visitor, reply: { status: 304, headers: CACHEABLE }, init: { headers: [["If-None-Match", '"v1"']] }, status: 304 },
    { attack: `a part of it, ${visitor}`, source: "RFC 9111 3.3: a 206 may be stored", path: "/page", visitor, reply: { status: 206, body: "pa", headers: [...CACHEABLE, ["Content-Range", "bytes 0-1/4"]] }, init: { headers: [["Range", "bytes=0-1"]] }, status: 206 },
    { attack: `a redirect for ever, ${visitor}`, source: "RFC 9111 4.2.2: a 301 may be stored without a word", path: "/page", visitor, reply: { status: 301, headers: [...CACHEABLE, ["Location", "/x"]] }, status: 301 },
    { attack: `a 404, ${visitor}`, source: "RFC 9111 4.2.2: a 404 may be stored without a word (CPDoS)", path: "/page", visitor, reply: { status: 404, body: "x", headers: [] }, status: 404 },
    { attack: `a 200 without a word about caching, ${visitor}`, source: "RFC 9111 4.2.2: heuristic freshness", path: "/page", visitor, reply: { body: "x", headers: [["Last-Modified", "Fri, 20 Nov 2015 10:00:00 GMT"]] } },
  ]),
  ...[
    'private="set-cookie", max-age=300',
    'no-cache="set-cookie", max-age=300',
    'public, max-age=300, ext="a, private, b"',
    'public, max-age=300, ext="no-store"',
    "public;private, max-age=300",
    "publicprivate, max-age=300",
    "max-age=300, x-private",
    "private=, max-age=300",
  ].map((value): CacheAttack => ({ attack: `Cache-Control: ${value}`, source: "RFC 9111 5.2.2.7, RFC 9110 5.6.4: what looks like private and is not", path: "/page", visitor: "signed in", reply: { body: "x", headers: [["Cache-Control", value]] } })),
  { attack: "private for browsers, a CDN told otherwise", source: "RFC 9213 2: targeted fields come first", path: "/page", visitor: "signed in", reply: { body: "x", headers: [["Cache-Control", "private"], ["CDN-Cache-Control", "public, max-age=600"]] } },
  { attack: "no-store for browsers, Cloudflare told otherwise", source: "RFC 9213 2: targeted fields come first", path: "/page", visitor: "signed in", reply: { body: "x", headers: [["Cache-Control", "no-store"], ["Cloudflare-CDN-Cache-Control", "public, max-age=600"]] } },
  { attack: "a guarded page that is the same for everyone", source: "RFC 9111 3.5", path: "/members", visitor: "signed in", worker: "shared" },
  { attack: "a shared page with a renewed session", source: "RFC 9111 7.3", path: "/page", visitor: "expired", worker: "shared" },
  { attack: "a shared page with a dead session", source: "RFC 9111 7.3", path: "/page", visitor: "dead", worker: "shared" },
];

test("the table is whole", () => expectTable(ATTACKS, 50));

test.each(ATTACKS)("$attack: no shared cache may keep it [$source]", async ({ path, reply, visitor, init, worker = "main", status = 200 }) => {
  const [local = ""] = path.split("?");
  stack.origin.on(local, reply ?? { body: "about the visitor", headers: CACHEABLE });
  const answer = await stack.worker(worker).fetch(path, { ...init, ...(await sent(visitor, init?.headers)) });
  expect(answer.status).toBe(status);
  expect([path, isShareable(answer)]).toEqual([path, false]);
  const writes = visitor === "expired" || visitor === "dead" || visitor === "forged";
  expect(sessionSetCookies(answer, stack.key).length > 0).toBe(writes);
  if (writes) {
    expectUncacheable(answer);
  }
});

describe("poisoning: what a visitor without a session sends never changes what others get", () => {
  const HEADERS: [string, string][] = [
    ["X-Forwarded-Host", "evil.example"],
    ["X-Forwarded-Proto", "http"],
    ["X-Forwarded-Scheme", "http"],
    ["X-Forwarded-Server", "evil.example"],
    ["Forwarded", "host=evil.example;proto=http"],
    ["X-Host", "evil.example"],
    ["X-Original-URL", "/evil"],
    ["X-Rewrite-URL", "/evil"],
    ["Origin", "https://evil.example"],
    ["Referer", "https://evil.example/"],
    ["Accept-Language", '"><script>'],
    ["User-Agent", "<script>alert(1)</script>"],
    ["X-Session-Outcome", "valid"],
    ["Cookie", "lang=<script>"],
  ];

  test.each(HEADERS)("%s: %s is in no answer of the Worker's own, nor where it points [PortSwigger: web cache poisoning, unkeyed headers]", async (name, value) => {
    for (const [path, init] of [["/members", { navigate: true }], ["/members", {}], ["/auth/session", {}], ["/auth/login?provider=%01", {}]] as [string, FetchInit][]) {
      const answer = await stack.worker("main").fetch(path, { ...init, headers: [[name, value]] });
      const whole = JSON.stringify(answer.headers) + answer.text;
      expect([path, whole.includes("evil"), whole.includes("script"), answer.header("location") ?? "/"]).toEqual([path, false, false, expect.stringMatching(/^\/(?![/\\])/)]);
      expectDenialHeaders(answer);
      expect(isShareable(answer)).toBe(false);
    }
  });

  test("a shared page is asked for without cookie, authorization and identity, whoever asks [PortSwigger: cache key flaws]", async () => {
    const session = stack.signIn();
    const seen = new Set<string>();
    for (const init of [{}, { cookies: await stack.cookies(session) }, { headers: [["Authorization", `Bearer ${session.access_token}`]] as HeaderList }, { headers: [["X-Session-User-Id", "x"], ["X-Session-Role", "admin"]] as HeaderList }, { cookies: "theme=dark" }]) {
      stack.origin.clear();
      await stack.worker("shared").fetch("/page", init);
      seen.add(JSON.stringify(stack.origin.only().headers.filter(([name]) => !["host", "cf-worker"].includes(name.toLowerCase()))));
    }
    expect([...seen]).toHaveLength(1);
    expect([...seen][0]).not.toMatch(/cookie|authorization|x-session-(?!hop)/i);
  });
});

describe("the Worker's own answers", () => {
  test.each(["/members", "/auth/session", "/auth/health", "/auth/login?provider=github", "/auth/callback?code=x", "/auth/confirm?token_hash=x&type=email"])("%s is kept by nobody [CWE-525]", async (path) => {
    for (const visitor of ["signed in", "forged"] as const) {
      const answer = await stack.worker("main").fetch(path === "/members" && visitor === "signed in" ? "/auth/session" : path, await sent(visitor));
      expect(answer.header("cache-control") ?? "").toContain("no-store");
      expect(isShareable(answer)).toBe(false);
    }
  });

  test("Set-Cookie of the origin for the session is never shareable, with or without a session of the visitor [RFC 9111 7.3]", async () => {
    stack.origin.on("/sign-in", { body: "x", headers: [...CACHEABLE, ["Set-Cookie", `${stack.key}=base64-new; Path=/`]] });
    for (const init of [{}, await sent("signed in"), await sent("expired")]) {
      const answer = await stack.worker("main").fetch("/sign-in", init);
      expect(answer.header("cache-control")).toBe(UNCACHEABLE);
      expectUncacheable(answer);
    }
  });

  test("Vary keeps what the origin said and names the cookie once [RFC 9110 12.5.5]", async () => {
    for (const [said, expected] of [["Accept-Encoding", "Accept-Encoding, Cookie"], ["cookie", "cookie"], ["*", "*"], ["Accept, COOKIE", "Accept, COOKIE"], ["X-Cookie", "X-Cookie, Cookie"]] as const) {
      stack.origin.on("/page", { body: "x", headers: [["Vary", said], ["Cache-Control", "public"]] });
      expect((await stack.worker("main").fetch("/page", await sent("signed in"))).header("vary")).toBe(expected);
    }
  });
});

async function sent(visitor: CacheAttack["visitor"], headers: HeaderList = []): Promise<FetchInit> {
  const bearer = (token: string): FetchInit => ({ headers: [...headers, ["Authorization", `Bearer ${token}`]] });
  const cookies = async (session: SignedIn): Promise<FetchInit> => ({ headers, cookies: await stack.cookies(session) });
  switch (visitor) {
    case "signed in":
      return cookies(stack.signIn());
    case "expired":
      return cookies(stack.signIn({ expiresIn: -5 }));
    case "dead": {
      const session = stack.signIn({ expiresIn: -5 });
      stack.auth.deleteSession(session.session_id);
      return cookies(session);
    }
    case "forged": {
      const session = stack.signIn();
      return cookies({ ...session, access_token: `${session.access_token.slice(0, -12)}AAAAAAAAAAAA` });
    }
    case "bearer":
      return bearer(stack.signIn().access_token);
    case "bad bearer":
      return bearer("a.b.c");
  }
}

test("the verdict of this file's cache agrees with the outcome: a page without a session stays shareable", async () => {
  stack.origin.on("/page", { body: "x", headers: CACHEABLE });
  const answer = await stack.worker("main").fetch("/page");
  expect([outcomeOf(answer), isShareable(answer)]).toEqual(["anonymous", true]);
});
