import type { Hono } from "hono";
import { iso } from "../clock.ts";
import { ApiError } from "../errors.ts";
import { issueCode } from "../flows.ts";
import { type Ctx, type Env, type JsonObject, limit, readBody, text } from "../http.ts";
import { tokenHash } from "../mailer.ts";
import { parsePhone } from "../phones.ts";
import { redirectTarget, withParams } from "../redirects.ts";
import type { State } from "../state.ts";
import { addIdentity, type MailedKind, type MailedToken, type User } from "../store.ts";
import { signIn } from "../tokens.ts";
import { caller, signedIn } from "./token.ts";

const PKCE_PREFIX = "pkce_";
const HALF_CONFIRMED = "Confirmation link accepted. Please proceed to confirm link sent to the other email";

const CODE_EXPIRED = "Token has expired or is invalid";
const HASH_EXPIRED = "Email link is invalid or has expired";

const KINDS: Record<string, MailedKind[]> = {
  signup: ["confirmation"],
  invite: ["confirmation"],
  recovery: ["recovery"],
  magiclink: ["recovery"],
  email_change: ["email_change_current", "email_change_new"],
  email: ["confirmation", "recovery"],
  sms: ["phone_confirmation"],
  phone_change: ["phone_change"],
};

const AMR_METHODS: Record<string, string> = {
  signup: "email/signup",
  invite: "invite",
  recovery: "recovery",
  magiclink: "magiclink",
  email_change: "email_change",
};

export function verifyRoutes(app: Hono<Env>, state: State): void {
  app.post("/verify", async (c) => {
    limit(c, state, "verify");
    return verifyPost(c, state, await readBody(c));
  });

  app.get("/verify", (c) => {
    limit(c, state, "verify");
    const token = c.req.query("token") ?? "";
    const type = c.req.query("type") ?? "";
    if (token === "" || KINDS[type] === undefined) {
      const missing = token === "" ? "a token or a token hash" : "a verification type";
      throw new ApiError(400, "validation_failed", `Verify requires ${missing}`);
    }
    return c.redirect(verifyLink(c, state, token, type), 303);
  });
}

function verifyPost(c: Ctx, state: State, body: JsonObject): Response {
  const type = text(body, "type");
  if (KINDS[type] === undefined) {
    throw new ApiError(400, "validation_failed", "Verify requires a verification type");
  }
  const { user, complete } = fixedCode(state, body, type) ?? consume(state, postedToken(state, body, type), type, expiredMessage(body));
  if (!complete) {
    return c.json({ msg: HALF_CONFIRMED, code: "200" });
  }
  const { sessionId, response } = signIn(state, user, { method: "otp" }, caller(c, state));
  return signedIn(c, response, sessionId);
}

function expiredMessage(body: JsonObject): string {
  return text(body, "token_hash") === "" ? CODE_EXPIRED : HASH_EXPIRED;
}

/** The code of a number for tests is always good, asked for or not. */
function fixedCode(state: State, body: JsonObject, type: string): Consumed | null {
  const phone = text(body, "phone").replace(/^\+/, "").replaceAll(" ", "");
  const fixed = state.settings.smsTestOtp[phone];
  const user = type === "sms" ? state.store.userByPhone(phone) : userWithNewPhone(state, phone);
  if (KINDS[type]?.[0]?.startsWith("phone") !== true || user === undefined || fixed !== text(body, "token")) {
    return null;
  }
  refuseBanned(state, user);
  confirmPhone(state, user, type);
  return { user, complete: true };
}

function userWithNewPhone(state: State, phone: string): User | undefined {
  return phone === "" ? undefined : [...state.store.users.values()].find(({ newPhone }) => newPhone === phone);
}

function postedToken(state: State, body: JsonObject, type: string): MailedToken | undefined {
  const hash = text(body, "token_hash");
  const [email, phone, otp] = [text(body, "email"), text(body, "phone"), text(body, "token")];
  if (hash !== "" && otp !== "") {
    throw new ApiError(400, "validation_failed", "Verify requires either a token or a token hash");
  }
  if (hash !== "") {
    if (email !== "" || phone !== "" || text(body, "redirect_to") !== "") {
      throw new ApiError(400, "validation_failed", "Only the token_hash and type should be provided");
    }
    return state.store.mailedTokens.get(hash);
  }
  if (otp === "") {
    throw new ApiError(400, "validation_failed", "Verify requires either a token or a token hash");
  }
  const byPhone = KINDS[type]?.[0]?.startsWith("phone") === true;
  if (byPhone ? phone === "" || email !== "" : email === "" || phone !== "") {
    throw new ApiError(400, "validation_failed", "Only an email address or phone number should be provided on verify");
  }
  const plain = tokenHash(byPhone ? parsePhone(phone) : email.toLowerCase(), otp);
  return state.store.mailedTokens.get(plain) ?? state.store.mailedTokens.get(PKCE_PREFIX + plain);
}

