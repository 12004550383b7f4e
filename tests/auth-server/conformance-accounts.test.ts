/** What any Supabase Auth does for passwords, mails, invitations and sessions. See conformance.test.ts. */
import { createHash, randomUUID } from "node:crypto";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { AuthClient, claims } from "./client.ts";

const auth = await AuthClient.connect();
const VERSION = { "X-Supabase-Api-Version": "2024-01-01" };
const VERIFIER = "cd".repeat(56);
const CHALLENGE = { code_challenge: createHash("sha256").update(VERIFIER).digest("base64url"), code_challenge_method: "s256" };
const PASSWORD = "correct horse battery staple";
const DAY_SECONDS = 24 * 3600;

afterAll(() => auth.close());

beforeEach(async () => {
  if (auth.controlled) {
    await auth.control("POST", "/reset");
  }
});

const address = (): string => `${randomUUID()}@example.com`;

async function post(path: string, body: object, options: { bearer?: string; headers?: Record<string, string> } = {}) {
  const { status, body: answer } = await auth.call("POST", path, { ...options, body, headers: { ...VERSION, ...options.headers } });
  return { status, body: answer, code: answer.code as string | undefined };
}

async function putUser(bearer: string, body: object) {
  const { status, body: answer } = await auth.call("PUT", "/user", { bearer, body, headers: VERSION });
  return { status, body: answer, code: answer.code as string | undefined };
}

