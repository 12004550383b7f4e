import type { Hono } from "hono";
import { iso } from "../clock.ts";
import { ApiError } from "../errors.ts";
import { issueCode } from "../flows.ts";
import { type Ctx, type Env, type JsonObject, limit, readBody, text } from "../http.ts";
import { tokenHash } from "../mailer.ts";
import { redirectTarget, withParams } from "../redirects.ts";
import type { State } from "../state.ts";
import type { MailedKind, MailedToken, User } from "../store.ts";
import { signIn } from "../tokens.ts";
import { caller, signedIn } from "./token.ts";

const PKCE_PREFIX = "pkce_";
const HALF_CONFIRMED = "Confirmation link accepted. Please proceed to confirm link sent to the other email";

const KINDS: Record<string, MailedKind[]> = {
  signup: ["confirmation"],
  invite: ["confirmation"],
  recovery: ["recovery"],
  magiclink: ["recovery"],
  email_change: ["email_change_current", "email_change_new"],
  email: ["confirmation", "recovery"],
  sms: [],
  phone_change: [],
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
  const { user, complete } = consume(state, postedToken(state, body), type);
  if (!complete) {
    return c.json({ msg: HALF_CONFIRMED, code: "200" });
  }
  const { sessionId, response } = signIn(state, user, { method: "otp" }, caller(c, state));
  return signedIn(c, response, sessionId);
}

function postedToken(state: State, body: JsonObject): MailedToken | undefined {
  const hash = text(body, "token_hash");
  const [email, phone, otp] = [text(body, "email"), text(body, "phone"), text(body, "token")];
  if (hash !== "") {
    if (email !== "" || phone !== "" || text(body, "redirect_to") !== "") {
      throw new ApiError(400, "validation_failed", "Only the token_hash and type should be provided");
    }
    return state.store.mailedTokens.get(hash);
  }
  if (otp === "" || (email === "") === (phone === "")) {
    throw new ApiError(400, "validation_failed", "Verify requires a token and either an email or a phone");
  }
  const plain = tokenHash(email.toLowerCase(), otp);
  return state.store.mailedTokens.get(plain) ?? state.store.mailedTokens.get(PKCE_PREFIX + plain);
}

/** The place to which a clicked link leads; errors travel in it as well. */
function verifyLink(c: Ctx, state: State, token: string, type: string): string {
  const target = redirectTarget(c, state.settings);
  const pkce = token.startsWith(PKCE_PREFIX);
  try {
    const mailed = state.store.mailedTokens.get(token);
    const { user, complete } = consume(state, mailed, type);
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

function consume(state: State, mailed: MailedToken | undefined, type: string): Consumed {
  const user = state.store.users.get(mailed?.userId ?? "");
  const age = state.clock.nowMs() - (mailed?.createdAtMs ?? 0);
  const fits = mailed !== undefined && KINDS[type]?.includes(mailed.kind) === true;
  if (!fits || user === undefined || age > state.settings.otpExp * 1000) {
    throw new ApiError(403, "otp_expired", "Email link is invalid or has expired");
  }
  if (user.bannedUntilMs !== null && user.bannedUntilMs > state.clock.nowMs()) {
    throw new ApiError(403, "user_banned", "User is banned");
  }
  state.store.mailedTokens.delete(mailed.hash);
  if (type === "email_change") {
    return { user, complete: confirmChange(state, user) };
  }
  confirm(state, user);
  return { user, complete: true };
}

function confirm(state: State, user: User): void {
  user.emailConfirmedAt ??= iso(state.clock.nowMs());
  for (const identity of user.identities) {
    identity.identity_data.email_verified = true;
  }
}

function confirmChange(state: State, user: User): boolean {
  if (!user.emailChangeHalf) {
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
