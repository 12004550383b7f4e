//! Identity headers for the origin: what a client sent is removed, what was verified is set.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use serde_json::{Map, Value, json};
use sha2::Sha256;

use crate::config::Config;
use crate::head::{HeaderEdit, Headers};
use crate::time::UnixTime;
use crate::token::VerifiedClaims;

/// Marks a request that has been through the Worker.
pub const HOP_HEADER: &str = "x-session-hop";
/// An operator's request for an explanation; its value is the secret key.
pub const EXPLAIN_HEADER: &str = "x-session-explain";
/// The answer to it.
pub const EXPLANATION_HEADER: &str = "x-session-explanation";
/// Every header that begins so belongs to the Worker.
const RESERVED_PREFIX: &str = "x-session-";
/// Longest `X-Session-Claims`: servers refuse header lines above 8 to 16 KiB.
const MAX_CLAIMS_BYTES: usize = 8 * 1024;
/// How long an assertion may be used: it proves one request, not a session.
const ASSERTION_SECONDS: u64 = 60;

/// Removes every header that a client could pass off as the Worker's. Servers
/// that follow CGI cannot tell `_` from `-`, and some of them turn every
/// character that is no letter or digit into `_` (`X.Session.User.Id`).
#[must_use]
pub fn strip(headers: &Headers) -> Vec<HeaderEdit> {
    headers
        .iter()
        .filter(|(name, _)| is_reserved(name))
        .map(|(name, _)| HeaderEdit::Remove(name.to_owned()))
        .collect()
}

fn is_reserved(name: &str) -> bool {
    let mut bytes = name.bytes();
    RESERVED_PREFIX.bytes().all(|expected| {
        bytes.next().is_some_and(|byte| {
            let is_separator = expected == b'-' && !byte.is_ascii_alphanumeric();
            is_separator || byte.eq_ignore_ascii_case(&expected)
        })
    })
}

/// The headers that tell `origin_host` who the visitor is.
#[must_use]
pub fn edits(
    config: &Config,
    claims: Option<&VerifiedClaims>,
    outcome: &'static str,
    origin_host: &str,
    now: UnixTime,
) -> Vec<HeaderEdit> {
    let mut edits = Vec::new();
    // An outcome without a decision proves no identity.
    let claims = claims.filter(|_| outcome != "unavailable");
    if config.identity_headers {
        edits.push(HeaderEdit::Set("x-session-outcome", outcome.to_owned()));
        if let Some(claims) = claims {
            edits.extend(claim_headers(claims));
        }
    }
    if let Some(secret) = &config.identity_secret {
        let key = secret.expose().as_bytes();
        let token = assertion(key, claims, outcome, origin_host, now);
        edits.extend(token.map(|token| HeaderEdit::Set("x-session-assertion", token)));
    }
    edits
}

fn claim_headers(claims: &VerifiedClaims) -> Vec<HeaderEdit> {
    let set = |name, value: &str| HeaderEdit::Set(name, value.to_owned());
    let mut edits = vec![
        set("x-session-user-id", &claims.user_id),
        set("x-session-role", &claims.role),
        set(
            "x-session-expires-at",
            &claims.expires_at.seconds().to_string(),
        ),
        set(
            "x-session-anonymous",
            if claims.is_anonymous { "true" } else { "false" },
        ),
    ];
    edits.extend(
        claims
            .session_id
            .as_deref()
            .map(|id| set("x-session-id", id)),
    );
    edits.extend(claims.aal.as_deref().map(|aal| set("x-session-aal", aal)));
    if claims.encoded().len() <= MAX_CLAIMS_BYTES {
        edits.push(set("x-session-claims", claims.encoded()));
    }
    edits
}

/// An HS256 JWT (RFC 7519) by which the origin knows that the Worker sent the request.
fn assertion(
    key: &[u8],
    claims: Option<&VerifiedClaims>,
    outcome: &str,
    origin_host: &str,
    now: UnixTime,
) -> Option<String> {
    let issued_at = now.seconds();
    let mut payload = Map::new();
    payload.insert("iss".into(), json!("edge-session"));
    payload.insert("aud".into(), json!(origin_host));
    if let Some(claims) = claims {
        payload.insert("sub".into(), json!(claims.user_id));
        payload.insert("session_id".into(), json!(claims.session_id));
        payload.insert("role".into(), json!(claims.role));
        payload.insert("aal".into(), json!(claims.aal));
    }
    payload.insert("outcome".into(), json!(outcome));
    payload.insert("iat".into(), json!(issued_at));
    payload.insert("exp".into(), json!(issued_at + ASSERTION_SECONDS));
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let payload = URL_SAFE_NO_PAD.encode(Value::Object(payload).to_string());
    let input = format!("{header}.{payload}");
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(input.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    Some(format!("{input}.{signature}"))
}
