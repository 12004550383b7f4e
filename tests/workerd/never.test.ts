/** Contract §10: never, and the one line that each request leaves in the log. */
import { randomBytes, randomInt } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { outcomeOf, sessionSetCookies } from "../support/expectations.ts";
import type { Answer } from "../support/http.ts";
import { cookieHeader } from "../support/sessions.ts";
import { type FetchInit, refuseLeaks, SITE, type Stack, startStack, type WorkerSpec } from "../support/stack.ts";

const SECRETS = {
  IDENTITY_SECRET: "an-identity-secret-of-more-than-32-bytes",
  SUPABASE_JWT_SECRET: "a-jwt-secret-that-is-long-enough-for-hs256",
};

const WORKERS = {
  main: { vars: { RULES: [{ path: "/members*", require: true }, { path: "/admin*", require: { role: "admin" } }] } },
  debug: {
    vars: ({ auth }) => ({ ...SECRETS, SUPABASE_SECRET_KEY: auth.secretKey, LOG_LEVEL: "debug", FORWARD_BEARER: "on", RULES: [{ path: "/members*", require: true }] }),
  },
} satisfies Record<string, WorkerSpec>;

let stack: Stack<keyof typeof WORKERS>;

beforeAll(async () => {
  stack = await startStack({ vars: { SERVER_TIMING: "on" }, workers: WORKERS });
});
afterAll(() => stack.close());
beforeEach(async () => {
  stack.clear();
  // An isolate that has seen Auth fail holds back for a while; a success ends that.
  const cookies = await stack.cookies(stack.signIn({ expiresIn: -5 }));
  await expect.poll(async () => outcomeOf(await stack.worker("main").fetch("/", { cookies })), { timeout: 5_000 }).toBe("refreshed");
  stack.clear();
});

