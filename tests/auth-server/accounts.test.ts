/** What the local Auth has for tests beside the wire: factors, invitations, messages, companies and passkeys. */
import { createHash } from "node:crypto";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { type AuthServer, startAuthServer } from "../support/auth-server/server.ts";
import { Device } from "../support/authenticator.ts";
import { claims, totp } from "./client.ts";

const SITE = "http://localhost:3000";
const VERIFIER = "gh".repeat(56);
const auth: AuthServer = await startAuthServer({ siteUrl: SITE, phone: true });

afterAll(() => auth.close());
beforeEach(() => auth.reset());

async function call(method: string, path: string, body?: object, headers: Record<string, string> = {}) {
  const response = await fetch(`${auth.authUrl}${path}`, {
    method,
    redirect: "manual",
    headers: { apikey: auth.publishableKey, ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, location: response.headers.get("location"), body: text.startsWith("{") ? JSON.parse(text) : text };
}

async function control(method: string, path: string, body?: object): Promise<any> {
  const response = await fetch(`${auth.url}/control${path}`, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  return response.json();
}

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });

test("a factor is made beforehand, and its code is asked for at the server's time", async () => {
  const session = auth.createSession({ email: "ada@example.com" });
  const { id, secret } = await control("POST", "/factors", { email: "ada@example.com" });
  expect((await call("GET", "/user", undefined, bearer(session.access_token))).body.factors[0]).toMatchObject({ id, status: "verified" });
  const verify = async (code: string) => {
    const { body } = await call("POST", `/factors/${id}/challenge`, {}, bearer(session.access_token));
    return call("POST", `/factors/${id}/verify`, { challenge_id: body.id, code }, bearer(session.access_token));
  };
  auth.clock.advance(600);
  expect((await verify(totp(secret))).body.error_code).toBe("mfa_verification_failed");
  const { code } = await control("POST", "/totp", { secret });
  expect(claims((await verify(code)).body.access_token).aal).toBe("aal2");
});

test("without the trusted header the address of a challenge is the proxy's first", async () => {
  const session = auth.createSession({ email: "ada@example.com" });
  const { id, secret } = auth.factor({ email: "ada@example.com" });
  const from = (address: string) => ({ ...bearer(session.access_token), "X-Forwarded-For": address });
  const { body } = await call("POST", `/factors/${id}/challenge`, {}, from("203.0.113.1"));
  const other = await call("POST", `/factors/${id}/verify`, { challenge_id: body.id, code: auth.totp(secret) }, from("203.0.113.2"));
  expect(other.body.error_code).toBe("mfa_ip_address_mismatch");
});

test("a session of an app carries the app in its claims, also after a refresh", async () => {
  const client = { client_id: "8f1c9ad4-0000-4000-8000-000000000000", scope: "email" };
  const session = await control("POST", "/sessions", { email: "ada@example.com", client });
  expect(claims(session.access_token)).toMatchObject(client);
  const { body } = await call("POST", "/token?grant_type=refresh_token", { refresh_token: session.refresh_token });
  expect(claims(body.access_token)).toMatchObject(client);
  expect(claims(auth.createSession().access_token)).not.toHaveProperty("client_id");
});

test("an invitation is made beforehand", async () => {
  const mail = await control("POST", "/invite", { email: "new@example.com", data: { team: "red" } });
  expect(mail.type).toBe("invite");
  const { status, location } = await call("GET", mail.link.slice(auth.authUrl.length));
  expect([status, new URLSearchParams(new URL(location ?? "").hash.slice(1)).get("type")]).toEqual([303, "invite"]);
});

describe("messages", () => {
  test("their codes can be read, and they are counted, refused and held back as told", async () => {
    const phone = "+15555550123";
    expect((await call("POST", "/otp", { phone, channel: "whatsapp" })).status).toBe(200);
    expect(await control("GET", "/messages?to=15555550123")).toMatchObject([{ to: "15555550123", channel: "whatsapp", kind: "confirmation", code: expect.stringMatching(/^\d{6}$/) }]);
    auth.config({ smsMinInterval: 60 });
    const soon = await call("POST", "/otp", { phone });
    expect([soon.status, soon.body.error_code, soon.body.msg]).toEqual([429, "over_sms_send_rate_limit", expect.stringMatching(/after \d+ seconds/)]);
    auth.config({ smsMinInterval: 0, smsFails: true });
    const failed = await call("POST", "/otp", { phone });
    expect([failed.status, failed.body.error_code]).toEqual([422, "sms_send_failed"]);
    auth.config({ smsFails: false });
    await call("POST", "/otp", { phone });
    auth.clock.advance(61);
    const late = await call("POST", "/verify", { type: "sms", phone, token: auth.messages.latest(phone)!.code });
    expect(late.body.error_code).toBe("otp_expired");
  });

  test("a new number is confirmed by its own code", async () => {
    const session = auth.createSession({ email: "ada@example.com" });
    const asked = await call("PUT", "/user", { phone: "+15555550124" }, bearer(session.access_token));
    expect(asked.body.new_phone).toBe("15555550124");
    const token = auth.messages.latest("15555550124")!.code;
    const { body } = await call("POST", "/verify", { type: "phone_change", phone: "15555550124", token });
    expect([body.user.phone, body.user.new_phone]).toEqual(["15555550124", undefined]);
  });
});

test("SAML: the company's page, its assertion, and the code that is exchanged", async () => {
  auth.config({ sso: [{ id: "b1d0e4d8-0000-4000-8000-000000000000", domains: ["acme.example"] }] });
  const code_challenge = createHash("sha256").update(VERIFIER).digest("base64url");
  const { body } = await call("POST", "/sso", { domain: "acme.example", redirect_to: `${SITE}/auth/callback`, skip_http_redirect: true, code_challenge, code_challenge_method: "s256" });
  const page = await (await fetch(`${body.url}&login_hint=ada@acme.example`)).text();
  const field = (html: string, name: string) => new RegExp(`name="${name}"[^>]*value="([^"]*)"`).exec(html)?.[1] ?? "";
  const post = (url: string, fields: Record<string, string>) => fetch(url, { method: "POST", redirect: "manual", body: new URLSearchParams(fields) });
  const action = (html: string) => /action="([^"]*)"/.exec(html)?.[1] ?? "";
  const answered = await (await post(action(page), { RelayState: field(page, "RelayState"), email: field(page, "email") })).text();
  const fields = { RelayState: field(answered, "RelayState"), SAMLResponse: field(answered, "SAMLResponse") };
  const back = new URL((await post(action(answered), fields)).headers.get("location") ?? "");
  const exchanged = await call("POST", "/token?grant_type=pkce", { auth_code: back.searchParams.get("code"), code_verifier: VERIFIER });
  expect([exchanged.body.user.email, claims(exchanged.body.access_token).amr[0].method]).toEqual(["ada@acme.example", "sso/saml"]);
  const again = new URL((await post(action(answered), fields)).headers.get("location") ?? "");
  expect(again.searchParams.get("error_code")).toBe("saml_relay_state_not_found");
});

