import {
  createHmac,
  generateKeyPair as generateKeyPairCallback,
  type KeyObject,
  createSecretKey,
  randomBytes,
  randomUUID,
  sign as nodeSign,
} from "node:crypto";
import { promisify } from "node:util";
import { errors, exportJWK, type JWK, jwtVerify, type JWTHeaderParameters, type JWTPayload } from "jose";
import type { Clock } from "./clock.ts";

const generateKeyPair = promisify(generateKeyPairCallback);

export type Algorithm = "ES256" | "RS256" | "EdDSA" | "HS256";
export type KeyState = "standby" | "in_use" | "previously_used" | "revoked";

export interface SigningKey {
  /** Name in the control interface; equal to `kid` where there is one. */
  id: string;
  /** null for a secret without an id, whose tokens carry no `kid`. */
  kid: string | null;
  alg: Algorithm;
  state: KeyState;
  privateKey: KeyObject;
  publicKey: KeyObject;
  /** The public key as published; null for a secret, which never is. */
  jwk: JWK | null;
  /** The secret of an HS256 key. */
  secret: string | null;
}

export interface KeySummary {
  id: string;
  kid: string | null;
  alg: Algorithm;
  state: KeyState;
  secret: string | null;
}

/** The signing keys in their four states; exactly one of them is in use. */
export class KeyRing {
  readonly #clock: Clock;
  readonly #first: SigningKey;
  #keys: SigningKey[];

  constructor(clock: Clock, first: SigningKey) {
    this.#clock = clock;
    this.#first = first;
    this.#keys = [first];
    first.state = "in_use";
  }

  get current(): SigningKey {
    return this.#require((key) => key.state === "in_use", "no key is in use");
  }

  list(): KeySummary[] {
    return this.#keys.map(({ id, kid, alg, state, secret }) => ({ id, kid, alg, state, secret }));
  }

  find(id: string): SigningKey {
    return this.#require((key) => key.id === id, `no key is named ${id}`);
  }

  /** Creates a standby key, or moves an existing one back to standby. */
  async standby(alg: Algorithm = "ES256", id?: string): Promise<KeySummary> {
    const known = this.#keys.find((key) => key.id === id);
    if (known === undefined) {
      const created = await createKey(alg, id === undefined ? {} : { kid: id });
      this.#keys.push(created);
      return summary(created);
    }
    if (known.state === "in_use") {
      throw new Error("the key in use can only be rotated away");
    }
    known.state = "standby";
    return summary(known);
  }

