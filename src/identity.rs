//! Identity headers for the origin: what a client sent is removed, what was verified is set.
//!
//! Three functions make the whole of it: [`strip`] for what nobody but the Worker may say, [`edits`] for what was
//! verified, and [`Assertion`] for origins that can be reached by another way than the Worker. [`edits`] takes
//! [`VerifiedClaims`] and nothing else, so that no header can tell of a session that was not verified.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use jsonwebtoken::{Algorithm, Header};
use serde_json::{Map, Value};
use sha2::Sha256;

use crate::config::{Config, IdentityClaims};
use crate::head::{HeaderEdit, Headers};
use crate::json;
use crate::overrides::is_same_name;
use crate::secret::Secret;
use crate::time::UnixTime;
use crate::token::VerifiedClaims;

/// Counts how often a request has been through the Worker.
pub const HOP_HEADER: &str = "x-session-hop";
/// An operator's request for an explanation; its value is the operator's token.
pub const EXPLAIN_HEADER: &str = "x-session-explain";
/// The answer to it.
pub const EXPLANATION_HEADER: &str = "x-session-explanation";
/// Every header that begins so belongs to the Worker.
const RESERVED_PREFIX: &str = "x-session-";
/// Longest `X-Session-Claims`: servers refuse header lines above 8 to 16 KiB.
const MAX_CLAIMS_BYTES: usize = 8 * 1024;
/// Most that the claims and the `Cookie` header, which holds them too, may take together: Node.js refuses a request
/// whose headers pass 16 KiB.
const MAX_CLAIMS_AND_COOKIE_BYTES: usize = 12 * 1024;
/// Longest value of a header that the operator named for a claim.
const MAX_VALUE_BYTES: usize = 1024;
/// How long an assertion may be used: it proves one request, not a session.
const ASSERTION_SECONDS: u64 = 60;
/// A site that renders by asking its own public address goes through the Worker more than once. The sixth time it is a
/// loop.
const MAX_HOPS: u32 = 5;

/// Removes every header that a client could pass off as the Worker's: its own, and those that the operator named for
/// claims or for the origin. Servers that follow CGI cannot tell `_` from `-`, and some of them turn every character
/// that is no letter or digit into `_` (`X.Session.User.Id`).
#[must_use]
pub fn strip(config: &Config, headers: &Headers) -> Vec<HeaderEdit> {
    let fixed = config.origin_headers.iter().map(|(name, _)| name.as_str());
    let named: Vec<&str> = config.identity_claims.names().chain(fixed).collect();
    let mut edits = Vec::new();
    for (name, _) in headers.beginning(b"x") {
        if is_reserved(name) {
            edits.push(HeaderEdit::Remove(name.to_owned()));
        }
    }
    if !named.is_empty() {
        for (name, _) in headers.iter() {
            if named.iter().any(|known| is_same_name(known, name)) {
                edits.push(HeaderEdit::Remove(name.to_owned()));
            }
        }
    }
    edits
}

fn is_reserved(name: &str) -> bool {
    let name = name.as_bytes();
    for (at, expected) in RESERVED_PREFIX.as_bytes().iter().enumerate() {
        let Some(byte) = name.get(at) else {
            return false;
        };
        let is_separator = *expected == b'-' && !byte.is_ascii_alphanumeric();
        if !is_separator && !byte.eq_ignore_ascii_case(expected) {
            return false;
        }
    }
    true
}

/// The headers that every request to the origin carries (`ORIGIN_HEADERS`).
pub fn origin_headers(config: &Config) -> impl Iterator<Item = HeaderEdit> {
    let headers = config.origin_headers.iter();
    headers.map(|(name, value)| HeaderEdit::SetNamed(name.clone(), value.expose().to_owned()))
}

/// True if a request has been through the Worker so often that it goes round.
#[must_use]
pub fn is_loop(headers: &Headers) -> bool {
    hops(headers) >= MAX_HOPS
}

/// Counts one passage more.
#[must_use]
pub fn counted(headers: &Headers) -> HeaderEdit {
    let hops = hops(headers).saturating_add(1);
    HeaderEdit::Set(HOP_HEADER, hops.to_string())
}

/// What is no number counts nothing: whoever is behind gets a number all the same.
fn hops(headers: &Headers) -> u32 {
    let Some(sent) = headers.value(HOP_HEADER) else {
        return 0;
    };
    // Several lines come as one value with commas.
    let counts = sent.split(',').map(|count| match count.trim() {
        digits if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().unwrap_or(u32::MAX)
        }
        _ => 0,
    });
    counts.max().unwrap_or_default()
}

