import { createHash, randomInt } from "node:crypto";
import { iso } from "./clock.ts";
import { ApiError } from "./errors.ts";
import { type Challenge, createFlow } from "./flows.ts";
import type { State } from "./state.ts";
import type { MailedKind, MailedToken, User } from "./store.ts";

export type LinkType = "signup" | "recovery" | "magiclink" | "email_change" | "invite" | "reauthentication";

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
  reauthentication: "Confirm that it is you",
};

const FLOW_METHODS: Record<LinkType, string> = {
  signup: "email/signup",
  recovery: "recovery",
  magiclink: "magiclink",
  email_change: "email_change",
  invite: "invite",
  reauthentication: "reauthentication",
};

export function sendConfirmation(state: State, user: User, back: WayBack): void {
  checkInterval(state, user.confirmationSentAt);
  user.confirmationSentAt = send(state, user, { kind: "confirmation", type: "signup", to: user.email, back });
}

/** The link of an invitation leads to tokens in a fragment, whatever the flow of the site is. */
export function sendInvite(state: State, user: User, redirectTo: string): void {
  const back = { redirectTo, challenge: null };
  user.confirmationSentAt = send(state, user, { kind: "confirmation", type: "invite", to: user.email, back });
  user.invitedAt = user.confirmationSentAt;
}

/** The code that stands in for a fresh sign-in. */
export function sendReauthentication(state: State, user: User): void {
  checkInterval(state, user.reauthenticationSentAt);
  const back = { redirectTo: state.settings.siteUrl, challenge: null };
  const type = "reauthentication";
  user.reauthenticationSentAt = send(state, user, { kind: "reauthentication", type, to: user.email, back });
}

export function sendRecovery(state: State, user: User, type: "recovery" | "magiclink", back: WayBack): void {
  checkInterval(state, user.recoverySentAt);
  user.recoverySentAt = send(state, user, { kind: "recovery", type, to: user.email, back });
}

/** Mails the new address and, when both have to agree, the current one. */
export function sendEmailChange(state: State, user: User, back: WayBack): void {
  checkInterval(state, user.emailChangeSentAt);
  const type = "email_change";
  user.emailChangeHalf = !(state.settings.secureEmailChange && user.email !== "");
  if (!user.emailChangeHalf) {
    send(state, user, { kind: "email_change_current", type, to: user.email, back });
  }
  user.emailChangeSentAt = send(state, user, { kind: "email_change_new", type, to: user.newEmail, back });
}

/** SHA-224 of address and code, as the links carry it. */
export function tokenHash(to: string, otp: string): string {
  return createHash("sha224").update(to + otp).digest("hex");
}

interface Sending {
  kind: MailedKind;
  type: LinkType;
  to: string;
  back: WayBack;
}

function send(state: State, user: User, { kind, type, to, back }: Sending): string {
  const limits = state.settings.rateLimits;
  if (limits !== null && !state.limiter.take("mail", "project", limits.mail)) {
    throw new ApiError(429, "over_email_send_rate_limit", "email rate limit exceeded");
  }
  const otp = oneTimeCode(state);
  const { challenge, redirectTo } = back;
  const flow =
    challenge === null
      ? null
      : createFlow(state, { challenge, redirectTo, method: FLOW_METHODS[type], userId: user.id });
  const hash = `${flow === null ? "" : "pkce_"}${tokenHash(to, otp)}`;
  const nowMs = keepToken(state, user, { hash, kind, to, flowId: flow?.id ?? null });
  const link = mailLink(state, hash, type, redirectTo);
  const sentAt = state.clock.now();
  state.inbox.add({ to, subject: SUBJECTS[type], type, sentAt, link, token: otp, tokenHash: hash });
  return iso(nowMs);
}

export function oneTimeCode({ settings }: State): string {
  return String(randomInt(10 ** settings.otpLength)).padStart(settings.otpLength, "0");
}

/** Keeps a token that goes out; answers the time at which it does. */
export function keepToken(state: State, user: User, token: Pick<MailedToken, "hash" | "kind" | "to" | "flowId">): number {
  forgetEarlier(state, user, token.kind);
  const createdAtMs = state.clock.nowMs();
  state.store.mailedTokens.set(token.hash, { ...token, userId: user.id, createdAtMs });
  return createdAtMs;
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
