//! The cookie cannot be read.

use super::entry::{Reason, reason};

const BROKEN_COOKIE: &str = "nothing if seldom; if many, look for what cuts or rewrites cookies";

pub(super) const REASONS: &[Reason] = &[
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
];
