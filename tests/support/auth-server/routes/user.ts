import type { Hono } from "hono";
import { requireBearer } from "../bearer.ts";
import { iso } from "../clock.ts";
import { ApiError } from "../errors.ts";
import { type Ctx, type Env, type JsonObject, limit, object, readBody, text } from "../http.ts";
import { hasVerifiedFactor } from "../factors.ts";
import { sendEmailChange, sendReauthentication, tokenHash } from "../mailer.ts";
import type { Channel } from "../messages.ts";
import { parseChannel, parsePhone, sendPhoneChange, sendPhoneReauthentication } from "../phones.ts";
import type { State } from "../state.ts";
import { hashPassword, passwordMatches, type Session, type User } from "../store.ts";
import { userObject } from "../tokens.ts";
import { checkEmail, checkPassword, wayBack } from "./signup.ts";

const FRESH_SESSION_SECONDS = 24 * 60 * 60;

export function userRoutes(app: Hono<Env>, state: State): void {
  app.get("/user", async (c) => {
    const { user, claims } = await requireBearer(c, state);
    const expected = c.req.header("x-jwt-aud") ?? "authenticated";
    if (claims.aud !== expected) {
      throw new ApiError(400, "validation_failed", "Token audience doesn't match request audience");
    }
    return c.json(userObject(user));
  });

  app.put("/user", async (c) => {
    limit(c, state, "user");
    const { user, session } = await requireBearer(c, state);
    const body = await readBody(c);
    // Everything is checked before anything is changed, as in one transaction.
    const wishes = checkWishes(state, body);
    if (body.app_metadata !== undefined && body.app_metadata !== null) {
      throw new ApiError(403, "not_admin", "Updating app_metadata requires admin privileges");
    }
    checkLevel(user, session, wishes);
    const email = newEmail(state, user, wishes.email);
    const phone = newPhone(state, user, wishes.phone);
    const password = newPassword(state, { user, session, body, password: wishes.password });
    if (email !== null) {
      changeEmail(c, state, user, email, body);
    }
    if (phone !== null) {
      changePhone(state, user, phone, wishes.channel);
    }
    if (password !== null) {
      user.passwordHash = hashPassword(password);
      endOtherSessions(state, user, session);
    }
    mergeMetadata(user, object(body, "data"));
    user.updatedAt = iso(state.clock.nowMs());
    return c.json(userObject(user));
  });

  app.get("/reauthenticate", async (c) => {
    const { user } = await requireBearer(c, state);
    return c.json(reauthenticate(state, user));
  });
}

interface Wishes {
  email: string;
  phone: string;
  channel: Channel;
  password: string;
}

function checkWishes(state: State, body: JsonObject): Wishes {
  const [email, given, password] = [text(body, "email"), text(body, "phone"), text(body, "password")];
  if (email !== "") {
    checkEmail(email);
  }
  const phone = given === "" ? "" : parsePhone(given);
  const channel = parseChannel(state, given === "" ? "" : text(body, "channel"));
  if (password !== "") {
    checkPassword(state, password);
  }
  return { email, phone, channel, password };
}

function checkLevel(user: User, session: Session, { email, phone, password }: Wishes): void {
  const changes = password !== "" || (email !== "" && email.toLowerCase() !== user.email) || (phone !== "" && phone !== user.phone);
  if (changes && hasVerifiedFactor(user) && session.aal !== "aal2") {
    const message = "AAL2 session is required to update email or password when MFA is enabled.";
    throw new ApiError(401, "insufficient_aal", message);
  }
  if (user.isAnonymous && password !== "" && email === "" && phone === "") {
    const message = "Updating password of an anonymous user without an email or phone is not allowed";
    throw new ApiError(422, "validation_failed", message);
  }
}

