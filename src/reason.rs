//! The table of all reason codes: the single truth for `docs/reasons.md` and for the tests that reach each of them.

use std::fmt;

/// Why a request ended as it did: the `reason` of the log line and of `X-Session-Explanation`.
#[derive(Clone, Copy, Debug)]
pub struct Reason {
    /// The stable code.
    pub code: &'static str,
    /// What happened, in Markdown.
    pub meaning: &'static str,
    /// What to do about it, in Markdown.
    pub remedy: &'static str,
}

const fn reason(code: &'static str, meaning: &'static str, remedy: &'static str) -> Reason {
    Reason {
        code,
        meaning,
        remedy,
    }
}

const NONE: &str = "nothing";
const SIGN_IN: &str = "nothing: the visitor signs in again";
const FORGED: &str = "nothing if seldom; if many, somebody is probing";
const OTHER_PROJECT: &str =
    "compare with the project of `SUPABASE_URL`; two projects on one site need two `COOKIE_NAME`s";
const BROKEN_COOKIE: &str = "nothing if seldom; if many, look for what cuts or rewrites cookies";
const AUTH_STATUS: &str = "look at the status of Supabase and at the `auth` times";
const CALLER: &str = "nothing: the caller is told";

/// Every code, in the order of `docs/reasons.md`.
pub const REASONS: &[Reason] = &[
    reason(
        "no_session",
        "no session cookie and no bearer token was sent",
        NONE,
    ),
    reason("token_valid", "the access token is good", NONE),
    reason(
        "token_renewed",
        "the session was refreshed and its new token verified",
        NONE,
    ),
    reason(
        "refresh_due",
        "while observing: enforcing would have refreshed the session",
        NONE,
    ),
    reason("bypass", "the rule forwards untouched", NONE),
    reason(
        "own_route",
        "while observing: a path below `AUTH_PATH`, which enforcing would have served",
        NONE,
    ),
    reason(
        "loop",
        "the request has been through the Worker five times already",
        "point `ORIGIN_URL` at the site behind the Worker, or bind it as `ORIGIN` or `ASSETS`",
    ),
    reason(
        "origin_unreachable",
        "the origin did not answer, and `origin_error` says why",
        "look at the origin, and whether `ORIGIN_URL` names it",
    ),
    reason(
        "path_outside",
        "the path could lead out of the path of `ORIGIN_URL`",
        FORGED,
    ),
    reason(
        "host_malformed",
        "`Host` names no host, or more than one",
        FORGED,
    ),
    reason(
        "configuration",
        "a variable is wrong, so every request is answered with 500",
        "set what the log line and the 500's body name",
    ),
    reason(
        "cookie_malformed",
        "the session cookie holds nothing that can be read",
        BROKEN_COOKIE,
    ),
    reason(
        "not_base64url",
        "what follows the cookie's `base64-` prefix is not base64url",
        BROKEN_COOKIE,
    ),
    reason(
        "not_json",
        "the session cookie holds no JSON: often a chunk is missing",
        BROKEN_COOKIE,
    ),
    reason(
        "not_utf8",
        "the session cookie holds bytes that are no text",
        BROKEN_COOKIE,
    ),
    reason(
        "too_large",
        "the session cookie decodes to more than 64 KiB",
        "keep less in `user_metadata`",
    ),
    reason(
        "too_many_chunks",
        "the session came in more than 32 chunks",
        "keep less in `user_metadata`",
    ),
    reason(
        "unknown_encoding",
        "the cookie's prefix names an encoding that this version does not know; the cookies stay",
        "update the Worker to one that knows the site's client",
    ),
    reason(
        "wrong_shape",
        "the session cookie's JSON lacks a token or the expiry",
        BROKEN_COOKIE,
    ),
    reason(
        "token_algorithm",
        "the token's algorithm is not allowed, or not that of its key",
        FORGED,
    ),
    reason(
        "token_audience",
        "`aud` is not accepted",
        "set `JWT_AUDIENCE` if the site's tokens have another",
    ),
    reason(
        "token_crit",
        "the token's header demands extensions (`crit`)",
        FORGED,
    ),
    reason("token_exp", "`exp` is missing or no finite number", FORGED),
    reason(
        "token_issuer",
        "`iss` is not accepted",
        "set `JWT_ISSUER` if Auth has a custom domain; else the session is of another project",
    ),
    reason(
        "token_malformed",
        "the token is not three base64url parts that hold JSON objects",
        FORGED,
    ),
    reason(
        "token_not_yet_valid",
        "`nbf` or `iat` lies in the future",
        "raise `CLOCK_SKEW_SECONDS` if a self-hosted Auth's clock is ahead, or set that clock",
    ),
    reason(
        "token_role",
        "`role` is missing",
        "look at the custom access token hook",
    ),
    reason(
        "token_signature",
        "the signature is not by the key that `kid` names",
        FORGED,
    ),
    reason(
        "token_subject",
        "`sub` is not a UUID, or Auth knows the token as another user's",
        FORGED,
    ),
    reason(
        "token_too_long",
        "the token is longer than 16 KiB",
        "put fewer claims into the token",
    ),
    reason("token_type", "`typ` is present and not `JWT`", FORGED),
    reason(
        "token_unknown_key",
        "no key of the set has this `kid`, and it is not a session worth a refresh, or too many such came within a minute",
        OTHER_PROJECT,
    ),
    reason(
        "token_rejected",
        "Auth does not accept a token: forged, or its key was just revoked",
        FORGED,
    ),
    reason(
        "token_expired",
        "a bearer token has run out; these are never refreshed",
        "let the client send a fresh one",
    ),
    reason(
        "signed_out",
        "the session was signed out, here or (with `REVOCATION`) elsewhere",
        NONE,
    ),
    reason(
        "session_expired",
        "Auth: the session is past its time limit or inactivity limit",
        SIGN_IN,
    ),
    reason(
        "session_not_found",
        "Auth: the session was ended, as a live check or the refresh found: a sign-out elsewhere, a new password, an administrator",
        SIGN_IN,
    ),
    reason(
        "refresh_token_already_used",
        "Auth: the refresh token was used before and its time of grace is over",
        "bind `REFRESH_GATE`; delete other middleware that refreshes; let server code not call `refreshSession`",
    ),
    reason(
        "refresh_token_not_found",
        "Auth no longer knows the refresh token: mostly, its session was ended by a sign-out elsewhere",
        SIGN_IN,
    ),
    reason(
        "user_banned",
        "Auth: the user is banned",
        "lift the ban if it is a mistake",
    ),
    reason("user_not_found", "Auth: the user was deleted", NONE),
    reason(
        "invalid_client",
        "Auth: the OAuth client of the session no longer exists",
        SIGN_IN,
    ),
    reason(
        "validation_failed",
        "Auth: the refresh token has an impossible form",
        SIGN_IN,
    ),
    reason(
        "keys_unreachable",
        "the key set could not be fetched, and no earlier one is left",
        "open `<SUPABASE_URL>/auth/v1/.well-known/jwks.json`; bind `SESSION_KV`",
    ),
    reason(
        "key_unusable",
        "the key set lists a key that the runtime cannot import, and the token names it",
        "open `<SUPABASE_URL>/auth/v1/.well-known/jwks.json`; rotate the signing key",
    ),
    reason("auth_timeout", "Auth did not answer in time", AUTH_STATUS),
    reason("auth_network", "the connection to Auth broke", AUTH_STATUS),
    reason("auth_error", "Auth answered with a 5xx", AUTH_STATUS),
    reason(
        "auth_conflict",
        "Auth answered 409: another refresh of the session was under way",
        "bind `REFRESH_GATE`",
    ),
    reason(
        "auth_rate_limited",
        "Auth answered 429",
        "set `SUPABASE_SECRET_KEY`, so that Auth counts visitors and not the Worker, or raise Auth's limits",
    ),
    reason(
        "auth_breaker_open",
        "Auth hung or refused a moment ago, so it was not asked",
        AUTH_STATUS,
    ),
    reason(
        "auth_budget_spent",
        "no time of `AUTH_TIMEOUT_MS` was left",
        "raise `AUTH_TIMEOUT_MS` if Auth is always slow",
    ),
    reason("refresh_budget_spent", "too many unknown tokens", NONE),
    reason(
        "auth_answer_malformed",
        "Auth's answer is not what it should be: often a gateway's page",
        "look at what stands between the Worker and Auth",
    ),
    reason(
        "auth_answer_too_large",
        "Auth's answer is larger than any real one",
        "look at what stands between the Worker and Auth",
    ),
    reason(
        "auth_answer_not_trusted",
        "the new session is for another user or session, or its token does not verify: an error, and the old session stays",
        "look at once: a cache or proxy in front of Auth may mix up answers",
    ),
    reason(
        "auth_refusal_unknown",
        "Auth refused with a code that does not end a session",
        "look the request up in Auth's log",
    ),
    reason(
        "auth_refuses_request",
        "Auth refused the form of the refresh, or wants a captcha for it",
        "except the Worker's key from the captcha; update the Worker",
    ),
    reason(
        "auth_refuses_worker",
        "a gateway refused the Worker: wrong or disabled key, or a firewall",
        "check `SUPABASE_PUBLISHABLE_KEY`, `SUPABASE_SECRET_KEY` and `SUPABASE_URL`",
    ),
    reason(
        "gate_timeout",
        "the session's gate did not answer while the visitor waited",
        "nothing if seldom; else look at the errors of the Durable Object",
    ),
    reason(
        "refresh_cancelled",
        "the runtime ended a refresh under way",
        "nothing if seldom; else look for exceeded limits",
    ),
    reason(
        "cross_site",
        "another site's form: 403",
        "set `SITE_URL` if the site's public origin is another than the request's",
    ),
    reason(
        "body_broken",
        "the body of a route's request ended early: 400",
        CALLER,
    ),
    reason(
        "body_malformed",
        "the body is neither a form nor JSON: 400",
        CALLER,
    ),
    reason(
        "body_too_large",
        "the body is larger than 64 KiB: 413",
        CALLER,
    ),
    reason(
        "no_randomness",
        "the runtime gave no random bytes: 503",
        "try again; report it if it stays",
    ),
    reason("signed_in", "a route began a session", NONE),
    reason(
        "sign_in_failed",
        "a sign-in did not succeed; the caller is told Auth's code",
        NONE,
    ),
    reason(
        "half_confirmed",
        "one of two addresses was confirmed; the other is still to come",
        NONE,
    ),
    reason(
        "callback_failed",
        "a sign-in came back without success: denied, too old, or begun in another browser",
        "if many, compare Auth's redirect URLs with `SITE_URL` and `AUTH_PATH`",
    ),
    reason("fragment_page", "the page for a fragment was shown", NONE),
    reason("account_page", "a page of its own was shown", NONE),
    reason("challenge_sent", "a passkey was asked for", NONE),
    reason("rate_limited", "`SIGN_IN_LIMIT` refused: 429", FORGED),
    reason("captcha_failed", "Turnstile saw no person: 403", FORGED),
    reason("captcha_unreachable", "Turnstile did not answer", NONE),
    reason("prefetch", "a sign-in was prefetched: not begun", NONE),
    reason("other_host", "sent to the host of `SITE_URL`", NONE),
    reason("identity_keys", "the assertion's key was asked for", NONE),
    reason("confirm_page", "the page with the button was shown", NONE),
    reason(
        "confirm_malformed",
        "the confirmation link lacks `token_hash` or a known `type`",
        "compare the mail template with the README's",
    ),
    reason(
        "oauth_started",
        "the visitor was sent to the provider",
        NONE,
    ),
    reason(
        "provider_missing",
        "`GET /login` or `/sso` with a provider or domain that is none",
        CALLER,
    ),
    reason(
        "mail_sent",
        "a mail was asked for; the caller is told the same whether the address exists or not",
        NONE,
    ),
    reason(
        "mail_failed",
        "Auth's mail server did not take a message that only known, or only unknown, addresses get; the caller is told that it was sent",
        "look at Auth's log and its SMTP settings",
    ),
    reason(
        "mail_refused",
        "Auth refused to send a mail; the caller is told the code",
        "look at Auth's mail settings and limits",
    ),
    reason(
        "scope_unknown",
        "a sign-out with an unknown `scope`: back to the form with `error=validation_failed`, 400 for programs",
        CALLER,
    ),
    reason("health", "the health check answered", "on 503 see its body"),
    reason(
        "operator_unknown",
        "`PUT /revocations/…` without the operator's token: 401",
        "send `Authorization: Bearer <OPERATOR_TOKEN>`, or the secret key where none is set",
    ),
    reason(
        "session_id",
        "`PUT /revocations/…` without a session's UUID: 400",
        CALLER,
    ),
    reason("revoked", "an operator revoked a session", NONE),
];

impl fmt::Display for Reason {
    /// The reason's row in `docs/reasons.md`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (code, meaning, remedy) = (self.code, self.meaning, self.remedy);
        write!(formatter, "| `{code}` | {meaning} | {remedy} |")
    }
}
