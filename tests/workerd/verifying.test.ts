/** Contract §3: reading and verifying. */
import { createHmac, generateKeyPairSync, type KeyObject, randomUUID, sign as nodeSign } from "node:crypto";
import { exportJWK } from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { expectDeleted, expectKept, isSessionName, outcomeOf, sessionAt, sessionCookiesAt, sessionSetCookies } from "../support/expectations.ts";
import { browserJar, claimsOf, type Cookie, cookieHeader, jarCookies, parseSetCookies } from "../support/sessions.ts";
import { type FetchInit, type SignedIn, SITE, type Stack, startStack, type WorkerSpec } from "../support/stack.ts";

const JWT_SECRET = "a-jwt-secret-that-is-long-enough-for-hs256";

const WORKERS = {
  main: {},
  domain: { vars: { COOKIE_DOMAIN: "example.com" } },
  keys: {},
  empty: {},
  unknownKid: {},
  rotation: {},
  kvFirst: { bindings: { kv: "shared" } },
  kvSecond: { bindings: { kv: "shared" } },
  kvBroken: { bindings: { kv: true } },
  keyless: {},
  cold: {},
  garbageKeys: {},
} satisfies Record<string, WorkerSpec>;

let stack: Stack<keyof typeof WORKERS>;
/** A project that signs with a shared secret, without and with that secret in the Worker. */
let legacy: Stack<"without" | "with" | "wrongUser">;

beforeAll(async () => {
  stack = await startStack({ vars: { SERVER_TIMING: "on" }, workers: WORKERS });
  legacy = await startStack({
    vars: { SERVER_TIMING: "on" },
    auth: { algorithm: "HS256", jwtSecret: JWT_SECRET },
    workers: { without: {}, with: { vars: { SUPABASE_JWT_SECRET: JWT_SECRET } }, wrongUser: {} },
  });
});
afterAll(async () => {
  await stack.close();
  await legacy.close();
});
beforeEach(() => {
  stack.clear();
  legacy.clear();
});

const long = (characters: number): Record<string, string> => ({ bio: "é🤦🏻‍♂️x".repeat(Math.ceil(characters / 9)) });

