/** What an attacker can present as a token. The rows are built when they run, since the issuer's port is not known before. */
import { constants, createHash, randomUUID, sign } from "node:crypto";
import {
  b64,
  bytes,
  claims,
  ED25519_ORDER,
  hmac,
  input,
  jws,
  number,
  P256_ORDER,
  PAIRS,
  type Pair,
  part,
  PUBLISHED_SECRET,
  resigned,
  signature,
} from "./forge.ts";
import type { Attack } from "./support.ts";

export const JWT_SECRET = "a-jwt-secret-that-is-long-enough-for-hs256";
/** Where a key of the attacker waits to be fetched. */
export const JWKS_TRAP = "/trap/jwks.json";
export const at = { issuer: "", origin: "" };

export interface TokenAttack extends Attack {
  token: () => string;
  /** The outcome and the reason in the log. */
  verdict: `${"valid" | "invalid" | "expired"} ${string}`;
  /** The Worker that knows the project's shared secret; otherwise the one that does not. */
  withSecret?: true;
  /** Auth is asked, because the contract says that only Auth can tell. */
  asksAuth?: true;
  /** The token stands in `Authorization` alone: as a cookie's it may be worth a refresh. */
  bearerOnly?: true;
}

const ES = { alg: "ES256", kid: "ec", typ: "JWT" };
const RS = { alg: "RS256", kid: "rsa", typ: "JWT" };
const ED = { alg: "EdDSA", kid: "ed", typ: "JWT" };
const HS = { alg: "HS256", typ: "JWT" };

const now = (): number => Math.floor(Date.now() / 1000);
const body = (over: object = {}): Record<string, unknown> => claims(at.issuer, over);
const good = (over: object = {}): string => jws("ec", ES, body(over));
/** The payload as text with one member written by hand. */
const literal = (member: string, text: string): string => {
  const payload = body();
  delete payload[member];
  return JSON.stringify(payload).replace(/}$/, `,"${member}":${text}}`);
};
const without = (member: string): string => good({ [member]: undefined });
const pem = (pair: Pair): string => PAIRS[pair].publicKey.export({ type: "spki", format: "pem" }) as string;

type Row = [attack: string, token: () => string, verdict: TokenAttack["verdict"], more?: Partial<TokenAttack>];

function rows(source: string, list: Row[]): TokenAttack[] {
  return list.map(([attack, token, verdict, more]) => ({ attack, source, token, verdict, ...more }));
}

const asks = { asksAuth: true, bearerOnly: true } as const;
const secret = { withSecret: true } as const;
const unknown = { bearerOnly: true } as const;

