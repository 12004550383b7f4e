import { randomBytes } from "node:crypto";
import type { Hono } from "hono";
import { ApiError } from "../errors.ts";
import { createFlow, isExpired, issueCode, parseChallenge } from "../flows.ts";
import type { Ctx, Env } from "../http.ts";
import { readProviderCode } from "../provider.ts";
import { redirectTarget, withParams } from "../redirects.ts";
import type { State } from "../state.ts";
import { addIdentity, type Flow, type User } from "../store.ts";
import { signIn } from "../tokens.ts";
import { caller } from "./token.ts";
import { implicitParams } from "./verify.ts";

/** Parameters that are Auth's own towards the provider; all others are handed on. */
const RESERVED = [
  "client_id", "client_secret", "redirect_uri", "response_type", "state",
  "code_challenge", "code_challenge_method", "code_verifier", "provider", "scopes",
];

export function oauthRoutes(app: Hono<Env>, state: State): void {
  app.get("/authorize", (c) => c.redirect(authorize(c, state), 302));

  app.get("/callback", (c) => {
    const flow = state.store.flows.get(c.req.query("state") ?? "");
    if (flow === undefined || flow.provider === null || flow.returned || isExpired(state, flow)) {
      return c.redirect(withParams(state.settings.siteUrl, { query: badState() }), 303);
    }
    flow.returned = true;
    return c.redirect(finish(c, state, flow), 302);
  });
}

function authorize(c: Ctx, state: State): string {
  const { settings } = state;
  const provider = c.req.query("provider") ?? "";
  if (!settings.providers.includes(provider)) {
    const message = `Unsupported provider: Provider ${provider} could not be found`;
    throw new ApiError(400, "validation_failed", message);
  }
  const challenge = parseChallenge(c.req.query("code_challenge") ?? "", c.req.query("code_challenge_method") ?? "");
  const redirectTo = redirectTarget(c, settings);
  const flow = createFlow(state, { challenge, method: "oauth", redirectTo, provider });
  const forwarded = Object.entries(c.req.query()).filter(([name]) => !RESERVED.includes(name));
  const query = new URLSearchParams({
    ...Object.fromEntries(forwarded),
    client_id: "local",
    redirect_uri: `${settings.externalUrl}/callback`,
    response_type: "code",
    scope: (c.req.query("scopes") ?? "").replaceAll(",", " "),
    state: flow.id,
  });
  return `${new URL(settings.externalUrl).origin}/provider/${provider}?${query}`;
}

/** The application's URL with a code, tokens or the provider's error. */
function finish(c: Ctx, state: State, flow: Flow): string {
  const error = c.req.query("error");
  if (error !== undefined) {
    return failed(flow, { error, error_description: c.req.query("error_description") ?? "" });
  }
  const profile = readProviderCode(c.req.query("code") ?? "");
  if (profile === null) {
    const error_description = "Unable to exchange external code";
    return failed(flow, { error: "server_error", error_code: "unexpected_failure", error_description });
  }
  const user = providerUser(state, flow.provider ?? "", profile);
  if (user === null) {
    const error_description = "Signups not allowed for this instance";
    return failed(flow, { error: "access_denied", error_code: "signup_disabled", error_description });
  }
  flow.userId = user.id;
  flow.providerToken = `provider-token-${randomBytes(8).toString("hex")}`;
  if (flow.challenge !== null) {
    return withParams(flow.redirectTo, { query: { code: issueCode(state, flow) } });
  }
  state.store.flows.delete(flow.id);
  const amr = { method: "oauth", provider: flow.provider ?? "" };
  const { response } = signIn(state, user, amr, caller(c, state));
  const fragment = { ...implicitParams(response), provider_token: flow.providerToken };
  return withParams(flow.redirectTo, { fragment });
}

function providerUser(state: State, provider: string, profile: { email: string; name: string }): User | null {
  const known = state.store.userByEmail(profile.email);
  const nowMs = state.clock.nowMs();
  if (known === undefined) {
    if (state.settings.disableSignup) {
      return null;
    }
    const userMetadata = { email: profile.email, email_verified: true, full_name: profile.name, name: profile.name };
    return state.store.insertUser({ email: profile.email, provider, confirmed: true, userMetadata }, nowMs);
  }
  if (!known.identities.some((identity) => identity.provider === provider)) {
    addIdentity(known, provider, nowMs);
    known.appMetadata.providers = known.identities.map((identity) => identity.provider);
  }
  return known;
}

function failed(flow: Flow, params: Record<string, string>): string {
  return withParams(flow.redirectTo, { query: params, fragment: { ...params, sb: "" } });
}

function badState(): Record<string, string> {
  return {
    error: "invalid_request",
    error_code: "bad_oauth_state",
    error_description: "OAuth state not found or expired",
  };
}