describe("§3.1 cookies", () => {
  test.each([
    ["one cookie", {}, {}],
    ["chunked", { user_metadata: long(4_000) }, {}],
    ["raw", {}, { encoding: "raw" }],
    ["raw and chunked", { user_metadata: long(4_000) }, { encoding: "raw" }],
    ["tokens only", {}, { tokensOnly: true }],
    ["tokens only and chunked", { app_metadata: long(2_400) }, { tokensOnly: true }],
  ] as const)("§3.1 a session of every format is read: %s", async (_, spec, format) => {
    const session = stack.signIn(spec);
    const cookies = await stack.cookies(session, format);
    const answer = await stack.worker("main").fetch("/", { cookies });
    expect(outcomeOf(answer)).toBe("valid");
    expect(stack.origin.only().header("x-session-user-id")).toBe(session.user.id);
  });

  test("§3.1 a raw session in an encoding of its own (spaces, upper and lower case escapes) is read", async () => {
    const session = stack.signIn();
    const value = encodeURIComponent(JSON.stringify(session, null, 1)).replaceAll("%2C", "%2c");
    expect(outcomeOf(await stack.worker("main").fetch("/", { cookies: `${stack.key}=${value}` }))).toBe("valid");
  });

  test("§3.1 one parser for the whole header: other cookies of any form do no harm", async () => {
    const cookies = cookieHeader(await stack.cookies(stack.signIn()));
    const header = `=v; novalue; a="q;uoted"; b=%ZZ; ;; c==; ${cookies}; é=ü; d=1`;
    expect(outcomeOf(await stack.worker("main").fetch("/", { cookies: Buffer.from(header).toString("latin1") }))).toBe("valid");
  });

  test("§3.1 first name wins where the subjects differ", async () => {
    const [first, second] = [stack.signIn(), stack.signIn()];
    const header = `${cookieHeader(await stack.cookies(first))}; ${cookieHeader(await stack.cookies(second))}`;
    await stack.worker("main").fetch("/", { cookies: header });
    expect(stack.origin.only().header("x-session-user-id")).toBe(first.user.id);
  });

  test("§3.1 a name twice with the same sub: the one that verifies with the later exp counts", async () => {
    const email = `twin-${randomUUID()}@example.com`;
    const [early, late] = [stack.signIn({ email, expiresIn: 1_000 }), stack.signIn({ email, expiresIn: 3_000 })];
    for (const order of [[early, late], [late, early]]) {
      stack.clear();
      const header = (await Promise.all(order.map((session) => stack.cookies(session)))).map(cookieHeader).join("; ");
      await stack.worker("main").fetch("/", { cookies: header });
      expect(stack.origin.only().header("x-session-id")).toBe(late.session_id);
      expect((await sessionAt(stack.origin.only(), stack.auth.url))?.access_token).toBe(late.access_token);
    }
  });

  test("§3.1 a name twice with the same sub: one that does not verify never counts", async () => {
    const email = `twin-${randomUUID()}@example.com`;
    const good = stack.signIn({ email, expiresIn: 1_000 });
    const later = stack.signIn({ email, expiresIn: 3_000 });
    const forged = { ...later, access_token: tampered(later.access_token) };
    const header = [forged, good].map(async (session) => cookieHeader(await stack.cookies(session)));
    const answer = await stack.worker("main").fetch("/", { cookies: (await Promise.all(header)).join("; ") });
    expect(outcomeOf(answer)).toBe("valid");
    expect(stack.origin.only().header("x-session-id")).toBe(good.session_id);
  });

  test("§3.1 a name twice: only the one that was verified reaches the origin", async () => {
    const email = `twin-${randomUUID()}@example.com`;
    const sessions = [stack.signIn({ email, expiresIn: 1_000 }), stack.signIn({ email, expiresIn: 3_000 })];
    const header = (await Promise.all(sessions.map((session) => stack.cookies(session)))).map(cookieHeader).join("; ");
    await stack.worker("main").fetch("/", { cookies: `a=1; ${header}; b=2` });
    const names = sessionCookiesAt(stack.origin.only(), stack.key).map(({ name }) => name);
    expect(names).toEqual([...new Set(names)]);
  });

  test("§3.1 a name twice: the other is deleted at both scopes", async () => {
    const email = `twin-${randomUUID()}@example.com`;
    const [old, current] = [stack.signIn({ email, expiresIn: 1_000 }), stack.signIn({ email, expiresIn: 3_000 })];
    const [oldCookies, currentCookies] = [await stack.cookies(old), await stack.cookies(current)];
    const header = `${cookieHeader(oldCookies)}; ${cookieHeader(currentCookies)}`;
    const answer = await stack.worker("domain").fetch("/", { cookies: header });
    expect(outcomeOf(answer)).toBe("valid");
    const jar = await browserJar(SITE, oldCookies.map(encoded), []);
    for (const { name, value } of currentCookies.map(encoded)) {
      await jar.setCookie(`${name}=${value}; Domain=example.com; Path=/`, SITE);
    }
    for (const { line } of parseSetCookies(answer.headers)) {
      await jar.setCookie(line, SITE);
    }
    const left = (await jarCookies(jar, SITE)).filter(({ name }) => isSessionName(name, stack.key));
    expect(left).toEqual(currentCookies);
  });

  test("§3.1 at most 32 chunks are read", async () => {
    const value = (await stack.cookies(stack.signIn()))[0]!.value;
    const inChunks = (count: number): Cookie[] => {
      const size = Math.ceil(value.length / count);
      return Array.from({ length: count }, (_, index) => ({
        name: `${stack.key}.${index}`,
        value: value.slice(index * size, (index + 1) * size),
      }));
    };
    expect(outcomeOf(await stack.worker("main").fetch("/", { cookies: inChunks(32) }))).toBe("valid");
    const many = inChunks(33);
    const answer = await stack.worker("main").fetch("/", { cookies: many });
    expect(outcomeOf(answer)).toBe("invalid");
    expectDeleted(answer, many, stack.key);
  });

  test("§3.1 at most 64 KiB of decoded session are read", async () => {
    const session = stack.signIn();
    const padded = (bytes: number): Cookie[] => {
      const bare = JSON.stringify({ ...session, padding: "" }).length;
      const json = JSON.stringify({ ...session, padding: "x".repeat(bytes - bare) });
      const value = `base64-${Buffer.from(json).toString("base64url")}`;
      return Array.from({ length: Math.ceil(value.length / 3180) }, (_, index) => ({
        name: `${stack.key}.${index}`,
        value: value.slice(index * 3180, (index + 1) * 3180),
      }));
    };
    expect(outcomeOf(await stack.worker("main").fetch("/", { cookies: padded(40_000) }))).toBe("valid");
    expect(outcomeOf(await stack.worker("main").fetch("/", { cookies: padded(65_537) }))).toBe("invalid");
  });

  test.each([
    ["undecodable", "base64-%%%"],
    ["not JSON", `base64-${Buffer.from("hello").toString("base64url")}`],
    ["JSON without the members", `base64-${Buffer.from("{}").toString("base64url")}`],
    ["a JSON string", encodeURIComponent('"text"')],
    ["an array", encodeURIComponent('["a","b",null,null,null]')],
    ["numbers for tokens", encodeURIComponent('{"access_token":1,"refresh_token":2,"expires_at":3}')],
    ["null tokens", encodeURIComponent('{"access_token":null,"refresh_token":null,"expires_at":null}')],
  ])("§3.1 a malformed session is invalid and its cookies are deleted: %s", async (_, value) => {
    const answer = await stack.worker("main").fetch("/", { cookies: `${stack.key}=${value}; a=1` });
    expect([answer.status, outcomeOf(answer)]).toEqual([200, "invalid"]);
    expect(sessionSetCookies(answer, stack.key).map(({ name, deletes }) => [name, deletes])).toEqual([[stack.key, true]]);
    expect(stack.origin.only().header("cookie")).toBe("a=1");
    expect(stack.authCalls()).toEqual({});
  });

  test("§3.1 no session cookie, or an empty one, is anonymous", async () => {
    for (const cookies of ["a=1", `${stack.key}=`, `${stack.key}-code-verifier=x`, `${stack.key.toUpperCase()}=x`]) {
      expect([cookies, outcomeOf(await stack.worker("main").fetch("/", { cookies }))]).toEqual([cookies, "anonymous"]);
    }
  });
});

