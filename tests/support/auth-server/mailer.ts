import { createHash, randomInt } from "node:crypto";
import { iso } from "./clock.ts";
import { ApiError } from "./errors.ts";
import { type Challenge, createFlow } from "./flows.ts";
import type { State } from "./state.ts";
import type { MailedKind, User } from "./store.ts";

export type LinkType = "signup" | "recovery" | "magiclink" | "email_change" | "invite";

/** What the request that leads to a mail says about the way back. */
export interface WayBack {
  redirectTo: string;
  challenge: Challenge | null;
}

const SUBJECTS: Record<LinkType, string> = {
  signup: "Confirm your email address",
  recovery: "Reset your password",
  magiclink: "Your sign-in link",
  email_change: "Confirm your new email address",
  invite: "You have been invited",
};

const FLOW_METHODS: Record<LinkType, string> = {
  signup: "email/signup",
  recovery: "recovery",
  magiclink: "magiclink",
  email_change: "email_change",
  invite: "invite",
};

export function sendConfirmation(state: State, user: User, back: WayBack): void {
  checkInterval(state, user.confirmationSentAt);
  user.confirmationSentAt = send(state, user, { kind: "confirmation", type: "signup", email: user.email, back });
}

export function sendRecovery(state: State, user: User, type: "recovery" | "magiclink", back: WayBack): void {
  checkInterval(state, user.recoverySentAt);
  user.recoverySentAt = send(state, user, { kind: "recovery", type, email: user.email, back });
}

/** Mails the new address and, when both have to agree, the current one. */
export function sendEmailChange(state: State, user: User, back: WayBack): void {
  checkInterval(state, user.emailChangeSentAt);
  const type = "email_change";
  user.emailChangeHalf = !(state.settings.secureEmailChange && user.email !== "");
  if (!user.emailChangeHalf) {
    send(state, user, { kind: "email_change_current", type, email: user.email, back });
  }
  user.emailChangeSentAt = send(state, user, { kind: "email_change_new", type, email: user.newEmail, back });
}

/** SHA-224 of address and code, as the links carry it. */
export function tokenHash(email: string, otp: string): string {
  return createHash("sha224").update(email + otp).digest("hex");
}

interface Sending {
  kind: MailedKind;
  type: LinkType;
  email: string;
  back: WayBack;
}

function send(state: State, user: User, { kind, type, email, back }: Sending): string {
  const limits = state.settings.rateLimits;
  if (limits !== null && !state.limiter.take("mail", "project", limits.mail)) {
    throw new ApiError(429, "over_email_send_rate_limit", "email rate limit exceeded");
  }
  const otp = String(randomInt(10 ** state.settings.otpLength)).padStart(state.settings.otpLength, "0");
  const { challenge, redirectTo } = back;
  const flow =
    challenge === null
      ? null
      : createFlow(state, { challenge, redirectTo, method: FLOW_METHODS[type], userId: user.id });
  const hash = `${flow === null ? "" : "pkce_"}${tokenHash(email, otp)}`;
  forgetEarlier(state, user, kind);
  const nowMs = state.clock.nowMs();
  state.store.mailedTokens.set(hash, { hash, kind, userId: user.id, email, createdAtMs: nowMs, flowId: flow?.id ?? null });
  const link = mailLink(state, hash, type, redirectTo);
  const sentAt = state.clock.now();
  state.inbox.add({ to: email, subject: SUBJECTS[type], type, sentAt, link, token: otp, tokenHash: hash });
  return iso(nowMs);
}

/** A new mail takes the place of the previous one of its kind. */
function forgetEarlier(state: State, user: User, kind: MailedKind): void {
  for (const [hash, token] of state.store.mailedTokens) {
    if (token.userId === user.id && token.kind === kind) {
      state.store.mailedTokens.delete(hash);
    }
  }
}

function mailLink(state: State, hash: string, type: LinkType, redirectTo: string): string {
  const { externalUrl, siteUrl, mailLinks } = state.settings;
  if (mailLinks === "verify") {
    const query = new URLSearchParams({ token: hash, type, redirect_to: redirectTo });
    return `${externalUrl}/verify?${query}`;
  }
  const confirmType = type === "signup" || type === "magiclink" ? "email" : type;
  const query = new URLSearchParams({ token_hash: hash, type: confirmType });
  const target = new URL(redirectTo, siteUrl);
  if (redirectTo !== siteUrl && target.origin === new URL(siteUrl).origin) {
    query.set("next", target.pathname + target.search);
  }
  return `${new URL(siteUrl).origin}/auth/confirm?${query}`;
}

function checkInterval(state: State, sentAt: string | null): void {
  const { mailMinInterval } = state.settings;
  const wait = sentAt === null ? 0 : Math.ceil(mailMinInterval - (state.clock.nowMs() - Date.parse(sentAt)) / 1000);
  if (wait > 0) {
    throw new ApiError(
      429,
      "over_email_send_rate_limit",
      `For security purposes, you can only request this after ${wait} seconds.`,
    );
  }
}
