/** What any Supabase Auth does for second factors, phones, passkeys, SSO, OAuth and the change of versions. See conformance.test.ts. */
import { createHash, randomInt, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { AuthClient, claims, totp } from "./client.ts";

const auth = await AuthClient.connect();
const VERSION = { "X-Supabase-Api-Version": "2024-01-01" };
const REUSE_INTERVAL_SECONDS = Number(process.env.AUTH_REUSE_INTERVAL ?? 10);
const STEP_MS = 30_000;
const TEST_PHONE = "15555550100";
const TEST_CODE = "123456";
const PHONE = { phone: true, smsTestOtp: { [TEST_PHONE]: TEST_CODE } };
const CHALLENGE = { code_challenge: createHash("sha256").update("ef".repeat(56)).digest("base64url"), code_challenge_method: "s256" };

afterAll(() => auth.close());

beforeEach(async () => {
  if (auth.controlled) {
    await auth.control("POST", "/reset");
  }
});

async function call(method: string, path: string, options: { bearer?: string; body?: object; headers?: Record<string, string> } = {}) {
  const { status, body } = await auth.call(method, path, { ...options, headers: { ...VERSION, ...options.headers } });
  return { status, body, code: body.code as string | undefined };
}

/** Waits until the step of an authenticator app lasts long enough for some calls. */
async function steady(): Promise<void> {
  const left = STEP_MS - (Date.now() % STEP_MS);
  await sleep(left < STEP_MS / 3 ? left + 100 : 0);
}

interface Enrolled {
  bearer: string;
  refresh: string;
  id: string;
  secret: string;
}

/** A member with a factor that is not verified yet. */
async function enrolled(who?: { email: string; password: string }): Promise<Enrolled> {
  const { access_token, refresh_token } = await auth.signIn(who);
  const { status, body } = await call("POST", "/factors", { bearer: access_token, body: { factor_type: "totp", friendly_name: "app" } });
  expect(status).toBe(200);
  return { bearer: access_token, refresh: refresh_token, id: body.id, secret: body.totp.secret };
}

async function answer({ bearer, id }: Enrolled, code: string, headers: Record<string, string> = {}) {
  const { body } = await call("POST", `/factors/${id}/challenge`, { bearer, body: {}, headers });
  return call("POST", `/factors/${id}/verify`, { bearer, body: { challenge_id: body.id, code }, headers });
}

describe("TOTP", () => {
  test("F1 an enrolment answers secret, address and picture, and stands in /user as unverified", async () => {
    const { access_token } = await auth.signIn();
    const before = await call("GET", "/user", { bearer: access_token });
    expect(before.body.factors).toBeUndefined();
    const { status, body } = await call("POST", "/factors", { bearer: access_token, body: { factor_type: "totp", friendly_name: "app", issuer: "Acme" } });
    expect(status).toBe(200);
    expect(body).toMatchObject({ type: "totp", friendly_name: "app", totp: { secret: expect.stringMatching(/^[A-Z2-7]{32}$/), qr_code: expect.stringContaining("<svg") } });
    expect(body.totp.uri).toMatch(/^otpauth:\/\/totp\/Acme/);
    const { body: user } = await call("GET", "/user", { bearer: access_token });
    expect(user.factors).toMatchObject([{ id: body.id, status: "unverified", factor_type: "totp", friendly_name: "app" }]);
  });

  test("F2 a verified factor raises the session, with a new refresh token", async () => {
    const factor = await enrolled();
    const { status, body } = await answer(factor, totp(factor.secret));
    expect(status).toBe(200);
    expect(body.refresh_token).not.toBe(factor.refresh);
    const [before, after] = [claims(factor.bearer), claims(body.access_token)];
    expect(after).toMatchObject({ aal: "aal2", session_id: before.session_id });
    expect(after.amr.map(({ method }: { method: string }) => method).sort()).toEqual(["password", "totp"]);
    expect((await call("GET", "/user", { bearer: body.access_token })).body.factors[0].status).toBe("verified");
    expect((await call("GET", "/user", { bearer: factor.bearer })).status).toBe(200);
    expect(claims((await auth.refresh(body.refresh_token)).body.access_token).aal).toBe("aal2");
  });

  test("F3 a challenge says until when it lasts", async () => {
    const factor = await enrolled();
    const { body } = await call("POST", `/factors/${factor.id}/challenge`, { bearer: factor.bearer, body: {} });
    expect(body).toMatchObject({ id: expect.any(String), type: "totp", expires_at: expect.any(Number) });
    expect(body.expires_at - Date.now() / 1000).toBeGreaterThan(0);
  });

  test("F4 a wrong code is refused and leaves the challenge", async () => {
    const factor = await enrolled();
    const { body } = await call("POST", `/factors/${factor.id}/challenge`, { bearer: factor.bearer, body: {} });
    const verify = (code: string) => call("POST", `/factors/${factor.id}/verify`, { bearer: factor.bearer, body: { challenge_id: body.id, code } });
    const wrong = await verify(totp(factor.secret, 100));
    expect([wrong.status, wrong.code]).toEqual([422, "mfa_verification_failed"]);
    expect((await verify("")).code).toBe("validation_failed");
    expect((await verify(totp(factor.secret))).status).toBe(200);
  });

  test("F5 the code of the step before is good, that of two before is not", async () => {
    const [first, second] = [await enrolled(), await enrolled()];
    await steady();
    expect((await answer(first, totp(first.secret, -3))).code).toBe("mfa_verification_failed");
    expect((await answer(second, totp(second.secret, -1))).status).toBe(200);
  }, 30_000);

  test("F6 a challenge asked for from another address, or used before, is refused", async ({ skip }) => {
    await auth.needs(skip, { sbForwardedFor: true });
    const factor = await enrolled();
    const asked = await call("POST", `/factors/${factor.id}/challenge`, { bearer: factor.bearer, body: {}, headers: auth.from("203.0.113.1") });
    const verify = (address: string) =>
      call("POST", `/factors/${factor.id}/verify`, {
        bearer: factor.bearer,
        body: { challenge_id: asked.body.id, code: totp(factor.secret) },
        headers: auth.from(address),
      });
    const elsewhere = await verify("203.0.113.2");
    expect([elsewhere.status, elsewhere.code]).toEqual([422, "mfa_ip_address_mismatch"]);
    expect((await verify("203.0.113.1")).status).toBe(200);
    const again = await verify("203.0.113.1");
    expect([again.status, again.code]).toEqual([422, "mfa_ip_address_mismatch"]);
  });

  test("F7 an old challenge has expired", async ({ skip }) => {
    auth.needsOperator(skip);
    const factor = await enrolled();
    const { body } = await call("POST", `/factors/${factor.id}/challenge`, { bearer: factor.bearer, body: {} });
    await auth.age(301);
    const { status, code } = await call("POST", `/factors/${factor.id}/verify`, { bearer: factor.bearer, body: { challenge_id: body.id, code: totp(factor.secret) } });
    expect([status, code]).toEqual([422, "mfa_challenge_expired"]);
  });

  test("F8 unknown factors and challenges, and ids that are none, are refused by name", async () => {
    const factor = await enrolled();
    const unknown = await call("POST", `/factors/${randomUUID()}/challenge`, { bearer: factor.bearer, body: {} });
    expect([unknown.status, unknown.code]).toEqual([404, "mfa_factor_not_found"]);
    const nonsense = await call("POST", "/factors/nonsense/challenge", { bearer: factor.bearer, body: {} });
    expect([nonsense.status, nonsense.code]).toEqual([404, "validation_failed"]);
    const challenge = await call("POST", `/factors/${factor.id}/verify`, { bearer: factor.bearer, body: { challenge_id: randomUUID(), code: "123456" } });
    expect([challenge.status, challenge.code]).toEqual([422, "mfa_factor_not_found"]);
  });

  test("F9 another member's factor is not found", async () => {
    const factor = await enrolled();
    const { access_token } = await auth.signIn();
    const { status, code } = await call("POST", `/factors/${factor.id}/challenge`, { bearer: access_token, body: {} });
    expect([status, code]).toEqual([404, "mfa_factor_not_found"]);
  });

  test("F10 a name is given once, and unknown kinds are refused", async () => {
    const { bearer } = await enrolled();
    const twice = await call("POST", "/factors", { bearer, body: { factor_type: "totp", friendly_name: "app" } });
    expect([twice.status, twice.code]).toEqual([422, "mfa_factor_name_conflict"]);
    const unknown = await call("POST", "/factors", { bearer, body: { factor_type: "smell", friendly_name: "nose" } });
    expect([unknown.status, unknown.code]).toEqual([400, "validation_failed"]);
  });

  test("F11 sessions of lower level end when a factor is verified, and later ones start low", async () => {
    const who = await auth.createUser();
    const other = await auth.signIn(who);
    const factor = await enrolled(who);
    await answer(factor, totp(factor.secret));
    expect((await call("GET", "/user", { bearer: other.access_token })).code).toBe("session_not_found");
    expect(claims((await auth.signIn(who)).access_token).aal).toBe("aal1");
  });

  test("F12 a low session of a member with a factor may not change the password nor enrol nor remove", async () => {
    const who = await auth.createUser();
    const factor = await enrolled(who);
    await answer(factor, totp(factor.secret));
    const { access_token: low } = await auth.signIn(who);
    const password = await call("PUT", "/user", { bearer: low, body: { password: "another good password" } });
    expect([password.status, password.code]).toEqual([401, "insufficient_aal"]);
    const second = await call("POST", "/factors", { bearer: low, body: { factor_type: "totp", friendly_name: "second" } });
    expect([second.status, second.code]).toEqual([403, "insufficient_aal"]);
    const removal = await call("DELETE", `/factors/${factor.id}`, { bearer: low });
    expect([removal.status, removal.code]).toEqual([422, "insufficient_aal"]);
  });

  test("F13 a removed factor lowers the session at its next refresh", async () => {
    const factor = await enrolled();
    const { body: high } = await answer(factor, totp(factor.secret));
    const removal = await call("DELETE", `/factors/${factor.id}`, { bearer: high.access_token });
    expect([removal.status, removal.body]).toEqual([200, { id: factor.id }]);
    const { body } = await auth.refresh(high.refresh_token);
    expect([claims(body.access_token).aal, body.user.factors]).toEqual(["aal1", undefined]);
  });

  test("F14 the refresh token of before a factor ends the session once the newer one was used", async ({ skip }) => {
    auth.needsOperator(skip);
    await auth.needs(skip, { algorithmVersion: 1 });
    const factor = await enrolled();
    const { body: high } = await answer(factor, totp(factor.secret));
    const { body: next } = await auth.refresh(high.refresh_token);
    await auth.wait(REUSE_INTERVAL_SECONDS + 1);
    const late = await auth.refresh(factor.refresh, VERSION);
    expect([late.status, late.body.code]).toEqual([400, "refresh_token_already_used"]);
    await auth.wait(REUSE_INTERVAL_SECONDS + 1);
    expect((await auth.refresh(next.refresh_token, VERSION)).body.code).toBe("refresh_token_already_used");
  }, 60_000);

  test("F15 in version 2 a factor raises the counter by two", async ({ skip }) => {
    await auth.needs(skip, { algorithmVersion: 2 });
    const factor = await enrolled();
    const { body } = await answer(factor, totp(factor.secret));
    const counter = (token: string) => Buffer.from(token, "base64url")[17]!;
    expect(counter(body.refresh_token) - counter(factor.refresh)).toBe(2);
  });

  test("F16 phone factors are refused where they are off", async ({ skip }) => {
    await auth.needs(skip, { mfaPhone: false });
    const { access_token } = await auth.signIn();
    const { status, code } = await call("POST", "/factors", { bearer: access_token, body: { factor_type: "phone", friendly_name: "phone", phone: "+15555550123" } });
    expect([status, code]).toEqual([422, "mfa_phone_enroll_not_enabled"]);
  });

  test("F17 a phone factor is verified by the code that was sent", async ({ skip }) => {
    auth.needsOperator(skip);
    await auth.needs(skip, { mfaPhone: true, phone: true });
    const { access_token: bearer } = await auth.signIn();
    const phone = `1555${randomInt(1_000_000, 9_999_999)}`;
    const made = await call("POST", "/factors", { bearer, body: { factor_type: "phone", friendly_name: "phone", phone: `+${phone}` } });
    expect([made.status, made.body.type, made.body.phone]).toEqual([200, "phone", `+${phone}`]);
    const { body: asked } = await call("POST", `/factors/${made.body.id}/challenge`, { bearer, body: { channel: "sms" } });
    expect(asked.type).toBe("phone");
    const verify = (code: string) => call("POST", `/factors/${made.body.id}/verify`, { bearer, body: { challenge_id: asked.id, code } });
    const sent = await auth.message(phone);
    expect((await verify(sent === "000000" ? "000001" : "000000")).code).toBe("mfa_verification_failed");
    const { status, body } = await verify(sent);
    // Of two methods within one second Auth may name either first.
    const methods = claims(body.access_token).amr.map(({ method }: { method: string }) => method);
    expect([status, claims(body.access_token).aal, methods.sort()]).toEqual([200, "aal2", ["mfa/phone", "password"]]);
  });
});

describe("phones", () => {
  test("P1 phones are refused where they are off", async ({ skip }) => {
    await auth.needs(skip, { phone: false, disableSignup: false });
    const refusals = [
      await call("POST", "/otp", { body: { phone: "+15555550101" } }),
      await call("POST", "/signup", { body: { phone: "+15555550101", password: "correct horse" } }),
      await call("POST", "/token?grant_type=password", { body: { phone: "+15555550101", password: "correct horse" } }),
    ];
    expect(refusals.map(({ status, code }) => [status, code])).toEqual([
      [400, "phone_provider_disabled"],
      [400, "phone_provider_disabled"],
      [422, "phone_provider_disabled"],
    ]);
  });

  test("P2 a number for tests signs up and in with its code", async ({ skip }) => {
    await auth.needs(skip, PHONE);
    const asked = await call("POST", "/otp", { body: { phone: `+${TEST_PHONE}` } });
    expect(asked.status).toBe(200);
    const { status, body } = await call("POST", "/verify", { body: { type: "sms", phone: `+${TEST_PHONE}`, token: TEST_CODE } });
    expect([status, body.user?.phone]).toEqual([200, TEST_PHONE]);
    expect(claims(body.access_token)).toMatchObject({ phone: TEST_PHONE, email: "", amr: [{ method: "otp" }] });
    const again = await call("POST", "/otp", { body: { phone: TEST_PHONE, create_user: false } });
    expect([again.status, again.body]).toEqual([200, { message_id: "test-otp" }]);
  });

  test("P3 a wrong code by SMS is refused", async ({ skip }) => {
    await auth.needs(skip, PHONE);
    await call("POST", "/otp", { body: { phone: TEST_PHONE } });
    const { status, code } = await call("POST", "/verify", { body: { type: "sms", phone: TEST_PHONE, token: "654321" } });
    expect([status, code]).toEqual([403, "otp_expired"]);
  });

  test("P4 numbers that are none, and channels that are none, are refused", async ({ skip }) => {
    await auth.needs(skip, { ...PHONE, smsProvider: "textlocal" });
    for (const body of [{ phone: "nonsense" }, { phone: TEST_PHONE, channel: "pigeon" }, { phone: TEST_PHONE, channel: "whatsapp" }, { phone: TEST_PHONE, email: "a@example.com" }, {}]) {
      const { status, code } = await call("POST", "/otp", { body });
      expect([status, code], JSON.stringify(body)).toEqual([400, "validation_failed"]);
    }
  });

  test("P5 unknown numbers are refused where no user may be made, and answered alike by /resend", async ({ skip }) => {
    await auth.needs(skip, PHONE);
    const { status, code } = await call("POST", "/otp", { body: { phone: "15555550199", create_user: false } });
    expect([status, code]).toEqual([422, "otp_disabled"]);
    const resent = await call("POST", "/resend", { body: { type: "sms", phone: "15555550199" } });
    expect([resent.status, resent.body]).toEqual([200, {}]);
    expect((await call("POST", "/resend", { body: { type: "signup", phone: "15555550199" } })).code).toBe("validation_failed");
  });

  test("P6 a number and a password sign up, and in once the code was given", async ({ skip }) => {
    auth.needsOperator(skip);
    await auth.needs(skip, { phone: true, mfaPhone: true, disableSignup: false, smsAutoconfirm: false });
    const phone = `1555${randomInt(1_000_000, 9_999_999)}`;
    const who = { phone: `+${phone}`, password: "correct horse battery" };
    const { status, body } = await call("POST", "/signup", { body: { ...who, data: { plan: "free" } } });
    expect([status, body.access_token, body.phone]).toEqual([200, undefined, phone]);
    const early = await call("POST", "/token?grant_type=password", { body: who });
    expect([early.status, early.code]).toEqual([400, "phone_not_confirmed"]);
    const token = await auth.message(phone);
    const verified = await call("POST", "/verify", { body: { type: "sms", phone, token } });
    expect([verified.status, verified.body.user.user_metadata.plan]).toEqual([200, "free"]);
    expect((await call("POST", "/verify", { body: { type: "sms", phone, token } })).code).toBe("otp_expired");
    expect((await call("POST", "/token?grant_type=password", { body: who })).status).toBe(200);
    const taken = await call("POST", "/signup", { body: who });
    expect([taken.status, taken.body.identities]).toEqual([200, []]);
  });
});

describe("passkeys", () => {
  test("K1 passkeys are not found where they are off", async ({ skip }) => {
    await auth.needs(skip, { passkeys: false });
    const { status, code } = await call("POST", "/passkeys/authentication/options", { body: {} });
    expect([status, code]).toEqual([404, "passkey_disabled"]);
  });

  test("K2 the options of a sign-in name nobody", async ({ skip }) => {
    await auth.needs(skip, { passkeys: true });
    const { status, body } = await call("POST", "/passkeys/authentication/options", { body: {} });
    expect(status).toBe(200);
    expect(body).toEqual({
      challenge_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      options: { challenge: expect.any(String), timeout: expect.any(Number), rpId: "localhost", userVerification: expect.any(String) },
      expires_at: expect.any(Number),
    });
  });

  test("K3 an answer is refused by what is wrong with it, and uses its challenge up", async ({ skip }) => {
    await auth.needs(skip, { passkeys: true });
    const verify = (body: object) => call("POST", "/passkeys/authentication/verify", { body });
    for (const body of [{}, { challenge_id: randomUUID() }, { challenge_id: "nonsense", credential: {} }]) {
      const { status, code } = await verify(body);
      expect([status, code], JSON.stringify(body)).toEqual([400, "validation_failed"]);
    }
    const unknown = await verify({ challenge_id: randomUUID(), credential: {} });
    expect([unknown.status, unknown.code]).toEqual([400, "webauthn_challenge_not_found"]);
    const { body: asked } = await call("POST", "/passkeys/authentication/options", { body: {} });
    const wrong = await verify({ challenge_id: asked.challenge_id, credential: {} });
    expect([wrong.status, wrong.code]).toEqual([400, "webauthn_verification_failed"]);
    expect((await verify({ challenge_id: asked.challenge_id, credential: {} })).code).toBe("webauthn_challenge_not_found");
  });

  test("K4 an old challenge has expired", async ({ skip }) => {
    auth.needsOperator(skip);
    await auth.needs(skip, { passkeys: true });
    const { body: asked } = await call("POST", "/passkeys/authentication/options", { body: {} });
    await auth.age(301);
    const { status, code } = await call("POST", "/passkeys/authentication/verify", { body: { challenge_id: asked.challenge_id, credential: {} } });
    expect([status, code]).toEqual([400, "webauthn_challenge_expired"]);
  });

  test("K5 a member registers, with a resident key, and has none before", async ({ skip }) => {
    await auth.needs(skip, { passkeys: true });
    const { access_token: bearer } = await auth.signIn();
    expect((await call("GET", "/passkeys", { bearer })).body).toEqual([]);
    const { status, body } = await call("POST", "/passkeys/registration/options", { bearer, body: {} });
    expect(status).toBe(200);
    expect(body.options).toMatchObject({ rp: { id: "localhost" }, authenticatorSelection: { residentKey: "required" }, attestation: "none" });
    const wrong = await call("POST", "/passkeys/registration/verify", { bearer, body: { challenge_id: body.challenge_id, credential: {} } });
    expect([wrong.status, wrong.code]).toEqual([400, "webauthn_verification_failed"]);
    expect((await call("POST", "/passkeys/registration/options", { body: {} })).code).toBe("no_authorization");
  });
});

describe("SSO and OAuth", () => {
  test("S1 SAML is not found where it is off", async ({ skip }) => {
    await auth.needs(skip, { sso: null });
    const { status, code } = await call("POST", "/sso", { body: { domain: "example.com" } });
    expect([status, code]).toEqual([404, "saml_provider_disabled"]);
  });

  test("S2 a domain leads to its provider, and others do not", async ({ skip }) => {
    skip(!auth.controlled, "an identity provider has to be registered with the server");
    const id = randomUUID();
    await auth.needs(skip, { sso: [{ id, domains: ["acme.example"] }] });
    const start = (body: object) => call("POST", "/sso", { body: { ...CHALLENGE, skip_http_redirect: true, ...body } });
    for (const body of [{ domain: "acme.example" }, { provider_id: id }]) {
      const { body: found } = await start(body);
      expect(new URL(found.url).searchParams.get("RelayState")).toMatch(/^[0-9a-f-]{36}$/);
    }
    expect((await start({ domain: "other.example" })).code).toBe("sso_provider_not_found");
    expect((await start({})).code).toBe("validation_failed");
  });

  test("S3 an unknown provider is refused as JSON", async () => {
    const { status, code } = await call("GET", "/authorize?provider=nobody");
    expect([status, code]).toEqual([400, "validation_failed"]);
  });

  test("S4 half a challenge and a short one are refused", async () => {
    for (const body of [{ code_challenge: CHALLENGE.code_challenge }, { code_challenge: "short", code_challenge_method: "s256" }]) {
      const { status, code } = await call("POST", "/otp", { body: { email: `${randomUUID()}@example.com`, ...body } });
      expect([status, code], JSON.stringify(body)).toEqual([400, "validation_failed"]);
    }
  });

  test("S5 an unknown state leads back with bad_oauth_state in the query", async () => {
    const answer = await fetch(`${auth.base}/callback?state=${randomUUID()}&code=x`, { redirect: "manual" });
    const back = new URL(answer.headers.get("location") ?? "");
    expect([answer.status, back.searchParams.get("error"), back.searchParams.get("error_code")]).toEqual([303, "invalid_request", "bad_oauth_state"]);
  });

  test("S6 an exchange without code or verifier, and with an unknown code, is refused", async () => {
    for (const [code, verifier, expected] of [["", "x", "validation_failed"], ["x", "", "validation_failed"], [randomUUID(), "x", "flow_state_not_found"]] as const) {
      const { body } = await auth.call("POST", "/token?grant_type=pkce", { body: { auth_code: code, code_verifier: verifier }, headers: VERSION });
      expect(body.code).toBe(expected);
    }
  });
});

describe("the change from version 1 to version 2", () => {
  test("U1 within the interval the old token is answered with another new one each time, and after it with an error", async ({ skip }) => {
    auth.needsOperator(skip);
    await auth.needs(skip, { algorithmVersion: 1 });
    const before = await auth.signIn();
    expect(before.refresh_token).toHaveLength(12);
    skip(!(await auth.upgrade()), "the operator keeps this server at version 1");
    const first = await auth.refresh(before.refresh_token);
    const second = await auth.refresh(before.refresh_token);
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(first.body.refresh_token).toMatch(/^A[A-Za-z0-9_-]{50}$/);
    expect(second.body.refresh_token).not.toBe(first.body.refresh_token);
    await auth.wait(REUSE_INTERVAL_SECONDS + 1);
    const late = await auth.refresh(before.refresh_token, VERSION);
    expect([late.status, late.body.code]).toEqual([400, "refresh_token_already_used"]);
    expect((await auth.refresh(second.body.refresh_token)).status).toBe(200);
  }, 60_000);
});