const ALGORITHM: TokenAttack[] = [
  ...rows("RFC 8725 2.1, 3.1; CVE-2018-1000531; PortSwigger: JWT, flawed signature verification", [
    ...["none", "None", "NONE", "nOnE", " none", "none\0", ""].map((alg): Row => [
      `alg ${JSON.stringify(alg)} without a signature`,
      () => `${input({ ...ES, alg }, body())}.`,
      "invalid token_algorithm",
    ]),
    ["alg none with a good signature of the key beside it", () => jws("ec", { ...ES, alg: "none" }, body()), "invalid token_algorithm"],
    ["alg none without its dot", () => input({ ...ES, alg: "none" }, body()), "invalid token_malformed"],
    ["alg none, no kid", () => `${input({ alg: "none" }, body())}.`, "invalid token_algorithm"],
    ["alg absent", () => jws("ec", { kid: "ec", typ: "JWT" }, body()), "invalid token_algorithm"],
    ["alg null", () => jws("ec", { ...ES, alg: null }, body()), "invalid token_algorithm"],
    ["alg is a list", () => jws("ec", { ...ES, alg: ["ES256"] }, body()), "invalid token_algorithm"],
    ["alg is an object", () => jws("ec", { ...ES, alg: { name: "ES256" } }, body()), "invalid token_algorithm"],
    ["alg is true", () => jws("ec", { ...ES, alg: true }, body()), "invalid token_algorithm"],
    ["an empty signature", () => `${input(ES, body())}.`, "invalid token_signature"],
    ["the signature left out", () => input(ES, body()), "invalid token_malformed"],
  ]),
  ...rows("RFC 8725 3.1, 3.2: algorithms that are not asked for", [
    ...["ES384", "ES512", "ES256K", "RS384", "RS512", "PS256", "HS384", "HS512", "RS1", "Ed25519", "es256", "ES256 ", "A128KW", "dir"].map((alg): Row => [
      `alg ${JSON.stringify(alg)} with the kid of a good key`,
      () => jws("ec", { ...ES, alg }, body()),
      "invalid token_algorithm",
    ]),
  ]),
  ...rows("RFC 8725 2.1; CVE-2015-9235, CVE-2016-10555: a public key as an HMAC secret", [
    ["HS256 over the PEM of the key", () => hmac(pem("rsa"), { ...HS, kid: "rsa" }, body()), "invalid token_signature", secret],
    ["HS256 over the PEM without its last line break", () => hmac(pem("rsa").trim(), { ...HS, kid: "rsa" }, body()), "invalid token_signature", secret],
    ["HS256 over the DER of the key", () => hmac(PAIRS.ec.publicKey.export({ type: "spki", format: "der" }), { ...HS, kid: "ec" }, body()), "invalid token_signature", secret],
    ["HS256 over the JWK of the key", () => hmac(JSON.stringify(PAIRS.ec.publicKey.export({ format: "jwk" })), { ...HS, kid: "ec" }, body()), "invalid token_signature", secret],
    ["HS256 over the x of the key", () => hmac(Buffer.from(PAIRS.ec.publicKey.export({ format: "jwk" }).x!, "base64url"), { ...HS, kid: "ec" }, body()), "invalid token_signature", secret],
    ["HS256 over nothing", () => hmac("", HS, body()), "invalid token_signature", secret],
    ["HS256 over the kid", () => hmac("ec", { ...HS, kid: "ec" }, body()), "invalid token_signature", secret],
    ["HS256 over a secret that the key set publishes", () => hmac(PUBLISHED_SECRET, { ...HS, kid: "oct" }, body()), "invalid token_signature", secret],
    ["HS256 over the shared secret in base64", () => hmac(b64(JWT_SECRET), HS, body()), "invalid token_signature", secret],
    ["HS384 over the shared secret", () => hmac(JWT_SECRET, { ...HS, alg: "HS384" }, body(), "sha384"), "invalid token_algorithm", secret],
    ["HS256 over the PEM where no secret is configured", () => hmac(pem("rsa"), { ...HS, kid: "rsa" }, body()), "invalid token_rejected", asks],
    ["HS256 over a published secret where none is configured", () => hmac(PUBLISHED_SECRET, { ...HS, kid: "oct" }, body()), "invalid token_rejected", asks],
    ["HS256 over the shared secret is good", () => hmac(JWT_SECRET, HS, body()), "valid token_valid", secret],
    ["HS256 cut to 128 bits", () => resigned(hmac(JWT_SECRET, HS, body()), (mac) => mac.subarray(0, 16)), "invalid token_signature", secret],
    ["HS256 with one bit changed", () => resigned(hmac(JWT_SECRET, HS, body()), flipped), "invalid token_signature", secret],
  ]),
  ...rows("RFC 8725 3.1: one key, one algorithm", [
    ["RS256 named for an ES256 key", () => jws("rsa", { ...RS, kid: "ec" }, body()), "invalid token_algorithm"],
    ["ES256 named for an RS256 key", () => jws("ec", { ...ES, kid: "rsa" }, body()), "invalid token_algorithm"],
    ["EdDSA named for an ES256 key", () => jws("ed", { ...ED, kid: "ec" }, body()), "invalid token_algorithm"],
    ["ES256 named for an Ed25519 key", () => jws("ec", { ...ES, kid: "ed" }, body()), "invalid token_algorithm"],
    ["RS256 with a signature of PS256", () => pss(), "invalid token_signature"],
    ["a key whose own alg is ES384", () => jws("ec", { ...ES, kid: "ec-as-es384" }, body()), "invalid token_unknown_key", unknown],
    ["a key whose own alg contradicts its kty", () => jws("ec", { ...ES, kid: "ec-as-rs256" }, body()), "invalid token_unknown_key", unknown],
    ["a key for PS256 asked for RS256", () => jws("rsa", { ...RS, kid: "rsa-as-ps256" }, body()), "invalid token_unknown_key", unknown],
    ["a P-384 key listed as ES256", () => jws("p384", { ...ES, kid: "p384-as-es256" }, body()), "invalid token_unknown_key", unknown],
    ["a P-256 key listed as P-384", () => jws("ec", { ...ES, kid: "ec-named-p384" }, body()), "invalid token_unknown_key", unknown],
    ["a key with use: enc", () => jws("ec", { ...ES, kid: "ec-enc" }, body()), "invalid token_unknown_key", unknown],
    ["a key without the operation verify", () => jws("ec", { ...ES, kid: "ec-no-verify" }, body()), "invalid token_unknown_key", unknown],
    ["an RSA key of 1024 bits (RFC 7518 3.3)", () => jws("small", { ...RS, kid: "rsa-1024" }, body()), "invalid token_unknown_key", unknown],
  ]),
];