describe("§3.2 bearer", () => {
  test("§3.2 a bearer token in Authorization is used when there is no session cookie", async () => {
    const session = stack.signIn();
    const answer = await stack.worker("main").fetch("/", bearer(session.access_token));
    expect(outcomeOf(answer)).toBe("valid");
    expect(stack.origin.only().header("x-session-user-id")).toBe(session.user.id);
    expect(stack.origin.only().all("authorization")).toEqual([`Bearer ${session.access_token}`]);
  });

  test("§3.2 a good bearer token comes before a session cookie", async () => {
    const [cookie, header] = [stack.signIn(), stack.signIn()];
    await stack.worker("main").fetch("/", { ...bearer(header.access_token), cookies: await stack.cookies(cookie) });
    expect(stack.origin.only().header("x-session-user-id")).toBe(header.user.id);
  });

  test("§3.2 a bearer token that does not verify leaves the cookie to decide", async () => {
    const [cookie, header] = [stack.signIn(), stack.signIn()];
    await stack.worker("main").fetch("/", { ...bearer(tampered(header.access_token)), cookies: await stack.cookies(cookie) });
    expect(stack.origin.only().header("x-session-user-id")).toBe(cookie.user.id);
  });

  test("§3.3 a token without iss passes where JWT_ISSUER is unset", async () => {
    const token = await stack.auth.sign({ omit: ["iss"] });
    expect(outcomeOf(await stack.worker("main").fetch("/", bearer(token)))).toBe("valid");
  });

  test("§3.2 a bearer token is verified the same way", async () => {
    const answer = await stack.worker("main").fetch("/", bearer(tampered(stack.signIn().access_token)));
    expect(outcomeOf(answer)).toBe("invalid");
    expect(stack.origin.only().header("x-session-user-id")).toBeUndefined();
  });

  test("§3.2 a bearer token is never refreshed", async () => {
    await stack.worker("main").fetch("/", bearer(stack.signIn().access_token));
    stack.clear();
    expect(outcomeOf(await stack.worker("main").fetch("/", bearer(stack.signIn({ expiresIn: 30 }).access_token)))).toBe("valid");
    expect(outcomeOf(await stack.worker("main").fetch("/", bearer(stack.signIn({ expiresIn: -60 }).access_token)))).toBe("expired");
    expect(stack.authCalls()).toEqual({});
  });

  test("§3.2 other Authorization schemes are none of the Worker's business", async () => {
    for (const value of ["Basic dTpw", "Bearer", "Digest x", "token"]) {
      stack.origin.clear();
      const answer = await stack.worker("main").fetch("/", { headers: [["Authorization", value]] });
      expect([value, answer.status]).toEqual([value, 200]);
      expect(stack.origin.only().header("x-session-user-id")).toBeUndefined();
    }
  });
});

