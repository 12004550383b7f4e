/** Contract §8 and what stands before it: an account's whole life as an API, every way to a session, the limit, Turnstile. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Device } from "../support/authenticator.ts";
import { sessionIn } from "../support/expectations.ts";
import type { Answer } from "../support/http.ts";
import { type Cookie, parseSetCookies } from "../support/sessions.ts";
import { type FetchInit, SITE, type Stack, startStack, type WorkerHandle } from "../support/stack.ts";

const PASSWORD = "correct horse battery";
const NEW_PASSWORD = "a staple of another kind";
const RULES = [
  { path: "/vault*", require: { aal: "aal2" } },
  { path: "/members*", require: true },
];
const IDP = "3c1a0f8e-58a4-4f64-9c0b-2f4d8d1c7a11";
/** Requests of one key in a minute. */
const LIMIT = 20;
const GUESSES = 10_000;

let stack: Stack<"main" | "limited" | "turnstile" | "counted">;

beforeAll(async () => {
  stack = await startStack({
    vars: { AUTH_PATH: "/auth", RULES },
    workers: {
      main: { bindings: { kv: true, gate: true }, vars: { ACCOUNT_PAGES: "on", REVOCATION: "on" } },
      limited: { bindings: { limit: LIMIT }, vars: { ACCOUNT_PAGES: "on" } },
      turnstile: { bindings: { turnstile: true }, vars: { ACCOUNT_PAGES: "on", TURNSTILE_SITE_KEY: "1x00000000000000000000AA", TURNSTILE_SECRET_KEY: "1x0000000000000000000000000000000AA" } },
      counted: { bindings: { turnstile: true }, vars: ({ auth }) => ({ SUPABASE_SECRET_KEY: auth.secretKey, TURNSTILE_SECRET_KEY: "1x0000000000000000000000000000000AA" }) },
    },
  });
}, 60_000);
afterAll(() => stack.close());
beforeEach(() => {
  stack.clear();
  stack.auth.inbox.clear();
  stack.auth.messages.clear();
  stack.turnstile.fails(false);
  const passkeys = { passkeys: true, passkeyRpId: "localhost", passkeyOrigins: [SITE] };
  stack.auth.config({ siteUrl: SITE, uriAllowList: [`${SITE}/**`], autoconfirm: false, phone: true, mfaPhone: true, sso: [{ id: IDP, domains: ["harbour.example"] }], ...passkeys });
});

/** An app with a cookie jar that speaks JSON. */
class Client {
  readonly #worker: WorkerHandle;
  readonly #jar = new Map<string, string>();
  readonly #address: string;

  constructor(worker: WorkerHandle, address = "203.0.113.7") {
    this.#worker = worker;
    this.#address = address;
  }

