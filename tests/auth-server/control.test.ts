/** The endpoints and functions beside the wire. */
import { importJWK, jwtVerify } from "jose";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { type AuthServer, startAuthServer } from "../support/auth-server/server.ts";

const auth: AuthServer = await startAuthServer();

afterAll(() => auth.close());
beforeEach(() => auth.reset());

test("the clock moves expiry, iat and mails", async () => {
  const { access_token } = auth.createSession();
  expect(await control("POST", "/clock", { advance: 3601 })).toMatchObject({ offset: 3601 });
  const { status, body } = await user(access_token);
  expect([status, body.error_code]).toEqual([403, "bad_jwt"]);
  const iat = claims(auth.createSession().access_token).iat;
  expect(iat - Math.floor(Date.now() / 1000)).toBeGreaterThanOrEqual(3600);
  await control("POST", "/clock", { offset: 0 });
  expect((await user(access_token)).status).toBe(200);
});

test("sessions are made at any age, with a good refresh token", async () => {
  const spec = { email: "ada@example.com", aal: "aal2", expiresIn: -5, user_metadata: { plan: "free" } };
  const session = await control("POST", "/sessions", spec);
  const now = Math.floor(Date.now() / 1000);
  expect(Math.abs(session.expires_at - (now - 5))).toBeLessThanOrEqual(1);
  expect(session.expires_in).toBe(3600);
  expect(claims(session.access_token)).toMatchObject({ aal: "aal2", user_metadata: { plan: "free" }, session_id: session.session_id });
  expect((await user(session.access_token)).status).toBe(403);
  const fresh = await refresh(session.refresh_token);
  expect((await user(fresh.body.access_token)).status).toBe(200);
  expect(claims(auth.createSession({ ageSeconds: 600 }).access_token).iat).toBeLessThanOrEqual(now - 599);
});

test("sessions are killed by id", async () => {
  const session = auth.createSession();
  expect(await control("DELETE", `/sessions/${session.session_id}`)).toEqual({ deleted: true });
  expect((await refresh(session.refresh_token)).body.error_code).toBe("refresh_token_not_found");
});

test("users are made as asked", async () => {
  const spec = { email: "Boss@example.com", password: "correct horse", role: "boss", app_metadata: { org: 7 }, user_metadata: { a: 1 } };
  const made = await control("POST", "/users", spec);
  expect(made).toMatchObject({ email: "boss@example.com", role: "boss", user_metadata: { a: 1 } });
  expect(made.app_metadata).toEqual({ provider: "email", providers: ["email"], org: 7 });
  expect(claims(auth.createSession({ email: "boss@example.com" }).access_token)).toMatchObject({ role: "boss", sub: made.id });
  const twice = await fetch(`${auth.url}/control/users`, { method: "POST", body: JSON.stringify(spec) });
  expect(twice.status).toBe(400);
});

test("jwtExp and other settings change at run time, and unknown ones are refused", async () => {
  await control("POST", "/config", { jwtExp: 7 });
  const { expires_in, access_token } = auth.createSession();
  expect([expires_in, claims(access_token).exp - claims(access_token).iat]).toEqual([7, 7]);
  expect(() => auth.config({ jwtExpiry: 5 } as object)).toThrow("jwtExpiry");
  await control("POST", "/reset");
  expect(auth.config().jwtExp).toBe(3600);
});

test("calls are counted by endpoint and grant, and logged with their headers", async () => {
  await refresh("abcdefghijkl", { "Sb-Forwarded-For": "203.0.113.1", "X-Client-Info": "edge/1", "User-Agent": "edge" });
  await refresh("abcdefghijkl");
  await user("nonsense");
  await fetch(`${auth.authUrl}/.well-known/jwks.json`);
  const { log, ...counts } = await control("GET", "/calls");
  expect(counts).toEqual({ "token:refresh_token": 2, user: 1, jwks: 1 });
  expect(log[0]).toMatchObject({
    endpoint: "token:refresh_token",
    method: "POST",
    path: "/token",
    status: 400,
    headers: { apikey: auth.publishableKey, userAgent: "edge", sbForwardedFor: "203.0.113.1", clientInfo: "edge/1", authorization: false },
  });
  expect(log[2].headers.authorization).toBe(true);
  await control("DELETE", "/calls");
  expect(await control("GET", "/calls")).toEqual({ log: [] });
});