describe("§3.3 local verification", () => {
  const now = (): number => Math.floor(Date.now() / 1000);

  test.each([
    ["iss", { claims: { iss: "https://evil.example/auth/v1" } }],
    ["aud", { claims: { aud: "other" } }],
    ["no aud", { omit: ["aud"] }],
    ["sub is not a UUID", { claims: { sub: "admin" } }],
    ["no sub", { omit: ["sub"] }],
    ["no role", { omit: ["role"] }],
    ["no exp", { omit: ["exp"] }],
    ["exp is text", { claims: { exp: "9999999999" } }],
    ["exp is no number", { claims: { exp: {} } }],
    ["nbf in the future", { claims: { nbf: now() + 600 } }],
    ["iat in the future", { claims: { iat: now() + 600 } }],
    ["typ", { header: { typ: "at+jwt" } }],
    ["crit", { header: { crit: ["exp"] } }],
    ["alg none", { header: { alg: "none" } }],
    ["alg that the key has not", { header: { alg: "RS256" } }],
    ["alg in another case", { header: { alg: "es256" } }],
    ["alg is a number", { header: { alg: 1 } }],
    ["alg ES384", { header: { alg: "ES384" } }],
    ["no alg", { omitHeader: ["alg"] }],
  ] as [string, object][])("§3.3 refused: %s", async (_, spec) => {
    const answer = await stack.worker("main").fetch("/", await withToken(await stack.auth.sign(spec)));
    expect(outcomeOf(answer)).toBe("invalid");
    expect(stack.origin.only().header("x-session-user-id")).toBeUndefined();
    expect(stack.authCalls()["token:refresh_token"]).toBeUndefined();
  });

  test.each([
    ["typ absent", { omitHeader: ["typ"] }],
    ["more claims", { claims: { anything: { nested: [1, "two"] } } }],
    ["more header members", { header: { cty: "x", x5t: "y" } }],
    ["nbf in the past", { claims: { nbf: now() - 10 } }],
    ["exp with a fraction", { claims: { exp: now() + 1000.5 } }],
  ] as [string, object][])("§3.3 accepted: %s", async (_, spec) => {
    expect(outcomeOf(await stack.worker("main").fetch("/", await withToken(await stack.auth.sign(spec))))).toBe("valid");
  });

  test("§3.3 three base64url parts", async () => {
    const { access_token: token } = stack.signIn();
    const [header, payload, signature] = token.split(".");
    const broken = [
      `${header}.${payload}`,
      `${token}.x`,
      `${header}.${payload}.`,
      `.${payload}.${signature}`,
      `${header}=.${payload}.${signature}`,
      `${header}.${payload}!.${signature}`,
      `${b64("null")}.${payload}.${signature}`,
      `${b64("[]")}.${payload}.${signature}`,
      `${b64("{")}.${payload}.${signature}`,
      `${header}.${b64("null")}.${signature}`,
      `${header}.${b64("[1]")}.${signature}`,
      `${header}.${Buffer.from([0xff, 0xfe]).toString("base64url")}.${signature}`,
      "a.b.c",
      "..",
      "",
    ];
    for (const value of broken) {
      stack.clear();
      const answer = await stack.worker("main").fetch("/", await withToken(value));
      expect([value.slice(0, 20), answer.status, outcomeOf(answer)]).toEqual([value.slice(0, 20), 200, "invalid"]);
      expect(stack.authCalls()["token:refresh_token"]).toBeUndefined();
    }
  });

  test("§3.3 at most 16 KiB", async () => {
    const token = (size: number) => stack.auth.sign({ claims: { padding: "x".repeat(size) } });
    expect(outcomeOf(await stack.worker("main").fetch("/", bearer(await token(9_000))))).toBe("valid");
    expect(outcomeOf(await stack.worker("main").fetch("/", bearer(await token(13_000))))).toBe("invalid");
  });

  test("§3.3 a changed payload or signature is refused", async () => {
    const session = stack.signIn();
    const [header, payload, signature] = session.access_token.split(".") as [string, string, string];
    const other = b64(JSON.stringify({ ...claimsOf(session.access_token), role: "service_role" }));
    for (const token of [`${header}.${other}.${signature}`, tampered(session.access_token), `${header}.${payload}.${b64("short")}`]) {
      expect(outcomeOf(await stack.worker("main").fetch("/", await withToken(token)))).toBe("invalid");
    }
  });

  test("§3.3 never a key or URL from the token itself", async () => {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const jwk = await exportJWK(publicKey);
    stack.origin.on("/jwks.json", { body: JSON.stringify({ keys: [{ ...jwk, kid: "evil", alg: "ES256" }] }) });
    const token = signed(privateKey, { alg: "ES256", kid: "evil", typ: "JWT", jwk, jku: `${stack.origin.url}/jwks.json`, x5u: `${stack.origin.url}/jwks.json` });
    const answer = await stack.worker("keyless").fetch("/", bearer(token));
    expect(outcomeOf(answer)).not.toBe("valid");
    expect(stack.origin.requests.map(({ path }) => path)).toEqual(["/"]);
  });

  test("§3.3 HS256 with the public key as its secret is refused", async () => {
    const set = stack.auth.keys.jwks();
    const input = `${b64(JSON.stringify({ alg: "HS256", kid: set.keys[0]?.kid, typ: "JWT" }))}.${b64(JSON.stringify(plainClaims()))}`;
    const token = `${input}.${createHmac("sha256", JSON.stringify(set.keys[0])).update(input).digest("base64url")}`;
    expect(outcomeOf(await stack.worker("main").fetch("/", await withToken(token)))).not.toBe("valid");
    expect(stack.origin.only().header("x-session-user-id")).toBeUndefined();
  });

  describe("§3.3 the key is found by kid and its own members must agree", () => {
    const pairs = {
      ec: generateKeyPairSync("ec", { namedCurve: "P-256" }),
      p384: generateKeyPairSync("ec", { namedCurve: "P-384" }),
      rsa: generateKeyPairSync("rsa", { modulusLength: 2048 }),
      small: generateKeyPairSync("rsa", { modulusLength: 1024 }),
      ed: generateKeyPairSync("ed25519"),
    };
    const listed: Record<string, { pair: keyof typeof pairs; alg: string; members?: object }> = {
      "ec-good": { pair: "ec", alg: "ES256", members: { alg: "ES256", use: "sig", key_ops: ["verify"] } },
      "ec-bare": { pair: "ec", alg: "ES256" },
      "rsa-good": { pair: "rsa", alg: "RS256", members: { alg: "RS256" } },
      "ed-good": { pair: "ed", alg: "EdDSA", members: { alg: "EdDSA" } },
      "rsa-small": { pair: "small", alg: "RS256", members: { alg: "RS256" } },
      "ec-other-alg": { pair: "ec", alg: "ES256", members: { alg: "ES384" } },
      "ec-encryption": { pair: "ec", alg: "ES256", members: { use: "enc" } },
      "ec-no-verify": { pair: "ec", alg: "ES256", members: { key_ops: ["encrypt"] } },
      "p384-as-256": { pair: "p384", alg: "ES256", members: { alg: "ES256" } },
      "ec-as-rsa": { pair: "ec", alg: "RS256", members: { alg: "RS256" } },
    };

    beforeAll(async () => {
      const keys: object[] = [{ kty: "AKP", kid: "unknown-kind", alg: "ML-DSA-44", pub: "AA" }, { kid: 5 }, { kty: "EC" }];
      for (const [kid, { pair, members }] of Object.entries(listed)) {
        keys.push({ ...(await exportJWK(pairs[pair].publicKey)), kid, ...members });
      }
      stack.auth.faults.add({ match: { path: "/.well-known/jwks.json" }, status: 200, body: JSON.stringify({ keys }) });
      expect(outcomeOf(await stack.worker("keys").fetch("/", bearer(tokenOf("ec-good"))))).toBe("valid");
    });

    const tokenOf = (kid: string): string => {
      const { pair, alg } = listed[kid]!;
      return signed(pairs[pair].privateKey, { alg, kid, typ: "JWT" });
    };

    test.each(["ec-good", "ec-bare", "rsa-good", "ed-good"])("§3.3 accepted: %s, beside keys of unknown kinds", async (kid) => {
      expect(outcomeOf(await stack.worker("keys").fetch("/", bearer(tokenOf(kid))))).toBe("valid");
    });

    test.each(["rsa-small", "ec-other-alg", "ec-encryption", "ec-no-verify", "p384-as-256", "ec-as-rsa"])("§3.3 refused: %s", async (kid) => {
      expect(outcomeOf(await stack.worker("keys").fetch("/", bearer(tokenOf(kid))))).not.toBe("valid");
      expect(stack.origin.only().header("x-session-user-id")).toBeUndefined();
    });

    test("§3.3 never the other way round: a token cannot choose another alg for a listed key", async () => {
      const token = signed(pairs.rsa.privateKey, { alg: "RS256", kid: "ec-good", typ: "JWT" });
      expect(outcomeOf(await stack.worker("keys").fetch("/", bearer(token)))).not.toBe("valid");
    });
  });
});