/** The place to which a clicked link leads; errors travel in it as well. */
function verifyLink(c: Ctx, state: State, token: string, type: string): string {
  const target = redirectTarget(c, state.settings);
  const pkce = token.startsWith(PKCE_PREFIX);
  try {
    const mailed = state.store.mailedTokens.get(token);
    const { user, complete } = consume(state, mailed, type, HASH_EXPIRED);
    if (!complete) {
      const message = { message: HALF_CONFIRMED };
      return withParams(target, { query: pkce ? message : {}, fragment: { ...message, sb: "" } });
    }
    if (pkce) {
      return withParams(target, { query: { code: codeFor(state, mailed) } });
    }
    const amr = { method: AMR_METHODS[type] ?? "otp" };
    const { response } = signIn(state, user, amr, caller(c, state));
    return withParams(target, { fragment: { ...implicitParams(response), type } });
  } catch (error) {
    if (!(error instanceof ApiError)) {
      throw error;
    }
    const params = errorParams(error);
    return withParams(target, { query: pkce ? params : {}, fragment: { ...params, sb: "" } });
  }
}

export function implicitParams(response: {
  access_token: string;
  expires_at: number;
  expires_in: number;
  refresh_token: string;
}): Record<string, string> {
  const { access_token, expires_at, expires_in, refresh_token } = response;
  return {
    access_token,
    expires_at: String(expires_at),
    expires_in: String(expires_in),
    refresh_token,
    sb: "",
    token_type: "bearer",
  };
}

function codeFor(state: State, mailed: MailedToken | undefined): string {
  const flow = state.store.flows.get(mailed?.flowId ?? "");
  if (flow === undefined) {
    throw new ApiError(400, "flow_state_not_found", "No valid flow state found for user.");
  }
  return issueCode(state, flow);
}

/** `error` exists for some statuses only; a 422 has none. */
function errorParams(error: ApiError): Record<string, string> {
  const names: Record<number, string> = {
    400: "invalid_request",
    401: "unauthorized_client",
    403: "access_denied",
    500: "server_error",
    503: "temporarily_unavailable",
  };
  const name = names[error.status];
  return {
    ...(name === undefined ? {} : { error: name }),
    error_code: error.code,
    error_description: error.message,
  };
}

interface Consumed {
  user: User;
  /** False after the first half of a change of address. */
  complete: boolean;
}

function consume(state: State, mailed: MailedToken | undefined, type: string, message: string): Consumed {
  const user = state.store.users.get(mailed?.userId ?? "");
  const age = state.clock.nowMs() - (mailed?.createdAtMs ?? 0);
  const fits = mailed !== undefined && KINDS[type]?.includes(mailed.kind) === true;
  const byPhone = mailed?.kind.startsWith("phone") === true;
  const life = byPhone ? state.settings.smsOtpExp : state.settings.otpExp;
  if (!fits || user === undefined || age > life * 1000) {
    throw new ApiError(403, "otp_expired", message);
  }
  refuseBanned(state, user);
  state.store.mailedTokens.delete(mailed.hash);
  if (type === "email_change") {
    return { user, complete: confirmChange(state, user) };
  }
  if (byPhone) {
    confirmPhone(state, user, type);
    return { user, complete: true };
  }
  confirm(state, user);
  return { user, complete: true };
}

function refuseBanned(state: State, user: User): void {
  if (user.bannedUntilMs !== null && user.bannedUntilMs > state.clock.nowMs()) {
    throw new ApiError(403, "user_banned", "User is banned");
  }
}

function confirmPhone(state: State, user: User, type: string): void {
  if (type === "phone_change") {
    state.store.changePhone(user, user.newPhone);
    user.newPhone = "";
  }
  const nowMs = state.clock.nowMs();
  user.phoneConfirmedAt ??= iso(nowMs);
  user.isAnonymous = false;
  if (!user.identities.some(({ provider }) => provider === "phone")) {
    addIdentity(user, "phone", nowMs);
  }
  for (const identity of user.identities.filter(({ provider }) => provider === "phone")) {
    Object.assign(identity.identity_data, { phone: user.phone, phone_verified: true });
  }
}

function confirm(state: State, user: User): void {
  user.emailConfirmedAt ??= iso(state.clock.nowMs());
  for (const identity of user.identities) {
    identity.identity_data.email_verified = true;
  }
}

function confirmChange(state: State, user: User): boolean {
  if (!user.emailChangeHalf && !state.settings.autoconfirm) {
    user.emailChangeHalf = true;
    return false;
  }
  state.store.changeEmail(user, user.newEmail);
  user.newEmail = "";
  user.emailChangeHalf = false;
  user.isAnonymous = false;
  confirm(state, user);
  return true;
}