describe("§10 one log line of JSON per request at info", () => {
  const FIELDS = { outcome: "string", status: "number" };

  test("§10 one line, whatever the request meets", async () => {
    stack.auth.faults.add({ match: { path: "/token" }, status: 500, body: "{}" });
    const visits: [string, FetchInit, number][] = [
      ["/", {}, 200],
      ["/", { cookies: await stack.cookies(stack.signIn()) }, 200],
      ["/", { cookies: await stack.cookies(stack.signIn({ expiresIn: -5 })) }, 200],
      ["/", { cookies: `${stack.key}=rubbish` }, 200],
      ["/members", {}, 401],
      ["/members", { navigate: true }, 303],
      ["/admin", { cookies: await stack.cookies(stack.signIn()) }, 403],
      ["/members", { cookies: await stack.cookies(stack.signIn({ expiresIn: -5 })) }, 503],
      ["/%zz", {}, 200],
    ];
    for (const [path, init, status] of visits) {
      const { answer, lines } = await stack.worker("main").logged(path, init);
      expect([path, answer.status, lines.length]).toEqual([path, status, 1]);
      const [line] = lines;
      for (const [field, type] of Object.entries(FIELDS)) {
        expect([field, typeof line?.[field]]).toEqual([field, type]);
      }
      expect(line?.status).toBe(status);
      if (status !== 400) {
        expect(line?.outcome).toBe(outcomeOf(answer));
      }
    }
  });

  test("§10 outcome, reason, rule index, auth calls, gate, ms in each stage, status", async () => {
    const cookies = await stack.cookies(stack.signIn({ expiresIn: -5 }));
    const { lines } = await stack.worker("main").logged("/members", { cookies });
    const line = JSON.stringify(lines[0]);
    for (const member of [/"outcome":"refreshed"/, /"reason"/, /"rule":0/, /"auth_calls":[12]/, /"gate"/, /"[a-z_]*ms[a-z_]*":\{?/, /"status":200/]) {
      expect(line).toMatch(member);
    }
  });

  test("§10 the reason tells what was wrong with a token", async () => {
    const reasons = new Set<unknown>();
    for (const spec of [{ claims: { iss: "https://evil.example" } }, { claims: { aud: "other" } }, { claims: { exp: 1 } }, { header: { typ: "x" } }]) {
      const token = await stack.auth.sign(spec);
      stack.secret(token);
      const { lines } = await stack.worker("main").logged("/", { headers: [["Authorization", `Bearer ${token}`]] });
      expect(typeof lines[0]?.reason).toBe("string");
      reasons.add(lines[0]?.reason);
    }
    expect(reasons.size).toBe(4);
  });
});

describe("§10 no token, cookie, secret or e-mail address in logs or error bodies", () => {
  test("§10 at debug, over everything that can happen", async () => {
    const faults = [{ status: 500, body: "{}" }, { status: 400, body: '{"error_code":"refresh_token_not_found","msg":"gone"}' }, { cut: true as const }, undefined];
    for (const fault of faults) {
      stack.clear();
      if (fault !== undefined) {
        stack.auth.faults.add({ match: { path: "/token" }, ...fault });
      }
      for (const path of ["/", "/members", "/members?email=someone.else@example.com&token=query-secret-0123456789"]) {
        const session = stack.signIn({ expiresIn: -5 });
        const cookies = `${cookieHeader(await stack.cookies(session))}; other=another-secret-cookie-value`;
        const answer = await stack.worker("debug").fetch(path, { cookies, headers: [["Authorization", "Bearer some.opaque-bearer.value"]] });
        if (answer.status >= 400) {
          refuseLeaks(answer.text, [session.access_token, session.refresh_token, ...Object.values(SECRETS)], "an error body");
        }
      }
    }
    stack.secret("another-secret-cookie-value", "some.opaque-bearer.value", "query-secret-0123456789", "someone.else@example.com");
    // `close` looks through the output for these and for every session that a test has seen.
    refuseLeaks(stack.printed(), ["another-secret-cookie-value", "query-secret-0123456789", "someone.else@example.com"], "the output");
  });
});

describe("§10 no panic on any input", () => {
  const text = (length: number): string => randomBytes(length).toString("latin1").replace(/[^\t\x20-\x7e\x80-\xff]/g, "x");
  const pick = <T>(list: readonly T[]): T => list[randomInt(list.length)]!;

  /** A cookie value near to a real one. */
  const value = (real: string): string =>
    pick([
      () => text(randomInt(80)),
      () => real.slice(0, randomInt(real.length)),
      () => real.slice(0, 20) + text(5).replace(/;/g, "") + real.slice(20),
      () => `base64-${randomBytes(60).toString("base64url")}`,
      () => `base64l-${randomInt(99)}-${randomBytes(30).toString("base64url")}`,
      () => encodeURIComponent(JSON.stringify({ access_token: text(9), refresh_token: 1, expires_at: null })),
      () => `base64-${Buffer.from(JSON.stringify({ access_token: "a.b.c", refresh_token: "x", expires_at: 1e400 })).toString("base64url")}`,
      () => "%".repeat(randomInt(50)),
      () => '"\\ud83d"',
    ])();

  test("§10 any cookie, bearer, path or header: no 5xx of our own making, and the next request is served", async () => {
    const real = (await stack.cookies(stack.signIn()))[0]?.value ?? "";
    for (let round = 0; round < 250; round += 1) {
      const name = pick([stack.key, `${stack.key}.0`, `${stack.key}.1`, `${stack.key}.4294967296`, `${stack.key}.18446744073709551616`]);
      const cookies = Array.from({ length: randomInt(4) }, () => `${name}=${value(real)}`).join(pick(["; ", ";", ", ", ";;"]));
      const path = `/${pick(["", "a", "%61", "a/../b", "%2e%2e", "\\", "é", "a;b", "a//b"].map((part) => Buffer.from(part).toString("latin1")))}`;
      const headers: [string, string][] = [
        ["Authorization", pick(["Bearer ", `Bearer ${text(20)}`, "bearer x.y.z", text(5)])],
        ["Referer", text(12)],
        ["Sec-Fetch-Mode", text(4)],
        ["X-Any", text(30)],
      ];
      const answer = await stack.worker("main").fetch(path, { cookies, headers });
      expect(answer.status, `round ${round}`).toBeLessThan(500);
    }
    expect(outcomeOf(await stack.worker("main").fetch("/"))).toBe("anonymous");
    expect(stack.printed()).not.toMatch(/panicked|RuntimeError|unreachable executed/);
  });

  test("§10 any answer of Auth", async () => {
    const bodies = ["", "null", "[]", "0", '"x"', "{", '{"access_token":1}', '{"access_token":"a.b.c","refresh_token":"r","expires_in":1}', text(200), "[".repeat(20_000)];
    for (const body of bodies) {
      for (const status of [200, 400, 403, 500]) {
        stack.clear();
        stack.auth.faults.add({ match: { path: "/token" }, status, body });
        const answer = await stack.worker("main").fetch("/", { cookies: await stack.cookies(stack.signIn({ expiresIn: -5 })) });
        expect([body.slice(0, 30), status, answer.status, outcomeOf(answer)]).toEqual([body.slice(0, 30), status, 200, "unavailable"]);
        expect(sessionSetCookies(answer, stack.key)).toEqual([]);
      }
    }
  });
});

describe("§10 no Set-Cookie on a shared-cacheable response", () => {
  test("§10 whatever the origin says about caching", async () => {
    for (const cacheControl of ["public, max-age=300", "s-maxage=60", "max-age=60, stale-while-revalidate=60", undefined]) {
      stack.origin.on("/page", { body: "x", headers: cacheControl === undefined ? [] : [["Cache-Control", cacheControl]] });
      for (const cookies of [await stack.cookies(stack.signIn({ expiresIn: -5 })), `${stack.key}=rubbish`]) {
        const answer = await stack.worker("main").fetch("/page", { cookies });
        expect(answer.all("set-cookie").length).toBeGreaterThan(0);
        expect(answer.header("cache-control")).toContain("no-store");
      }
    }
  });
});

describe("§10 no open redirect", () => {
  test("§10 no request makes the Worker point elsewhere", async () => {
    const paths = ["/members", "/members?next=https://evil.example", "//evil.example/..//members", "/members/..//evil.example", "/members\\@evil.example", "/members%0d%0aLocation:%20https://evil.example"];
    for (const path of paths) {
      const answer: Answer = await stack.worker("main").fetch(path, { navigate: true, headers: [["X-Forwarded-Host", "evil.example"], ["Referer", "https://evil.example/x"]] });
      const location = answer.header("location");
      if (location !== undefined) {
        const target = new URL(location, SITE);
        expect(target.origin).toBe(SITE);
        expect(new URL(target.searchParams.get("next") ?? "/", SITE).origin).toBe(SITE);
      } else {
        expect([path, answer.status < 500]).toEqual([path, true]);
      }
    }
  });
});
