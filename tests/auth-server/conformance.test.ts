/**
 * What any Supabase Auth has to do, asked over the wire. `AUTH_URL` (with `AUTH_PUBLISHABLE_KEY` and
 * `AUTH_SECRET_KEY`) names a running server, else a local one is started. A case that needs other
 * settings, the mails or the clock of the server is skipped, with its reason, where nobody can give it them.
 */
import { createHash } from "node:crypto";
import { importJWK, jwtVerify, type JWK } from "jose";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { type Answer, AuthClient, claims, header } from "./client.ts";

const auth = await AuthClient.connect();
const REUSE_INTERVAL_SECONDS = Number(process.env.AUTH_REUSE_INTERVAL ?? 10);
const REAL_WAITING_MS = 60_000;
const VERIFIER = "ab".repeat(56);
const VERSION = { "X-Supabase-Api-Version": "2024-01-01" };

afterAll(() => auth.close());

beforeEach(async () => {
  if (auth.controlled) {
    await auth.control("POST", "/reset");
  }
});

const formats: (number | string)[] = auth.controlled ? [1, 2] : ["the server's own"];

describe.each(formats)("refresh tokens, format %s", (version) => {
  beforeEach(async () => {
    if (auth.controlled) {
      await auth.control("POST", "/config", { algorithmVersion: version });
    }
  });

  test("T1 a refresh answers a new token pair of the same session", async () => {
    const first = await auth.signIn();
    const second = await auth.refresh(first.refresh_token);
    expect(second.status).toBe(200);
    expect(second.body.refresh_token).not.toBe(first.refresh_token);
    expect(claims(second.body.access_token).session_id).toBe(claims(first.access_token).session_id);
    expect(second.body).toMatchObject({ token_type: "bearer", user: { id: first.user.id } });
    expect(second.body.expires_at).toBe(claims(second.body.access_token).exp);
    expect((await auth.call("GET", "/user", { bearer: second.body.access_token })).body.id).toBe(first.user.id);
  });

  test("T2 the parent of the current token is answered with the current token, whenever it comes", async () => {
    const first = await auth.signIn();
    const second = await auth.refresh(first.refresh_token);
    await auth.wait(REUSE_INTERVAL_SECONDS + 1);
    const again = await auth.refresh(first.refresh_token);
    expect(again.status).toBe(200);
    expect(again.body.refresh_token).toBe(second.body.refresh_token);
    expect((await auth.refresh(second.body.refresh_token)).status).toBe(200);
  }, REAL_WAITING_MS);

  test("T3 twelve refreshes at once get one refresh token", async () => {
    const { refresh_token } = await auth.signIn();
    const answers = await Promise.all(Array.from({ length: 12 }, () => patientRefresh(refresh_token)));
    expect(answers.map(({ status }) => status)).toEqual(Array(12).fill(200));
    const tokens = new Set(answers.map(({ body }) => body.refresh_token));
    expect(tokens.size).toBe(1);
    expect(tokens).not.toContain(refresh_token);
  });

  test("T4 the grandparent after the interval ends the family", async () => {
    const first = await auth.signIn();
    const second = await auth.refresh(first.refresh_token);
    const third = await auth.refresh(second.body.refresh_token);
    expect(third.status).toBe(200);
    await auth.wait(REUSE_INTERVAL_SECONDS + 1);
    const reuse = await auth.refresh(first.refresh_token, VERSION);
    expect([reuse.status, reuse.body.code]).toEqual([400, "refresh_token_already_used"]);
    // A v1 family revoked a moment ago may still refresh within the interval.
    await auth.wait(REUSE_INTERVAL_SECONDS + 1);
    const v1 = third.body.refresh_token.length === 12;
    const dead = await auth.refresh(third.body.refresh_token, VERSION);
    const code = v1 ? "refresh_token_already_used" : "refresh_token_not_found";
    expect([dead.status, dead.body.code]).toEqual([400, code]);
    const user = await auth.call("GET", "/user", { bearer: third.body.access_token, headers: VERSION });
    expect(v1 ? user.status : user.body.code).toBe(v1 ? 200 : "session_not_found");
  }, REAL_WAITING_MS);

  test("T5 after a logout the refresh token is not found and /user has no session", async () => {
    const { access_token, refresh_token } = await auth.signIn();
    const logout = await auth.call("POST", "/logout?scope=local", { bearer: access_token });
    expect(logout.status).toBe(204);
    const refresh = await auth.refresh(refresh_token, VERSION);
    expect([refresh.status, refresh.body.code]).toEqual([400, "refresh_token_not_found"]);
    const user = await auth.call("GET", "/user", { bearer: access_token, headers: VERSION });
    expect([user.status, user.body.code]).toEqual([403, "session_not_found"]);
  });

  test.each(["short", "UPPERCASE_12", "abcdefghijkl!", "A".repeat(51)])(
    "T12 the malformed refresh token %j is a failed validation",
    async (token) => {
      const { status, body } = await auth.refresh(token, VERSION);
      expect([status, body.code]).toEqual([400, "validation_failed"]);
    },
  );
});

test("T6 a code works once, and a wrong verifier does not use it up", async ({ skip }) => {
  auth.needsOperator(skip);
  const code = await codeFromMail();
  const statuses = [];
  for (const verifier of ["wrong", "wrong again", VERIFIER, VERIFIER]) {
    statuses.push((await auth.exchange(code, verifier)).status);
  }
  expect(statuses).toEqual([400, 400, 200, 404]);
});

