//! Access tokens: compact JWS (RFC 7515), read totally and checked step by step.
//!
//! ```text
//! Token::parse ─► key by `kid` ─► signature (an effect) ─► Token::check ─► VerifiedClaims | expired | TokenError
//! ```
//!
//! Nothing in a token ever names the key or the algorithm that is used: the
//! token's `alg` and `kid` are only compared with what the key set says
//! (RFC 8725 3.1).
//!
//! | file | holds |
//! |---|---|
//! | this one | [`Token`]: what was sent, taken apart, and the checks of its claims |
//! | `claims` | [`Claims`] and the two types that say how far they are trusted |
//! | `error` | why a token is not trusted |
//!
//! Nothing here checks a signature or looks for a key: that is an effect and [`crate::jwks`]. What is read is
//! bounded ([`MAX_TOKEN_BYTES`]), and of header and payload only the members that matter (`members`).

mod claims;
mod error;

pub use claims::{Claims, GoodSignature, SignedClaims, VerifiedClaims};
pub use error::TokenError;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::json;
use crate::jwks::SignatureAlgorithm;
use crate::members;
use crate::time::UnixTime;

/// Longest token that is read. Supabase's are 0.6–2 KiB; user metadata can make them longer.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// What the operator trusts: who may have issued a token, and for whom.
#[derive(Clone, Copy, Debug)]
pub struct Trust<'c> {
    /// Accepted `iss`.
    pub issuers: &'c [String],
    /// Whether a token without `iss` passes: self-hosted Auth writes none, and a token hook may drop it. The key
    /// that it is signed with tells the project.
    pub is_issuer_optional: bool,
    /// Accepted `aud`.
    pub audiences: &'c [String],
    /// Leeway on `exp`, `nbf` and `iat`, in seconds.
    pub clock_skew_seconds: u64,
}

/// A parsed token. Nothing in it is trusted yet.
#[derive(Clone, Debug)]
pub struct Token {
    raw: String,
    algorithm: SignatureAlgorithm,
    kid: Option<String>,
    payload: RawClaims,
}