describe("§3.4 a token is verified once", () => {
  test("§3.4 the next request with it asks nobody", async () => {
    const cookies = await stack.cookies(stack.signIn());
    await stack.worker("main").fetch("/", { cookies });
    stack.clear();
    for (let request = 0; request < 5; request += 1) {
      expect(outcomeOf(await stack.worker("main").fetch("/", { cookies }))).toBe("valid");
    }
    expect(stack.authCalls()).toEqual({});
    expect(stack.origin.requests).toHaveLength(5);
  });

  test("§3.4 a verdict never outlives exp", async () => {
    const token = await stack.auth.sign({ claims: { exp: Math.floor(Date.now() / 1000) - 3 } });
    expect(outcomeOf(await stack.worker("main").fetch("/", bearer(token)))).toBe("valid");
    await new Promise((passed) => setTimeout(passed, 3_500));
    expect(outcomeOf(await stack.worker("main").fetch("/", bearer(token)))).toBe("expired");
  });

  test("§3.4 the verdict is by the whole token: a twin with another signature is refused after it", async () => {
    const { access_token: token } = stack.signIn();
    expect(outcomeOf(await stack.worker("main").fetch("/", bearer(token)))).toBe("valid");
    expect(outcomeOf(await stack.worker("main").fetch("/", bearer(tampered(token))))).toBe("invalid");
    expect(outcomeOf(await stack.worker("main").fetch("/", bearer(token)))).toBe("valid");
  });
});

