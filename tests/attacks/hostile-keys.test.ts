/** Key sets as somebody else would publish them: each one meets an isolate that knows no key yet. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { expectKept, outcomeOf } from "../support/expectations.ts";
import type { FaultSpec } from "../support/auth-server/faults.ts";
import { type FetchInit, type Stack, startStack, type WorkerSpec } from "../support/stack.ts";
import { b64, claims, jws, type Pair, PAIRS } from "./forge.ts";
import { type Attack, expectTable, identityAt } from "./support.ts";

interface KeySetAttack extends Attack {
  fault: () => Omit<FaultSpec, "match">;
  /** What becomes of the visitor with a good token, and of the one with the attacker's. */
  good: Outcome;
  forged: Outcome;
  /** The algorithm of both tokens, and the kid that they name; ES256 and `ec` unless said. */
  alg?: "RS256" | "EdDSA";
  kid?: string;
  /** Auth is asked for the user, since the set names no key at all. */
  asksAuth?: true;
}

type Outcome = "valid" | "invalid" | "unavailable";
type Key = Record<string, unknown>;

const TRAP = "/trap/jwks.json";
let stack: Stack<string>;

const key = (pair: Pair, over: object = {}): Key => ({ ...(PAIRS[pair].publicKey.export({ format: "jwk" }) as Key), kid: pair, ...over });
const secretKey = (pair: Pair): Key => ({ ...(PAIRS[pair].privateKey.export({ format: "jwk" }) as Key), kid: pair });
const EC = (): Key => key("ec", { alg: "ES256" });
const set = (...keys: unknown[]): Omit<FaultSpec, "match"> => body(JSON.stringify({ keys }));
const body = (text: string, more: Omit<FaultSpec, "match"> = {}): Omit<FaultSpec, "match"> => ({ status: 200, body: text, ...more });
const redirect = (status: number): Omit<FaultSpec, "match"> => ({ status, body: "", headers: { Location: `${stack.origin.url}${TRAP}` } });
const many = (count: number): Key[] => Array.from({ length: count }, (_, index) => key("evil", { kid: `key-${index}`, alg: "ES256" }));
/** A list that is as long as it may be, with the good key at its end. */
const padded = (bytes: number): string => {
  const bare = JSON.stringify({ padding: "", keys: [EC()] }).length;
  return JSON.stringify({ padding: "x".repeat(bytes - bare), keys: [EC()] });
};

type Row = [attack: string, fault: KeySetAttack["fault"], good: Outcome, more?: Partial<KeySetAttack>];

function rows(source: string, list: Row[]): KeySetAttack[] {
  return list.map(([attack, fault, good, more]) => ({ attack, source, fault, good, forged: good === "valid" ? "invalid" : good, ...more }));
}

const asks = { asksAuth: true } as const;