impl Token {
    /// Reads a compact JWS.
    ///
    /// The signature is decoded here too, so that what cannot be one never gets as far as a key.
    ///
    /// ```
    /// use edge_session::token::{Token, TokenError};
    ///
    /// // {"alg":"HS256"} . {"sub":"x"} . nothing
    /// let token = Token::parse("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.")?;
    /// assert_eq!(token.claimed_subject(), Some("x"));
    /// assert_eq!(token.signing_input(), "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0");
    ///
    /// assert_eq!(Token::parse("two.parts").unwrap_err(), TokenError::Malformed);
    /// // {"alg":"none"}: it names no algorithm of ours (RFC 8725 3.2).
    /// let unsigned = Token::parse("eyJhbGciOiJub25lIn0.e30.").unwrap_err();
    /// assert_eq!(unsigned, TokenError::AlgorithmNotAllowed);
    /// # Ok::<(), TokenError>(())
    /// ```
    ///
    /// # Errors
    /// Every deviation from the form that Supabase Auth issues, before any key is looked at.
    pub fn parse(raw: &str) -> Result<Self, TokenError> {
        if raw.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::TooLong);
        }
        let mut parts = raw.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::Malformed);
        };
        let header = Header::read(header)?;
        decoded(signature)?;
        let algorithm = header.check()?;
        Ok(Self {
            raw: raw.to_owned(),
            algorithm,
            kid: header.kid()?,
            payload: RawClaims::read(payload)?,
        })
    }

    /// The algorithm the header names.
    #[must_use]
    pub const fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    /// The key the header names.
    ///
    /// `None` also for an empty one: tokens of a shared secret without a key id have none.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The compact form.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// The bytes that are signed: header, dot, payload (RFC 7515 5.2).
    #[must_use]
    pub fn signing_input(&self) -> &str {
        self.raw.rsplit_once('.').map_or("", |(input, _)| input)
    }

    /// The signature's bytes.
    #[must_use]
    pub fn signature(&self) -> Vec<u8> {
        let part = self.raw.rsplit_once('.').map_or("", |(_, part)| part);
        URL_SAFE_NO_PAD.decode(part).unwrap_or_default()
    }

    /// The user the token claims to be about; not trusted.
    #[must_use]
    pub fn claimed_subject(&self) -> Option<&str> {
        self.payload.get("sub").and_then(Value::as_str)
    }

    /// The session the token claims to belong to; not trusted.
    #[must_use]
    pub fn claimed_session(&self) -> Option<&str> {
        self.payload.get("session_id").and_then(Value::as_str)
    }

    /// True for a token signed with the project's shared secret.
    #[must_use]
    pub fn is_shared_secret(&self) -> bool {
        self.algorithm == SignatureAlgorithm::Hs256
    }

    /// The expiry the token claims, if it is a finite number; not trusted.
    #[must_use]
    pub fn claimed_expiry(&self) -> Option<UnixTime> {
        seconds(self.payload.get("exp"))
    }

    /// When the token claims to have been issued, if that is a finite number; not trusted.
    #[must_use]
    pub fn claimed_issue(&self) -> Option<UnixTime> {
        seconds(self.payload.get("iat"))
    }

    /// The claims, once the signature was found good. The caller proves that by `_signed`.
    ///
    /// In order: `exp`, `nbf` and `iat`, `iss`, `aud`, `sub`, `role`. `amr` and the metadata stay in the payload,
    /// where rules look for them. A hook may rewrite a token's claims, so what Auth guarantees (RFC 7519 4.1 leaves
    /// all of it optional) is checked and what it does not is optional here.
    ///
    /// # Errors
    /// The first claim that does not hold; an expiry that has passed is not an error here.
    pub fn check(
        &self,
        _signed: GoodSignature,
        trust: Trust<'_>,
        now: UnixTime,
    ) -> Result<SignedClaims, TokenError> {
        let payload = &self.payload;
        let expires_at = seconds(payload.get("exp")).ok_or(TokenError::ExpiryMissing)?;
        let latest = now.plus_seconds(trust.clock_skew_seconds);
        for start in [payload.get("nbf"), payload.get("iat")] {
            if start.is_some() && seconds(start).is_none_or(|start| start > latest) {
                return Err(TokenError::NotYetValid);
            }
        }
        let issuer = payload.get("iss").and_then(Value::as_str);
        let is_unnamed = matches!(payload.get("iss"), None | Some(Value::Null));
        let is_accepted = |issuer: &str| trust.issuers.iter().any(|known| known == issuer);
        let is_good = issuer.map_or(is_unnamed && trust.is_issuer_optional, is_accepted);
        if !is_good {
            return Err(TokenError::IssuerMismatch);
        }
        if !names_audience(payload.get("aud"), trust.audiences) {
            return Err(TokenError::AudienceMismatch);
        }
        let user_id = self.claimed_subject().filter(|sub| is_uuid(sub));
        let user_id = user_id.ok_or(TokenError::SubjectMismatch)?.to_owned();
        let role = text(payload.get("role")).filter(|role| is_header_safe(role));
        Ok(SignedClaims::new(Claims {
            aal: text(payload.get("aal")).filter(|aal| is_header_safe(aal)),
            client_id: client_id(payload.get("client_id")),
            expires_at,
            issued_at: seconds(payload.get("iat")),
            is_anonymous: payload.get("is_anonymous") == Some(&Value::Bool(true)),
            payload: self.payload_part().to_owned(),
            role: role.ok_or(TokenError::RoleMissing)?,
            session_id: text(payload.get("session_id")).filter(|id| is_uuid(id)),
            user_id,
        }))
    }

    fn payload_part(&self) -> &str {
        self.raw.split('.').nth(1).unwrap_or_default()
    }
}

/// Who a token says it is from, before anything of it is trusted.
///
/// It decides only whose affair a bearer token is, never whether it is trusted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ClaimedIssuer {
    /// This issuer.
    Named(String),
    /// It is no JWT at all, such as a key of an API.
    NoToken,
    /// A JWT without an issuer.
    Unnamed,
}

/// Who `raw` says it is from. Three parts, of which the first two begin like JSON objects, make a JWT (RFC 7519 7.2),
/// whatever else is wrong with it.
///
/// ```
/// use edge_session::token::{ClaimedIssuer, claimed_issuer};
///
/// // {"alg":"HS256"} . {"iss":"https://other.example"} . x
/// let foreign = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJodHRwczovL290aGVyLmV4YW1wbGUifQ.x";
/// let issuer = "https://other.example".to_owned();
/// assert_eq!(claimed_issuer(foreign), ClaimedIssuer::Named(issuer));
/// assert_eq!(claimed_issuer("eyJhbGciOiJIUzI1NiJ9.e30.x"), ClaimedIssuer::Unnamed);
/// assert_eq!(claimed_issuer("sb_secret_abc"), ClaimedIssuer::NoToken);
/// ```
#[must_use]
pub fn claimed_issuer(raw: &str) -> ClaimedIssuer {
    let object = |part: &str| {
        let json = URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?;
        let first = json.iter().find(|byte| !byte.is_ascii_whitespace())?;
        (*first == b'{').then_some(json)
    };
    let mut parts = raw.splitn(3, '.');
    let header = parts.next().and_then(object);
    let payload = parts.next().and_then(object);
    let (Some(_), Some(payload), Some(_)) = (header, payload, parts.next()) else {
        return ClaimedIssuer::NoToken;
    };
    let claimed = members::named(&payload, &["iss"]);
    match claimed.and_then(|mut claims| claims.swap_remove("iss")) {
        Some(Value::String(issuer)) => ClaimedIssuer::Named(issuer),
        // What is no name is nobody's; as a token of nobody in particular it is verified, and fails there.
        Some(_) | None => ClaimedIssuer::Unnamed,
    }
}

