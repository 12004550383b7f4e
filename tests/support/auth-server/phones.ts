import { iso } from "./clock.ts";
import { ApiError } from "./errors.ts";
import { keepToken, oneTimeCode, tokenHash } from "./mailer.ts";
import type { Channel, Message } from "./messages.ts";
import type { State } from "./state.ts";
import type { MailedKind, User } from "./store.ts";

/** E.164 without the `+` and without spaces, which is how Auth keeps numbers. */
export function parsePhone(given: string): string {
  const phone = given.replace(/^\+/, "").replaceAll(" ", "");
  if (!/^[1-9][0-9]{1,14}$/.test(phone)) {
    throw new ApiError(400, "validation_failed", "Invalid phone number format (E.164 required)");
  }
  return phone;
}

export function parseChannel(state: State, given: string): Channel {
  const channel = given === "" ? "sms" : given;
  if (channel === "sms" || (channel === "whatsapp" && /^twilio(_verify)?$/.test(state.settings.smsProvider))) {
    return channel;
  }
  throw new ApiError(
    400,
    "validation_failed",
    "Invalid channel, supported values are 'sms' or 'whatsapp'. 'whatsapp' is only supported if Twilio or Twilio Verify is used as the provider.",
  );
}

/** Sends the code of a sign-up or sign-in; answers the id of the message. */
export function sendPhoneConfirmation(state: State, user: User, channel: Channel): string {
  checkInterval(state, user.confirmationSentAt);
  const { sentAt, messageId } = sendToken(state, user, { kind: "phone_confirmation", to: user.phone, channel });
  user.confirmationSentAt = sentAt;
  return messageId;
}

export function sendPhoneChange(state: State, user: User, phone: string, channel: Channel): string {
  checkInterval(state, user.phoneChangeSentAt);
  const { sentAt, messageId } = sendToken(state, user, { kind: "phone_change", to: phone, channel });
  user.newPhone = phone;
  user.phoneChangeSentAt = sentAt;
  return messageId;
}

export function sendPhoneReauthentication(state: State, user: User): string {
  checkInterval(state, user.reauthenticationSentAt);
  const { sentAt, messageId } = sendToken(state, user, { kind: "reauthentication", to: user.phone, channel: "sms" });
  user.reauthenticationSentAt = sentAt;
  return messageId;
}

/** Hands one code to the provider of messages. */
export function deliver(state: State, message: Omit<Message, "id" | "sentAt">): string {
  if (state.settings.smsFails) {
    throw new ApiError(422, "sms_send_failed", `Error sending ${message.kind} OTP to provider: the provider failed`);
  }
  return `message-${state.messages.add({ ...message, sentAt: state.clock.now() }).id}`;
}

export function checkInterval(state: State, sentAt: string | null): void {
  const { smsMinInterval } = state.settings;
  const wait = sentAt === null ? 0 : Math.ceil(smsMinInterval - (state.clock.nowMs() - Date.parse(sentAt)) / 1000);
  if (wait > 0) {
    const message = `For security purposes, you can only request this after ${wait} seconds.`;
    throw new ApiError(429, "over_sms_send_rate_limit", message);
  }
}

interface Sending {
  kind: MailedKind;
  to: string;
  channel: Channel;
}

const MESSAGE_KINDS: Partial<Record<MailedKind, Message["kind"]>> = {
  phone_change: "phone_change",
  reauthentication: "reauthentication",
};

function sendToken(state: State, user: User, { kind, to, channel }: Sending): { sentAt: string; messageId: string } {
  const fixed = state.settings.smsTestOtp[to];
  const code = fixed ?? oneTimeCode(state);
  const messageKind = MESSAGE_KINDS[kind] ?? "confirmation";
  // A number for tests costs nothing: its code is known beforehand.
  const messageId = fixed === undefined ? deliver(state, { to, channel, kind: messageKind, code }) : "test-otp";
  const sentAt = iso(keepToken(state, user, { hash: tokenHash(to, code), kind, to, flowId: null }));
  return { sentAt, messageId };
}