const KEY: TokenAttack[] = [
  ...rows("RFC 8725 3.10; PortSwigger: JWT, kid header injection", [
    ...["../../../../dev/null", "ec' UNION SELECT 'k", "|whoami", "ec\0", " ec", "ec ", "EC", "__proto__", "constructor", "ec\r\nX: y", "%65c", "еc", "k".repeat(8_000)].map((kid): Row => [
      `kid ${kid.length > 40 ? `of ${kid.length} characters` : JSON.stringify(kid)}`,
      () => jws("ec", { ...ES, kid }, body()),
      "invalid token_unknown_key",
      unknown,
    ]),
    ...[7, ["ec"], { kid: "ec" }, true, null].map((kid): Row => [
      `kid is ${JSON.stringify(kid)}`,
      () => jws("ec", { ...ES, kid }, body()),
      "invalid token_malformed",
    ]),
    ["kid is absent and the key is the attacker's", () => jws("evil", { alg: "ES256", typ: "JWT" }, body()), "invalid token_rejected", asks],
    ["kid is empty and the key is the attacker's", () => jws("evil", { ...ES, kid: "" }, body()), "invalid token_rejected", asks],
    ["HS256 over /dev/null, as kid says", () => hmac("", { ...HS, kid: "/dev/null" }, body()), "invalid token_signature", secret],
  ]),
  ...rows("RFC 8725 3.10; CVE-2018-0114; PortSwigger: JWT, jwk, jku, x5u and x5c header injection", [
    ["jwk of the attacker beside a known kid", () => jws("evil", { ...ES, jwk: PAIRS.evil.publicKey.export({ format: "jwk" }) }, body()), "invalid token_signature"],
    ["jwk of the attacker with a kid of its own", () => jws("evil", { ...ES, kid: "evil", jwk: { ...PAIRS.evil.publicKey.export({ format: "jwk" }), kid: "evil" } }, body()), "invalid token_unknown_key", unknown],
    ["jwk of the attacker, no kid", () => jws("evil", { alg: "ES256", jwk: PAIRS.evil.publicKey.export({ format: "jwk" }) }, body()), "invalid token_rejected", asks],
    ["jku of the attacker", () => jws("evil", { ...ES, jku: `${at.origin}${JWKS_TRAP}` }, body()), "invalid token_signature"],
    ["jku of the attacker with a kid of its own", () => jws("evil", { ...ES, kid: "evil", jku: `${at.origin}${JWKS_TRAP}` }, body()), "invalid token_unknown_key", unknown],
    ["x5u of the attacker", () => jws("evilRsa", { ...RS, x5u: `${at.origin}${JWKS_TRAP}` }, body()), "invalid token_signature"],
    ["x5c of the attacker", () => jws("evilRsa", { ...RS, x5c: [PAIRS.evilRsa.publicKey.export({ type: "spki", format: "der" }).toString("base64")] }, body()), "invalid token_signature"],
    ["x5t#S256 of the attacker's key", () => jws("evil", { ...ES, "x5t#S256": createHash("sha256").update(pem("evil")).digest("base64url") }, body()), "invalid token_signature"],
    ["the attacker's EC key under a known kid", () => jws("evil", ES, body()), "invalid token_signature"],
    ["the attacker's RSA key under a known kid", () => jws("evilRsa", RS, body()), "invalid token_signature"],
    ["the attacker's Ed25519 key under a known kid", () => jws("evilEd", ED, body()), "invalid token_signature"],
  ]),
];

