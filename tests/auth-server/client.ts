import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { startAuthServer } from "../support/auth-server/server.ts";

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
