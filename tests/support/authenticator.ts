import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";

/** As much of an authenticator as a passkey needs: one key pair, ES256, no attestation. */
export class Device {
  readonly id: Buffer;
  readonly #site: string;
  readonly #keys = generateKeyPairSync("ec", { namedCurve: "P-256" });

  /** The origin of the page that asks it. */
  constructor(site: string, id: Buffer = randomBytes(16)) {
    this.#site = site;
    this.id = id;
  }

  create({ challenge }: { challenge: string }): object {
    const { x, y } = this.#keys.publicKey.export({ format: "jwk" });
    const point = (value = "") => Buffer.concat([Buffer.from([0x58, 32]), Buffer.from(value, "base64url")]);
    // COSE: {1: 2 (EC2), 3: -7 (ES256), -1: 1 (P-256), -2: x, -3: y}.
    const key = Buffer.concat([Buffer.from("a5010203262001", "hex"), Buffer.from("21", "hex"), point(x), Buffer.from("22", "hex"), point(y)]);
    const length = Buffer.from([0, this.id.length]);
    const data = Buffer.concat([this.#authenticatorData(0x45), Buffer.alloc(16), length, this.id, key]);
    // CBOR: {"fmt": "none", "attStmt": {}, "authData": data}.
    const attestation = Buffer.concat([Buffer.from("a363666d74646e6f6e656761747453746d74a068617574684461746158", "hex"), Buffer.from([data.length]), data]);
    return this.#credential({ clientDataJSON: this.#clientData("webauthn.create", challenge).toString("base64url"), attestationObject: attestation.toString("base64url") });
  }

  get({ challenge }: { challenge: string }): object {
    const clientData = this.#clientData("webauthn.get", challenge);
    const data = this.#authenticatorData(0x05);
    const signed = Buffer.concat([data, createHash("sha256").update(clientData).digest()]);
    const signature = sign("sha256", signed, this.#keys.privateKey).toString("base64url");
    return this.#credential({ clientDataJSON: clientData.toString("base64url"), authenticatorData: data.toString("base64url"), signature });
  }

  #credential(response: object): object {
    const id = this.id.toString("base64url");
    return { id, rawId: id, type: "public-key", response, clientExtensionResults: {} };
  }

  #clientData(type: string, challenge: string): Buffer {
    return Buffer.from(JSON.stringify({ type, challenge, origin: this.#site }));
  }

  /** Hash of the relying party, `localhost`, flags (present, verified, attested data) and counter. */
  #authenticatorData(flags: number): Buffer {
    return Buffer.concat([createHash("sha256").update("localhost").digest(), Buffer.from([flags, 0, 0, 0, 0])]);
  }
}
