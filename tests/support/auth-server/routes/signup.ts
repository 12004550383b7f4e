import { randomUUID } from "node:crypto";
import type { Hono } from "hono";
import { iso } from "../clock.ts";
import { ApiError } from "../errors.ts";
import { parseChallenge } from "../flows.ts";
import { type Ctx, type Env, type JsonObject, limit, object, readBody, text } from "../http.ts";
import { sendConfirmation, sendEmailChange, sendRecovery, type WayBack } from "../mailer.ts";
import { parseChannel, parsePhone, sendPhoneChange, sendPhoneConfirmation } from "../phones.ts";
import { redirectTarget } from "../redirects.ts";
import type { State } from "../state.ts";
import type { User } from "../store.ts";
import { signIn, userObject } from "../tokens.ts";
import { caller, signedIn } from "./token.ts";

const LONGEST_PASSWORD = 72;

/** Sign-up and everything that sends a mail without a session. */
export function signupRoutes(app: Hono<Env>, state: State): void {
  app.post("/signup", async (c) => {
    const body = await readBody(c);
    if (text(body, "email") === "" && text(body, "phone") === "") {
      limit(c, state, "anonymous");
      return signUpAnonymous(c, state, body);
    }
    limit(c, state, "signup");
    return signUp(c, state, body);
  });

  app.post("/otp", async (c) => {
    limit(c, state, "otp");
    const body = await readBody(c);
    const [email, phone] = [text(body, "email"), text(body, "phone")];
    if (email !== "" && phone !== "") {
      throw invalid("Only an email address or phone number should be provided");
    }
    if (email !== "" && text(body, "channel") !== "") {
      throw invalid("Channel should only be specified with Phone OTP");
    }
    if (email === "" && phone === "") {
      throw invalid("One of email or phone must be set");
    }
    if (phone !== "") {
      return c.json(sendPhoneOtp(state, body, phone));
    }
    sendMagicLink(c, state, body, body.create_user !== false);
    return c.json({});
  });

  app.post("/magiclink", async (c) => {
    limit(c, state, "magiclink");
    sendMagicLink(c, state, await readBody(c), true);
    return c.json({});
  });

  app.post("/recover", async (c) => {
    limit(c, state, "recover");
    const body = await readBody(c);
    const user = state.store.userByEmail(requireEmail(body));
    const back = wayBack(c, state, body);
    // An unknown address gets the same answer, so that nobody can ask who is a member.
    if (user !== undefined) {
      sendRecovery(state, user, "recovery", back);
    }
    return c.json({});
  });

  app.post("/resend", async (c) => {
    limit(c, state, "resend");
    return c.json(resend(c, state, await readBody(c)));
  });
}

export function wayBack(c: Ctx, state: State, body: JsonObject): WayBack {
  return {
    redirectTo: redirectTarget(c, state.settings),
    challenge: parseChallenge(text(body, "code_challenge"), text(body, "code_challenge_method")),
  };
}

export function checkPassword(state: State, password: string): void {
  const least = state.settings.minPasswordLength;
  if (Buffer.byteLength(password) > LONGEST_PASSWORD) {
    throw invalid(`Password cannot be longer than ${LONGEST_PASSWORD} characters`);
  }
  if (password.length < least) {
    throw new ApiError(422, "weak_password", `Password should be at least ${least} characters.`, ["length"]);
  }
}

export function checkEmail(email: string): void {
  if (!/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(email) && !/^[^\s@]+@localhost$/.test(email)) {
    throw invalid("Unable to validate email address: invalid format");
  }
}

function invalid(message: string): ApiError {
  return new ApiError(400, "validation_failed", message);
}

function requireEmail(body: JsonObject): string {
  const email = text(body, "email");
  checkEmail(email);
  return email;
}

function signUpAnonymous(c: Ctx, state: State, body: JsonObject): Response {
  checkSignupAllowed(state);
  if (!state.settings.anonymousUsers) {
    throw new ApiError(422, "anonymous_provider_disabled", "Anonymous sign-ins are disabled");
  }
  const spec = { isAnonymous: true, userMetadata: object(body, "data") };
  const user = state.store.insertUser(spec, state.clock.nowMs());
  const { sessionId, response } = signIn(state, user, { method: "anonymous" }, caller(c, state));
  return signedIn(c, response, sessionId);
}

function signUp(c: Ctx, state: State, body: JsonObject): Response {
  checkSignupAllowed(state);
  const password = text(body, "password");
  if (password === "") {
    throw invalid("Signup requires a valid password");
  }
  checkPassword(state, password);
  if (text(body, "email") !== "" && text(body, "phone") !== "") {
    throw invalid("Only an email address or phone number should be provided on signup.");
  }
  if (text(body, "phone") !== "") {
    return signUpByPhone(c, state, body, password);
  }
  const email = requireEmail(body);
  const back = wayBack(c, state, body);
  const known = state.store.userByEmail(email);
  if (known !== undefined && known.emailConfirmedAt !== null) {
    return answerKnown(c, state, { email, phone: "" }, object(body, "data"));
  }
  const user = known ?? createUser(state, email, { password, data: object(body, "data") });
  if (state.settings.autoconfirm) {
    const { sessionId, response } = signIn(state, user, { method: "password" }, caller(c, state));
    return signedIn(c, response, sessionId);
  }
  sendConfirmation(state, user, back);
  return c.json(userObject(user));
}