const KEY_SETS: KeySetAttack[] = [
  ...rows("CWE-400, CWE-770: size and time", [
    ["10,000 keys", () => set(...many(10_000), EC()), "unavailable"],
    ["64 KiB", () => body(padded(64 * 1024)), "valid"],
    ["64 KiB and one byte", () => body(padded(64 * 1024 + 1)), "unavailable"],
    ["300 KB of spaces", () => body(`${" ".repeat(300_000)}{"keys":[]}`), "unavailable"],
    ["64 keys, the good one last", () => set(...many(63), EC()), "valid"],
    ["65 keys, the good one last: what nobody publishes is not kept", () => set(...many(64), EC()), "invalid"],
    ["nested 30,000 deep", () => body(`{"keys":${"[".repeat(30_000)}`), "unavailable"],
    ["a key nested 200 deep", () => body(`{"keys":[${'{"a":'.repeat(200)}1${"}".repeat(200)}]}`), "unavailable"],
    ["no answer", () => ({ hang: true }), "unavailable"],
    ["a connection that breaks", () => ({ cut: true }), "unavailable"],
    ["a connection that breaks inside the set", () => ({ cut: "body" }), "unavailable"],
  ]),
  ...rows("RFC 9110 15.4; CWE-918: a redirect is not followed", [
    ["301 to the attacker's set", () => redirect(301), "unavailable"],
    ["302 to the attacker's set", () => redirect(302), "unavailable"],
    ["307 to the attacker's set", () => redirect(307), "unavailable"],
    ["308 to the attacker's set", () => redirect(308), "unavailable"],
  ]),
  ...rows("RFC 7517 5; CWE-20: what is no key set", [
    ["nothing", () => body(""), "unavailable"],
    ["a page", () => body("<html>", { contentType: "text/html" }), "unavailable"],
    ["null", () => body("null"), "unavailable"],
    ["a list of keys", () => body(JSON.stringify([EC()])), "unavailable"],
    ["one key", () => body(JSON.stringify(EC())), "unavailable"],
    ["keys as an object", () => body(JSON.stringify({ keys: { ec: EC() } })), "unavailable"],
    ["keys as text", () => body(JSON.stringify({ keys: JSON.stringify([EC()]) })), "unavailable"],
    ["Keys in another case", () => body(JSON.stringify({ Keys: [EC()] })), "unavailable"],
    ["a byte order mark", () => body(`\ufeff${JSON.stringify({ keys: [EC()] })}`), "unavailable"],
    ["404 with a set", () => ({ status: 404, body: JSON.stringify({ keys: [EC()] }) }), "unavailable"],
    ["500 with a set", () => ({ status: 500, body: JSON.stringify({ keys: [EC()] }) }), "unavailable"],
    ["201 with a set", () => ({ status: 201, body: JSON.stringify({ keys: [EC()] }) }), "unavailable"],
    ["204", () => ({ status: 204 }), "unavailable"],
    ["a set as text/html, which is a set all the same", () => body(JSON.stringify({ keys: [EC()] }), { contentType: "text/html" }), "valid"],
  ]),
  ...rows("RFC 7517 5: keys that are not understood are passed over", [
    ["rubbish around the good key", () => set(null, 1, "x", [], {}, { kty: "EC" }, { kid: "ec" }, EC(), { kty: "AKP", kid: "ec" }), "valid"],
    ["a key with a number for its kid", () => set({ ...EC(), kid: 7 }, EC()), "valid"],
    ["rubbish alone: Auth is asked", () => set(null, {}, { kty: "oct", kid: "ec", k: b64("x") }), "valid", asks],
    ["an empty list: Auth is asked", () => set(), "valid", asks],
    ["a secret alone (kty: oct): Auth is asked", () => set({ kty: "oct", kid: "ec", alg: "HS256", k: b64("secret") }), "valid", asks],
    ["private keys: the public half verifies", () => set(secretKey("ec")), "valid"],
    ["a private RSA key", () => set(secretKey("rsa")), "valid", { alg: "RS256", kid: "rsa" }],
    ["a key for a kid, twice: the algorithm decides", () => set({ ...key("rsa"), kid: "ec" }, EC()), "valid"],
    ["the key under two kids", () => set({ ...EC(), kid: "a" }, EC()), "valid"],
  ]),
  ...rows("RFC 8725 3.4; RFC 7518 6.2.1, 6.3: keys that cannot be imported say nothing about who signed", [
    ["a point that is not on the curve", () => set({ ...EC(), y: EC().x }), "unavailable"],
    ["the point at infinity", () => set({ ...EC(), x: b64(Buffer.alloc(32)), y: b64(Buffer.alloc(32)) }), "unavailable"],
    ["a coordinate that is too short", () => set({ ...EC(), x: b64(Buffer.alloc(31, 1)) }), "unavailable"],
    ["a coordinate that is too long", () => set({ ...EC(), x: b64(Buffer.alloc(64, 1)) }), "unavailable"],
    ["a coordinate that is no base64url", () => set({ ...EC(), x: "+/+/" }), "unavailable"],
    ["a curve under another name", () => set({ ...key("p384", { kid: "ec" }), crv: "P-256" }), "unavailable"],
    ["an RSA exponent of 1", () => set(key("rsa", { e: b64(Buffer.from([1])) })), "unavailable", { alg: "RS256", kid: "rsa" }],
    ["an even RSA exponent", () => set(key("rsa", { e: b64(Buffer.from([4])) })), "unavailable", { alg: "RS256", kid: "rsa" }],
    ["an RSA modulus of 40,000 bits", () => set(key("rsa", { n: b64(Buffer.alloc(5_000, 0xff)) })), "unavailable", { alg: "RS256", kid: "rsa" }],
    ["an Ed25519 key of 31 bytes", () => set(key("ed", { x: b64(Buffer.alloc(31, 1)) })), "unavailable", { alg: "EdDSA", kid: "ed" }],
  ]),
  ...rows("RFC 7518 3.3: keys that are too small are not kept", [
    ["an RSA modulus of zeros", () => set(key("rsa", { n: b64(Buffer.alloc(256)) }), EC()), "invalid", { alg: "RS256", kid: "rsa" }],
    ["an RSA modulus of 1024 bits with zeros in front", () => set(key("rsa", { n: b64(Buffer.concat([Buffer.alloc(128), Buffer.alloc(128, 0xff)])) }), EC()), "invalid", { alg: "RS256", kid: "rsa" }],
  ]),
  ...rows("RFC 7517 4.2, 4.3, 4.4: keys for something else", [
    ["use: enc", () => set({ ...EC(), use: "enc" }, key("rsa")), "invalid"],
    ["a use that is not known", () => set({ ...EC(), use: "sign" }, key("rsa")), "invalid"],
    ["no operation at all", () => set({ ...EC(), key_ops: [] }, key("rsa")), "invalid"],
    ["the operation sign alone", () => set({ ...EC(), key_ops: ["sign"] }, key("rsa")), "invalid"],
    ["alg none", () => set({ ...EC(), alg: "none" }, key("rsa")), "invalid"],
    ["alg HS256 on a public key", () => set({ ...EC(), alg: "HS256" }, key("rsa")), "invalid"],
    ["alg null", () => set({ ...EC(), alg: null }, key("rsa")), "invalid"],
    ["kty in lower case", () => set({ ...EC(), kty: "ec" }, key("rsa")), "invalid"],
  ]),
];

