/** Signing keys as Auth's configuration takes them. */
import { exportJWK, generateKeyPair, importJWK, type JWK, SignJWT } from "jose";
import { randomUUID } from "node:crypto";

export type Algorithm = "ES256" | "HS256";

/** The newest key signs, those before it verify; no keys mean HS256 with the secret. */
export class SigningKeys {
  readonly secret = randomUUID() + randomUUID();
  readonly #keys: JWK[] = [];
  /** Published, and signs after the next rotation. */
  #standby: JWK | null = null;

  static async create(algorithm: Algorithm): Promise<SigningKeys> {
    const keys = new SigningKeys();
    if (algorithm === "ES256") {
      await keys.rotate();
    }
    return keys;
  }

  /** Publishes the next key in advance, from now on before every rotation. */
  async standby(): Promise<void> {
    this.#standby = await newKey();
  }

  async rotate(): Promise<void> {
    this.#keys.unshift(this.#standby ?? (await newKey()));
    this.#standby = this.#standby === null ? null : await newKey();
  }

  /** Takes back every key but the newest. */
  revoke(): void {
    this.#keys.splice(1);
  }

  environment(): Record<string, string> {
    const [current, ...earlier] = this.#keys;
    if (current === undefined) {
      return { GOTRUE_JWT_SECRET: this.secret };
    }
    const verifying = [...earlier, ...(this.#standby === null ? [] : [this.#standby])].map((key) => ({ ...key, key_ops: ["verify"] }));
    return {
      GOTRUE_JWT_SECRET: this.secret,
      GOTRUE_JWT_KEYS: JSON.stringify([{ ...current, key_ops: ["sign", "verify"] }, ...verifying]),
    };
  }

  async serviceToken(): Promise<string> {
    const [current] = this.#keys;
    const key = current === undefined ? new TextEncoder().encode(this.secret) : await importJWK(current);
    const header = current === undefined ? { alg: "HS256" } : { alg: "ES256", kid: current.kid ?? "" };
    return new SignJWT({ role: "service_role", aud: "authenticated" }).setProtectedHeader(header).setIssuedAt().setExpirationTime("1h").sign(key);
  }
}

async function newKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  return { ...(await exportJWK(privateKey)), kid: randomUUID(), alg: "ES256", use: "sig" };
}