const HEADER: TokenAttack[] = [
  ...rows("RFC 7515 4.1.11; RFC 7797 6; Wycheproof json_web_signature: crit", [
    ...[["exp"], ["b64"], ["unknown"], [], null, {}, "exp", true].map((crit): Row => [
      `crit ${JSON.stringify(crit)}`,
      () => jws("ec", { ...ES, crit }, body()),
      "invalid token_crit",
    ]),
    ["b64 false", () => jws("ec", { ...ES, b64: false }, body()), "invalid token_crit"],
    ["b64 true", () => jws("ec", { ...ES, b64: true }, body()), "invalid token_crit"],
    ["b64 false, and named in crit", () => jws("ec", { ...ES, b64: false, crit: ["b64"] }, body()), "invalid token_crit"],
  ]),
  ...rows("RFC 8725 3.11: explicit typing, tokens of another kind", [
    ...["at+jwt", "JOSE", "secevent+jwt", "logout+jwt", "dpop+jwt", "JWE", "", null, 1, ["JWT"], "application/jwt"].map((typ): Row => [
      `typ ${JSON.stringify(typ)}`,
      () => jws("ec", { ...ES, typ }, body()),
      "invalid token_type",
    ]),
    ["typ in lower case is the same type (RFC 7515 4.1.9)", () => jws("ec", { ...ES, typ: "jwt" }, body()), "valid token_valid"],
  ]),
  ...rows("RFC 7515 4, RFC 8725 2.6: duplicate members", [
    ["alg twice, the good one last", () => jws("ec", '{"alg":"none","kid":"ec","alg":"ES256"}', body()), "invalid token_malformed"],
    ["alg twice, the good one first", () => jws("ec", '{"alg":"ES256","kid":"ec","alg":"none"}', body()), "invalid token_malformed"],
    ["alg twice, once escaped", () => jws("ec", '{"alg":"ES256","kid":"ec","\\u0061lg":"none"}', body()), "invalid token_malformed"],
    ["kid twice", () => jws("ec", '{"alg":"ES256","kid":"ec","kid":"rsa"}', body()), "invalid token_malformed"],
    ["sub twice", () => jws("ec", ES, JSON.stringify(body()).replace("{", `{"sub":"${randomUUID()}",`)), "invalid token_malformed"],
    ["exp twice", () => jws("ec", ES, JSON.stringify(body({ exp: 1 })).replace(/}$/, ',"exp":9999999999}')), "invalid token_malformed"],
    ["role twice, once escaped", () => jws("ec", ES, JSON.stringify(body()).replace(/}$/, ',"r\\u006fle":"service_role"}')), "invalid token_malformed"],
    ["iss twice", () => jws("ec", ES, JSON.stringify(body({ iss: "https://evil.example" })).replace(/}$/, `,"iss":"${at.issuer}"}`)), "invalid token_malformed"],
  ]),
];

