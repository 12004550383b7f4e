import type { Hono } from "hono";
import { ApiError } from "../errors.ts";
import { redeemCode } from "../flows.ts";
import { type Ctx, type Env, type JsonObject, limit, readBody, requestIp, text } from "../http.ts";
import { refresh } from "../refresh.ts";
import type { State } from "../state.ts";
import { passwordMatches } from "../store.ts";
import { type Caller, signIn, tokenResponse, type TokenResponse } from "../tokens.ts";

export function tokenRoutes(app: Hono<Env>, state: State): void {
  app.post("/token", async (c) => {
    limit(c, state, "token");
    const grant = c.req.query("grant_type");
    const body = await readBody(c);
    switch (grant) {
      case "password":
        return grantPassword(c, state, body);
      case "refresh_token":
        return grantRefresh(c, state, body);
      case "pkce":
        return grantPkce(c, state, body);
      default:
        throw new ApiError(400, "invalid_credentials", "unsupported_grant_type");
    }
  });
}

export function caller(c: Ctx, state: State): Caller {
  return { ip: requestIp(c, state), userAgent: c.req.header("user-agent") ?? "" };
}

/** Answers a sign-in with the diagnostic headers that go with it. */
export function signedIn(c: Ctx, response: TokenResponse, sessionId: string): Response {
  c.header("sb-auth-user-id", String(response.user.id));
  c.header("sb-auth-session-id", sessionId);
  return c.json(response);
}

function grantPassword(c: Ctx, state: State, body: JsonObject): Response {
  const [email, given] = [text(body, "email"), text(body, "phone")];
  const password = text(body, "password");
  if (email !== "" && given !== "") {
    throw new ApiError(400, "validation_failed", "Only an email address or phone number should be provided on login.");
  }
  if (email === "" && given === "") {
    throw new ApiError(400, "validation_failed", "missing email or phone");
  }
  if (email === "" && !state.settings.phone) {
    throw new ApiError(422, "phone_provider_disabled", "Phone logins are disabled");
  }
  const phone = given.replace(/^\+/, "").replaceAll(" ", "");
  const user = email === "" ? state.store.userByPhone(phone) : state.store.userByEmail(email);
  if (user === undefined || user.passwordHash === null) {
    throw new ApiError(400, "invalid_credentials", "Invalid login credentials");
  }
  // Auth tells of a ban before it looks at the password.
  if (user.bannedUntilMs !== null && user.bannedUntilMs > state.clock.nowMs()) {
    throw new ApiError(400, "user_banned", "User is banned");
  }
  if (!passwordMatches(user, password)) {
    throw new ApiError(400, "invalid_credentials", "Invalid login credentials");
  }
  if (email !== "" && user.emailConfirmedAt === null) {
    throw new ApiError(400, "email_not_confirmed", "Email not confirmed");
  }
  if (email === "" && user.phoneConfirmedAt === null) {
    throw new ApiError(400, "phone_not_confirmed", "Phone not confirmed");
  }
  const { sessionId, response } = signIn(state, user, { method: "password" }, caller(c, state));
  return signedIn(c, { ...response, weak_password: null }, sessionId);
}

async function grantRefresh(c: Ctx, state: State, body: JsonObject): Promise<Response> {
  const { session, user, token, headers } = await refresh(state, text(body, "refresh_token"));
  const { ip, userAgent } = caller(c, state);
  session.ip = ip;
  session.userAgent = userAgent;
  for (const [name, value] of Object.entries(headers)) {
    c.header(name, value);
  }
  return signedIn(c, tokenResponse(state, user, session, token), session.id);
}

function grantPkce(c: Ctx, state: State, body: JsonObject): Response {
  const flow = redeemCode(state, text(body, "auth_code"), text(body, "code_verifier"));
  const user = state.store.users.get(flow.userId ?? "");
  if (user === undefined) {
    throw new ApiError(404, "flow_state_not_found", "invalid flow state, no valid flow state found");
  }
  const provider = flow.provider === null ? {} : { provider: flow.provider };
  const { sessionId, response } = signIn(state, user, { method: flow.method, ...provider }, caller(c, state));
  const providerToken = flow.providerToken === null ? {} : { provider_token: flow.providerToken };
  return signedIn(c, { ...response, ...providerToken }, sessionId);
}