describe("signing", () => {
  test("claims and header are what the test wants", async () => {
    const { token } = await control("POST", "/sign", {
      claims: { sub: "nobody", exp: 1 },
      omit: ["aud"],
      header: { alg: "none" },
      omitHeader: ["kid"],
    });
    expect(part(token, 0)).toEqual({ alg: "none", typ: "JWT" });
    expect(claims(token)).toMatchObject({ sub: "nobody", exp: 1 });
    expect(claims(token)).not.toHaveProperty("aud");
  });

  test("the claims of a known user pass /user, and an unknown key does not", async () => {
    const { user: ada } = auth.createSession({ email: "ada@example.com" });
    const good = await auth.sign({ email: "ada@example.com" });
    expect((await user(good)).body.id).toBe(ada.id);
    const bad = await auth.sign({ email: "ada@example.com", key: "unknown", alg: "RS256" });
    expect(part(bad, 0).alg).toBe("RS256");
    expect((await user(bad)).status).toBe(403);
    expect((await user(await auth.sign({ claims: { sub: "7" } }))).status).toBe(400);
    expect((await user(await auth.sign())).body.error_code).toBe("user_not_found");
  });

  test("/user goes by the kid: a wrong or missing one, and a wrong alg, are refused", async () => {
    auth.createSession({ email: "ada@example.com" });
    const wrong = [{ header: { kid: "other" } }, { omitHeader: ["kid"] }, { header: { alg: "ES384" } }];
    for (const spec of wrong) {
      const { status, body } = await user(await auth.sign({ email: "ada@example.com", ...spec }));
      expect([status, body.error_code]).toEqual([403, "bad_jwt"]);
    }
  });

  test("keys in every state sign on request, and go back from revoked to standby", async () => {
    auth.createSession({ email: "ada@example.com" });
    const first = auth.keys.current.id;
    await auth.keys.rotate("EdDSA");
    const signed = () => auth.sign({ email: "ada@example.com", key: first });
    expect((await user(await signed())).status).toBe(200);
    auth.keys.revoke();
    expect((await user(await signed())).status).toBe(403);
    await auth.keys.standby("ES256", first);
    expect((await user(await signed())).status).toBe(200);
    await auth.keys.rotate();
    expect(auth.keys.current.id).toBe(first);
    expect(() => auth.keys.revoke(first)).toThrow("rotation");
  });
});

test.each(["ES256", "RS256", "EdDSA"] as const)("%s tokens verify with the published key", async (algorithm) => {
  const own = await startAuthServer({ algorithm });
  const { access_token } = own.createSession();
  const { keys } = (await (await fetch(`${own.authUrl}/.well-known/jwks.json`)).json()) as { keys: Record<string, any>[] };
  expect(keys).toHaveLength(1);
  expect(keys[0]).toMatchObject({ alg: algorithm, use: "sig", key_ops: ["verify"] });
  expect(keys[0]).not.toHaveProperty("d");
  const { payload } = await jwtVerify(access_token, await importJWK(keys[0]!), { issuer: own.authUrl, audience: "authenticated" });
  expect(payload.sub).toMatch(/^[0-9a-f-]{36}$/);
  await own.close();
});

test("HS256 publishes nothing, and its tokens have no kid", async () => {
  const own = await startAuthServer({ algorithm: "HS256", jwtSecret: "a secret of at least thirty-two bytes" });
  const { access_token } = own.createSession();
  expect(await (await fetch(`${own.authUrl}/.well-known/jwks.json`)).json()).toEqual({ keys: [] });
  expect(part(access_token, 0)).toEqual({ alg: "HS256", typ: "JWT" });
  await jwtVerify(access_token, new TextEncoder().encode("a secret of at least thirty-two bytes"));
  await own.close();
});

test("the key set changes its order", async () => {
  await auth.keys.standby();
  const orders = new Set<string>();
  for (let call = 0; call < 50; call += 1) {
    orders.add(auth.keys.jwks().keys.map(({ kid }) => kid).join());
  }
  expect(orders.size).toBe(2);
});

test("main.ts runs a server of its own and ends on SIGTERM", async () => {
  const main = fileURLToPath(new URL("../support/auth-server/main.ts", import.meta.url));
  const child = spawn(process.execPath, [main, "--port", "0", "--options", '{"jwtExp":9}'], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(createInterface(child.stdout), "line");
  const own = JSON.parse(line as string);
  const config = (await (await fetch(`${own.url}/control/config`)).json()) as { jwtExp: number };
  expect(config.jwtExp).toBe(9);
  child.kill("SIGTERM");
  expect(await once(child, "exit")).toEqual([0, null]);
});

async function control(method: string, path: string, body?: unknown): Promise<any> {
  const init = body === undefined ? {} : { body: JSON.stringify(body) };
  const response = await fetch(`${auth.url}/control${path}`, { method, ...init });
  expect(response.status).toBe(200);
  return response.json();
}

async function user(token: string): Promise<{ status: number; body: any }> {
  const headers = { apikey: auth.publishableKey, Authorization: `Bearer ${token}` };
  const response = await fetch(`${auth.authUrl}/user`, { headers });
  return { status: response.status, body: await response.json() };
}

async function refresh(refresh_token: string, headers: Record<string, string> = {}): Promise<{ status: number; body: any }> {
  const response = await fetch(`${auth.authUrl}/token?grant_type=refresh_token`, {
    method: "POST",
    headers: { apikey: auth.publishableKey, ...headers },
    body: JSON.stringify({ refresh_token }),
  });
  return { status: response.status, body: await response.json() };
}

function claims(token: string): Record<string, any> {
  return part(token, 1);
}

function part(token: string, index: number): Record<string, any> {
  return JSON.parse(Buffer.from(token.split(".")[index] ?? "", "base64url").toString());
}
