//! Sign-outs that end access tokens before they run out.
//!
//! In `SESSION_KV` a revocation stands for as long as an access token can live:
//!
//! | key | value | ends |
//! |---|---|---|
//! | `revoked:session:<session id>` | Unix time in seconds | every token of the session |
//! | `revoked:user:<user id>` | Unix time in seconds | every token issued until then |

use crate::time::UnixTime;
use crate::token::Claims;

/// KV refuses to keep anything for less.
const MIN_TTL_SECONDS: u64 = 60;
/// Supabase issues no access token for longer than a week.
const MAX_TTL_SECONDS: u64 = 7 * 24 * 60 * 60;

/// A revocation to be stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Revocation {
    name: String,
    at: UnixTime,
    ttl_seconds: u64,
}

impl Revocation {
    /// Ends the tokens of one session, for as long as one like `claims`' lives. `None` without a session id.
    #[must_use]
    pub fn of_session(claims: &Claims, now: UnixTime) -> Option<Self> {
        let name = session_name(claims)?;
        let ttl_seconds = ttl_seconds(claims, now);
        Some(Self {
            name,
            at: now,
            ttl_seconds,
        })
    }

    /// Ends all tokens of a user issued until now.
    #[must_use]
    pub fn of_user(claims: &Claims, now: UnixTime) -> Option<Self> {
        let ttl_seconds = ttl_seconds(claims, now);
        Some(Self {
            name: user_name(claims),
            at: now,
            ttl_seconds,
        })
    }

    /// Ends the tokens of a session of which only the id is known.
    #[must_use]
    pub fn by_operator(session_id: &str, now: UnixTime) -> Self {
        Self {
            name: format!("revoked:session:{}", session_id.to_ascii_lowercase()),
            at: now,
            ttl_seconds: MAX_TTL_SECONDS,
        }
    }

    /// The key in `SESSION_KV`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When it was revoked.
    #[must_use]
    pub const fn at(&self) -> UnixTime {
        self.at
    }

    /// How long it has to be kept.
    #[must_use]
    pub const fn ttl_seconds(&self) -> u64 {
        self.ttl_seconds
    }

    /// The value in `SESSION_KV`.
    #[must_use]
    pub fn to_stored(&self) -> String {
        self.at.seconds().to_string()
    }

    /// Reads what [`Self::to_stored`] wrote. A value that cannot be read still revokes: it was put there for that.
    #[must_use]
    pub fn from_stored(text: &str) -> UnixTime {
        text.trim()
            .parse()
            .map_or(UnixTime::from_millis(u64::MAX), UnixTime::from_seconds)
    }
}

/// The keys that may revoke a token: of its session, if it names one, and of its user.
#[must_use]
pub fn names(claims: &Claims) -> (Option<String>, String) {
    (session_name(claims), user_name(claims))
}

/// True if a token is ended by what stands under its user's key.
#[must_use]
pub fn ends_user_token(claims: &Claims, at: UnixTime) -> bool {
    claims
        .issued_at
        .is_none_or(|issued_at| issued_at.seconds() <= at.seconds())
}

fn session_name(claims: &Claims) -> Option<String> {
    let id = claims.session_id.as_deref()?;
    Some(format!("revoked:session:{}", id.to_ascii_lowercase()))
}

fn user_name(claims: &Claims) -> String {
    format!("revoked:user:{}", claims.user_id.to_ascii_lowercase())
}

/// The life of a whole token, not what is left of this one: a younger token of
/// the same session or user may be under way.
fn ttl_seconds(claims: &Claims, now: UnixTime) -> u64 {
    let issued_at = claims.issued_at.unwrap_or(now);
    let life = claims.expires_at.millis_since(issued_at) / 1000;
    life.clamp(MIN_TTL_SECONDS, MAX_TTL_SECONDS)
}