function signUpByPhone(c: Ctx, state: State, body: JsonObject, password: string): Response {
  const channel = parseChannel(state, text(body, "channel"));
  if (text(body, "code_challenge") !== "") {
    throw invalid("PKCE not supported for phone signups");
  }
  if (!state.settings.phone) {
    throw new ApiError(400, "phone_provider_disabled", "Phone signups are disabled");
  }
  const phone = parsePhone(text(body, "phone"));
  const known = state.store.userByPhone(phone);
  if (known !== undefined && known.phoneConfirmedAt !== null) {
    return answerKnown(c, state, { email: "", phone }, object(body, "data"));
  }
  const user = known ?? createPhoneUser(state, phone, { password, data: object(body, "data") });
  if (user.phoneConfirmedAt !== null) {
    const { sessionId, response } = signIn(state, user, { method: "password" }, caller(c, state));
    return signedIn(c, response, sessionId);
  }
  sendPhoneConfirmation(state, user, channel);
  return c.json(userObject(user));
}

function createPhoneUser(state: State, phone: string, { password, data }: { password?: string; data: JsonObject }): User {
  const phoneConfirmed = state.settings.smsAutoconfirm;
  const secret = password === undefined ? {} : { password };
  return state.store.insertUser({ phone, ...secret, userMetadata: data, phoneConfirmed }, state.clock.nowMs());
}

/** New numbers are signed up by it; only known ones are told the id of their message. */
function sendPhoneOtp(state: State, body: JsonObject, given: string): object {
  if (body.create_user === false && state.store.userByPhone(parsePhone(given)) === undefined) {
    throw new ApiError(422, "otp_disabled", "Signups not allowed for otp");
  }
  if (!state.settings.phone) {
    throw new ApiError(400, "phone_provider_disabled", "Unsupported phone provider");
  }
  const phone = parsePhone(given);
  const channel = parseChannel(state, text(body, "channel"));
  const known = state.store.userByPhone(phone);
  if (known === undefined) {
    checkSignupAllowed(state);
  }
  const isNew = known === undefined || known.phoneConfirmedAt === null;
  const user = known ?? createPhoneUser(state, phone, { data: object(body, "data") });
  const message_id = sendPhoneConfirmation(state, user, channel);
  return isNew && !state.settings.smsAutoconfirm ? {} : { message_id };
}

/** With confirmation by mail or SMS, whoever is taken is answered with a user that does not exist. */
function answerKnown(c: Ctx, state: State, who: { email: string; phone: string }, data: JsonObject): Response {
  if (state.settings.autoconfirm || state.settings.smsAutoconfirm) {
    throw new ApiError(422, "user_already_exists", "User already registered");
  }
  const at = iso(state.clock.nowMs());
  const provider = who.email === "" ? "phone" : "email";
  return c.json({
    id: randomUUID(),
    aud: "authenticated",
    role: "",
    ...who,
    confirmation_sent_at: at,
    app_metadata: { provider, providers: [provider] },
    user_metadata: data,
    identities: [],
    created_at: at,
    updated_at: at,
    is_anonymous: false,
  });
}

function createUser(state: State, email: string, spec: { password?: string; data: JsonObject }): User {
  const { password, data } = spec;
  return state.store.insertUser(
    {
      email,
      ...(password === undefined ? {} : { password }),
      userMetadata: data,
      confirmed: state.settings.autoconfirm,
    },
    state.clock.nowMs(),
  );
}

/** Known users get a magic link; new and unconfirmed ones confirm their address with it. */
function sendMagicLink(c: Ctx, state: State, body: JsonObject, create: boolean): void {
  const email = requireEmail(body);
  const back = wayBack(c, state, body);
  const known = state.store.userByEmail(email);
  if (known === undefined && !create) {
    throw new ApiError(422, "otp_disabled", "Signups not allowed for otp");
  }
  if (known === undefined) {
    checkSignupAllowed(state);
  }
  const user = known ?? createUser(state, email, { data: object(body, "data") });
  if (user.emailConfirmedAt === null) {
    sendConfirmation(state, user, back);
  } else {
    sendRecovery(state, user, "magiclink", back);
  }
}

/** Unknown people and those with nothing to confirm get the same answer as the others of their kind. */
function resend(c: Ctx, state: State, body: JsonObject): object {
  const type = text(body, "type");
  if (!["signup", "email_change", "sms", "phone_change"].includes(type)) {
    throw invalid("Missing one of these types: signup, email_change, sms, phone_change");
  }
  const [email, given] = [text(body, "email"), text(body, "phone")];
  if (type === "signup" && email === "") {
    throw invalid("Type provided requires an email address");
  }
  if (type === "sms" && given === "") {
    throw invalid("Type provided requires a phone number");
  }
  if ((email === "") === (given === "")) {
    throw invalid(email === "" ? "Missing email address or phone number" : "Only an email address or phone number should be provided.");
  }
  if (given !== "") {
    return resendMessage(state, type, given);
  }
  const user = state.store.userByEmail(requireEmail(body));
  const back = wayBack(c, state, body);
  if (type === "signup" && user !== undefined && user.emailConfirmedAt === null) {
    sendConfirmation(state, user, back);
  }
  if (type === "email_change" && user !== undefined && user.newEmail !== "") {
    sendEmailChange(state, user, back);
  }
  return {};
}

function resendMessage(state: State, type: string, given: string): object {
  if (!state.settings.phone) {
    throw new ApiError(400, "phone_provider_disabled", "Phone logins are disabled");
  }
  const user = state.store.userByPhone(parsePhone(given));
  if (type === "sms" && user !== undefined && user.phoneConfirmedAt === null) {
    return { message_id: sendPhoneConfirmation(state, user, "sms") };
  }
  if (type === "phone_change" && user !== undefined && user.newPhone !== "") {
    return { message_id: sendPhoneChange(state, user, user.newPhone, "sms") };
  }
  return {};
}

function checkSignupAllowed(state: State): void {
  if (state.settings.disableSignup) {
    throw new ApiError(422, "signup_disabled", "Signups not allowed for this instance");
  }
}
