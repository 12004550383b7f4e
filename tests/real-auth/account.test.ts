/** The routes with which an account is finished and kept, against a real Auth, by form and by JSON. */
import { randomUUID } from "node:crypto";
import { Secret, TOTP } from "otpauth";
import { describe, expect, test } from "vitest";
import type { Answer } from "../support/http.ts";
import { claimsOf } from "../support/sessions.ts";
import { type Bench, PASSWORD, useBench } from "./bench.ts";
import { TEST_CODE, TEST_PHONE } from "./configurations.ts";
import { configurationNamed } from "./project.ts";
import { type Visitor, WAYS, type Way } from "./visitor.ts";

const DAY_SECONDS = 24 * 3600;
const NEXT = { next: "/members" };

function code(secret: string): string {
  return new TOTP({ secret: Secret.fromBase32(secret) }).generate();
}

/** What an answer says went wrong, in either way. */
function errorOf(answer: Answer): string {
  const location = answer.header("location");
  return location === undefined ? answer.json().error : (new URL(location, "https://app.example.com").searchParams.get("error") ?? "");
}

/** A member with a factor, enrolled by the page's own client, who has signed in again since with the password alone. */
async function withFactor(bench: Bench, spec: { factorType: "totp" } | { factorType: "phone"; phone: string }): Promise<{ visitor: Visitor; secret: string; id: string }> {
  const { visitor, email } = await bench.member();
  const { mfa } = visitor.client().auth;
  const { data } = await mfa.enroll({ ...spec, friendlyName: randomUUID() } as Parameters<typeof mfa.enroll>[0]);
  const secret = data?.type === "totp" ? data.totp.secret : "";
  const { data: challenge } = await mfa.challenge({ factorId: data!.id });
  const given = data?.type === "totp" ? code(secret) : (await bench.project.messages((spec as { phone: string }).phone)).at(-1)!.code;
  expect((await mfa.verify({ factorId: data!.id, challengeId: challenge!.id, code: given })).error).toBeNull();
  const again = bench.visitor();
  await again.post("JSON", "/auth/login", { email, password: PASSWORD });
  expect((await again.who()).aal).toBe("aal1");
  return { visitor: again, id: data!.id, secret };
}

describe("codes, passwords and second factors", () => {
  const bench = useBench(configurationNamed("ES256, tokens of version 1"));

  test.each(WAYS)("six digits of a mail sign in, by %s, and once only", async (way) => {
    const [email, visitor] = [await bench().user(), bench().visitor()];
    await visitor.post(way, "/auth/otp", { email, ...NEXT });
    const { token } = bench().project.mail.list(email)[0]!;
    await visitor.post(way, "/auth/verify", { email, token, type: "email", ...NEXT });
    expect((await visitor.who()).email).toBe(email);
    const again = await bench().visitor().post(way, "/auth/verify", { email, token, type: "email" });
    expect(errorOf(again)).toBe("otp_expired");
  });

  test.each(WAYS)("a sign-up is mailed again, by %s", async (way) => {
    const [email, visitor] = [`${randomUUID()}@example.com`, bench().visitor()];
    await visitor.post(way, "/auth/signup", { email, password: PASSWORD });
    await bench().project.age(2);
    await visitor.post(way, "/auth/resend", { email, type: "signup" });
    expect(bench().project.mail.list(email)).toHaveLength(2);
  });

  test.each(WAYS)("a new password, by %s, signs in and ends the other sessions", async (way) => {
    const { visitor, email } = await bench().member();
    const other = bench().visitor();
    await other.post("JSON", "/auth/login", { email, password: PASSWORD });
    await visitor.post(way, "/auth/password", { password: `${PASSWORD} two`, ...NEXT });
    expect((await visitor.who()).email).toBe(email);
    expect((await other.client().auth.getUser()).data.user).toBeNull();
    const fresh = bench().visitor();
    await fresh.post("JSON", "/auth/login", { email, password: `${PASSWORD} two` });
    expect((await fresh.who()).email).toBe(email);
  });

  test.each(WAYS)("an app's code, by %s, raises the session to aal2, and a wrong one does not", async (way) => {
    const { visitor, secret, id } = await withFactor(bench(), { factorType: "totp" });
    const wrong = await visitor.post(way, "/auth/mfa", { code: "000000", factor_id: id });
    expect(errorOf(wrong)).toBe("mfa_verification_failed");
    await visitor.post(way, "/auth/mfa", { code: code(secret), factor_id: id, ...NEXT });
    expect((await visitor.who()).aal).toBe("aal2");
    expect(claimsOf((await visitor.session())!.access_token).aal).toBe("aal2");
    expect((await visitor.client().auth.getUser()).error).toBeNull();
  });

  test("a page's own script gets the token of its session, and others do not", async () => {
    const { visitor } = await bench().member();
    const { access_token } = (await visitor.get("/auth/token", [["Sec-Fetch-Site", "same-origin"]])).json();
    expect(access_token).toBe((await visitor.session())!.access_token);
  });

  test.each(WAYS)("the tokens of an invitation's link, posted by %s, sign in", async (way) => {
    const [email, visitor] = [`${randomUUID()}@example.com`, bench().visitor()];
    await bench().admin("POST", "/invite", { email });
    const click = await fetch(bench().project.mail.list(email)[0]!.link, { redirect: "manual" });
    const fragment = Object.fromEntries(new URLSearchParams(new URL(click.headers.get("location")!).hash.slice(1)));
    await visitor.post(way, "/auth/fragment", { access_token: fragment.access_token!, refresh_token: fragment.refresh_token!, type: "invite", ...NEXT });
    expect((await visitor.who()).email).toBe(email);
  });
});