const CLAIMS: TokenAttack[] = [
  ...rows("RFC 7519 2, 4.1.4: times that are no times", [
    ...["NaN", "Infinity", "-Infinity", "1e999", "0x7fffffff", "+9999999999", "09999999999", "9999999999.", "undefined"].map((text): Row => [
      `exp ${text}, which is no JSON number`,
      () => jws("ec", ES, literal("exp", text)),
      "invalid token_malformed",
    ]),
    ...['"9999999999"', "true", "null", "[9999999999]", '{"a":9999999999}', '""'].map((text): Row => [
      `exp ${text}`,
      () => jws("ec", ES, literal("exp", text)),
      "invalid token_exp",
    ]),
    ["exp absent", () => without("exp"), "invalid token_exp"],
    ...["0", "-1", "-0.0", "-1e300", "1e-300"].map((text): Row => [
      `exp ${text} lies in the past`,
      () => jws("ec", ES, literal("exp", text)),
      "expired token_expired",
      unknown,
    ]),
    ["exp one second beyond the leeway", () => good({ exp: now() - 6 }), "expired token_expired", unknown],
    ["exp 1e308 is a finite number", () => jws("ec", ES, literal("exp", "1e308")), "valid token_valid"],
    ["exp beyond 2^53", () => jws("ec", ES, literal("exp", "9007199254740993")), "valid token_valid"],
    ["nbf in the future", () => good({ nbf: now() + 60 }), "invalid token_not_yet_valid"],
    ["nbf is text", () => good({ nbf: "0" }), "invalid token_not_yet_valid"],
    ["nbf null", () => good({ nbf: null }), "invalid token_not_yet_valid"],
    ["nbf 1e308", () => jws("ec", ES, literal("nbf", "1e308")), "invalid token_not_yet_valid"],
    ["iat in the future", () => good({ iat: now() + 60 }), "invalid token_not_yet_valid"],
    ["iat is a list", () => good({ iat: [0] }), "invalid token_not_yet_valid"],
    ["iat null", () => good({ iat: null }), "invalid token_not_yet_valid"],
  ]),
  ...rows("RFC 8725 3.8, 3.9: issuer, subject, audience", [
    ["iss of another project", () => good({ iss: "https://evil.supabase.co/auth/v1" }), "invalid token_issuer"],
    ["iss with one more slash", () => good({ iss: `${at.issuer}/` }), "invalid token_issuer"],
    ["iss that begins like ours", () => good({ iss: `${at.issuer}.evil.example` }), "invalid token_issuer"],
    ["iss in upper case", () => good({ iss: at.issuer.toUpperCase() }), "invalid token_issuer"],
    ["iss is a list with ours (CVE-2024-53861)", () => good({ iss: [at.issuer] }), "invalid token_issuer"],
    ["iss is a part of ours (CVE-2024-53861)", () => good({ iss: at.issuer.slice(0, -1) }), "invalid token_issuer"],
    ["iss empty", () => good({ iss: "" }), "invalid token_issuer"],
    ["iss absent, where no issuer is configured", () => without("iss"), "valid token_valid"],
    ["aud of somebody else", () => good({ aud: "other" }), "invalid token_audience"],
    ["aud that begins like ours", () => good({ aud: "authenticated2" }), "invalid token_audience"],
    ["aud in another case", () => good({ aud: "Authenticated" }), "invalid token_audience"],
    ["aud is a list without ours", () => good({ aud: ["other", ["authenticated"]] }), "invalid token_audience"],
    ["aud is an object", () => good({ aud: { authenticated: true } }), "invalid token_audience"],
    ["aud is an empty list (CVE-2020-26160)", () => good({ aud: [] }), "invalid token_audience"],
    ["aud absent", () => without("aud"), "invalid token_audience"],
    ["aud is a list with ours", () => good({ aud: ["other", "authenticated"] }), "valid token_valid"],
    ["sub that is no UUID", () => good({ sub: "admin" }), "invalid token_subject"],
    ["sub with a line break behind a UUID", () => good({ sub: `${randomUUID()}\r\nX-Session-Role: admin` }), "invalid token_subject"],
    ["sub in braces", () => good({ sub: `{${randomUUID()}}` }), "invalid token_subject"],
    ["sub is a list", () => good({ sub: [randomUUID()] }), "invalid token_subject"],
    ["sub absent", () => without("sub"), "invalid token_subject"],
    ["role absent", () => without("role"), "invalid token_role"],
    ["role with a line break (CWE-113)", () => good({ role: "authenticated\r\nX-Session-User-Id: x" }), "invalid token_role"],
    ["role with letters outside ASCII", () => good({ role: "аdmin" }), "invalid token_role"],
    ["role is a list", () => good({ role: ["admin"] }), "invalid token_role"],
    ["role empty", () => good({ role: "" }), "invalid token_role"],
    ["role of 257 characters", () => good({ role: "r".repeat(257) }), "invalid token_role"],
  ]),
  ...rows("RFC 8725 2.8, 3.12: tokens that the same Auth issued for something else", [
    ["an id_token for an OAuth client", () => good({ aud: randomUUID(), role: undefined, session_id: undefined, nonce: "n", azp: "client" }), "invalid token_audience"],
    ["an id_token whose client calls itself authenticated", () => good({ role: undefined, nonce: "n" }), "invalid token_role"],
    ["the legacy service_role key", () => hmac(JWT_SECRET, HS, { iss: "supabase", ref: "abc", role: "service_role", iat: 1, exp: now() + 999 }), "invalid token_issuer", secret],
    ["the legacy anon key", () => hmac(JWT_SECRET, HS, { iss: "supabase", ref: "abc", role: "anon", iat: 1, exp: now() + 999 }), "invalid token_issuer", secret],
    ["a storage URL's token, signed with the shared secret", () => hmac(JWT_SECRET, HS, { url: "bucket/file", iat: 1, exp: now() + 999 }), "invalid token_audience", secret],
  ]),
];

