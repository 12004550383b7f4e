import type { Algorithm } from "./keys.ts";
import type { RateLimits } from "./limits.ts";

/** Everything that can be set at the start and, except for `algorithm`, changed at run time. */
export interface Settings {
  /** Where a redirect goes that is not allowed. */
  siteUrl: string;
  /** Globs of allowed redirects, see the README. */
  uriAllowList: string[];
  /** `iss` of access tokens; empty means that the claim is left out. */
  issuer: string;
  /** Base of the links in mails and of the provider's way back, with `/auth/v1`. */
  externalUrl: string;
  /** Life of an access token in seconds. */
  jwtExp: number;
  /** How many seconds ago tokens say that they were issued: such a token is soon due, and not young. */
  tokenAge: number;
  /** Seconds in which a used refresh token is still taken. */
  reuseInterval: number;
  /** Whether reuse after the interval ends the token family or session. */
  rotation: boolean;
  /** Format of the refresh tokens of new sessions. */
  algorithmVersion: 1 | 2;
  /** Share (0–100) of v1 sessions that move to v2 at a refresh while `algorithmVersion` is 2. */
  upgradePercent: number;
  /** Milliseconds for which a refresh keeps its row lock, so that contention can be seen. */
  refreshHoldMs: number;
  /** Milliseconds after which a refresh that waits for the lock is answered 409. */
  lockTimeoutMs: number;
  /** Whether people sign up and in with a phone number. */
  phone: boolean;
  /** Whether phone numbers count as confirmed at sign-up. */
  smsAutoconfirm: boolean;
  /** What sends the messages: `twilio` knows WhatsApp, all others send SMS only. */
  smsProvider: string;
  /** Whether the provider refuses every message. */
  smsFails: boolean;
  /** Numbers (without `+`) whose code is always the same and to which nothing is sent. */
  smsTestOtp: Record<string, string>;
  /** Seconds that have to pass between two messages to one user. */
  smsMinInterval: number;
  /** Life of a code by SMS in seconds. */
  smsOtpExp: number;
  /** Whether a new password takes the current one, except after a recovery. */
  requireCurrentPassword: boolean;
  /** Whether a new password in a session older than a day takes a mailed nonce. */
  requireReauthentication: boolean;
  mfaTotp: boolean;
  mfaPhone: boolean;
  /** Life of a challenge of a second factor in seconds. */
  mfaChallengeExp: number;
  mfaMaxFactors: number;
  passkeys: boolean;
  /** The relying party's id, and the origins from which its passkeys are used. */
  passkeyRpId: string;
  passkeyOrigins: string[];
  /** Life of a challenge of a passkey in seconds. */
  passkeyChallengeExp: number;
  /** null: SAML is off. */
  sso: SsoProvider[] | null;
  /** Whether addresses count as confirmed at sign-up. */
  autoconfirm: boolean;
  anonymousUsers: boolean;
  disableSignup: boolean;
  minPasswordLength: number;
  /** Whether a change of address must be confirmed from both addresses. */
  secureEmailChange: boolean;
  /** `verify`: links to Auth's own `/verify`; `token_hash`: links to `<siteUrl>/auth/confirm`. */
  mailLinks: "verify" | "token_hash";
  /** Seconds that have to pass between two mails to one user. */
  mailMinInterval: number;
  otpLength: number;
  /** Life of a mailed token in seconds. */
  otpExp: number;
  /** Whether the provider page agrees by itself. */
  oauthAuto: boolean;
  providers: string[];
  /** Longest life of a session in seconds, or null. */
  sessionTimebox: number | null;
  /** Longest time between two refreshes in seconds, or null. */
  sessionInactivity: number | null;
  singleSessionPerUser: boolean;
  /** Whether `Sb-Forwarded-For` beside the secret key names the caller. */
  sbForwardedFor: boolean;
  /** null: no limits. */
  rateLimits: RateLimits | null;
}

export interface SsoProvider {
  id: string;
  domains: string[];
  disabled?: boolean;
}

/** What `startAuthServer` and the command line take beside the settings. */
export interface Options extends Omit<Partial<Settings>, "rateLimits"> {
  port?: number;
  hostname?: string;
  publishableKey?: string;
  secretKey?: string;
  /** Algorithm of the first signing key. */
  algorithm?: Algorithm;
  /** Secret of the first key when `algorithm` is HS256. */
  jwtSecret?: string;
  rateLimits?: RateLimitsInput;
}

/** true: the defaults of Auth; an object: the defaults with these buckets changed. */
export type RateLimitsInput = boolean | null | Partial<RateLimits>;

export const DEFAULTS: Omit<Settings, "issuer" | "externalUrl" | "rateLimits"> = {
  siteUrl: "http://localhost:3000",
  uriAllowList: [],
  jwtExp: 3600,
  tokenAge: 0,
  reuseInterval: 10,
  rotation: true,
  algorithmVersion: 1,
  upgradePercent: 0,
  refreshHoldMs: 0,
  lockTimeoutMs: 5000,
  phone: false,
  smsAutoconfirm: false,
  smsProvider: "twilio",
  smsFails: false,
  smsTestOtp: {},
  smsMinInterval: 0,
  smsOtpExp: 60,
  requireCurrentPassword: false,
  requireReauthentication: false,
  mfaTotp: true,
  mfaPhone: false,
  mfaChallengeExp: 300,
  mfaMaxFactors: 10,
  passkeys: false,
  passkeyRpId: "localhost",
  passkeyOrigins: ["http://localhost:3000"],
  passkeyChallengeExp: 300,
  sso: null,
  autoconfirm: false,
  anonymousUsers: true,
  disableSignup: false,
  minPasswordLength: 6,
  secureEmailChange: true,
  mailLinks: "verify",
  mailMinInterval: 0,
  otpLength: 6,
  otpExp: 3600,
  oauthAuto: false,
  providers: ["github", "google"],
  sessionTimebox: null,
  sessionInactivity: null,
  singleSessionPerUser: false,
  sbForwardedFor: true,
};
