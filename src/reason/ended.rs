//! The session has ended: signed out here, or dead by the word of Auth.

use super::entry::{NONE, Reason, reason};

const SIGN_IN: &str = "nothing: the visitor signs in again";

pub(super) const REASONS: &[Reason] = &[
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
];
