/** What stands before Auth: keys, limits by address, CORS, and the router's own refusals. */
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { type AuthServer, startAuthServer } from "../support/auth-server/server.ts";

const auth: AuthServer = await startAuthServer();
const BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36";

afterAll(() => auth.close());
beforeEach(() => auth.reset());

describe("keys", () => {
  test.each([
    ["no key", {}, "No API key found in request"],
    ["an unknown key", { apikey: "sb_publishable_wrong" }, "Invalid API key"],
  ])("%s is refused without a code", async (_name, headers: Record<string, string>, message) => {
    const response = await get("/settings", headers);
    expect(response.status).toBe(401);
    const body = await response.json();
    expect(body).toEqual({ message, hint: expect.any(String) });
  });

  test("open paths need no key", async () => {
    expect((await get("/.well-known/jwks.json", {})).status).toBe(200);
    expect((await get("/verify", {})).status).toBe(400);
    expect((await get("/authorize", {})).status).toBe(400);
  });

  test("a secret key from a browser is refused, and from a server is taken", async () => {
    expect((await get("/settings", { apikey: auth.secretKey, "User-Agent": BROWSER })).status).toBe(401);
    expect((await get("/settings", { apikey: auth.secretKey, "User-Agent": "edge" })).status).toBe(200);
    expect((await get("/settings", { apikey: auth.publishableKey, "User-Agent": BROWSER })).status).toBe(200);
  });

  test("an opaque key as Bearer has to equal the apikey", async () => {
    const withBearer = (key: string) => get("/settings", { apikey: auth.publishableKey, Authorization: `Bearer ${key}` });
    expect((await withBearer(auth.publishableKey)).status).toBe(200);
    expect((await withBearer(auth.secretKey)).status).toBe(401);
  });
});

describe("limits", () => {
  const tight = { token: { burst: 2, refillPerSecond: 0.5 } };

  test("callers are told apart by Sb-Forwarded-For beside the secret key only", async () => {
    auth.config({ rateLimits: tight });
    const as = (apikey: string, ip: string) => grant({ apikey, "Sb-Forwarded-For": ip });
    expect(await spend(() => as(auth.secretKey, "203.0.113.1"), 3)).toEqual([400, 400, 429]);
    expect(await spend(() => as(auth.secretKey, "203.0.113.2"), 3)).toEqual([400, 400, 429]);
    expect(await spend(() => as(auth.publishableKey, "203.0.113.3"), 2)).toEqual([400, 400]);
    expect(await spend(() => as(auth.publishableKey, "203.0.113.4"), 1)).toEqual([429]);
  });

  test("with the feature off, or with no address in it, the header is ignored", async () => {
    auth.config({ rateLimits: tight });
    expect(await spend(() => grant({ apikey: auth.secretKey, "Sb-Forwarded-For": "nonsense" }), 2)).toEqual([400, 400]);
    auth.config({ sbForwardedFor: false });
    expect(await spend(() => grant({ apikey: auth.secretKey, "Sb-Forwarded-For": "203.0.113.9" }), 1)).toEqual([429]);
  });

  test("buckets refill on the server's clock, and a 429 does not use up the token", async () => {
    const { refresh_token } = auth.createSession();
    auth.config({ rateLimits: tight });
    expect(await spend(() => grant(), 3)).toEqual([400, 400, 429]);
    const refused = await grant({}, refresh_token);
    expect(refused.status).toBe(429);
    expect(auth.sessions()[0]?.refreshedAtMs).toBeNull();
    auth.clock.advance(2);
    expect((await grant({}, refresh_token)).status).toBe(200);
    expect((await grant({}, refresh_token)).status).toBe(429);
  });

  test("each endpoint has a bucket of its own, and limits are off by default", async () => {
    expect(new Set(await spend(() => grant(), 100))).toEqual(new Set([400]));
    auth.config({ rateLimits: tight });
    expect(await spend(() => grant(), 3)).toEqual([400, 400, 429]);
    expect((await get("/verify", {})).status).toBe(400);
  });
});

describe("transport", () => {
  test("a preflight is answered for any page, and not counted", async () => {
    const response = await fetch(`${auth.authUrl}/token?grant_type=password`, {
      method: "OPTIONS",
      headers: {
        Origin: "http://localhost:8787",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "apikey,authorization,x-client-info,x-supabase-api-version",
      },
    });
    expect(response.status).toBe(204);
    expect(response.headers.get("access-control-allow-origin")).toBe("*");
    expect(response.headers.get("access-control-allow-headers")).toContain("x-supabase-api-version");
    expect(auth.calls.counts()).toEqual({});
  });

  test("a page on another port can read refusals and errors", async () => {
    auth.config({ rateLimits: { token: { burst: 1, refillPerSecond: 1 } } });
    const answers = [await get("/settings", {}), await grant(), await grant(), await get("/nowhere", { apikey: auth.secretKey })];
    expect(answers.map(({ status }) => status)).toEqual([401, 400, 429, 404]);
    expect(answers.map(({ headers }) => headers.get("access-control-allow-origin"))).toEqual(["*", "*", "*", "*"]);
    expect(answers[1]!.headers.get("access-control-expose-headers")).toContain("X-Supabase-Api-Version");
  });

  test("unknown paths, methods and bodies get the router's answers", async () => {
    const headers = { apikey: auth.publishableKey };
    const missing = await get("/nowhere", headers);
    expect([missing.status, await missing.text()]).toEqual([404, "404 page not found\n"]);
    const method = await fetch(`${auth.authUrl}/token`, { headers });
    expect([method.status, await method.text(), method.headers.get("allow")]).toEqual([405, "", "POST"]);
    expect((await fetch(`${auth.authUrl}/user`, { method: "HEAD", headers })).status).toBe(405);
    const post = (body: string) => fetch(`${auth.authUrl}/token?grant_type=password`, { method: "POST", headers, body });
    expect((await (await post("")).json()) as object).toMatchObject({ error_code: "bad_json" });
    expect((await post(`{"a":"${"x".repeat(1 << 20)}"}`)).status).toBe(413);
    expect((await (await post("{}")).json()) as object).toMatchObject({ error_code: "validation_failed" });
  });
});

function get(path: string, headers: Record<string, string>): Promise<Response> {
  return fetch(`${auth.authUrl}${path}`, { headers });
}

function grant(headers: Record<string, string> = {}, refresh_token = "abcdefghijkl"): Promise<Response> {
  return fetch(`${auth.authUrl}/token?grant_type=refresh_token`, {
    method: "POST",
    headers: { apikey: auth.publishableKey, ...headers },
    body: JSON.stringify({ refresh_token }),
  });
}

async function spend(call: () => Promise<Response>, times: number): Promise<number[]> {
  const statuses: number[] = [];
  for (let made = 0; made < times; made += 1) {
    statuses.push((await call()).status);
  }
  return statuses;
}