describe("passwords", () => {
  test("A1 a wrong password and an unknown address are refused alike", async () => {
    const { email } = await auth.createUser();
    const wrong = await post("/token?grant_type=password", { email, password: "wrong" });
    const unknown = await post("/token?grant_type=password", { email: address(), password: "wrong" });
    expect([wrong.status, wrong.code]).toEqual([400, "invalid_credentials"]);
    expect(unknown).toEqual(wrong);
  });

  test("A2 a sign-in answers the members on which clients rely", async () => {
    const who = await auth.createUser();
    const { status, body } = await post("/token?grant_type=password", who);
    expect(status).toBe(200);
    expect(body).toMatchObject({ token_type: "bearer", weak_password: null, user: { email: who.email, aud: "authenticated" } });
    expect(body.expires_at - Math.floor(Date.now() / 1000)).toBeCloseTo(body.expires_in, -1);
    expect(claims(body.access_token)).toMatchObject({
      sub: body.user.id,
      email: who.email,
      phone: "",
      aal: "aal1",
      amr: [{ method: "password", timestamp: expect.any(Number) }],
      session_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      is_anonymous: false,
    });
  });

  test("A3 address and number together are refused, and so is neither", async () => {
    for (const who of [{ email: address(), phone: "15555550101" }, {}]) {
      const { status, code } = await post("/token?grant_type=password", { ...who, password: PASSWORD });
      expect([status, code]).toEqual([400, "validation_failed"]);
    }
  });

  test("A4 an unknown grant is refused", async () => {
    const { status, code } = await post("/token?grant_type=magic", {});
    expect([status, code]).toEqual([400, "invalid_credentials"]);
  });

  test("A5 a body that is no JSON is refused", async () => {
    const response = await fetch(`${auth.base}/token?grant_type=password`, { method: "POST", headers: { apikey: auth.apikey, ...VERSION }, body: "{" });
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([400, "bad_json"]);
  });

  test("A6 the same, a weak and an overlong new password are refused", async () => {
    const who = await auth.createUser();
    const { access_token } = await auth.signIn(who);
    const same = await putUser(access_token, { password: who.password, current_password: who.password });
    expect([same.status, same.code]).toEqual([422, "same_password"]);
    const weak = await putUser(access_token, { password: "short" });
    expect([weak.status, weak.code, weak.body.weak_password?.reasons]).toEqual([422, "weak_password", ["length"]]);
    const long = await putUser(access_token, { password: "x".repeat(73) });
    expect([long.status, long.code]).toEqual([400, "validation_failed"]);
  });

  test("A7 a new password signs in, the old one no more, and the other sessions end", async ({ skip }) => {
    await auth.needs(skip, { requireCurrentPassword: false });
    const who = await auth.createUser();
    const [mine, other] = [await auth.signIn(who), await auth.signIn(who)];
    expect((await putUser(mine.access_token, { password: `${PASSWORD} two` })).status).toBe(200);
    expect((await auth.call("GET", "/user", { bearer: mine.access_token })).status).toBe(200);
    const gone = await auth.call("GET", "/user", { bearer: other.access_token, headers: VERSION });
    expect([gone.status, gone.body.code]).toEqual([403, "session_not_found"]);
    expect((await auth.refresh(other.refresh_token, VERSION)).body.code).toBe("refresh_token_not_found");
    expect((await auth.refresh(mine.refresh_token)).status).toBe(200);
    expect((await post("/token?grant_type=password", who)).code).toBe("invalid_credentials");
  });

  test("A8 the current password is wanted where the project says so", async ({ skip }) => {
    await auth.needs(skip, { requireCurrentPassword: true });
    const who = await auth.createUser();
    const { access_token } = await auth.signIn(who);
    const password = `${PASSWORD} two`;
    const missing = await putUser(access_token, { password });
    expect([missing.status, missing.code]).toEqual([400, "current_password_required"]);
    const wrong = await putUser(access_token, { password, current_password: "wrong" });
    expect([wrong.status, wrong.code]).toEqual([400, "current_password_invalid"]);
    expect((await putUser(access_token, { password, current_password: who.password })).status).toBe(200);
  });

  test("A9 after a recovery by PKCE no current password is wanted", async ({ skip }) => {
    auth.needsOperator(skip);
    await auth.needs(skip, { requireCurrentPassword: true });
    const { email } = await auth.createUser();
    await post("/recover", { email, ...CHALLENGE });
    const code = (await auth.click((await auth.mail(email)).link)).searchParams.get("code") ?? "";
    const { body } = await auth.exchange(code, VERIFIER);
    expect(claims(body.access_token).amr[0].method).toBe("recovery");
    expect((await putUser(body.access_token, { password: `${PASSWORD} two` })).status).toBe(200);
  });

  test("A10 a session older than a day has to reauthenticate where the project says so", async ({ skip }) => {
    auth.needsOperator(skip);
    await auth.needs(skip, { requireReauthentication: true });
    const who = await auth.createUser();
    let { access_token, refresh_token } = await auth.signIn(who);
    await auth.age(DAY_SECONDS + 60);
    if (auth.controlled) {
      ({ access_token, refresh_token } = (await auth.refresh(refresh_token)).body as { access_token: string; refresh_token: string });
    }
    const wish = { password: `${PASSWORD} two`, current_password: who.password };
    const needed = await putUser(access_token, wish);
    expect([needed.status, needed.code]).toEqual([400, "reauthentication_needed"]);
    const asked = await auth.call("GET", "/reauthenticate", { bearer: access_token });
    expect([asked.status, asked.body]).toEqual([200, {}]);
    const mail = await auth.mail(who.email);
    expect(mail.type).toBe("reauthentication");
    const wrong = await putUser(access_token, { ...wish, nonce: mail.token === "000000" ? "000001" : "000000" });
    expect([wrong.status, wrong.code]).toEqual([422, "reauthentication_not_valid"]);
    expect((await putUser(access_token, { ...wish, nonce: mail.token })).status).toBe(200);
    const again = await putUser(access_token, { ...wish, password: `${PASSWORD} three`, current_password: wish.password, nonce: mail.token });
    expect([again.status, again.code]).toEqual([422, "reauthentication_not_valid"]);
  });

  test("A11 a young session needs no nonce", async ({ skip }) => {
    await auth.needs(skip, { requireReauthentication: true });
    const who = await auth.createUser();
    const { access_token } = await auth.signIn(who);
    expect((await putUser(access_token, { password: `${PASSWORD} two`, current_password: who.password })).status).toBe(200);
  });

  test("A12 /reauthenticate is asked with GET and a session", async () => {
    const { access_token } = await auth.signIn();
    const posted = await fetch(`${auth.base}/reauthenticate`, { method: "POST", headers: { apikey: auth.apikey, Authorization: `Bearer ${access_token}` } });
    expect(posted.status).toBe(405);
    const alone = await auth.call("GET", "/reauthenticate", { headers: VERSION });
    expect([alone.status, alone.body.code]).toEqual([401, "no_authorization"]);
  });
});