/** A new password wants a recent sign-in and the old password, where the project asks for them. */
function newPassword(state: State, spec: { user: User; session: Session; body: JsonObject; password: string }): string | null {
  const { user, session, body, password } = spec;
  if (password === "") {
    return null;
  }
  const old = state.clock.nowMs() > session.createdAtMs + FRESH_SESSION_SECONDS * 1000;
  if (state.settings.requireReauthentication && old) {
    redeemNonce(state, user, text(body, "nonce"));
  }
  const recovering = session.amr.some(({ method }) => method === "recovery");
  if (state.settings.requireCurrentPassword && user.passwordHash !== null && !recovering) {
    const current = text(body, "current_password");
    if (current === "" || !passwordMatches(user, current)) {
      const code = current === "" ? "current_password_required" : "current_password_invalid";
      throw new ApiError(400, code, "Current password required when setting new password.");
    }
  }
  if (passwordMatches(user, password)) {
    throw new ApiError(422, "same_password", "New password should be different from the old password.");
  }
  return password;
}

function newEmail(state: State, user: User, email: string): string | null {
  if (email === "" || email.toLowerCase() === user.email) {
    return null;
  }
  if (state.store.userByEmail(email) !== undefined) {
    throw new ApiError(422, "email_exists", "A user with this email address has already been registered");
  }
  return email.toLowerCase();
}

function newPhone(state: State, user: User, phone: string): string | null {
  if (phone === "" || phone === user.phone) {
    return null;
  }
  if (state.store.userByPhone(phone) !== undefined) {
    throw new ApiError(422, "phone_exists", "A user with this phone number has already been registered");
  }
  return phone;
}

function changePhone(state: State, user: User, phone: string, channel: Channel): void {
  if (state.settings.smsAutoconfirm) {
    state.store.changePhone(user, phone);
    user.phoneConfirmedAt ??= iso(state.clock.nowMs());
    return;
  }
  sendPhoneChange(state, user, phone, channel);
}

/** Uses up the code that `GET /reauthenticate` sent. */
function redeemNonce(state: State, user: User, nonce: string): void {
  if (nonce === "") {
    throw new ApiError(400, "reauthentication_needed", "Password update requires reauthentication");
  }
  const byMail = user.email !== "";
  const hash = tokenHash(byMail ? user.email : user.phone, nonce);
  const token = state.store.mailedTokens.get(hash);
  const life = byMail ? state.settings.otpExp : state.settings.smsOtpExp;
  const fits = token?.kind === "reauthentication" && token.userId === user.id;
  if (!fits || state.clock.nowMs() > token.createdAtMs + life * 1000) {
    throw new ApiError(422, "reauthentication_not_valid", "Nonce has expired or is invalid");
  }
  state.store.mailedTokens.delete(hash);
}

function reauthenticate(state: State, user: User): object {
  if (user.email === "" && user.phone === "") {
    throw new ApiError(400, "validation_failed", "Reauthentication requires the user to have an email or a phone number");
  }
  if (user.email !== "" && user.emailConfirmedAt === null) {
    throw new ApiError(422, "email_not_confirmed", "Please verify your email first.");
  }
  if (user.email !== "") {
    sendReauthentication(state, user);
    return {};
  }
  if (user.phoneConfirmedAt === null) {
    throw new ApiError(422, "phone_not_confirmed", "Please verify your phone first.");
  }
  return { message_id: sendPhoneReauthentication(state, user) };
}

function changeEmail(c: Ctx, state: State, user: User, email: string, body: JsonObject): void {
  const back = wayBack(c, state, body);
  // Members confirm a new address even where sign-ups need not.
  if (state.settings.autoconfirm && user.isAnonymous) {
    state.store.changeEmail(user, email);
    user.isAnonymous = false;
    user.emailConfirmedAt ??= iso(state.clock.nowMs());
    return;
  }
  user.newEmail = email;
  sendEmailChange(state, user, back);
}

function endOtherSessions(state: State, user: User, kept: Session): void {
  for (const other of state.store.sessionsOf(user.id).filter(({ id }) => id !== kept.id)) {
    state.store.deleteSession(other.id);
  }
}

/** null takes a member away. */
function mergeMetadata(user: User, data: JsonObject): void {
  const merged = Object.entries({ ...user.userMetadata, ...data });
  user.userMetadata = Object.fromEntries(merged.filter(([, value]) => value !== null));
}
