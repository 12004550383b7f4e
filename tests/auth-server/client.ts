import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { TOTP, Secret } from "otpauth";
import { startAuthServer } from "../support/auth-server/server.ts";
import { DEFAULTS, type Settings } from "../support/auth-server/settings.ts";

export interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, any>;
}

export interface Credentials {
  email: string;
  password: string;
}

/** Speaks to any Auth server: the one at `AUTH_URL`, else a local one that is started for the tests. */
export class AuthClient {
  readonly base: string;
  readonly apikey: string;
  readonly #secretKey: string;
  readonly #controlUrl: string | null;
  /** Where a real server's operator reads mails, turns keys and lets time go by. */
  readonly #operatorUrl = process.env.AUTH_OPERATOR_URL ?? null;
  readonly #close: () => Promise<void>;

  private constructor(at: {
    base: string;
    apikey: string;
    secretKey: string;
    controlUrl: string | null;
    close: () => Promise<void>;
  }) {
    this.base = at.base;
    this.apikey = at.apikey;
    this.#secretKey = at.secretKey;
    this.#controlUrl = at.controlUrl;
    this.#close = at.close;
  }

  static async connect(): Promise<AuthClient> {
    const given = process.env.AUTH_URL?.replace(/\/+$/, "");
    if (given === undefined) {
      const server = await startAuthServer();
      const { authUrl: base, publishableKey: apikey, secretKey, url } = server;
      return new AuthClient({ base, apikey, secretKey, controlUrl: `${url}/control`, close: () => server.close() });
    }
    const apikey = process.env.AUTH_PUBLISHABLE_KEY ?? "";
    const secretKey = process.env.AUTH_SECRET_KEY ?? "";
    const base = await findBase(given, apikey);
    const controlUrl = await findControl(given);
    return new AuthClient({ base, apikey, secretKey, controlUrl, close: async () => undefined });
  }

  /** Whether the server has `/control`: time travel, settings, keys and an inbox. */
  get controlled(): boolean {
    return this.#controlUrl !== null;
  }

  /** Whether mails can be read, keys turned and time moved, here or with the help of whoever started the server. */
  get operated(): boolean {
    return this.controlled || this.#operatorUrl !== null;
  }

  get secretKey(): string {
    return this.#secretKey;
  }

