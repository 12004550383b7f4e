/** `edge-session/origin` on what the built Worker sends. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { generateKeyPair, SignJWT, exportJWK } from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Stack, startStack } from "../support/stack.ts";
// @ts-expect-error: its types stand beside it
import { readSession, verifyAssertion } from "../../.tools/package/origin.js";

const SECRET = "an-identity-secret-that-is-long-enough-for-this";

let stack: Stack<"main">;
beforeAll(async () => {
  stack = await startStack({ vars: { IDENTITY_SECRET: SECRET }, workers: { main: {} } });
});
afterAll(() => stack.close());
beforeEach(() => stack.clear());

/** The headers of a request as an origin gets them. */
async function headersFor(spec?: Parameters<typeof stack.signIn>[0] | null): Promise<{ headers: Record<string, string>; audience: string; id: string }> {
  const session = spec === null ? undefined : stack.signIn(spec);
  await stack.worker("main").fetch("/", session === undefined ? {} : { cookies: await stack.cookies(session) });
  const request = stack.origin.only();
  const headers = Object.fromEntries(request.headers.map(([name, value]) => [name.toLowerCase(), value]));
  return { headers, audience: stack.origin.host, id: session?.user.id as string };
}

test("a session is read from Headers, from a Request, and from what Node.js has", async () => {
  const { headers, id } = await headersFor({});
  const expected = { userId: id, outcome: "valid", role: "authenticated", aal: "aal1", isAnonymous: false, clientId: null };
  for (const source of [headers, new Headers(headers), new Request("https://a.example", { headers }), { headers }]) {
    const session = readSession(source);
    expect(session).toMatchObject(expected);
    expect(session.claims.sub).toBe(id);
    expect(session.expiresAt).toBe(session.claims.exp);
  }
});

test("nobody is nobody", async () => {
  const { headers, audience } = await headersFor(null);
  expect(headers["x-session-outcome"]).toBe("anonymous");
  expect(readSession(headers)).toBe(null);
  expect(await readSession(headers, { secret: SECRET, audience })).toBe(null);
  expect(await verifyAssertion(headers, { secret: SECRET, audience })).toMatchObject({ iss: "edge-session", outcome: "anonymous" });
  for (const odd of [{}, { "x-session-user-id": "x" }, { "x-session-outcome": "valid" }, { "x-session-outcome": "expired", "x-session-user-id": "x" }, { "x-session-outcome": ["valid", "valid"], "x-session-user-id": "x" }]) expect(readSession(odd)).toBe(null);
});

test("a good assertion proves the session, and only the visitor's own details come with it", async () => {
  const { headers, audience, id } = await headersFor({});
  const options = { secret: SECRET, audience: ["elsewhere.example", audience] };
  expect(await readSession(headers, options)).toMatchObject({ userId: id, outcome: "valid", claims: { sub: id } });
  const other = { ...headers, "x-session-user-id": "somebody-else", "x-session-role": "admin" };
  expect(await readSession(other, options)).toMatchObject({ userId: id, role: "authenticated", claims: null });
});

describe("an assertion is not believed", () => {
  const make = (claims: object, { secret = SECRET, alg = "HS256" } = {}) => new SignJWT({ iss: "edge-session", aud: "a.example", sub: "u", iat: 1_000, exp: 1_060, ...claims }).setProtectedHeader({ alg }).sign(new TextEncoder().encode(secret));
  const verify = (token: unknown, more: object = {}) => verifyAssertion(token, { secret: SECRET, audience: "a.example", now: 1_000, ...more }).then(() => "believed", (error: { code: string }) => error.code);
  const base = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

  test("with nothing wrong it is", async () => {
    expect(await verify(await make({}))).toBe("believed");
    expect(await verify(await make({}), { now: 1_064 })).toBe("believed");
  });

  test.each([
    ["of another secret", async () => verify(await make({}, { secret: "another-identity-secret-that-is-long-enough" })), "signature"],
    ["of another issuer", async () => verify(await make({ iss: "somebody" })), "issuer"],
    ["for another host", async () => verify(await make({ aud: "b.example" })), "audience"],
    ["for several hosts", async () => verify(await make({ aud: ["a.example"] })), "audience"],
    ["too late", async () => verify(await make({}), { now: 1_066 }), "expired"],
    ["without an end", async () => verify(await make({ exp: undefined })), "expired"],
    ["too early", async () => verify(await make({}), { now: 990 }), "early"],
    ["of another algorithm", async () => verify(await make({}, { alg: "HS512" })), "algorithm"],
    ["without a signature", async () => verify(`${base({ alg: "none" })}.${base({ iss: "edge-session", aud: "a.example", exp: 1_060, iat: 1_000 })}.`), "algorithm"],
    ["in two parts", async () => verify("a.b"), "malformed"],
    ["of rubbish", async () => verify("a.b.c"), "malformed"],
    ["longer than any", async () => verify(`${"a".repeat(9_000)}.b.c`), "malformed"],
    ["that is missing", async () => verify({}), "missing"],
    ["checked by a key set", async () => verify(await make({}), { secret: undefined, jwks: { keys: [] } }), "algorithm"],
  ])("%s", async (_, verdict, code) => {
    expect(await verdict()).toBe(code);
  });

  test.each([{}, { secret: SECRET, jwksUrl: "https://a.example" }, { secret: "" }])("and %j verifies nothing", async (options) => {
    await expect(verifyAssertion("a.b.c", { audience: "a.example", ...options })).rejects.toThrow(TypeError);
    await expect(verifyAssertion("a.b.c", { secret: SECRET, ...options, audience: undefined })).rejects.toThrow(TypeError);
  });
});

describe("by a key set", () => {
  test("a key is found by its id, the set is kept, and made-up ids cost one request", async () => {
    const [first, second] = await Promise.all([generateKeyPair("ES256"), generateKeyPair("ES256")]);
    const jwks = { keys: [{ ...(await exportJWK(first.publicKey)), kid: "one" }, null, { kty: "RSA", kid: "two" }] };
    let fetches = 0;
    const server = createServer((_, response) => {
      fetches += 1;
      response.end(JSON.stringify(jwks));
    }).listen(0, "127.0.0.1");
    await new Promise((listening) => server.once("listening", listening));
    const jwksUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`;
    const make = (kid: string, key = first.privateKey) => new SignJWT({ iss: "edge-session", aud: "a.example", sub: "u", outcome: "valid" }).setIssuedAt().setExpirationTime("1m").setProtectedHeader({ alg: "ES256", kid }).sign(key);
    const options = { jwksUrl, audience: "a.example" };
    try {
      expect(await readSession({ "x-session-assertion": await make("one") }, options)).toMatchObject({ userId: "u" });
      expect(await readSession({ "x-session-assertion": await make("one", second.privateKey) }, options)).toBe(null);
      for (const kid of ["two", "three", "four"]) await expect(verifyAssertion(await make(kid), options)).rejects.toMatchObject({ code: "key" });
      expect(fetches).toBe(1);
    } finally {
      server.close();
    }
    await expect(verifyAssertion(await make("one"), { jwksUrl: `${jwksUrl}?elsewhere`, audience: "a.example" })).rejects.not.toHaveProperty("code", "key");
  });
});