/// SHA-256 of a token: what the gate stores of one that was rotated.
#[must_use]
pub fn digest(raw: &str) -> [u8; 32] {
    Sha256::digest(raw.as_bytes()).into()
}

/// What is read of a token's header; every other member of it is passed over.
struct Header(Map<String, Value>);

impl Header {
    fn read(part: &str) -> Result<Self, TokenError> {
        let members = members::named(&decoded(part)?, &["alg", "b64", "crit", "kid", "typ"]);
        members.map(Self).ok_or(TokenError::Malformed)
    }

    fn check(&self) -> Result<SignatureAlgorithm, TokenError> {
        if self.0.contains_key("crit") || self.0.contains_key("b64") {
            return Err(TokenError::CriticalHeader);
        }
        // RFC 7519 5.1 recommends upper case; media types compare without case.
        let is_jwt = |typ: &Value| typ.as_str().is_some_and(|t| t.eq_ignore_ascii_case("JWT"));
        if self.0.get("typ").is_some_and(|typ| !is_jwt(typ)) {
            return Err(TokenError::TypeMismatch);
        }
        let name = self.0.get("alg").and_then(Value::as_str);
        name.and_then(SignatureAlgorithm::from_name)
            .ok_or(TokenError::AlgorithmNotAllowed)
    }

    fn kid(&self) -> Result<Option<String>, TokenError> {
        match self.0.get("kid") {
            None => Ok(None),
            Some(Value::String(kid)) if kid.is_empty() => Ok(None),
            Some(Value::String(kid)) => Ok(Some(kid.clone())),
            Some(_) => Err(TokenError::Malformed),
        }
    }
}

/// The claims as they stand in the payload; a member that comes twice is an error.
#[derive(Clone, Debug)]
struct RawClaims(Map<String, Value>);

impl RawClaims {
    fn read(part: &str) -> Result<Self, TokenError> {
        const NAMES: [&str; 11] = [
            "aal",
            "aud",
            "client_id",
            "exp",
            "iat",
            "is_anonymous",
            "iss",
            "nbf",
            "role",
            "session_id",
            "sub",
        ];
        let members = members::named(&decoded(part)?, &NAMES);
        members.map(Self).ok_or(TokenError::Malformed)
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }
}

/// The app that a token was given to. Whatever stands there but nothing is not the site itself, so no form of it is lost.
fn client_id(claim: Option<&Value>) -> Option<String> {
    match claim? {
        Value::Null => None,
        Value::String(id) => (!id.is_empty()).then(|| id.clone()),
        other @ (Value::Array(_) | Value::Bool(_) | Value::Number(_) | Value::Object(_)) => {
            Some(json::write(other))
        }
    }
}

fn decoded(part: &str) -> Result<Vec<u8>, TokenError> {
    let decoded = URL_SAFE_NO_PAD.decode(part);
    decoded.map_err(|_| TokenError::Malformed)
}

/// Seconds since 1970 as any finite JSON number (RFC 7519 2, NumericDate).
fn seconds(value: Option<&Value>) -> Option<UnixTime> {
    let seconds = value?.as_f64().filter(|seconds| seconds.is_finite())?;
    // Casts from f64 saturate: a negative time is 1970, a huge one the end of time.
    Some(UnixTime::from_seconds(seconds as u64))
}

fn text(value: Option<&Value>) -> Option<String> {
    value?.as_str().map(str::to_owned)
}

/// Claims that become header values must be visible ASCII (RFC 9110 5.5).
fn is_header_safe(text: &str) -> bool {
    !text.is_empty() && text.len() <= 256 && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A hook may make `aud` a list (RFC 7519 4.1.3); one accepted member is enough.
fn names_audience(claim: Option<&Value>, accepted: &[String]) -> bool {
    let is_accepted = |value: &Value| {
        value
            .as_str()
            .is_some_and(|aud| accepted.iter().any(|known| known == aud))
    };
    match claim {
        Some(Value::Array(members)) => members.iter().any(is_accepted),
        Some(single) => is_accepted(single),
        None => false,
    }
}

/// True for the canonical text form of a UUID (RFC 9562 4), in either case.
///
/// ```
/// use edge_session::token::is_uuid;
///
/// assert!(is_uuid("67e55044-10b1-426f-9247-bb680e5fe0c8"));
/// assert!(!is_uuid("67e5504410b1426f9247bb680e5fe0c8"));
/// assert!(!is_uuid("67e55044-10b1-426f-9247-bb680e5fe0c8/../x"));
/// ```
#[must_use]
pub fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