describe("§3.5 GET /user", () => {
  test("§3.5 HS256 without a secret: GET /user with the token", async () => {
    const session = legacy.signIn();
    const answer = await legacy.worker("without").fetch("/", { cookies: await legacy.cookies(session) });
    expect(outcomeOf(answer)).toBe("valid");
    expect(legacy.origin.only().header("x-session-user-id")).toBe(session.user.id);
    expect(legacy.authCalls().user).toBe(1);
  });

  test("§3.5 the verdict is kept: the next request does not ask again", async () => {
    const cookies = await legacy.cookies(legacy.signIn());
    await legacy.worker("without").fetch("/", { cookies });
    legacy.clear();
    expect(outcomeOf(await legacy.worker("without").fetch("/", { cookies }))).toBe("valid");
    expect(legacy.authCalls()).toEqual({});
  });

  test("§3.5 with a secret nobody is asked", async () => {
    await legacy.worker("with").fetch("/");
    legacy.clear();
    expect(outcomeOf(await legacy.worker("with").fetch("/", { cookies: await legacy.cookies(legacy.signIn()) }))).toBe("valid");
    expect(legacy.authCalls()).toEqual({});
  });

  test("§3.5 its id must equal sub", async () => {
    const [session, other] = [legacy.signIn(), legacy.signIn()];
    legacy.auth.faults.add({ match: { path: "/user" }, status: 200, body: JSON.stringify(other.user) });
    const answer = await legacy.worker("wrongUser").fetch("/", { cookies: await legacy.cookies(session) });
    expect(outcomeOf(answer)).not.toBe("valid");
    expect(legacy.origin.only().header("x-session-user-id")).toBeUndefined();
  });

  test("§3.5 a token that Auth refuses does not pass", async () => {
    const session = legacy.signIn();
    const forged = { ...session, access_token: tampered(session.access_token), refresh_token: "neverissued1" };
    const answer = await legacy.worker("without").fetch("/", { cookies: await legacy.cookies(forged) });
    expect(["expired", "invalid"]).toContain(outcomeOf(answer));
    expect(legacy.origin.only().header("x-session-user-id")).toBeUndefined();
    expect(legacy.authCalls().user).toBe(1);
  });

  test("§3.5 Auth down: it cannot be decided, the cookies stay", async () => {
    legacy.auth.faults.add({ match: { path: "/user" }, status: 503, body: "{}" });
    const answer = await legacy.worker("without").fetch("/", { cookies: await legacy.cookies(legacy.signIn()) });
    expect(outcomeOf(answer)).toBe("unavailable");
    expectKept(answer, legacy.key);
  });

  test("§3.5 a missing kid: GET /user", async () => {
    const { email } = stack.signIn({ email: `kidless-${randomUUID()}@example.com` }).user;
    const token = await stack.auth.sign({ email, omitHeader: ["kid"] });
    await stack.worker("main").fetch("/", bearer(token));
    expect(stack.authCalls().user).toBe(1);
  });

  test("§3.5 an empty JWKS: GET /user", async () => {
    stack.auth.faults.add({ match: { path: "/.well-known/jwks.json" }, status: 200, body: '{"keys":[]}' });
    const answer = await stack.worker("empty").fetch("/", { cookies: await stack.cookies(stack.signIn()) });
    expect(outcomeOf(answer)).toBe("valid");
    expect(stack.authCalls().user).toBe(1);
  });
});