const name = (index: number): string => `keys${index}`;

beforeAll(async () => {
  const workers: Record<string, WorkerSpec> = { poisoned: { bindings: { kv: true } }, keeping: { bindings: { kv: true } } };
  KEY_SETS.forEach((_, index) => {
    workers[name(index)] = { vars: { AUTH_TIMEOUT_MS: 500 } };
  });
  stack = await startStack({ vars: { SERVER_TIMING: "on" }, workers });
});
afterAll(() => stack.close());
beforeEach(() => {
  stack.clear();
  stack.origin.on(TRAP, { body: JSON.stringify({ keys: [key("evil", { kid: "ec", alg: "ES256" })] }) });
});

test("the table is whole", () => expectTable(KEY_SETS, 50));

test.each(KEY_SETS.map((attack, index) => ({ ...attack, index })))("$attack: good $good, forged $forged [$source]", async ({ fault, good, forged, alg = "ES256", kid = "ec", asksAuth, index }) => {
  const worker = stack.worker(name(index));
  stack.auth.faults.add({ match: { path: "/.well-known/jwks.json" }, ...fault() });
  const pairs = ({ ES256: ["ec", "evil"], RS256: ["rsa", "evilRsa"], EdDSA: ["ed", "evilEd"] } as const)[alg];
  const session = claims(stack.auth.authUrl);
  if (asksAuth === true) {
    stack.auth.faults.add({ match: { path: "/user" }, times: 1, status: 200, body: JSON.stringify({ id: session.sub }) });
  }
  const [own, other] = pairs.map((pair) => jws(pair, { alg, kid, typ: "JWT" }, pair === pairs[0] ? session : claims(stack.auth.authUrl))) as [string, string];

  const started = performance.now();
  const visit = await worker.fetch("/", bearer(own));
  expect([visit.status, outcomeOf(visit)]).toEqual([200, good]);
  expect(performance.now() - started).toBeLessThan(2_000);
  expectKept(visit, stack.key);
  expect(stack.origin.only().header("x-session-user-id")).toBe(good === "valid" ? session.sub : undefined);

  stack.origin.requests.length = 0;
  expect(outcomeOf(await worker.fetch("/", bearer(other)))).toBe(forged);
  expect(identityAt(stack.origin.only())).toEqual([]);
  expect(stack.authCalls().user ?? 0).toBe(asksAuth === true ? 2 : 0);
  expect(stack.origin.requests.map(({ path }) => path)).not.toContain(TRAP);
});

describe("what is kept of a key set", () => {
  test("private members are stored nowhere [RFC 7517 9.2]", async () => {
    stack.auth.faults.add({ match: { path: "/.well-known/jwks.json" }, ...set(secretKey("ec"), secretKey("rsa"), { kty: "oct", kid: "oct", k: b64("a-very-secret-thing") }) });
    expect(outcomeOf(await stack.worker("keeping").fetch("/", bearer(jws("ec", { alg: "ES256", kid: "ec" }, claims(stack.auth.authUrl)))))).toBe("valid");
    const namespace = await stack.miniflare.getKVNamespace("SESSION_KV", "keeping");
    await expect.poll(async () => (await namespace.list()).keys.length).toBe(1);
    const [{ name: stored } = { name: "" }] = (await namespace.list()).keys;
    const text = (await namespace.get(stored)) ?? "";
    expect(JSON.parse(text).keys).toHaveLength(2);
    for (const member of ["d", "p", "q", "dp", "dq", "qi", "k"]) {
      expect(text).not.toContain(`"${member}":`);
    }
    for (const pair of ["ec", "rsa"] as const) {
      expect(text).not.toContain(secretKey(pair).d as string);
    }
  });

  test("a stored set is read as strictly as a fetched one [CWE-502]", async () => {
    const namespace = await stack.miniflare.getKVNamespace("SESSION_KV", "poisoned");
    const stored = `jwks:${stack.auth.authUrl}/.well-known/jwks.json`;
    await namespace.put(stored, JSON.stringify({ fetched_at: Date.now(), keys: [{ ...EC(), use: "enc" }, { kty: "oct", kid: "ec", alg: "HS256", k: b64("x") }, key("small", { kid: "ec" })] }));
    stack.auth.faults.add({ match: { path: "/.well-known/jwks.json" }, ...set(EC()) });
    stack.auth.faults.add({ match: { path: "/user" }, ...{ status: 403, body: '{"code":"bad_jwt"}' } });
    // Both are asked about at Auth, because the stored set is read, found to name no key, and nothing is fetched.
    for (const pair of ["evil", "evilRsa"] as const) {
      const alg = pair === "evil" ? "ES256" : "RS256";
      expect(outcomeOf(await stack.worker("poisoned").fetch("/", bearer(jws(pair, { alg, kid: "ec" }, claims(stack.auth.authUrl)))))).toBe("invalid");
    }
    expect(stack.authCalls()).toEqual({ user: 2 });
  });
});

function bearer(token: string): FetchInit {
  stack.secret(token);
  return { headers: [["Authorization", `Bearer ${token}`]] };
}
