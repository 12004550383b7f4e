import type { Hono } from "hono";
import type { Env } from "../http.ts";
import type { State } from "../state.ts";

const CACHE_CONTROL = "public, max-age=600";

const KNOWN_PROVIDERS = [
  "apple", "azure", "bitbucket", "discord", "facebook", "snapchat", "figma", "fly", "github",
  "gitlab", "google", "keycloak", "kakao", "linkedin", "linkedin_oidc", "notion", "spotify",
  "slack", "slack_oidc", "workos", "twitch", "twitter",
];

export function discoveryRoutes(app: Hono<Env>, state: State): void {
  app.get("/.well-known/jwks.json", (c) => {
    c.header("Cache-Control", CACHE_CONTROL);
    return c.json(state.keys.jwks());
  });

  app.get("/.well-known/openid-configuration", (c) => {
    const { issuer } = state.settings;
    c.header("Cache-Control", CACHE_CONTROL);
    return c.json({
      issuer,
      authorization_endpoint: `${issuer}/oauth/authorize`,
      token_endpoint: `${issuer}/oauth/token`,
      jwks_uri: `${issuer}/.well-known/jwks.json`,
      userinfo_endpoint: `${issuer}/oauth/userinfo`,
      response_types_supported: ["code"],
      code_challenge_methods_supported: ["S256", "plain"],
      id_token_signing_alg_values_supported: ["RS256", "HS256", "ES256"],
    });
  });

  app.get("/health", (c) =>
    c.json({
      version: "v2.196.0",
      name: "GoTrue",
      description: "GoTrue is a user registration and authentication API",
    }),
  );

  app.get("/settings", (c) => c.json(publicSettings(state)));
}

function publicSettings({ settings }: State): Record<string, unknown> {
  const providers = KNOWN_PROVIDERS.map((name) => [name, settings.providers.includes(name)]);
  return {
    external: {
      anonymous_users: settings.anonymousUsers,
      ...Object.fromEntries(providers),
      email: true,
      phone: settings.phone,
      zoom: false,
    },
    disable_signup: settings.disableSignup,
    mailer_autoconfirm: settings.autoconfirm,
    phone_autoconfirm: settings.smsAutoconfirm,
    sms_provider: settings.phone ? settings.smsProvider : "",
    saml_enabled: settings.sso !== null,
    saml_private_key_next_configured: false,
    passkeys_enabled: settings.passkeys,
  };
}
