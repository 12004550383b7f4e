import { randomUUID } from "node:crypto";
import type { Hono } from "hono";
import { iso } from "../clock.ts";
import { ApiError } from "../errors.ts";
import { parseChallenge } from "../flows.ts";
import { type Ctx, type Env, type JsonObject, limit, object, readBody, text } from "../http.ts";
import { sendConfirmation, sendEmailChange, sendRecovery, type WayBack } from "../mailer.ts";
import { redirectTarget } from "../redirects.ts";
import type { State } from "../state.ts";
import type { User } from "../store.ts";
import { signIn, userObject } from "../tokens.ts";
import { caller, signedIn } from "./token.ts";

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
    resend(c, state, await readBody(c));
    return c.json({});
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
  if (password.length < least) {
    throw new ApiError(422, "weak_password", `Password should be at least ${least} characters.`, ["length"]);
  }
}

export function checkEmail(email: string): void {
  if (!/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(email) && !/^[^\s@]+@localhost$/.test(email)) {
    throw new ApiError(400, "validation_failed", "Unable to validate email address: invalid format");
  }
}

function requireEmail(body: JsonObject): string {
  if (text(body, "phone") !== "") {
    throw new ApiError(400, "phone_provider_disabled", "Unsupported phone provider");
  }
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
  const email = requireEmail(body);
  const password = text(body, "password");
  if (password === "") {
    throw new ApiError(400, "validation_failed", "Signup requires a valid password");
  }
  checkPassword(state, password);
  const back = wayBack(c, state, body);
  const known = state.store.userByEmail(email);
  if (known !== undefined && known.emailConfirmedAt !== null) {
    return answerKnown(c, state, known);
  }
  const user = known ?? createUser(state, email, { password, data: object(body, "data") });
  if (state.settings.autoconfirm) {
    const { sessionId, response } = signIn(state, user, { method: "password" }, caller(c, state));
    return signedIn(c, response, sessionId);
  }
  sendConfirmation(state, user, back);
  return c.json(userObject(user));
}

/** With confirmation by mail, an address that is taken is answered with a user that does not exist. */
function answerKnown(c: Ctx, state: State, known: User): Response {
  if (state.settings.autoconfirm) {
    throw new ApiError(422, "user_already_exists", "User already registered");
  }
  const at = iso(state.clock.nowMs());
  const { email, aud, role } = known;
  return c.json({
    id: randomUUID(),
    aud,
    role,
    email,
    phone: "",
    confirmation_sent_at: at,
    app_metadata: { provider: "email", providers: ["email"] },
    user_metadata: {},
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

function resend(c: Ctx, state: State, body: JsonObject): void {
  const type = text(body, "type");
  if (type !== "signup" && type !== "email_change") {
    throw new ApiError(400, "validation_failed", "Missing one of these types: signup, email_change, sms, phone_change");
  }
  const user = state.store.userByEmail(requireEmail(body));
  const back = wayBack(c, state, body);
  if (type === "signup" && user !== undefined && user.emailConfirmedAt === null) {
    sendConfirmation(state, user, back);
  }
  if (type === "email_change" && user !== undefined && user.newEmail !== "") {
    sendEmailChange(state, user, back);
  }
}

function checkSignupAllowed(state: State): void {
  if (state.settings.disableSignup) {
    throw new ApiError(422, "signup_disabled", "Signups not allowed for this instance");
  }
}
