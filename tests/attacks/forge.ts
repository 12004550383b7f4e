/** Tokens as an attacker makes them: any header, any payload, any signature. */
import { createHmac, generateKeyPairSync, type KeyObject, randomUUID, sign as nodeSign } from "node:crypto";
import { exportJWK } from "jose";

export const PAIRS = {
  ec: generateKeyPairSync("ec", { namedCurve: "P-256" }),
  evil: generateKeyPairSync("ec", { namedCurve: "P-256" }),
  p384: generateKeyPairSync("ec", { namedCurve: "P-384" }),
  k1: generateKeyPairSync("ec", { namedCurve: "secp256k1" }),
  rsa: generateKeyPairSync("rsa", { modulusLength: 2048 }),
  evilRsa: generateKeyPairSync("rsa", { modulusLength: 2048 }),
  small: generateKeyPairSync("rsa", { modulusLength: 1024 }),
  ed: generateKeyPairSync("ed25519"),
  evilEd: generateKeyPairSync("ed25519"),
};
export type Pair = keyof typeof PAIRS;

/** What a listed oct key holds: a key set that publishes a secret must not make it one. */
export const PUBLISHED_SECRET = "a-secret-that-somebody-put-into-the-key-set";

/** The project's key set, with keys that must never verify anything beside the good ones. */
export async function keySet(): Promise<{ keys: object[] }> {
  const listed: [kid: string, pair: Pair, members: object][] = [
    ["ec", "ec", { alg: "ES256", use: "sig", key_ops: ["verify"] }],
    ["rsa", "rsa", { alg: "RS256" }],
    ["ed", "ed", { alg: "EdDSA" }],
    ["rsa-1024", "small", { alg: "RS256" }],
    ["ec-enc", "ec", { use: "enc" }],
    ["ec-no-verify", "ec", { key_ops: ["sign", "encrypt"] }],
    ["ec-as-es384", "ec", { alg: "ES384" }],
    ["ec-as-rs256", "ec", { alg: "RS256" }],
    ["rsa-as-ps256", "rsa", { alg: "PS256" }],
    ["p384-as-es256", "p384", { alg: "ES256" }],
    ["ec-named-p384", "ec", { crv: "P-384" }],
  ];
  const keys: object[] = [
    { kty: "oct", kid: "oct", alg: "HS256", k: b64(PUBLISHED_SECRET) },
    { kty: "AKP", kid: "unknown-kind", alg: "ML-DSA-44", pub: "AA" },
  ];
  for (const [kid, pair, members] of listed) {
    keys.push({ ...(await exportJWK(PAIRS[pair].publicKey)), kid, ...members });
  }
  return { keys };
}

/** What a token says unless a case says otherwise; a member set to undefined is left out. */
export function claims(issuer: string, over: object = {}): Record<string, unknown> {
  const iat = Math.floor(Date.now() / 1000);
  return {
    iss: issuer,
    sub: randomUUID(),
    aud: "authenticated",
    exp: iat + 3600,
    iat,
    role: "authenticated",
    aal: "aal1",
    session_id: randomUUID(),
    is_anonymous: false,
    ...over,
  };
}

export function b64(data: string | Buffer): string {
  return Buffer.from(data as string).toString("base64url");
}

/** Text is taken as it stands, so that a case can write JSON which no serialiser would. */
export function part(value: object | string): string {
  return b64(typeof value === "string" ? value : JSON.stringify(value));
}

export function input(header: object | string, payload: object | string): string {
  return `${part(header)}.${part(payload)}`;
}

/** The signature that the key makes over `text`, raw as JWS wants it. */
export function signature(key: KeyObject, text: string, digest = "sha256"): Buffer {
  const how = key.asymmetricKeyType === "ec" ? { key, dsaEncoding: "ieee-p1363" as const } : key;
  return nodeSign(key.asymmetricKeyType === "ed25519" ? null : digest, Buffer.from(text), how);
}

export function jws(pair: Pair, header: object | string, payload: object | string): string {
  const text = input(header, payload);
  return `${text}.${b64(signature(PAIRS[pair].privateKey, text))}`;
}

export function hmac(secret: string | Buffer, header: object | string, payload: object | string, digest = "sha256"): string {
  const text = input(header, payload);
  return `${text}.${createHmac(digest, secret).update(text).digest("base64url")}`;
}

/** The same token with another signature. */
export function resigned(token: string, change: (signature: Buffer) => Buffer): string {
  const at = token.lastIndexOf(".");
  return `${token.slice(0, at)}.${b64(change(Buffer.from(token.slice(at + 1), "base64url")))}`;
}

/** A big-endian number as a signature holds it. */
export function bytes(value: bigint, length = 32): Buffer {
  return Buffer.from(value.toString(16).padStart(2 * length, "0"), "hex");
}

export function number(data: Buffer): bigint {
  return BigInt(`0x${data.toString("hex")}`);
}

/** The orders of P-256 (FIPS 186-5) and of Ed25519's group (RFC 8032 5.1). */
export const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
export const ED25519_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