describe("mails", () => {
  test("A13 sign-up answers a bare user, whose code signs in", async ({ skip }) => {
    auth.needsOperator(skip);
    await auth.needs(skip, { autoconfirm: false, disableSignup: false });
    const email = address();
    const { status, body } = await post("/signup", { email, password: PASSWORD, data: { plan: "free" } });
    expect([status, body.access_token, body.email]).toEqual([200, undefined, email]);
    expect((await post("/token?grant_type=password", { email, password: PASSWORD })).code).toBe("email_not_confirmed");
    const { token } = await auth.mail(email);
    const verified = await post("/verify", { type: "signup", email, token });
    expect([verified.status, verified.body.user.user_metadata.plan]).toEqual([200, "free"]);
  });

  test("A14 a taken address is answered as a new one, by a user that does not exist", async ({ skip }) => {
    await auth.needs(skip, { autoconfirm: false, disableSignup: false, smsAutoconfirm: false });
    const { email } = await auth.createUser();
    const taken = await post("/signup", { email, password: PASSWORD });
    expect([taken.status, taken.body.identities, taken.body.email]).toEqual([200, [], email]);
    expect((await auth.signIn({ email, password: PASSWORD }).catch(() => null))?.user.id).not.toBe(taken.body.id);
  });

  test("A15 sign-up signs in at once where addresses need no confirmation", async ({ skip }) => {
    await auth.needs(skip, { autoconfirm: true, disableSignup: false });
    const email = address();
    expect((await post("/signup", { email, password: PASSWORD })).body.access_token).toBeDefined();
    const taken = await post("/signup", { email, password: PASSWORD });
    expect([taken.status, taken.code]).toEqual([422, "user_already_exists"]);
  });

  test("A16 closed sign-ups are told of", async ({ skip }) => {
    await auth.needs(skip, { disableSignup: true });
    const { status, code } = await post("/signup", { email: address(), password: PASSWORD });
    expect([status, code]).toEqual([422, "signup_disabled"]);
  });

  test("A17 sign-up wants a password and a good address", async ({ skip }) => {
    await auth.needs(skip, { disableSignup: false });
    for (const who of [{ email: address() }, { email: "nonsense", password: PASSWORD }]) {
      const { status, code } = await post("/signup", who);
      expect([status, code]).toEqual([400, "validation_failed"]);
    }
    const weak = await post("/signup", { email: address(), password: "short" });
    expect([weak.status, weak.code]).toEqual([422, "weak_password"]);
  });

  test("A18 a code by mail signs in once, with the type email", async ({ skip }) => {
    auth.needsOperator(skip);
    const { email } = await auth.createUser();
    expect(await post("/otp", { email })).toMatchObject({ status: 200, body: {} });
    const { token } = await auth.mail(email);
    expect(token).toMatch(/^\d{6}$/);
    const first = await post("/verify", { type: "email", email, token });
    expect([first.status, claims(first.body.access_token).amr[0].method]).toEqual([200, "otp"]);
    const second = await post("/verify", { type: "email", email, token });
    expect([second.status, second.code]).toEqual([403, "otp_expired"]);
  });

  test("A19 a wrong code is refused, and the right one still works", async ({ skip }) => {
    auth.needsOperator(skip);
    const { email } = await auth.createUser();
    await post("/otp", { email });
    const { token } = await auth.mail(email);
    const wrong = await post("/verify", { type: "email", email, token: token === "000000" ? "000001" : "000000" });
    expect([wrong.status, wrong.code]).toEqual([403, "otp_expired"]);
    expect((await post("/verify", { type: "email", email, token })).status).toBe(200);
  });

  test("A20 a code is good for its own address only", async ({ skip }) => {
    auth.needsOperator(skip);
    const [mine, other] = [await auth.createUser(), await auth.createUser()];
    await post("/otp", { email: mine.email });
    const { token } = await auth.mail(mine.email);
    expect((await post("/verify", { type: "email", email: other.email, token })).code).toBe("otp_expired");
  });

  test("A21 a new mail takes the place of the one before", async ({ skip }) => {
    auth.needsOperator(skip);
    const { email } = await auth.createUser();
    await post("/otp", { email });
    const { token: first } = await auth.mail(email);
    await auth.age(2);
    await post("/otp", { email });
    expect(await auth.mailCount(email)).toBe(2);
    const { token: second } = await auth.mail(email);
    expect(first === second ? "otp_expired" : (await post("/verify", { type: "email", email, token: first })).code).toBe("otp_expired");
    expect((await post("/verify", { type: "email", email, token: second })).status).toBe(200);
  });

  test("A22 a code that has grown old is refused", async ({ skip }) => {
    auth.needsOperator(skip);
    const { email } = await auth.createUser();
    await post("/otp", { email });
    const { token } = await auth.mail(email);
    await auth.age(DAY_SECONDS + 60);
    expect((await post("/verify", { type: "email", email, token })).code).toBe("otp_expired");
  });

  test("A23 an unknown address makes a user, unless create_user is false", async ({ skip }) => {
    await auth.needs(skip, { disableSignup: false });
    auth.needsOperator(skip);
    const [made, refused] = [address(), address()];
    expect((await post("/otp", { email: made, data: { plan: "free" } })).status).toBe(200);
    const closed = await post("/otp", { email: refused, create_user: false });
    expect([closed.status, closed.code]).toEqual([422, "otp_disabled"]);
    const { token } = await auth.mail(made);
    const { body } = await post("/verify", { type: "email", email: made, token });
    expect(body.user.user_metadata.plan).toBe("free");
  });

  test("A24 /recover and /resend answer unknown addresses as known ones", async () => {
    const { email } = await auth.createUser();
    for (const [path, more] of [["/recover", {}], ["/resend", { type: "signup" }]] as const) {
      const known = await post(path, { email, ...more });
      const unknown = await post(path, { email: address(), ...more });
      expect([known.status, known.body, unknown.status, unknown.body], path).toEqual([200, {}, 200, {}]);
    }
  });

  test("A25 /resend mails an unconfirmed address again and refuses a type that it does not know", async ({ skip }) => {
    auth.needsOperator(skip);
    await auth.needs(skip, { autoconfirm: false, disableSignup: false });
    const email = address();
    await post("/signup", { email, password: PASSWORD });
    await auth.age(2);
    await post("/resend", { type: "signup", email });
    expect(await auth.mailCount(email)).toBe(2);
    for (const body of [{ type: "magiclink", email }, { type: "signup" }, { type: "sms", email }]) {
      const { status, code } = await post("/resend", body);
      expect([status, code], JSON.stringify(body)).toEqual([400, "validation_failed"]);
    }
  });

  test("A26 a token hash alone is verified, and not beside an address or a token", async () => {
    const who = await auth.createUser();
    const token_hash = await auth.magicLinkHash(who);
    for (const more of [{ email: who.email }, { token: "123456" }]) {
      const { status, code } = await post("/verify", { type: "magiclink", token_hash, ...more });
      expect([status, code]).toEqual([400, "validation_failed"]);
    }
    expect((await post("/verify", { type: "magiclink", token_hash })).status).toBe(200);
  });

  test("A27 a hash is not verified as another type", async () => {
    const token_hash = await auth.magicLinkHash(await auth.createUser());
    const { status, code } = await post("/verify", { type: "email_change", token_hash });
    expect([status, code]).toEqual([403, "otp_expired"]);
  });

  test("A28 /verify wants a type and something to verify", async () => {
    for (const body of [{ token_hash: "abc" }, { type: "email" }, { type: "email", token: "123456" }]) {
      const { status } = await post("/verify", body);
      expect([400, 422], JSON.stringify(body)).toContain(status);
    }
  });

  test("A29 a link without PKCE leads to tokens in the fragment", async ({ skip }) => {
    auth.needsOperator(skip);
    const { email } = await auth.createUser();
    await post("/recover", { email });
    const fragment = new URLSearchParams((await auth.click((await auth.mail(email)).link)).hash.slice(1));
    expect(Object.fromEntries(fragment)).toMatchObject({ type: "recovery", token_type: "bearer", sb: "", refresh_token: expect.any(String) });
    expect(claims(fragment.get("access_token") ?? "").email).toBe(email);
  });

  test("A30 a used link leads to an error in the fragment", async ({ skip }) => {
    auth.needsOperator(skip);
    const { email } = await auth.createUser();
    await post("/recover", { email });
    const { link } = await auth.mail(email);
    await auth.click(link);
    const back = await auth.click(link);
    expect(back.search).toBe("");
    expect(Object.fromEntries(new URLSearchParams(back.hash.slice(1)))).toMatchObject({ error: "access_denied", error_code: "otp_expired", sb: "" });
  });

  test("A31 a used link of PKCE leads to an error in query and fragment", async ({ skip }) => {
    auth.needsOperator(skip);
    const { email } = await auth.createUser();
    await post("/recover", { email, ...CHALLENGE });
    const { link, tokenHash } = await auth.mail(email);
    expect(tokenHash).toMatch(/^pkce_[0-9a-f]{56}$/);
    await auth.click(link);
    const back = await auth.click(link);
    expect(back.searchParams.get("error_code")).toBe("otp_expired");
    expect(new URLSearchParams(back.hash.slice(1)).get("error_code")).toBe("otp_expired");
  });

  test("A32 the hash of a PKCE mail signs in by POST, without a verifier", async ({ skip }) => {
    auth.needsOperator(skip);
    const { email } = await auth.createUser();
    await post("/otp", { email, ...CHALLENGE });
    const { tokenHash } = await auth.mail(email);
    expect((await post("/verify", { type: "email", token_hash: tokenHash })).status).toBe(200);
  });

  test("A33 the link of an invitation leads to tokens in the fragment, and its hash is used up then", async ({ skip }) => {
    auth.needsOperator(skip);
    const email = address();
    expect((await auth.admin("POST", "/invite", { email, data: { team: "red" } })).status).toBe(200);
    const { link, tokenHash } = await auth.mail(email);
    const fragment = new URLSearchParams((await auth.click(link)).hash.slice(1));
    expect([fragment.get("type"), claims(fragment.get("access_token") ?? "").user_metadata.team]).toEqual(["invite", "red"]);
    const { status, code } = await post("/verify", { type: "invite", token_hash: tokenHash });
    expect([status, code]).toEqual([403, "otp_expired"]);
  });

  test("A34 both addresses confirm a change, and the first half gives no session", async ({ skip }) => {
    auth.needsOperator(skip);
    await auth.needs(skip, { autoconfirm: false });
    const who = await auth.createUser();
    const { access_token } = await auth.signIn(who);
    const email = address();
    const asked = await putUser(access_token, { email });
    expect([asked.status, asked.body.new_email]).toEqual([200, email]);
    const first = await post("/verify", { type: "email_change", token_hash: (await auth.mail(who.email)).tokenHash });
    expect([first.status, first.body.access_token, first.body.msg]).toEqual([200, undefined, expect.stringContaining("other email")]);
    const second = await post("/verify", { type: "email_change", token_hash: (await auth.mail(email)).tokenHash });
    expect([second.status, second.body.user.email]).toEqual([200, email]);
  });

  test("A46 one address is enough for a change where sign-ups need no confirmation", async ({ skip }) => {
    auth.needsOperator(skip);
    await auth.needs(skip, { autoconfirm: true });
    const who = await auth.createUser();
    const { access_token } = await auth.signIn(who);
    const email = address();
    expect((await putUser(access_token, { email })).body.email).toBe(who.email);
    const { body } = await post("/verify", { type: "email_change", token_hash: (await auth.mail(who.email)).tokenHash });
    expect(body.user?.email).toBe(email);
  });

  test("A35 a taken address is refused for a change", async () => {
    const { access_token } = await auth.signIn();
    const { email } = await auth.createUser();
    const { status, code } = await putUser(access_token, { email });
    expect([status, code]).toEqual([422, "email_exists"]);
  });
});