describe("§3.6 JWKS", () => {
  test("§3.6 memory: one fetch for an isolate", async () => {
    for (let request = 0; request < 4; request += 1) {
      expect(outcomeOf(await stack.worker("cold").fetch("/", { cookies: await stack.cookies(stack.signIn()) }))).toBe("valid");
    }
    expect(stack.authCalls()).toEqual({ jwks: 1 });
  });

  test("§3.6 no session, no fetch", async () => {
    await stack.worker("unknownKid").fetch("/");
    expect(stack.authCalls()).toEqual({});
  });

  test("§3.6 then SESSION_KV: another isolate fetches nothing", async () => {
    const cookies = await stack.cookies(stack.signIn());
    expect(outcomeOf(await stack.worker("kvFirst").fetch("/", { cookies }))).toBe("valid");
    expect(stack.authCalls()).toEqual({ jwks: 1 });
    // The set is written after the answer has left.
    await expect.poll(async () => (await keysIn("kvFirst")).length, { timeout: 10_000 }).toBeGreaterThan(0);
    stack.clear();
    expect(outcomeOf(await stack.worker("kvSecond").fetch("/", { cookies }))).toBe("valid");
    expect(stack.authCalls()).toEqual({});
  });

  test("§3.6 rubbish in SESSION_KV is passed over", async () => {
    const namespace = await stack.miniflare.getKVNamespace("SESSION_KV", "kvFirst");
    const own = await stack.miniflare.getKVNamespace("SESSION_KV", "kvBroken");
    for (const name of await keysIn("kvFirst")) {
      expect(await namespace.get(name)).not.toBeNull();
      await own.put(name, "{not json");
    }
    const answer = await stack.worker("kvBroken").fetch("/", { cookies: await stack.cookies(stack.signIn()) });
    expect(outcomeOf(answer)).toBe("valid");
  });

  test("§3.6 unknown kid: one refetch, then that kid is remembered as unknown, and at most one forced refetch per 30 s", async () => {
    const worker = stack.worker("unknownKid");
    expect(outcomeOf(await worker.fetch("/", bearer(stack.signIn().access_token)))).toBe("valid");
    stack.clear();
    const token = await stack.auth.sign({ key: "unknown" });
    expect(outcomeOf(await worker.fetch("/", bearer(token)))).not.toBe("valid");
    expect(stack.authCalls().jwks).toBe(1);
    for (let request = 0; request < 3; request += 1) {
      await worker.fetch("/", bearer(token));
    }
    for (let request = 0; request < 5; request += 1) {
      await worker.fetch("/", bearer(await stack.auth.sign({ key: "unknown" })));
    }
    expect(stack.authCalls().jwks).toBe(1);
  });

  test("§3.6 a rotated key is found by one refetch, the key before it stays good", async () => {
    const worker = stack.worker("rotation");
    const before = stack.signIn();
    expect(outcomeOf(await worker.fetch("/", { cookies: await stack.cookies(before) }))).toBe("valid");
    await stack.auth.keys.rotate();
    const after = stack.signIn();
    stack.clear();
    expect(outcomeOf(await worker.fetch("/", { cookies: await stack.cookies(after) }))).toBe("valid");
    expect(stack.authCalls()).toEqual({ jwks: 1 });
    expect(outcomeOf(await worker.fetch("/", { cookies: await stack.cookies(before) }))).toBe("valid");
    // The Workers that are already warm know the first key alone.
    stack.auth.keys.reset();
  });

  test.each([
    ["500", { status: 500, body: "{}" }],
    ["not JSON", { status: 200, body: "<html>" }],
    ["another shape", { status: 200, body: '{"keys":"none"}' }],
    ["a broken connection", { cut: true }],
  ] as const)("§3.6 without any set a failing fetch cannot decide: %s", async (_, fault) => {
    stack.auth.faults.add({ match: { path: "/.well-known/jwks.json" }, ...fault });
    const answer = await stack.worker("garbageKeys").fetch("/", { cookies: await stack.cookies(stack.signIn()) });
    expect([answer.status, outcomeOf(answer)]).toEqual([200, "unavailable"]);
    expectKept(answer, stack.key);
    expect(sessionCookiesAt(stack.origin.only(), stack.key)).toEqual([]);
  });
});