describe("current password and reauthentication", () => {
  const bench = useBench(configurationNamed("current password and reauthentication required"));

  test.each(WAYS)("by %s", async (way) => {
    const { visitor, email } = await bench().member();
    const password = `${PASSWORD} two`;
    const change = (fields: Record<string, string>) => visitor.post(way, "/auth/password", { password, ...fields, ...NEXT });
    expect(errorOf(await change({}))).toBe("current_password_required");
    expect(errorOf(await change({ current_password: "wrong" }))).toBe("current_password_invalid");
    await bench().project.age(DAY_SECONDS + 60);
    expect(errorOf(await change({ current_password: PASSWORD }))).toBe("reauthentication_needed");
    await visitor.post(way, "/auth/reauthenticate", {});
    const { token } = bench().project.mail.list(email).at(-1)!;
    await change({ current_password: PASSWORD, nonce: token });
    const fresh = bench().visitor();
    await fresh.post("JSON", "/auth/login", { email, password });
    expect((await fresh.who()).email).toBe(email);
  });
});

describe("phones", () => {
  const bench = useBench(configurationNamed("phone with test codes"));

  test.each(WAYS)("a code by SMS signs in, by %s", async (way) => {
    const visitor = bench().visitor();
    await visitor.post(way, "/auth/otp", { phone: `+${TEST_PHONE}` });
    const wrong = await visitor.post(way, "/auth/verify", { phone: `+${TEST_PHONE}`, token: "654321", type: "sms" });
    expect(errorOf(wrong)).toBe("otp_expired");
    await visitor.post(way, "/auth/verify", { phone: `+${TEST_PHONE}`, token: TEST_CODE, type: "sms", ...NEXT });
    expect(claimsOf((await visitor.session())!.access_token).phone).toBe(TEST_PHONE);
  });
});

describe("second factors by phone", () => {
  const bench = useBench(configurationNamed("second factors by phone"));

  test.each(WAYS)("the message is sent first, then its code raises the session, by %s", async (way) => {
    const phone = `1555${String(Math.floor(Math.random() * 1e7)).padStart(7, "0")}`;
    const { visitor, id } = await withFactor(bench(), { factorType: "phone", phone: `+${phone}` });
    const asked = await visitor.post(way, "/auth/mfa", { factor_id: id });
    const challenge_id = challengeOf(way, asked);
    const sent = (await bench().project.messages(phone)).at(-1)!;
    await visitor.post(way, "/auth/mfa", { factor_id: id, challenge_id, code: sent.code, ...NEXT });
    expect((await visitor.who()).aal).toBe("aal2");
  });

  function challengeOf(way: Way, answer: Answer): string {
    return way === "JSON" ? answer.json().challenge_id : (new URL(answer.header("location") ?? "", "https://app.example.com").searchParams.get("challenge_id") ?? "");
  }
});

describe("passkeys", () => {
  const bench = useBench(configurationNamed("passkeys"));

  test.each(WAYS)("the options of a sign-in come through, and an answer that is none is refused, by %s", async (way) => {
    const visitor = bench().visitor();
    const offer = (await visitor.post("JSON", "/auth/passkey/options", {})).json();
    expect(offer.options.challenge).toEqual(expect.any(String));
    const refused = await visitor.post(way, "/auth/passkey", { challenge_id: offer.challenge_id, credential: {} });
    expect(errorOf(refused)).toBe("webauthn_verification_failed");
    expect(await visitor.session()).toBeNull();
  });
});