const FORM: TokenAttack[] = [
  ...rows("RFC 7515 7.1, 7.2; RFC 7516 7.1; RFC 8725 2.6: other serialisations", [
    ["a JWE of five parts", () => [part({ alg: "dir", enc: "A128GCM" }), "", b64("iv"), b64("text"), b64("tag")].join("."), "invalid token_malformed"],
    ["a JWE header on three parts", () => jws("rsa", { alg: "RSA-OAEP", enc: "A128GCM", kid: "rsa" }, body()), "invalid token_algorithm"],
    ["four parts", () => `${good()}.${b64("x")}`, "invalid token_malformed"],
    ["a dot at the end", () => `${good()}.`, "invalid token_malformed"],
    ["a dot at the beginning", () => `.${good()}`, "invalid token_malformed"],
    ["a nested JWT (cty: JWT)", () => jws("ec", { ...ES, cty: "JWT" }, good()), "invalid token_malformed"],
    ["a token quoted as JSON inside the payload", () => jws("ec", ES, JSON.stringify(good())), "invalid token_malformed"],
    ["a list of claims", () => jws("ec", ES, JSON.stringify([body()])), "invalid token_malformed"],
    ["a header that is a list", () => jws("ec", '["ES256","ec"]', body()), "invalid token_malformed"],
    ["a header with a byte order mark", () => jws("ec", `\ufeff${JSON.stringify(ES)}`, body()), "invalid token_malformed"],
    ["something behind the header's JSON", () => jws("ec", `${JSON.stringify(ES)}{}`, body()), "invalid token_malformed"],
    ["a comment in the header", () => jws("ec", '{/**/"alg":"ES256","kid":"ec"}', body()), "invalid token_malformed"],
    ["a payload that is not UTF-8", () => { const text = `${part(ES)}.${b64(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))}`; return `${text}.${b64(signature(PAIRS.ec.privateKey, text))}`; }, "invalid token_malformed"],
    ["an empty payload", () => jws("ec", ES, ""), "invalid token_malformed"],
    ["flattened JSON (RFC 7515 7.2.2)", () => { const [, payload, sig] = good().split("."); return JSON.stringify({ protected: part(ES), payload, signature: sig }); }, "invalid token_malformed"],
    ["zip on a JWS is a member without meaning", () => jws("ec", { ...ES, zip: "DEF" }, body()), "valid token_valid"],
  ]),
  ...rows("CWE-674, CWE-400: nesting and size", [
    // Members that nobody asks for are passed over without recursion.
    ["a claim nested 5,000 deep, signed by Auth", () => jws("ec", ES, literal("x", "[".repeat(5_000) + "]".repeat(5_000))), "valid token_valid"],
    ["a header nested 1,500 deep, signed by Auth", () => jws("ec", `{"alg":"ES256","kid":"ec","x":${'{"a":'.repeat(1_500)}1${"}".repeat(1_500)}}`, body()), "valid token_valid"],
    ["exp nested 1,000 deep", () => jws("ec", ES, literal("exp", "[".repeat(1_000) + "]".repeat(1_000))), "invalid token_malformed"],
    ["alg nested 1,000 deep", () => jws("ec", `{"alg":${"[".repeat(1_000)}${"]".repeat(1_000)},"kid":"ec"}`, body()), "invalid token_malformed"],
    ["aud that never ends", () => jws("ec", ES, literal("aud", "[".repeat(8_000))), "invalid token_malformed"],
    ["16 KiB", () => sized(16_384), "valid token_valid"],
    ["16 KiB and one byte", () => sized(16_385), "invalid token_too_long"],
    ["60 KB", () => sized(60_000), "invalid token_too_long", { bearerOnly: true }],
    ["12 KB of dots", () => ".".repeat(12_000), "invalid token_malformed"],
  ]),
  ...rows("RFC 7515 2, RFC 4648 3.5: base64url in one form only", [
    ["unused bits of the signature set", () => trailing(good()), "invalid token_malformed"],
    ["padding behind the signature", () => `${good()}==`, "invalid token_malformed"],
    ["padding behind the header", () => good().replace(".", "=."), "invalid token_malformed"],
    ["the alphabet of plain base64", () => { const [head, payload, sig] = good().split("."); return `${head}.${payload}.${Buffer.from(sig!, "base64url").toString("base64")}`; }, "invalid token_malformed"],
    ["a percent escape", () => good().replace(".", "%2E"), "invalid token_malformed"],
    ["a fullwidth dot", () => good().replace(".", "．"), "invalid token_malformed"],
    ["an exclamation mark in the signature", () => `${good().slice(0, -4)}!${good().slice(-3)}`, "invalid token_malformed"],
  ]),
];

