//! What the routes below `AUTH_PATH` come to.

use super::entry::{FORGED, NONE, Reason, reason};

const CALLER: &str = "nothing: the caller is told";

pub(super) const REASONS: &[Reason] = &[
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
    reason(
        "kv_unreachable",
        "a revocation could not be stored in `SESSION_KV`: 503, the caller tries again",
        "nothing if seldom; else look at the state of KV",
    ),
    reason(
        "gate_unreachable",
        "a revocation was stored, and the session's gate did not take it: 503, the caller tries again",
        "nothing if seldom; else look at the errors of the Durable Object",
    ),
];
