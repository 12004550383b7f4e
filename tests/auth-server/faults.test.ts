import { afterAll, beforeEach, expect, test } from "vitest";
import { type AuthServer, startAuthServer } from "../support/auth-server/server.ts";

const auth: AuthServer = await startAuthServer();

afterAll(() => auth.close());
beforeEach(() => auth.reset());

test("a status fault answers as it says, as often as it says, and before any work", async () => {
  const { refresh_token } = auth.createSession();
  await control("POST", "/fault", {
    match: { path: "/token", grant: "refresh_token" },
    times: 2,
    status: 503,
    body: "<h1>busy</h1>",
    contentType: "text/html",
    headers: { "Retry-After": "7" },
  });
  for (let call = 0; call < 2; call += 1) {
    const response = await refresh(refresh_token);
    expect([response.status, await response.text()]).toEqual([503, "<h1>busy</h1>"]);
    expect(response.headers.get("content-type")).toBe("text/html");
    expect(response.headers.get("retry-after")).toBe("7");
  }
  expect(auth.sessions()[0]?.refreshedAtMs).toBeNull();
  expect((await refresh(refresh_token)).status).toBe(200);
  expect(auth.faults.list()[0]).toMatchObject({ hits: 2, remaining: 0 });
});

test("a fault leaves calls alone that do not match", async () => {
  auth.faults.add({ match: { path: "/token", grant: "password" }, status: 500 });
  auth.faults.add({ match: { path: "/.well-known/*" }, status: 418 });
  auth.faults.add({ match: { path: "/token", method: "GET" }, status: 500 });
  expect((await refresh(auth.createSession().refresh_token)).status).toBe(200);
  expect((await fetch(`${auth.authUrl}/.well-known/jwks.json`)).status).toBe(418);
});

test("afterCommit does the work and loses the answer, and a retry gets the lost token", async () => {
  const { refresh_token } = auth.createSession();
  auth.faults.add({ match: { path: "/token" }, times: 1, status: 504, body: "{}", afterCommit: true });
  const lost = await refresh(refresh_token);
  expect([lost.status, lost.headers.get("sb-auth-session-id")]).toEqual([504, null]);
  expect(auth.sessions()[0]?.refreshedAtMs).not.toBeNull();
  auth.clock.advance(3600);
  expect((await refresh(refresh_token)).status).toBe(200);
});

test.each([true, "body"] as const)("cut %j breaks the connection", async (cut) => {
  auth.faults.add({ times: 1, cut });
  const answer = refresh("abcdefghijkl").then((response) => response.text());
  await expect(answer).rejects.toThrow();
  expect((await refresh("abcdefghijkl")).status).toBe(400);
});

test("hang never answers, and close does not wait for it", async () => {
  const own = await startAuthServer();
  own.faults.add({ hang: true });
  const call = fetch(`${own.authUrl}/health`, { headers: { apikey: own.publishableKey } });
  const quiet = Symbol("no answer");
  expect(await Promise.race([call.catch(() => "failed"), later(300, quiet)])).toBe(quiet);
  await own.close();
  await expect(call).rejects.toThrow();
});

test("a delay alone lets the call go on, and delays add up to the first fault that ends it", async () => {
  auth.faults.add({ times: 2, delayMs: 100 });
  auth.faults.add({ times: 1, delayMs: 100, status: 500 });
  const [slow, slower] = [await timed(() => refresh("abcdefghijkl")), await timed(() => refresh("abcdefghijkl"))];
  expect([slow.status, slower.status]).toEqual([500, 400]);
  expect(slow.ms).toBeGreaterThanOrEqual(195);
  expect(slower.ms).toBeGreaterThanOrEqual(95);
});

test("probability spares about as many calls as it says", async () => {
  auth.faults.add({ probability: 0.5, status: 500 });
  const calls = Array.from({ length: 200 }, () => refresh("abcdefghijkl"));
  const statuses = (await Promise.all(calls)).map(({ status }) => status);
  const failed = statuses.filter((status) => status === 500).length;
  expect(failed).toBeGreaterThan(50);
  expect(failed).toBeLessThan(150);
});

test("a disturbed answer can be read by a page on another port", async () => {
  auth.faults.add({ status: 429, body: "{}" });
  expect((await refresh("abcdefghijkl")).headers.get("access-control-allow-origin")).toBe("*");
});

test("DELETE /control/fault ends all faults", async () => {
  auth.faults.add({ status: 500 });
  await control("DELETE", "/fault");
  expect(await control("GET", "/fault")).toEqual([]);
  expect((await refresh("abcdefghijkl")).status).toBe(400);
});

async function control(method: string, path: string, body?: unknown): Promise<unknown> {
  const init = body === undefined ? {} : { body: JSON.stringify(body) };
  const response = await fetch(`${auth.url}/control${path}`, { method, ...init });
  expect(response.status).toBe(200);
  return response.json();
}

function refresh(refresh_token: string): Promise<Response> {
  return fetch(`${auth.authUrl}/token?grant_type=refresh_token`, {
    method: "POST",
    headers: { apikey: auth.publishableKey },
    body: JSON.stringify({ refresh_token }),
  });
}

async function timed(call: () => Promise<Response>): Promise<{ status: number; ms: number }> {
  const started = performance.now();
  const { status } = await call();
  return { status, ms: performance.now() - started };
}

function later<T>(ms: number, value: T): Promise<T> {
  return new Promise((resolve) => setTimeout(resolve, ms, value));
}