const SIGNATURE: TokenAttack[] = [
  ...rows("Wycheproof ecdsa_secp256r1_sha256_p1363 (SignatureMalleability, InvalidSignature, SpecialCase); CVE-2022-21449", [
    ["the other s (n - s): malleable, and a good signature all the same", () => es((r, s) => [r, P256_ORDER - s]), "valid token_valid"],
    ["r and s are 0", () => es(() => [0n, 0n]), "invalid token_signature"],
    ["r is 0", () => es((_, s) => [0n, s]), "invalid token_signature"],
    ["s is 0", () => es((r) => [r, 0n]), "invalid token_signature"],
    ["r and s are n", () => es(() => [P256_ORDER, P256_ORDER]), "invalid token_signature"],
    ["r is n", () => es((_, s) => [P256_ORDER, s]), "invalid token_signature"],
    ["s is n", () => es((r) => [r, P256_ORDER]), "invalid token_signature"],
    ["r and s are 1", () => es(() => [1n, 1n]), "invalid token_signature"],
    ["r and s are n - 1", () => es(() => [P256_ORDER - 1n, P256_ORDER - 1n]), "invalid token_signature"],
    ["r and s are all ones", () => es(() => [2n ** 256n - 1n, 2n ** 256n - 1n]), "invalid token_signature"],
    ["r and s exchanged", () => es((r, s) => [s, r]), "invalid token_signature"],
    ["DER instead of r and s", () => der(), "invalid token_signature"],
    ["63 bytes", () => resigned(good(), (raw) => raw.subarray(1)), "invalid token_signature"],
    ["65 bytes, a zero in front", () => resigned(good(), (raw) => Buffer.concat([Buffer.alloc(1), raw])), "invalid token_signature"],
    ["66 bytes, both halves with a zero in front", () => resigned(good(), (raw) => Buffer.concat([Buffer.alloc(1), raw.subarray(0, 32), Buffer.alloc(1), raw.subarray(32)])), "invalid token_signature"],
    ["the signature twice", () => resigned(good(), (raw) => Buffer.concat([raw, raw])), "invalid token_signature"],
    ["one bit changed", () => resigned(good(), flipped), "invalid token_signature"],
    ["a signature of secp256k1", () => withKey("k1"), "invalid token_signature"],
    ["a signature of P-384", () => withKey("p384"), "invalid token_signature"],
    ["a signature over SHA-384", () => { const text = input(ES, body()); return `${text}.${b64(signature(PAIRS.ec.privateKey, text, "sha384"))}`; }, "invalid token_signature"],
    ["the signature of another token", () => `${good().slice(0, good().lastIndexOf("."))}.${good().split(".")[2]}`, "invalid token_signature"],
    ["the payload of another token", () => { const [head, , sig] = good().split("."); return `${head}.${part(body())}.${sig}`; }, "invalid token_signature"],
    ["the header of another token", () => { const [, payload, sig] = good().split("."); return `${part({ ...ES, x: 1 })}.${payload}.${sig}`; }, "invalid token_signature"],
  ]),
  ...rows("Wycheproof rsa_signature_2048_sha256 (InvalidSignature, MissingNull, ModifiedSignature)", [
    ["RS256 good", () => jws("rsa", RS, body()), "valid token_valid"],
    ["RS256 all zeros", () => resigned(jws("rsa", RS, body()), (raw) => Buffer.alloc(raw.length)), "invalid token_signature"],
    ["RS256 the number one", () => resigned(jws("rsa", RS, body()), (raw) => bytes(1n, raw.length)), "invalid token_signature"],
    ["RS256 a zero in front", () => resigned(jws("rsa", RS, body()), (raw) => Buffer.concat([Buffer.alloc(1), raw])), "invalid token_signature"],
    ["RS256 plus the modulus", () => resigned(jws("rsa", RS, body()), (raw) => bytes(number(raw) + modulus(), raw.length + 1)), "invalid token_signature"],
    ["RS256 cut", () => resigned(jws("rsa", RS, body()), (raw) => raw.subarray(0, 255)), "invalid token_signature"],
    ["RS256 over SHA-1", () => { const text = input(RS, body()); return `${text}.${b64(signature(PAIRS.rsa.privateKey, text, "sha1"))}`; }, "invalid token_signature"],
    ["RS256 over SHA-512", () => { const text = input(RS, body()); return `${text}.${b64(signature(PAIRS.rsa.privateKey, text, "sha512"))}`; }, "invalid token_signature"],
  ]),
  ...rows("Wycheproof ed25519 (SignatureMalleability, InvalidEncoding); RFC 8032 5.1.7, 8.4", [
    ["EdDSA good", () => jws("ed", ED, body()), "valid token_valid"],
    ["EdDSA with S + L", () => resigned(jws("ed", ED, body()), (raw) => Buffer.concat([raw.subarray(0, 32), little(fromLittle(raw.subarray(32)) + ED25519_ORDER)])), "invalid token_signature"],
    ["EdDSA with S = 0 and R the neutral element", () => resigned(jws("ed", ED, body()), () => Buffer.concat([little(1n), Buffer.alloc(32)])), "invalid token_signature"],
    ["EdDSA all zeros", () => resigned(jws("ed", ED, body()), (raw) => Buffer.alloc(raw.length)), "invalid token_signature"],
    ["EdDSA of 63 bytes", () => resigned(jws("ed", ED, body()), (raw) => raw.subarray(0, 63)), "invalid token_signature"],
    ["EdDSA with one bit changed", () => resigned(jws("ed", ED, body()), flipped), "invalid token_signature"],
  ]),
];