describe("sessions", () => {
  test("A36 scope others ends the others, scope global ends all", async () => {
    const who = await auth.createUser();
    const [mine, other] = [await auth.signIn(who), await auth.signIn(who)];
    const alive = async (token: string) => (await auth.call("GET", "/user", { bearer: token })).status;
    expect((await auth.call("POST", "/logout?scope=others", { bearer: mine.access_token })).status).toBe(204);
    expect([await alive(mine.access_token), await alive(other.access_token)]).toEqual([200, 403]);
    const third = await auth.signIn(who);
    expect((await auth.call("POST", "/logout", { bearer: mine.access_token })).status).toBe(204);
    expect([await alive(mine.access_token), await alive(third.access_token)]).toEqual([403, 403]);
  });

  test("A37 an unknown scope ends nothing", async () => {
    const { access_token } = await auth.signIn();
    const { status, body } = await auth.call("POST", "/logout?scope=everything", { bearer: access_token, headers: VERSION });
    expect([status, body.code]).toEqual([400, "validation_failed"]);
    expect((await auth.call("GET", "/user", { bearer: access_token })).status).toBe(200);
  });

  test("A38 no token, nonsense and a foreign token are told apart", async () => {
    const none = await auth.call("GET", "/user", { headers: VERSION });
    expect([none.status, none.body.code]).toEqual([401, "no_authorization"]);
    const { access_token } = await auth.signIn();
    const [head, body] = access_token.split(".");
    for (const token of ["nonsense", `${head}.${body}.${Buffer.alloc(64).toString("base64url")}`]) {
      const { status, body: answer } = await auth.call("GET", "/user", { bearer: token, headers: VERSION });
      expect([status, answer.code]).toEqual([403, "bad_jwt"]);
    }
  });

  test("A39 anonymous users sign in, become members, and have no factors before", async ({ skip }) => {
    await auth.needs(skip, { anonymousUsers: true, disableSignup: false, autoconfirm: false });
    const { status, body } = await post("/signup", { data: { made_by: "edge-session conformance" } });
    expect(status).toBe(200);
    expect(claims(body.access_token)).toMatchObject({ is_anonymous: true, role: expect.any(String), email: "", amr: [{ method: "anonymous" }] });
    const factor = await post("/factors", { factor_type: "totp", friendly_name: "app" }, { bearer: body.access_token });
    expect([factor.status, factor.code]).toEqual([403, "no_authorization"]);
    const password = await putUser(body.access_token, { password: PASSWORD });
    expect([password.status, password.code]).toEqual([422, "validation_failed"]);
  });

  test("A40 anonymous sign-ins are refused where they are off", async ({ skip }) => {
    await auth.needs(skip, { anonymousUsers: false, disableSignup: false });
    const { status, code } = await post("/signup", {});
    expect([status, code]).toEqual([422, "anonymous_provider_disabled"]);
  });

  test("A41 a ban is told at sign-in, at /user and at the refresh, and ends", async () => {
    const who = await auth.createUser();
    const { access_token, refresh_token, user } = await auth.signIn(who);
    await auth.admin("PUT", `/admin/users/${user.id}`, { ban_duration: "24h" });
    expect((await post("/token?grant_type=password", who)).code).toBe("user_banned");
    const asked = await auth.call("GET", "/user", { bearer: access_token, headers: VERSION });
    expect([asked.status, asked.body.code]).toEqual([403, "user_banned"]);
    const refused = await auth.refresh(refresh_token, VERSION);
    expect([refused.status, refused.body.code]).toEqual([400, "user_banned"]);
    await auth.admin("PUT", `/admin/users/${user.id}`, { ban_duration: "none" });
    expect((await auth.refresh(refresh_token)).status).toBe(200);
  });

  test("A42 a deleted user's token is refused by name", async () => {
    const { access_token, refresh_token, user } = await auth.signIn();
    expect((await auth.admin("DELETE", `/admin/users/${user.id}`)).status).toBe(200);
    const asked = await auth.call("GET", "/user", { bearer: access_token, headers: VERSION });
    expect([asked.status, asked.body.code]).toEqual([403, "user_not_found"]);
    expect((await auth.refresh(refresh_token, VERSION)).body.code).toBe("refresh_token_not_found");
  });

  test("A43 metadata merge, and app metadata are not a member's to change", async () => {
    const { access_token } = await auth.signIn();
    await putUser(access_token, { data: { theme: "dark", plan: "free" } });
    const { body } = await putUser(access_token, { data: { plan: null } });
    expect(body.user_metadata).toMatchObject({ theme: "dark" });
    expect(body.user_metadata.plan ?? null).toBeNull();
    const { status, code } = await putUser(access_token, { app_metadata: { admin: true } });
    expect([status, code]).toEqual([403, "not_admin"]);
  });

  test("A44 unknown paths and methods get the router's own answers", async () => {
    const unknown = await fetch(`${auth.base}/nothing-here`, { headers: { apikey: auth.apikey } });
    expect([unknown.status, (await unknown.text()).trim()]).toEqual([404, "404 page not found"]);
    const method = await fetch(`${auth.base}/token`, { method: "DELETE", headers: { apikey: auth.apikey } });
    expect([method.status, method.headers.get("allow")]).toEqual([405, "POST"]);
  });

  test("A45 /settings names providers and switches", async () => {
    const { status, body } = await auth.call("GET", "/settings");
    expect(status).toBe(200);
    for (const name of ["anonymous_users", "apple", "github", "google", "keycloak", "email", "phone"]) {
      expect(body.external[name], name).toEqual(expect.any(Boolean));
    }
    for (const name of ["disable_signup", "mailer_autoconfirm", "phone_autoconfirm", "saml_enabled", "passkeys_enabled"]) {
      expect(body[name], name).toEqual(expect.any(Boolean));
    }
  });
});
