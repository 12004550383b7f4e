/** Signing keys as Auth's configuration takes them. */
import { exportJWK, generateKeyPair, importJWK, type JWK, SignJWT } from "jose";
import { randomUUID } from "node:crypto";

export type Algorithm = "ES256" | "HS256";

/** The newest key signs, those before it verify; no keys mean HS256 with the secret. */
export class SigningKeys {
  readonly secret = randomUUID() + randomUUID();
  readonly #keys: JWK[] = [];

  static async create(algorithm: Algorithm): Promise<SigningKeys> {
    const keys = new SigningKeys();
    if (algorithm === "ES256") {
      await keys.rotate();
    }
    return keys;
  }

  async rotate(): Promise<void> {
    const { privateKey } = await generateKeyPair("ES256", { extractable: true });
    this.#keys.unshift({ ...(await exportJWK(privateKey)), kid: randomUUID(), alg: "ES256", use: "sig" });
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
    const verifying = earlier.map((key) => ({ ...key, key_ops: ["verify"] }));
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