describe("passkeys", () => {
  test("one is registered, signs in, and its answer works once", async () => {
    auth.config({ passkeys: true });
    const session = auth.createSession({ email: "ada@example.com" });
    const device = new Device(SITE);
    const { body: offer } = await call("POST", "/passkeys/registration/options", {}, bearer(session.access_token));
    const registered = await call("POST", "/passkeys/registration/verify", { challenge_id: offer.challenge_id, credential: device.create(offer.options) }, bearer(session.access_token));
    expect([registered.status, registered.body.id]).toEqual([200, expect.any(String)]);

    const { body: asked } = await call("POST", "/passkeys/authentication/options", {});
    const answer = { challenge_id: asked.challenge_id, credential: device.get(asked.options) };
    const { status, body } = await call("POST", "/passkeys/authentication/verify", answer);
    expect([status, body.user.email, claims(body.access_token).amr[0].method]).toEqual([200, "ada@example.com", "passkey"]);
    expect((await call("POST", "/passkeys/authentication/verify", answer)).body.error_code).toBe("webauthn_challenge_not_found");

    const { body: other } = await call("POST", "/passkeys/authentication/options", {});
    const forged = await call("POST", "/passkeys/authentication/verify", { challenge_id: other.challenge_id, credential: new Device(SITE, device.id).get(other.options) });
    expect(forged.body.error_code).toBe("webauthn_verification_failed");
  });
});
