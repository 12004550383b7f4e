//! What an `Authorization` header may hold beside a bearer token as the Worker reads one.
//!
//! The header is read in more ways than RFC 6750 writes it: servers split at any white space, take quotes off, look behind
//! `=` or decode escapes. Where the origin is promised verified tokens only (`FORWARD_BEARER`), a token must be found in
//! all of these.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::percent_decode_str;

use crate::members;

/// Beginnings of a token that are tried, each by decoding what follows. A value with more is taken for one that holds a token.
const MAX_TRIED: usize = 32;

/// Whether the value holds a JWT or a JWE (RFC 7519, RFC 7516), however it is wrapped: a JSON object in base64url, and a dot
/// behind it.
///
/// An API key is none, even one with dots:
///
/// ```
/// use edge_session::authorization::holds_token;
///
/// let token = "eyJhbGciOiJFUzI1NiJ9.e30.c2ln";
/// assert!(holds_token(&format!("Bearer\t\"{token}\"")));
/// assert!(holds_token(&format!("Bearer token={}", token.replace('.', "%2E"))));
/// assert!(!holds_token("Bearer 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"));
/// assert!(!holds_token("Basic eyJhbGciOiJFUzI1NiJ9"));
/// ```
#[must_use]
pub fn holds_token(value: &str) -> bool {
    let is_kept = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let plain: Vec<u8> = percent_decode_str(value).filter(is_kept).collect();
    let mut runs = plain.split(|byte| *byte == b'.');
    // Behind the last dot nothing follows that could be a payload.
    runs.next_back();
    let mut tried = 0;
    for run in runs {
        for at in (0..run.len()).filter(|at| begins_object(run.get(*at..).unwrap_or_default())) {
            tried += 1;
            let json = URL_SAFE_NO_PAD.decode(run.get(at..).unwrap_or_default());
            let is_object = json.is_ok_and(|json| members::named(&json, &[]).is_some());
            if is_object || tried > MAX_TRIED {
                return true;
            }
        }
    }
    false
}

/// Whether base64url begins with a brace and what may follow it in an object: a quote or white space.
const fn begins_object(text: &[u8]) -> bool {
    matches!(
        text,
        [b'e', b'y', b'A'..=b'D' | b'I'..=b'L', ..] | [b'e', b'w', b'0'..=b'3' | b'k'..=b'r', ..] | [b'e', b'3', b'0', ..]
    )
}
