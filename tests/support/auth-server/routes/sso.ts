import { createHash } from "node:crypto";
import type { Hono } from "hono";
import { ApiError } from "../errors.ts";
import { createFlow, isExpired, issueCode, parseChallenge } from "../flows.ts";
import { type Ctx, type Env, type JsonObject, limit, readBody, text } from "../http.ts";
import { readProviderCode } from "../provider.ts";
import { isAllowed, withParams } from "../redirects.ts";
import type { SsoProvider } from "../settings.ts";
import type { State } from "../state.ts";
import type { User } from "../store.ts";
import { signIn } from "../tokens.ts";
import { caller } from "./token.ts";
import { implicitParams } from "./verify.ts";

/** Sign-in with SAML: the start, and the assertion with which the identity provider answers. */
export function ssoRoutes(app: Hono<Env>, state: State): void {
  app.post("/sso", async (c) => {
    requireSaml(state);
    limit(c, state, "sso");
    const body = await readBody(c);
    const url = start(state, body);
    return body.skip_http_redirect === true ? c.json({ url }) : c.redirect(url, 303);
  });

  app.post("/sso/saml/acs", async (c) => {
    requireSaml(state);
    const form = await c.req.parseBody();
    return c.redirect(finish(c, state, String(form.RelayState ?? ""), String(form.SAMLResponse ?? "")), 302);
  });
}

function requireSaml(state: State): SsoProvider[] {
  if (state.settings.sso === null) {
    throw new ApiError(404, "saml_provider_disabled", "SAML 2.0 is disabled");
  }
  return state.settings.sso;
}

function start(state: State, body: JsonObject): string {
  const provider = findProvider(state, text(body, "provider_id"), text(body, "domain"));
  if (provider.disabled === true) {
    throw new ApiError(404, "sso_provider_disabled", "SSO Provider is currently disabled");
  }
  const challenge = parseChallenge(text(body, "code_challenge"), text(body, "code_challenge_method"));
  // The redirect is looked at when the assertion comes, and only then.
  const flow = createFlow(state, { challenge, method: "sso/saml", redirectTo: text(body, "redirect_to"), provider: `sso:${provider.id}` });
  const query = new URLSearchParams({ SAMLRequest: createHash("sha256").update(flow.id).digest("base64"), RelayState: flow.id });
  return `${new URL(state.settings.externalUrl).origin}/idp/${provider.id}?${query}`;
}

function findProvider(state: State, id: string, domain: string): SsoProvider {
  if ((id === "") === (domain === "")) {
    const message = id === "" ? "A provider_id or domain needs to be provided" : "Only one of provider_id or domain supported";
    throw new ApiError(400, "validation_failed", message);
  }
  const found = requireSaml(state).find((provider) => provider.id === id || provider.domains.includes(domain.toLowerCase()));
  if (found === undefined) {
    const message = id === "" ? "No SSO provider assigned for this domain" : "No such SSO provider";
    throw new ApiError(404, "sso_provider_not_found", message);
  }
  return found;
}

/** The assertion of the stand-in for an identity provider is a profile without a signature. */
function finish(c: Ctx, state: State, relayState: string, assertion: string): string {
  const { siteUrl } = state.settings;
  const flow = state.store.flows.get(relayState);
  if (flow === undefined || flow.returned || flow.method !== "sso/saml" || isExpired(state, flow)) {
    const error_description = "SAML RelayState does not exist, try logging in again?";
    return withParams(siteUrl, { query: { error: "server_error", error_code: "saml_relay_state_not_found", error_description } });
  }
  flow.returned = true;
  const profile = readProviderCode(assertion);
  if (profile === null) {
    const error_description = "SAML Assertion is not valid";
    return withParams(siteUrl, { query: { error: "invalid_request", error_code: "validation_failed", error_description } });
  }
  const user = ssoUser(state, flow.provider ?? "", profile.email);
  const target = isAllowed(flow.redirectTo, state.settings) ? flow.redirectTo : siteUrl;
  flow.userId = user.id;
  if (flow.challenge !== null) {
    return withParams(target, { query: { code: issueCode(state, flow) } });
  }
  state.store.flows.delete(flow.id);
  const { response } = signIn(state, user, { method: "sso/saml", provider: flow.provider ?? "" }, caller(c, state));
  return withParams(target, { fragment: implicitParams(response) });
}

function ssoUser(state: State, provider: string, email: string): User {
  return state.store.userByEmail(email) ?? state.store.insertUser({ email, provider, confirmed: true }, state.clock.nowMs());
}
