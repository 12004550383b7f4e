//! The token is not trusted.

use super::entry::{FORGED, Reason, reason};

const OTHER_PROJECT: &str =
    "compare with the project of `SUPABASE_URL`; two projects on one site need two `COOKIE_NAME`s";

pub(super) const REASONS: &[Reason] = &[
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
];
