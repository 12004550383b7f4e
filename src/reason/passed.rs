//! What passed, and what was refused before a session was looked at.

use super::entry::{FORGED, NONE, Reason, reason};

pub(super) const REASONS: &[Reason] = &[
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
];