  /** Puts a standby key in use (the named, else the oldest, else a new one). */
  async rotate(alg?: Algorithm, id?: string): Promise<KeySummary> {
    const next =
      this.#keys.find(
        (key) =>
          key.state === "standby" &&
          (id === undefined || key.id === id) &&
          (alg === undefined || key.alg === alg),
      ) ?? this.find((await this.standby(alg ?? "ES256", id)).id);
    this.current.state = "previously_used";
    next.state = "in_use";
    return summary(next);
  }

  /** Revokes the named key, else the one that was used last. */
  revoke(id?: string): KeySummary {
    const key = this.#keys.findLast((candidate) =>
      id === undefined ? candidate.state === "previously_used" : candidate.id === id,
    );
    if (key === undefined) {
      throw new Error("there is no such key to revoke");
    }
    if (key.state === "in_use") {
      throw new Error("the key in use can only be revoked after a rotation");
    }
    key.state = "revoked";
    return summary(key);
  }

  /** The published set, in an order that changes from answer to answer. */
  jwks(): { keys: JWK[] } {
    const keys = this.#accepted().flatMap((key) => (key.jwk === null ? [] : [key.jwk]));
    for (let last = keys.length - 1; last > 0; last -= 1) {
      const other = Math.floor(Math.random() * (last + 1));
      [keys[last], keys[other]] = [keys[other]!, keys[last]!];
    }
    return { keys };
  }

  sign(claims: object): string {
    const key = this.current;
    const kid = key.kid === null ? {} : { kid: key.kid };
    return signJwt(key, { alg: key.alg, ...kid, typ: "JWT" }, claims);
  }

  /** Checks signature and `exp`; throws the verifier's own reason. */
  async verify(token: string): Promise<JWTPayload> {
    const algorithms = [...new Set(this.#accepted().map((key) => key.alg))];
    const currentDate = new Date(this.#clock.nowMs());
    const { payload } = await jwtVerify(token, (header) => this.#verificationKey(header), {
      algorithms,
      currentDate,
      requiredClaims: ["exp"],
    });
    return payload;
  }

  /** Goes back to the first key alone, so that a reset does not surprise cached key sets. */
  reset(): void {
    this.#first.state = "in_use";
    this.#keys = [this.#first];
  }

  #accepted(): SigningKey[] {
    return this.#keys.filter((key) => key.state !== "revoked");
  }

  #verificationKey(header: JWTHeaderParameters): KeyObject {
    const kid = header.kid ?? null;
    const key = this.#accepted().find((candidate) => candidate.kid === kid && candidate.alg === header.alg);
    if (key === undefined) {
      throw new errors.JWKSNoMatchingKey();
    }
    return key.publicKey;
  }

  #require(matches: (key: SigningKey) => boolean, otherwise: string): SigningKey {
    const key = this.#keys.find(matches);
    if (key === undefined) {
      throw new Error(otherwise);
    }
    return key;
  }
}

export async function createKey(
  alg: Algorithm,
  options: { kid?: string; secret?: string } = {},
): Promise<SigningKey> {
  if (alg === "HS256") {
    return createSecret(options);
  }
  const kid = options.kid ?? randomUUID();
  const { privateKey, publicKey } = await generatePair(alg);
  const members = await exportJWK(publicKey);
  const jwk: JWK = { ...members, alg, kid, use: "sig", key_ops: ["verify"], ext: true };
  return { id: kid, kid, alg, state: "standby", privateKey, publicKey, jwk, secret: null };
}

/** Signs any header and claims with a key, even a header that contradicts the key. */
export function signJwt(key: SigningKey, header: object, claims: object): string {
  const input = `${base64url(header)}.${base64url(claims)}`;
  return `${input}.${signature(key, Buffer.from(input)).toString("base64url")}`;
}

function createSecret(options: { kid?: string; secret?: string }): SigningKey {
  const secret = options.secret ?? randomBytes(32).toString("base64url");
  const key = createSecretKey(Buffer.from(secret));
  const kid = options.kid ?? null;
  const id = kid ?? "legacy-secret";
  return { id, kid, alg: "HS256", state: "standby", privateKey: key, publicKey: key, jwk: null, secret };
}

function generatePair(alg: Exclude<Algorithm, "HS256">): Promise<{ privateKey: KeyObject; publicKey: KeyObject }> {
  switch (alg) {
    case "ES256":
      return generateKeyPair("ec", { namedCurve: "P-256" });
    case "RS256":
      return generateKeyPair("rsa", { modulusLength: 2048 });
    case "EdDSA":
      return generateKeyPair("ed25519");
    default:
      throw new Error(`unsupported algorithm ${String(alg)}`);
  }
}

function signature(key: SigningKey, input: Buffer): Buffer {
  switch (key.alg) {
    case "ES256":
      return nodeSign("sha256", input, { key: key.privateKey, dsaEncoding: "ieee-p1363" });
    case "RS256":
      return nodeSign("sha256", input, key.privateKey);
    case "EdDSA":
      return nodeSign(null, input, key.privateKey);
    case "HS256":
      return createHmac("sha256", key.privateKey).update(input).digest();
  }
}

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function summary({ id, kid, alg, state, secret }: SigningKey): KeySummary {
  return { id, kid, alg, state, secret };
}