  /** Sets the local server to this; a real one that is set otherwise skips the case, with the reason. */
  async needs(skip: Skip, settings: Partial<Settings>): Promise<void> {
    if (this.controlled) {
      await this.control("POST", "/config", settings);
      return;
    }
    const real: Record<string, unknown> = { ...DEFAULTS, ...(await this.#settings()) };
    const others = Object.entries(settings).filter(([name, value]) => JSON.stringify(real[name]) !== JSON.stringify(value));
    skip(others.length > 0, `this server has another ${others.map(([name]) => name).join(", ")}`);
  }

  needsOperator(skip: Skip): void {
    skip(!this.operated, "nobody reads this server's mails or turns its keys");
  }

  /** What the server says of itself, and what whoever started it says. */
  async #settings(): Promise<Partial<Settings>> {
    const { body } = await this.call("GET", "/settings");
    return {
      anonymousUsers: body.external.anonymous_users,
      phone: body.external.phone,
      disableSignup: body.disable_signup,
      autoconfirm: body.mailer_autoconfirm,
      smsAutoconfirm: body.phone_autoconfirm,
      passkeys: body.passkeys_enabled,
      sso: body.saml_enabled ? [] : null,
      ...JSON.parse(process.env.AUTH_SETTINGS ?? "{}"),
    };
  }

  async control(method: string, path: string, body?: unknown): Promise<any> {
    if (this.#controlUrl === null) {
      throw new Error("this server has no /control");
    }
    const init = body === undefined ? {} : { body: JSON.stringify(body) };
    const response = await fetch(`${this.#controlUrl}${path}`, { method, ...init });
    const answer = await response.json();
    if (!response.ok) {
      throw new Error(`control ${path}: ${JSON.stringify(answer)}`);
    }
    return answer;
  }

  async call(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    const response = await fetch(`${this.base}${path}`, {
      method,
      redirect: "manual",
      headers: {
        apikey: this.apikey,
        ...(options.bearer === undefined ? {} : { Authorization: `Bearer ${options.bearer}` }),
        ...options.headers,
      },
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === "" ? {} : JSON.parse(text) };
  }

  /** The newest mail to an address. */
  async mail(to: string): Promise<{ type: string; link: string; token: string; tokenHash: string }> {
    const mails = await this.#operate("GET", `/inbox?to=${encodeURIComponent(to)}`);
    if (mails.length === 0) {
      throw new Error(`no mail came to ${to}`);
    }
    return mails.at(-1);
  }

  async mailCount(to: string): Promise<number> {
    return (await this.#operate("GET", `/inbox?to=${encodeURIComponent(to)}`)).length;
  }

  /** The code of the newest message to a number. */
  async message(to: string): Promise<string> {
    return (await this.#operate("GET", `/messages?to=${encodeURIComponent(to)}`)).at(-1).code;
  }

  /** Makes everything that the server keeps older; tokens that are out keep their times. */
  async age(seconds: number): Promise<void> {
    await (this.controlled ? this.control("POST", "/clock", { advance: seconds }) : this.#operate("POST", `/age?seconds=${seconds}`));
  }

  /** From now on new refresh tokens are of version 2, for the sessions of before as well; false where the operator does not want that. */
  async upgrade(): Promise<boolean> {
    if (this.controlled) {
      await this.control("POST", "/config", { algorithmVersion: 2, upgradePercent: 100 });
      return true;
    }
    return (await this.#operate("POST", "/upgrade")).upgraded;
  }

  /** Signs with a new key from now on; answers its id. */
  async rotateKeys(): Promise<void> {
    await (this.controlled ? this.control("POST", "/keys", { action: "rotate", alg: "ES256" }) : this.#operate("POST", "/rotate"));
  }

  async revokeEarlierKeys(): Promise<void> {
    await (this.controlled ? this.control("POST", "/keys", { action: "revoke" }) : this.#operate("POST", "/revoke"));
  }

  async #operate(method: string, path: string): Promise<any> {
    if (this.controlled) {
      return this.control(method, path);
    }
    const response = await fetch(`${this.#operatorUrl}${path}`, { method });
    if (!response.ok) {
      throw new Error(`${path}: ${response.status}`);
    }
    return response.json();
  }

  /** Calls in the name of a visitor with that address. */
  from(address: string): Record<string, string> {
    return { apikey: this.#secretKey, "Sb-Forwarded-For": address };
  }

  /** Follows a link as a browser does, up to the site. */
  async click(link: string): Promise<URL> {
    const answer = await fetch(link, { redirect: "manual" });
    if (answer.status !== 303) {
      throw new Error(`the link was answered ${answer.status}`);
    }
    return new URL(answer.headers.get("location") ?? "");
  }

  admin(method: string, path: string, body?: object): Promise<Answer> {
    return this.call(method, path, { headers: { apikey: this.#secretKey }, bearer: this.#secretKey, ...(body === undefined ? {} : { body }) });
  }

  refresh(refresh_token: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.call("POST", "/token?grant_type=refresh_token", { body: { refresh_token }, headers });
  }

  exchange(auth_code: string, code_verifier: string): Promise<Answer> {
    return this.call("POST", "/token?grant_type=pkce", { body: { auth_code, code_verifier } });
  }

  async createUser(): Promise<Credentials> {
    const who = { email: `${randomUUID()}@example.com`, password: "correct horse battery staple" };
    if (this.controlled) {
      await this.control("POST", "/users", who);
      return who;
    }
    await this.#admin("/admin/users", { ...who, email_confirm: true });
    return who;
  }

  async signIn(who?: Credentials): Promise<Record<string, any>> {
    const body = who ?? (await this.createUser());
    const answer = await this.call("POST", "/token?grant_type=password", { body });
    if (answer.status !== 200) {
      throw new Error(`sign-in failed: ${answer.status} ${JSON.stringify(answer.body)}`);
    }
    return answer.body;
  }

  /** The token hash of a magic link to a known user. */
  async magicLinkHash({ email }: Credentials): Promise<string> {
    if (this.controlled) {
      await this.call("POST", "/otp", { body: { email } });
      const [mail] = await this.control("GET", `/inbox?to=${email}`);
      return mail.tokenHash;
    }
    const link = await this.#admin("/admin/generate_link", { type: "magiclink", email });
    return link.hashed_token ?? link.properties.hashed_token;
  }

  /** Lets time go by: at once where the clock can be moved, else really. */
  async wait(seconds: number): Promise<void> {
    if (this.controlled) {
      await this.control("POST", "/clock", { advance: seconds });
      return;
    }
    await sleep(seconds * 1000);
  }

  close(): Promise<void> {
    return this.#close();
  }

  async #admin(path: string, body: object): Promise<any> {
    const headers = { apikey: this.#secretKey };
    const answer = await this.call("POST", path, { bearer: this.#secretKey, headers, body });
    if (answer.status >= 300) {
      throw new Error(`${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    }
    return answer.body;
  }
}

type Skip = (condition: boolean, note?: string) => void;

/** What an authenticator app shows now, or some steps away. */
export function totp(secret: string, steps = 0): string {
  return new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: Date.now() + steps * 30_000 });
}

export function claims(token: string): Record<string, any> {
  return part(token, 1);
}

export function header(token: string): Record<string, any> {
  return part(token, 0);
}

function part(token: string, index: number): Record<string, any> {
  return JSON.parse(Buffer.from(token.split(".")[index] ?? "", "base64url").toString());
}

interface CallOptions {
  body?: unknown;
  bearer?: string;
  headers?: Record<string, string>;
}

/** Behind the gateway Auth lies below `/auth/v1`; a bare one answers at its root. */
async function findBase(given: string, apikey: string): Promise<string> {
  const health = await fetch(`${given}/health`, { headers: { apikey } }).catch(() => null);
  const bare = health?.ok === true && (await health.text()).includes("GoTrue");
  return bare ? given : `${given}/auth/v1`;
}

async function findControl(given: string): Promise<string | null> {
  const url = `${new URL(given).origin}/control`;
  const response = await fetch(url).catch(() => null);
  const answer = await response?.json().catch(() => null);
  return answer?.publishableKey === undefined ? null : url;
}
