//! It cannot be decided now: the session stays.

use super::entry::{NONE, Reason, reason};

const AUTH_STATUS: &str = "look at the status of Supabase and at the `auth` times";

pub(super) const REASONS: &[Reason] = &[
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
        "Auth answered 409, or is at a second factor of the session: another change of it is under way",
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
];
