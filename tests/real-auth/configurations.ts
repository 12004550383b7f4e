/** How Auth is set up, one after the other; each is a project of its own. */
import type { Algorithm } from "./keys.ts";

export interface Configuration {
  name: string;
  algorithm: Algorithm;
  /** Over what every configuration has. */
  environment: Record<string, string>;
  /** Left to the flows, since the conformance suite would see nothing of it, or wait for other lives of tokens. */
  flowsOnly?: true;
  /** What the operator sets later, while sessions are out. */
  upgrade?: Record<string, string>;
  /** The same in the names of the local Auth's settings, for the conformance suite. */
  settings: Record<string, unknown>;
}

/** A number whose code is known, so that nothing is sent. */
export const TEST_PHONE = "15555550100";
export const TEST_CODE = "123456";

const PHONE = {
  GOTRUE_EXTERNAL_PHONE_ENABLED: "true",
  GOTRUE_SMS_TEST_OTP: `${TEST_PHONE}:${TEST_CODE}`,
  GOTRUE_SMS_OTP_EXP: "60",
  GOTRUE_SMS_OTP_LENGTH: "6",
  GOTRUE_SMS_MAX_FREQUENCY: "1ms",
  GOTRUE_SMS_PROVIDER: "textlocal",
  GOTRUE_SMS_TEXTLOCAL_API_KEY: "none",
  GOTRUE_SMS_TEXTLOCAL_SENDER: "none",
};

const MESSAGES_BY_HOOK = {
  GOTRUE_HOOK_SEND_SMS_ENABLED: "true",
  GOTRUE_HOOK_SEND_SMS_URI: "pg-functions://postgres/public/keep_message",
};

const configuration = (
  name: string,
  environment: Record<string, string> = {},
  settings: Record<string, unknown> = {},
  algorithm: Algorithm = "ES256",
): Configuration => ({ name, algorithm, environment, settings });

const V2 = { GOTRUE_SECURITY_REFRESH_TOKEN_ALGORITHM_VERSION: "2" };

export const CONFIGURATIONS: Configuration[] = [
  configuration("ES256, tokens of version 1"),
  configuration("HS256, tokens of version 1", {}, {}, "HS256"),
  configuration("tokens of version 2", V2, { algorithmVersion: 2 }),
  { ...configuration("upgrade of tokens from version 1 to 2"), upgrade: { ...V2, GOTRUE_SECURITY_REFRESH_TOKEN_UPGRADE_PERCENTAGE: "100" } },
  { ...configuration("no issuer, as self-hosted Auth has it", { GOTRUE_JWT_ISSUER: "" }), flowsOnly: true },
  { ...configuration("short tokens", { GOTRUE_JWT_EXP: "8" }), flowsOnly: true },
  configuration(
    "current password and reauthentication required",
    {
      GOTRUE_SECURITY_UPDATE_PASSWORD_REQUIRE_CURRENT_PASSWORD: "true",
      GOTRUE_SECURITY_UPDATE_PASSWORD_REQUIRE_REAUTHENTICATION: "true",
    },
    { requireCurrentPassword: true, requireReauthentication: true },
  ),
  configuration("phone with test codes", PHONE, { phone: true, smsProvider: "textlocal", smsTestOtp: { [TEST_PHONE]: TEST_CODE } }),
  configuration(
    "second factors by phone",
    { ...PHONE, ...MESSAGES_BY_HOOK, GOTRUE_MFA_PHONE_ENROLL_ENABLED: "true", GOTRUE_MFA_PHONE_VERIFY_ENABLED: "true", GOTRUE_MFA_PHONE_OTP_LENGTH: "6", GOTRUE_MFA_PHONE_MAX_FREQUENCY: "1ms" },
    { phone: true, mfaPhone: true },
  ),
  configuration(
    "passkeys",
    { GOTRUE_PASSKEY_ENABLED: "true", GOTRUE_WEBAUTHN_RP_ID: "localhost", GOTRUE_WEBAUTHN_RP_DISPLAY_NAME: "Local", GOTRUE_WEBAUTHN_RP_ORIGINS: "http://localhost:3000" },
    { passkeys: true },
  ),
  configuration("anonymous sign-ins off", { GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED: "false" }, { anonymousUsers: false }),
  configuration("sign-ups closed", { GOTRUE_DISABLE_SIGNUP: "true" }, { disableSignup: true }),
  configuration("sign-ups confirmed at once", { GOTRUE_MAILER_AUTOCONFIRM: "true" }, { autoconfirm: true }),
  configuration(
    "OAuth server",
    { GOTRUE_OAUTH_SERVER_ENABLED: "true", GOTRUE_OAUTH_SERVER_AUTHORIZATION_PATH: "/oauth/consent", GOTRUE_OAUTH_SERVER_ALLOW_DYNAMIC_REGISTRATION: "true" },
    {},
  ),
  configuration(
    "limits by address",
    { GOTRUE_RATE_LIMIT_HEADER: "X-Forwarded-For", GOTRUE_RATE_LIMIT_OTP: "30", GOTRUE_RATE_LIMIT_VERIFY: "30", GOTRUE_RATE_LIMIT_TOKEN_REFRESH: "150" },
    { rateLimits: true },
  ),
  {
    ...configuration("access token hook that renames the role and drops the issuer", {
      GOTRUE_HOOK_CUSTOM_ACCESS_TOKEN_ENABLED: "true",
      GOTRUE_HOOK_CUSTOM_ACCESS_TOKEN_URI: "pg-functions://postgres/public/rename_role",
    }),
    flowsOnly: true,
  },
];