async function keysIn(name: "kvFirst"): Promise<string[]> {
  const namespace = await stack.miniflare.getKVNamespace("SESSION_KV", name);
  return (await namespace.list()).keys.map((key) => key.name);
}

function bearer(token: string): FetchInit {
  stack.secret(token);
  return { headers: [["Authorization", `Bearer ${token}`]] };
}

/** A session cookie with this access token beside a good refresh token. */
async function withToken(token: string): Promise<FetchInit> {
  const session: SignedIn = { ...stack.signIn(), access_token: token };
  const value = `base64-${Buffer.from(JSON.stringify(session)).toString("base64url")}`;
  stack.secret(value, token);
  const cookies = Array.from({ length: Math.ceil(value.length / 3180) }, (_, index) => ({
    name: `${stack.key}.${index}`,
    value: value.slice(index * 3180, (index + 1) * 3180),
  }));
  return { cookies: cookies.length === 1 ? [{ name: stack.key, value }] : cookies };
}

/** The last character of a signature holds unused bits, so the change is made before it. */
function tampered(token: string): string {
  const at = token.length - 10;
  return token.slice(0, at) + (token[at] === "A" ? "B" : "A") + token.slice(at + 1);
}

function signed(key: KeyObject, header: { alg: string; [member: string]: unknown }): string {
  const input = `${b64(JSON.stringify(header))}.${b64(JSON.stringify(plainClaims()))}`;
  const digest = header.alg === "EdDSA" ? null : "sha256";
  const signature = nodeSign(digest, Buffer.from(input), key.asymmetricKeyType === "ec" ? { key, dsaEncoding: "ieee-p1363" } : key);
  return `${input}.${signature.toString("base64url")}`;
}

function plainClaims(): object {
  const iat = Math.floor(Date.now() / 1000);
  return {
    iss: stack.auth.authUrl,
    sub: randomUUID(),
    aud: "authenticated",
    exp: iat + 3600,
    iat,
    role: "authenticated",
    aal: "aal1",
    session_id: randomUUID(),
    is_anonymous: false,
  };
}

function encoded({ name, value }: Cookie): Cookie {
  return { name, value: encodeURIComponent(value) };
}

function b64(text: string): string {
  return Buffer.from(text).toString("base64url");
}