  get cookies(): Cookie[] {
    return [...this.#jar].map(([name, value]) => ({ name, value }));
  }

  async send(path: string, init: FetchInit): Promise<Answer> {
    const headers: FetchInit["headers"] = [["CF-Connecting-IP", this.#address], ...(init.headers ?? [])];
    const answer = await this.#worker.fetch(path, { ...init, headers, cookies: this.cookies });
    for (const { name, value, deletes } of parseSetCookies(answer.headers)) {
      if (deletes) {
        this.#jar.delete(name);
      } else {
        this.#jar.set(name, value);
      }
    }
    return answer;
  }

  async post(route: string, body: object = {}): Promise<[number, any]> {
    const headers: FetchInit["headers"] = [["Sec-Fetch-Site", "same-origin"], ["Content-Type", "application/json"]];
    const answer = await this.send(`/auth/${route}`, { method: "POST", headers, body: JSON.stringify(body) });
    return [answer.status, answer.text === "" ? undefined : answer.json()];
  }

  async submit(route: string, fields: Record<string, string>): Promise<Answer> {
    const headers: FetchInit["headers"] = [["Origin", SITE], ["Content-Type", "application/x-www-form-urlencoded"]];
    return this.send(`/auth/${route}`, { method: "POST", navigate: true, headers, body: new URLSearchParams(fields).toString() });
  }

  async open(path: string): Promise<number> {
    return (await this.send(path, {})).status;
  }

  /** What the app itself asks Auth with the visitor's token, since no route enrols anything. */
  async askAuth(path: string, body: object): Promise<any> {
    const told = await this.send("/auth/token", { headers: [["Sec-Fetch-Site", "same-origin"]] });
    const token: string = told.json().access_token;
    stack.secret(token);
    const headers = { apikey: stack.auth.publishableKey, Authorization: `Bearer ${token}` };
    const answer = await fetch(`${stack.auth.authUrl}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    expect(answer.status, path).toBe(200);
    return answer.json();
  }
}

const client = (worker: "main" | "limited" | "turnstile" | "counted" = "main", address?: string): Client => new Client(stack.worker(worker), address);

let visitors = 0;
function visitor(spec: { phone?: string } = {}): string {
  visitors += 1;
  const email = `life-${visitors}@harbour.example`;
  stack.auth.createUser({ email, password: PASSWORD, ...spec });
  return email;
}

const user = (email: string, aal = "aal1"): object => ({ user: expect.objectContaining({ email, aal }), expires_at: expect.any(Number) });

describe("§8 an account's life in JSON", () => {
  test("§8 from sign-up through a forgotten password to the second factor, and out everywhere", async () => {
    const app = client();
    const email = "maria@harbour.example";
    expect(await app.post("signup", { email, password: PASSWORD, data: { name: "Maria" } })).toEqual([200, { sent: true }]);
    expect(await app.post("login", { email, password: PASSWORD })).toEqual([400, { error: "email_not_confirmed" }]);
    expect(await app.post("verify", { email, type: "signup", token: "000000" })).toEqual([403, { error: "otp_expired" }]);
    expect(await app.post("verify", { email, type: "signup", token: stack.auth.inbox.latest(email)!.token })).toEqual([200, user(email)]);
    expect(await app.open("/members")).toBe(200);
    expect(await app.post("signout")).toEqual([204, undefined]);
    expect(await app.open("/members")).toBe(401);
    expect(await app.post("login", { email, password: PASSWORD })).toEqual([200, user(email)]);
    expect(await app.post("signout")).toEqual([204, undefined]);

    expect(await app.post("recover", { email })).toEqual([200, { sent: true }]);
    expect(await app.post("verify", { email, type: "recovery", token: stack.auth.inbox.latest(email)!.token })).toEqual([200, user(email)]);
    expect(await app.post("password", { password: "short" })).toEqual([422, { error: "weak_password" }]);
    expect(await app.post("password", { password: NEW_PASSWORD })).toEqual([200, user(email)]);
    expect(await app.post("login", { email, password: PASSWORD })).toEqual([400, { error: "invalid_credentials" }]);

    const { id, totp } = await app.askAuth("/factors", { factor_type: "totp", friendly_name: "Phone" });
    const challenge = await app.askAuth(`/factors/${id}/challenge`, {});
    await app.askAuth(`/factors/${id}/verify`, { challenge_id: challenge.id, code: stack.auth.totp(totp.secret) });
    await app.post("signout");
    expect(await app.post("login", { email, password: NEW_PASSWORD })).toEqual([200, user(email)]);
    expect(await app.open("/vault")).toBe(403);
    expect(await app.post("mfa", { code: "000000" })).toEqual([422, { error: "mfa_verification_failed" }]);
    expect(await app.post("mfa", { code: stack.auth.totp(totp.secret) })).toEqual([200, user(email, "aal2")]);
    expect(await app.open("/vault")).toBe(200);
    expect((await app.send("/auth/session", {})).json()).toEqual(user(email, "aal2"));

    const other = client();
    expect((await other.post("login", { email, password: NEW_PASSWORD }))[0]).toBe(200);
    expect(await app.post("signout", { scope: "global" })).toEqual([204, undefined]);
    expect(await app.open("/vault")).toBe(401);
    // The other device's token would live for an hour.
    expect(await other.open("/members")).toBe(401);
    expect(app.cookies).toEqual([]);
  });

  test("§8 a phone signs in by a code, and its factor raises the session in two posts", async () => {
    const phone = "+4915112345678";
    const email = visitor({ phone });
    const { id } = stack.auth.factor({ email, phone });
    const app = client();
    expect(await app.post("otp", { phone, channel: "whatsapp" })).toEqual([200, { sent: true }]);
    expect(stack.auth.messages.latest(phone)!.channel).toBe("whatsapp");
    expect(await app.post("verify", { phone, token: stack.auth.messages.latest(phone)!.code })).toEqual([200, user(email)]);
    const [status, sent] = await app.post("mfa");
    expect([status, sent]).toEqual([200, { challenge_id: expect.any(String), factor_id: id }]);
    const { code } = stack.auth.messages.latest(phone)!;
    expect(await app.post("mfa", { code })).toEqual([400, { error: "validation_failed" }]);
    expect(await app.post("mfa", { code, challenge_id: sent.challenge_id })).toEqual([200, user(email, "aal2")]);
    expect(await app.post("mfa", { code, challenge_id: sent.challenge_id })).toEqual([422, { error: "mfa_ip_address_mismatch" }]);
  });

  test("§8 of several factors one is named, and nobody's else", async () => {
    const email = visitor();
    const [first, second] = [stack.auth.factor({ email, friendlyName: "one" }), stack.auth.factor({ email, friendlyName: "two" })];
    const others = stack.auth.factor({ email: visitor() });
    const app = client();
    await app.post("login", { email, password: PASSWORD });
    expect(await app.post("mfa", { code: stack.auth.totp(first.secret) })).toEqual([400, { error: "validation_failed" }]);
    expect(await app.post("mfa", { code: stack.auth.totp(others.secret), factor_id: others.id })).toEqual([404, { error: "mfa_factor_not_found" }]);
    expect(await app.post("mfa", { code: stack.auth.totp(second.secret), factor_id: second.id })).toEqual([200, user(email, "aal2")]);
  });

  test("§8 a new password with the current one or a mailed nonce, where Auth wants them", async () => {
    const app = client();
    const email = visitor();
    await app.post("login", { email, password: PASSWORD });
    stack.auth.config({ requireCurrentPassword: true });
    expect(await app.post("password", { password: NEW_PASSWORD })).toEqual([400, { error: "current_password_required" }]);
    expect(await app.post("password", { password: NEW_PASSWORD, current_password: "wrong" })).toEqual([400, { error: "current_password_invalid" }]);
    expect((await app.post("password", { password: NEW_PASSWORD, current_password: PASSWORD }))[0]).toBe(200);
    stack.auth.config({ requireCurrentPassword: false, requireReauthentication: true });
    const olderEmail = visitor();
    const session = stack.signIn({ email: olderEmail, ageSeconds: 2 * 86_400, expiresIn: 3600 });
    const cookies = await stack.cookies(session);
    const json = (body: object): FetchInit => ({ method: "POST", cookies, headers: [["Sec-Fetch-Site", "same-origin"], ["Content-Type", "application/json"]], body: JSON.stringify(body) });
    const worker = stack.worker("main");
    expect((await worker.fetch("/auth/password", json({ password: NEW_PASSWORD }))).json()).toEqual({ error: "reauthentication_needed" });
    expect((await worker.fetch("/auth/reauthenticate", json({}))).status).toBe(204);
    const nonce = stack.auth.inbox.latest(olderEmail)!.token;
    expect((await worker.fetch("/auth/password", json({ password: NEW_PASSWORD, nonce: "000000" }))).json()).toEqual({ error: "reauthentication_not_valid" });
    expect((await worker.fetch("/auth/password", json({ password: NEW_PASSWORD, nonce }))).status).toBe(200);
    expect((await client().post("login", { email: olderEmail, password: NEW_PASSWORD }))[0]).toBe(200);
  });

  test("§8 POST /passkey/options and /passkey: a registered key signs in, once for each challenge", async () => {
    const app = client();
    const email = visitor();
    await app.post("login", { email, password: PASSWORD });
    const device = new Device(SITE);
    const offered = await app.askAuth("/passkeys/registration/options", {});
    await app.askAuth("/passkeys/registration/verify", { challenge_id: offered.challenge_id, credential: device.create(offered.options) });
    await app.post("signout");
    const [status, asked] = await app.post("passkey/options");
    expect([status, asked.options.rpId]).toEqual([200, "localhost"]);
    const answer = { challenge_id: asked.challenge_id, credential: device.get(asked.options) };
    expect(await app.post("passkey", answer)).toEqual([200, user(email)]);
    expect(await app.open("/members")).toBe(200);
    expect(await client().post("passkey", answer)).toEqual([400, { error: "webauthn_challenge_not_found" }]);
    const [, again] = await app.post("passkey/options");
    const forged = new Device(SITE, device.id).get(again.options);
    expect(await client().post("passkey", { challenge_id: again.challenge_id, credential: forged })).toEqual([400, { error: "webauthn_verification_failed" }]);
    stack.auth.config({ passkeys: false });
    expect(await app.post("passkey/options")).toEqual([404, { error: "passkey_disabled" }]);
  });

  test.each([["domain", "harbour.example"], ["provider_id", IDP]])("§8 GET /sso?%s=%s leads to the identity provider, and back into a session", async (name, value) => {
    const app = client();
    const started = await app.send(`/auth/sso?${name}=${value}&next=/members`, { navigate: true });
    const idp = new URL(started.header("location")!);
    expect([started.status, idp.pathname]).toEqual([303, `/idp/${IDP}`]);
    const page = await (await fetch(idp)).text();
    const fields = new URLSearchParams([...page.matchAll(/<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"/g)].map(([, field = "", text = ""]): [string, string] => [field, text]));
    fields.set("email", "ines@harbour.example");
    fields.set("action", "continue");
    const action = /action="([^"]+)"/.exec(page)![1]!.replaceAll("&amp;", "&");
    const posted = await fetch(action, { method: "POST", body: fields, redirect: "manual" });
    // The identity provider's answer is a form that a script sends.
    const form = await posted.text();
    const assertion = new URLSearchParams([...form.matchAll(/<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"/g)].map(([, field = "", text = ""]): [string, string] => [field, text]));
    const to = /action="([^"]+)"/.exec(form)![1]!.replaceAll("&amp;", "&");
    const back = new URL((await fetch(to, { method: "POST", body: assertion, redirect: "manual" })).headers.get("location")!);
    expect(back.pathname).toBe("/auth/callback");
    const signedIn = await app.send(`${back.pathname}${back.search}`, { navigate: true });
    expect([signedIn.status, signedIn.header("location"), signedIn.header("referrer-policy")]).toEqual([303, "/members", "no-referrer"]);
    expect((await sessionIn(signedIn, stack.auth.url, stack.key))?.user?.email).toBe("ines@harbour.example");
  });

  test("§8 GET /sso of an unknown domain, and a prefetch", async () => {
    const unknown = await client().send("/auth/sso?domain=nobody.example", { navigate: true });
    expect([unknown.status, unknown.header("location")]).toEqual([303, "/auth/login?error=sso_provider_not_found"]);
    stack.clear();
    const early = await client().send("/auth/sso?domain=harbour.example", { headers: [["Sec-Purpose", "prefetch;prerender"]] });
    expect([early.status, early.all("set-cookie"), stack.authCalls()]).toEqual([204, [], {}]);
  });
});

describe("§8 SIGN_IN_LIMIT", () => {
  test(`§8 ${GUESSES} guesses of a code from one address: the limit refuses them, and others sign in`, async () => {
    const email = visitor();
    const attacker = client("limited", "198.51.100.66");
    await attacker.post("otp", { email });
    const { token } = stack.auth.inbox.latest(email)!;
    stack.clear();
    const started = Date.now();
    const statuses: Record<number, number> = {};
    let guess = 0;
    let withoutWait = 0;
    const guesser = async (): Promise<void> => {
      while (guess < GUESSES) {
        guess += 1;
        const code = String(guess).padStart(6, "0");
        const wrong = code === token ? "999999" : code;
        const answer = await attacker.send("/auth/verify", {
          method: "POST",
          headers: [["Origin", SITE], ["Content-Type", "application/json"]],
          body: JSON.stringify({ email, token: wrong }),
        });
        statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
        withoutWait += answer.status === 429 && answer.header("retry-after") === undefined ? 1 : 0;
      }
    };
    const others: number[] = [];
    const neighbour = async (): Promise<void> => {
      for (let other = 1; guess < GUESSES && other <= 10; other += 1) {
        others.push((await client("limited", `203.0.113.${other}`).post("login", { email: visitor(), password: PASSWORD }))[0]);
        await new Promise((passed) => setTimeout(passed, 500));
      }
    };
    await Promise.all([...Array.from({ length: 24 }, guesser), neighbour()]);
    const windows = 1 + Math.ceil((Date.now() - started) / 60_000);
    const { 403: wrong = 0, 429: refused = 0, ...rest } = statuses;
    console.log(`${GUESSES} guesses in ${Date.now() - started} ms: ${refused} refused by the limit, ${wrong} reached Auth; ${others.length} neighbours signed in`);
    expect(rest).toEqual({});
    expect(wrong + refused).toBe(GUESSES);
    expect(wrong).toBeLessThanOrEqual(LIMIT * windows);
    expect(stack.authCalls().verify).toBe(wrong);
    expect(withoutWait).toBe(0);
    expect(others.length).toBeGreaterThan(2);
    expect(new Set(others)).toEqual(new Set([200]));
    // Neither does another address help against the same account.
    const elsewhere = await client("limited", "198.51.100.67").post("verify", { email, token: "000000" });
    expect(elsewhere).toEqual([429, { error: "rate_limited" }]);
    // A form keeps the status, and says it in words.
    const form = await attacker.submit("verify", { email, token: "000000" });
    expect([form.status, form.header("retry-after"), form.header("content-type")]).toEqual([429, "60", "text/html; charset=utf-8"]);
    expect(form.text).toContain("Too many attempts");
  }, 180_000);

  test("§8 IPv6 is counted by its /64, an address in any case and with spaces as one, and signing out is free", async () => {
    const email = visitor();
    const hosts = Array.from({ length: LIMIT + 5 }, (_, host) => client("limited", `2001:db8:7:1::${host.toString(16)}`).post("otp", { phone: `+4915100000${100 + host}` }));
    const statuses = (await Promise.all(hosts)).map(([status]) => status);
    expect(statuses.filter((status) => status === 429)).toHaveLength(5);
    expect((await client("limited", "2001:db8:7:2::1").post("otp", { phone: "+4915100000999" }))[0]).toBe(200);
    const spellings = [email, email.toUpperCase(), ` ${email} `];
    const guesses = Array.from({ length: LIMIT + 3 }, (_, n) => client("limited", `192.0.2.${n + 1}`).post("login", { email: spellings[n % 3], password: "wrong" }));
    expect((await Promise.all(guesses)).filter(([status]) => status === 429)).toHaveLength(3);
    const blocked = client("limited", "2001:db8:7:1::1");
    expect((await blocked.post("signout"))[0]).toBe(204);
    expect(await blocked.open("/auth/session")).toBe(200);
  });
});

describe("§8 TURNSTILE_SECRET_KEY", () => {
  test("§8 every post needs a good answer of the widget, and each answer is good once", async () => {
    const app = client("turnstile");
    const email = visitor();
    const routes = ["login", "signup", "otp", "recover", "resend", "verify", "anonymous", "passkey/options", "passkey", "password", "reauthenticate", "mfa"];
    for (const route of routes) {
      for (const answer of [{}, { "cf-turnstile-response": "invented" }, { "cf-turnstile-response": "x".repeat(3000) }]) {
        expect([route, await app.post(route, { email, password: PASSWORD, token: "123456", type: "signup", ...answer })]).toEqual([route, [403, { error: "captcha_failed" }]]);
      }
    }
    expect(stack.authCalls()).toEqual({});
    const solved = { "cf-turnstile-response": stack.turnstile.solve() };
    stack.turnstile.asked.length = 0;
    expect((await app.post("login", { email, password: PASSWORD, ...solved }))[0]).toBe(200);
    expect(stack.turnstile.asked).toEqual([{ secret: stack.turnstile.secretKey, response: solved["cf-turnstile-response"], remoteip: "203.0.113.7" }]);
    expect(await app.post("login", { email, password: PASSWORD, ...solved })).toEqual([403, { error: "captcha_failed" }]);
    expect((await app.post("signout"))[0]).toBe(204);
  });

  test("§8 a form keeps the status of a refusal, and the page has the widget and says what happened", async () => {
    const app = client("turnstile");
    const page = await app.send("/auth/login?next=/members", { navigate: true });
    expect(page.text).toContain('data-sitekey="1x00000000000000000000AA"');
    expect(page.header("content-security-policy")).toMatch(/; script-src 'sha256-[^ ]+' https:\/\/challenges\.cloudflare\.com; frame-src https:\/\/challenges\.cloudflare\.com;/);
    const refused = await app.submit("login", { email: "a@b.example", password: "x", next: "/members" });
    expect([refused.status, refused.header("content-type")]).toEqual([403, "text/html; charset=utf-8"]);
    expect(refused.text).toContain("you are a person");
    expect(refused.text).toContain('name="next" value="/members"');
    const down = { ...Object.fromEntries([["cf-turnstile-response", stack.turnstile.solve()]]), email: "a@b.example", password: "x" };
    stack.turnstile.fails(true);
    expect(await app.post("login", down)).toEqual([503, { error: "captcha_unreachable" }]);
  });

  test("§8 with the secret key too, Auth counts the visitor's address; without an answer it hears nothing", async () => {
    const app = client("counted", "198.51.100.9");
    const email = visitor();
    await app.post("login", { email, password: PASSWORD });
    expect(stack.authCalls()).toEqual({});
    expect((await app.post("login", { email, password: PASSWORD, "cf-turnstile-response": stack.turnstile.solve() }))[0]).toBe(200);
    const [call] = stack.auth.calls.log().filter(({ endpoint }) => endpoint === "token:password");
    expect([call!.headers.apikey, call!.headers.sbForwardedFor]).toEqual([stack.auth.secretKey, "198.51.100.9"]);
  });
});
