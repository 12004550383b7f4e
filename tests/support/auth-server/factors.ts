import { randomInt, randomUUID } from "node:crypto";
import { Secret, TOTP } from "otpauth";
import { iso } from "./clock.ts";
import { ApiError } from "./errors.ts";
import { checkInterval, deliver } from "./phones.ts";
import type { Channel } from "./messages.ts";
import type { State } from "./state.ts";
import type { Challenge, Factor, Session, User } from "./store.ts";

const PERIOD_SECONDS = 30;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export interface Enrolment {
  /** The level of the session that enrolls. */
  aal: Session["aal"];
  type: Factor["type"];
  friendlyName: string;
  phone: string;
}

export function totpOf(factor: Pick<Factor, "secret">, issuer: string, label: string): TOTP {
  const secret = Secret.fromBase32(factor.secret);
  return new TOTP({ issuer, label, algorithm: "SHA1", digits: 6, period: PERIOD_SECONDS, secret });
}

export function enroll(state: State, user: User, spec: Enrolment): Factor {
  checkEnrolment(state, user, spec);
  const at = iso(state.clock.nowMs());
  const factor: Factor = {
    id: randomUUID(),
    type: spec.type,
    friendlyName: spec.friendlyName,
    status: "unverified",
    secret: spec.type === "totp" ? new Secret({ size: 20 }).base32 : "",
    phone: spec.phone,
    createdAt: at,
    updatedAt: at,
    lastChallengedAt: null,
    challenges: [],
  };
  user.factors.push(factor);
  return factor;
}

function checkEnrolment({ settings }: State, user: User, spec: Enrolment): void {
  const samePhone = user.factors.filter(({ type, phone }) => type === "phone" && phone === spec.phone);
  if (spec.type === "phone" && samePhone.some(({ status }) => status === "verified")) {
    throw new ApiError(422, "mfa_verified_factor_exists", "A verified phone factor already exists, unenroll the existing factor to continue");
  }
  if (spec.type === "phone") {
    user.factors = user.factors.filter((factor) => !samePhone.includes(factor));
  }
  if (user.factors.some(({ friendlyName }) => friendlyName === spec.friendlyName)) {
    const message = `A factor with the friendly name "${spec.friendlyName}" for this user already exists`;
    throw new ApiError(422, "mfa_factor_name_conflict", message);
  }
  if (user.factors.length >= settings.mfaMaxFactors) {
    throw new ApiError(422, "too_many_enrolled_mfa_factors", "Maximum number of verified factors reached, unenroll to continue");
  }
  if (hasVerifiedFactor(user) && spec.aal !== "aal2") {
    throw new ApiError(403, "insufficient_aal", "AAL2 required to enroll a new factor");
  }
}

export function hasVerifiedFactor(user: User): boolean {
  return user.factors.some(({ status }) => status === "verified");
}

export function ownFactor(user: User, id: string): Factor {
  if (!UUID.test(id)) {
    throw new ApiError(404, "validation_failed", "factor_id must be an UUID");
  }
  const factor = user.factors.find((candidate) => candidate.id === id);
  if (factor === undefined) {
    throw new ApiError(404, "mfa_factor_not_found", "Factor not found");
  }
  return factor;
}

export function challenge(state: State, factor: Factor, { ip, channel }: { ip: string; channel: Channel }): Challenge {
  let code = "";
  if (factor.type === "phone") {
    checkInterval(state, factor.lastChallengedAt);
    code = String(randomInt(1_000_000)).padStart(6, "0");
    deliver(state, { to: factor.phone, channel, kind: "mfa", code });
  }
  const createdAtMs = state.clock.nowMs();
  const made: Challenge = { id: randomUUID(), ip, code, createdAtMs, verified: false };
  factor.challenges.push(made);
  factor.lastChallengedAt = iso(createdAtMs);
  return made;
}

/** Throws the error of the first check that fails; a wrong code leaves the challenge for another try. */
export function verifyFactor(state: State, factor: Factor, answer: { challengeId: string; code: string; ip: string }): void {
  const asked = factor.challenges.find(({ id }) => id === answer.challengeId);
  if (asked === undefined) {
    throw new ApiError(422, "mfa_factor_not_found", "MFA factor with the provided challenge ID not found");
  }
  if (asked.verified || asked.ip !== answer.ip) {
    throw new ApiError(422, "mfa_ip_address_mismatch", "Challenge and verify IP addresses mismatch.");
  }
  if (state.clock.nowMs() > asked.createdAtMs + state.settings.mfaChallengeExp * 1000) {
    factor.challenges = factor.challenges.filter(({ id }) => id !== asked.id);
    const message = `MFA challenge ${asked.id} has expired, verify against another challenge or create a new challenge.`;
    throw new ApiError(422, "mfa_challenge_expired", message);
  }
  if (!codeMatches(state, factor, asked, answer.code)) {
    const message = factor.type === "totp" ? "Invalid TOTP code entered" : "Invalid MFA Phone code entered";
    throw new ApiError(422, "mfa_verification_failed", message);
  }
  asked.verified = true;
  factor.status = "verified";
  factor.updatedAt = iso(state.clock.nowMs());
}

function codeMatches(state: State, factor: Factor, asked: Challenge, code: string): boolean {
  if (factor.type === "phone") {
    return asked.code === code;
  }
  return totpOf(factor, "", "").validate({ token: code, timestamp: state.clock.nowMs(), window: 1 }) !== null;
}