test("T7 a code of an aged flow has expired", async ({ skip }) => {
  auth.needsOperator(skip);
  const code = await codeFromMail();
  await auth.age(301);
  const { status, body } = await auth.exchange(code, VERIFIER);
  expect([status, body.error_code]).toEqual([422, "flow_state_expired"]);
});

test("T8 a token hash signs in once", async () => {
  const token_hash = await auth.magicLinkHash(await auth.createUser());
  const verify = () => auth.call("POST", "/verify", { body: { type: "email", token_hash }, headers: VERSION });
  const first = await verify();
  expect(first.status).toBe(200);
  expect(claims(first.body.access_token).amr[0].method).toBe("otp");
  const second = await verify();
  expect([second.status, second.body.code]).toEqual([403, "otp_expired"]);
});

test("T9 errors have the shape of the version that was asked for", async () => {
  const legacy = await auth.refresh("abcdefghijkl");
  expect(legacy.body).toMatchObject({ code: 400, error_code: "refresh_token_not_found", msg: expect.any(String) });
  expect(legacy.headers.get("x-supabase-api-version")).toBeNull();
  const current = await auth.refresh("abcdefghijkl", VERSION);
  expect(current.body).toEqual({ code: "refresh_token_not_found", message: expect.any(String) });
  expect(current.headers.get("x-supabase-api-version")).toBe("2024-01-01");
  for (const { headers } of [legacy, current]) {
    expect(headers.get("x-sb-error-code")).toBe("refresh_token_not_found");
  }
  const good = await auth.call("GET", "/settings", { headers: VERSION });
  expect([good.status, good.headers.get("x-supabase-api-version")]).toEqual([200, null]);
});

test("T10 thirty-one quick calls of one address meet a limit that names no time, and others do not", async ({ skip }) => {
  await auth.needs(skip, { rateLimits: true as never });
  const [visitor, other] = [auth.from("203.0.113.10"), auth.from("203.0.113.11")];
  const answers = [];
  for (let call = 0; call < 31; call += 1) {
    answers.push(await auth.refresh("abcdefghijkl", { ...VERSION, ...visitor }));
  }
  expect(answers.slice(0, 30).map(({ status }) => status)).toEqual(Array(30).fill(400));
  expect((await auth.refresh("abcdefghijkl", { ...VERSION, ...other })).status).toBe(400);
  const last = answers[30]!;
  expect([last.status, last.body.code]).toEqual([429, "over_request_rate_limit"]);
  last.headers.forEach((_value, name) => expect(name).not.toMatch(/retry-after|ratelimit/i));
});

test("T11 keys rotate: old tokens verify, new keys are published, revoked ones vanish", async ({ skip }) => {
  auth.needsOperator(skip);
  const before = await auth.signIn();
  const oldKid = header(before.access_token).kid;
  skip(oldKid === undefined, "this server signs with a secret");
  if (auth.controlled) {
    const standby = await auth.control("POST", "/keys", { action: "standby", alg: "ES256" });
    expect((await publishedKids()).sort()).toEqual([oldKid, standby.kid].sort());
    expect(header((await auth.signIn()).access_token).kid).toBe(oldKid);
  }
  await auth.rotateKeys();
  const after = await auth.signIn();
  const newKid = header(after.access_token).kid;
  expect(newKid).not.toBe(oldKid);
  expect((await publishedKids()).sort()).toEqual([oldKid, newKid].sort());
  await verifyWithPublished(before.access_token);
  await verifyWithPublished(after.access_token);
  for (const { access_token } of [before, after]) {
    expect((await auth.call("GET", "/user", { bearer: access_token })).status).toBe(200);
  }

  await auth.revokeEarlierKeys();
  expect(await publishedKids()).toEqual([newKid]);
  const revoked = await auth.call("GET", "/user", { bearer: before.access_token });
  expect([revoked.status, revoked.body.error_code]).toEqual([403, "bad_jwt"]);
  expect((await auth.refresh(before.refresh_token)).status).toBe(200);
});

/** A busy server answers 409 to who waited five seconds; asked again, it gives what the others got. */
async function patientRefresh(token: string): Promise<Answer> {
  const answer = await auth.refresh(token);
  return !auth.controlled && answer.status === 409 ? auth.refresh(token) : answer;
}

/** The code to which the mailed link of a password recovery leads. */
async function codeFromMail(): Promise<string> {
  const { email } = await auth.createUser();
  const code_challenge = createHash("sha256").update(VERIFIER).digest("base64url");
  await auth.call("POST", "/recover", { body: { email, code_challenge, code_challenge_method: "s256" } });
  return (await auth.click((await auth.mail(email)).link)).searchParams.get("code") ?? "";
}

async function published(): Promise<JWK[]> {
  const { headers, body } = await auth.call("GET", "/.well-known/jwks.json");
  expect(headers.get("cache-control")).toBe("public, max-age=600");
  return body.keys;
}

async function publishedKids(): Promise<(string | undefined)[]> {
  return (await published()).map(({ kid }) => kid);
}

async function verifyWithPublished(token: string): Promise<void> {
  const jwk = (await published()).find(({ kid }) => kid === header(token).kid);
  expect(jwk).toMatchObject({ use: "sig", key_ops: ["verify"] });
  await jwtVerify(token, await importJWK(jwk!));
}