export const TOKENS: TokenAttack[] = [...ALGORITHM, ...KEY, ...HEADER, ...CLAIMS, ...FORM, ...SIGNATURE];

function es(change: (r: bigint, s: bigint) => [bigint, bigint]): string {
  return resigned(good(), (raw) => {
    const [r, s] = change(number(raw.subarray(0, 32)), number(raw.subarray(32)));
    return Buffer.concat([bytes(r), bytes(s)]);
  });
}

function flipped(raw: Buffer): Buffer {
  const changed = Buffer.from(raw);
  changed[5]! ^= 1;
  return changed;
}

function withKey(pair: Pair): string {
  const text = input(ES, body());
  return `${text}.${b64(signature(PAIRS[pair].privateKey, text))}`;
}

/** r and s as the SEQUENCE that most libraries make. */
function der(): string {
  return resigned(good(), (raw) => {
    const integer = (half: Buffer): Buffer => {
      const trimmed = half.subarray(half.findIndex((byte) => byte !== 0));
      const positive = trimmed[0]! & 0x80 ? Buffer.concat([Buffer.alloc(1), trimmed]) : trimmed;
      return Buffer.concat([Buffer.from([0x02, positive.length]), positive]);
    };
    const content = Buffer.concat([integer(raw.subarray(0, 32)), integer(raw.subarray(32))]);
    return Buffer.concat([Buffer.from([0x30, content.length]), content]);
  });
}

/** RSASSA-PSS with a salt as long as the hash, as PS256 says. */
function pss(): string {
  const text = input(RS, body());
  const key = { key: PAIRS.rsa.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
  return `${text}.${b64(sign("sha256", Buffer.from(text), key))}`;
}

/** The last character of 64 bytes in base64url holds four bits that mean nothing. */
function trailing(token: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const last = alphabet.indexOf(token.at(-1)!);
  return token.slice(0, -1) + alphabet[last | 1];
}

/** A good token of exactly so many characters. */
function sized(length: number): string {
  for (const filler of ["", "x", "xx", "xxx"]) {
    const empty = jws("ec", { ...ES, filler }, body({ padding: "" })).length;
    for (let pad = Math.floor(((length - empty) * 3) / 4) - 3; pad < ((length - empty) * 3) / 4 + 3; pad += 1) {
      const token = jws("ec", { ...ES, filler }, body({ padding: "p".repeat(Math.max(pad, 0)) }));
      if (token.length === length) {
        return token;
      }
    }
  }
  throw new Error(`no token of ${length} characters can be made`);
}

function modulus(): bigint {
  return number(Buffer.from(PAIRS.rsa.publicKey.export({ format: "jwk" }).n!, "base64url"));
}

function little(value: bigint): Buffer {
  return bytes(value).reverse();
}

function fromLittle(data: Buffer): bigint {
  return number(Buffer.from(data).reverse());
}

/** A token of the user that Auth's OAuth server gave to somebody else's app. */
export const ofAnApp = (): string => good({ client_id: randomUUID(), scope: "openid" });