/// The headers that tell the origin who the visitor is, beside a `Cookie` header of this length.
#[must_use]
pub fn edits(
    config: &Config,
    claims: Option<&VerifiedClaims>,
    outcome: &'static str,
    cookie_bytes: usize,
) -> Vec<HeaderEdit> {
    let mut edits = Vec::new();
    if !config.identity_headers {
        return edits;
    }
    edits.push(HeaderEdit::Set("x-session-outcome", outcome.to_owned()));
    let Some(claims) = proven(claims, outcome) else {
        return edits;
    };
    edits.extend(session_headers(claims));
    match &config.identity_claims {
        IdentityClaims::All => edits.extend(all_claims(claims, cookie_bytes)),
        IdentityClaims::Named(named) => edits.extend(named_claims(named, claims)),
        IdentityClaims::None => {}
    }
    edits
}

/// An outcome without a decision proves no identity.
///
/// A session that was just renewed and of which Auth would not answer afterwards has claims, and still proves
/// nothing.
fn proven<'c>(claims: Option<&'c VerifiedClaims>, outcome: &str) -> Option<&'c VerifiedClaims> {
    claims.filter(|_| outcome != "unavailable")
}

fn session_headers(claims: &VerifiedClaims) -> Vec<HeaderEdit> {
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
    let client_id = claims.client_id.as_deref().and_then(visible);
    edits.extend(client_id.map(|id| HeaderEdit::Set("x-session-client-id", id)));
    edits
}

fn all_claims(claims: &VerifiedClaims, cookie_bytes: usize) -> Option<HeaderEdit> {
    let encoded = claims.encoded();
    let fits = encoded.len() <= MAX_CLAIMS_BYTES
        && encoded.len().saturating_add(cookie_bytes) <= MAX_CLAIMS_AND_COOKIE_BYTES;
    fits.then(|| HeaderEdit::Set("x-session-claims", encoded.to_owned()))
}

/// The claims that the operator named, each in the header that he named for it.
fn named_claims(named: &[(String, String)], claims: &VerifiedClaims) -> Vec<HeaderEdit> {
    let Some(all) = claims.json() else {
        return Vec::new();
    };
    let header = |(name, pointer): &(String, String)| {
        let value = match all.pointer(pointer)? {
            Value::Null => return None,
            Value::String(text) => visible(text),
            other @ (Value::Array(_) | Value::Bool(_) | Value::Number(_) | Value::Object(_)) => {
                visible(&json::write(other))
            }
        };
        Some(HeaderEdit::SetNamed(name.clone(), value?))
    };
    named.iter().filter_map(header).collect()
}

/// A text as a header value: each byte that is not visible ASCII percent-encoded. `None` if that is too long.
fn visible(text: &str) -> Option<String> {
    if text.len() > MAX_VALUE_BYTES {
        return None;
    }
    let mut value = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() {
            value.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(value, "%{byte:02X}");
        }
    }
    (value.len() <= MAX_VALUE_BYTES).then_some(value)
}

/// By what the origin knows that the Worker sent the request: a JWT (RFC 7519) for this one request.
///
/// It lives for a minute and names the host that it is for: one that leaks is soon of no use, and of none
/// elsewhere.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Assertion {
    payload: String,
}

impl Assertion {
    /// What is asserted to `origin_host`.
    #[must_use]
    pub fn new(
        claims: Option<&VerifiedClaims>,
        outcome: &str,
        origin_host: &str,
        now: UnixTime,
    ) -> Self {
        let issued_at = now.seconds();
        let mut payload = Map::new();
        payload.insert("iss".into(), "edge-session".into());
        payload.insert("aud".into(), origin_host.into());
        if let Some(claims) = proven(claims, outcome) {
            payload.insert("sub".into(), json::value(&claims.user_id));
            payload.insert("session_id".into(), json::value(&claims.session_id));
            payload.insert("role".into(), json::value(&claims.role));
            payload.insert("aal".into(), json::value(&claims.aal));
        }
        payload.insert("outcome".into(), outcome.into());
        payload.insert("iat".into(), issued_at.into());
        payload.insert("exp".into(), (issued_at + ASSERTION_SECONDS).into());
        Self {
            payload: json::write(&payload),
        }
    }

    /// What is signed with the private key of this name (ES256).
    #[must_use]
    pub fn signing_input(&self, kid: &str) -> String {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(kid.to_owned());
        self.input(&header)
    }

    /// The whole token, signed with the shared secret (HS256).
    #[must_use]
    pub fn signed_by(&self, secret: &Secret) -> Option<String> {
        let input = self.input(&Header::new(Algorithm::HS256));
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).ok()?;
        mac.update(input.as_bytes());
        Some(signed(&input, &mac.finalize().into_bytes()))
    }

    fn input(&self, header: &Header) -> String {
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}", encode(&json::write(header)), encode(&self.payload))
    }
}

/// The token of a signing input and its signature (RFC 7515 7.1).
#[must_use]
pub fn signed(input: &str, signature: &[u8]) -> String {
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The header that carries the assertion.
#[must_use]
pub fn assertion_header(token: String) -> HeaderEdit {
    HeaderEdit::Set("x-session-assertion", token)
}
