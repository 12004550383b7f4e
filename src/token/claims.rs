//! What a token says, by how far it is trusted.
//!
//! Three types for one value, so that the compiler knows what was checked:
//!
//! | type | its signature | its claims | its expiry |
//! |---|---|---|---|
//! | [`Token`](super::Token) | unknown | unknown | unknown |
//! | [`SignedClaims`] | good | hold | unknown |
//! | [`VerifiedClaims`] | good | hold | ahead |
//!
//! Rules, identity headers and memory take [`VerifiedClaims`] alone. The claims are behind a pointer that is
//! shared, since a verdict is copied out of memory for every request.

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::json;
use crate::time::UnixTime;

/// Proof that the signature of a token was checked and is good.
///
/// The handler's `verify` alone makes one: of the runtime's answer, or of Auth's, which checks signatures itself.
#[derive(Clone, Copy, Debug)]
pub struct GoodSignature(());

impl GoodSignature {
    /// The proof, if the check said yes.
    #[must_use]
    pub const fn from_check(is_good: bool) -> Option<Self> {
        if is_good { Some(Self(())) } else { None }
    }
}

/// The claims of a token with a good signature, all checked but the expiry.
#[derive(Clone, Debug)]
pub struct SignedClaims(Rc<Claims>);

impl SignedClaims {
    /// The claims that [`Token::check`](super::Token::check) found to hold.
    pub(super) fn new(claims: Claims) -> Self {
        Self(Rc::new(claims))
    }

    /// The claims, if the token is still alive (with leeway).
    ///
    /// Auth itself knows no leeway, so a token in its last seconds here may be refused there.
    #[must_use]
    pub fn alive(&self, clock_skew_seconds: u64, now: UnixTime) -> Option<VerifiedClaims> {
        (now < self.0.expires_at.plus_seconds(clock_skew_seconds))
            .then(|| VerifiedClaims(Rc::clone(&self.0)))
    }

    /// The claims, whether alive or not.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.0
    }
}

/// The claims of a token that is trusted now. Only verification makes one.
#[derive(Clone, Debug)]
pub struct VerifiedClaims(Rc<Claims>);

impl std::ops::Deref for VerifiedClaims {
    type Target = Claims;

    fn deref(&self) -> &Claims {
        &self.0
    }
}

/// What a token says of the session.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claims {
    /// Authenticator assurance level, `aal1` or `aal2`.
    pub aal: Option<String>,
    /// The app of somebody else that Auth's OAuth server gave the token to.
    pub client_id: Option<String>,
    /// The token's own expiry.
    pub expires_at: UnixTime,
    /// When the token was issued.
    pub issued_at: Option<UnixTime>,
    /// True for a user of anonymous sign-in.
    pub is_anonymous: bool,
    /// Postgres role, usually `authenticated`.
    pub role: String,
    /// The session at Auth.
    pub session_id: Option<String>,
    /// The user's UUID.
    pub user_id: String,
    /// The payload part as it stood in the token.
    pub(super) payload: String,
}

impl Claims {
    /// All claims as base64url of their JSON: the token's own payload part.
    #[must_use]
    pub fn encoded(&self) -> &str {
        &self.payload
    }

    /// All claims as JSON.
    #[must_use]
    pub fn json(&self) -> Option<Value> {
        json::read_healed(&URL_SAFE_NO_PAD.decode(&self.payload).ok()?).ok()
    }

    /// Bytes of memory this value takes, roughly.
    #[must_use]
    pub const fn weight(&self) -> usize {
        // The fields beside the payload are short and of bounded length.
        self.payload.len() + 320
    }
}
