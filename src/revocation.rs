//! Sign-outs that end access tokens before they run out.
//!
//! In `SESSION_KV` a revocation stands for as long as an access token can live:
//!
//! | key | value | ends |
//! |---|---|---|
//! | `revoked:session:<session id>` | Unix time in seconds | every token of the session |
//! | `revoked:user:<user id>` | Unix time in seconds | every token issued until then |

use std::num::NonZeroUsize;

use lru::LruCache;

use crate::time::UnixTime;
use crate::token::Claims;

/// KV refuses to keep anything for less.
const MIN_TTL_SECONDS: u64 = 60;
/// Supabase issues no access token for longer than a week.
const MAX_TTL_SECONDS: u64 = 7 * 24 * 60 * 60;

/// Answers of `SESSION_KV` that are remembered, two for each visitor.
const MAX_LOOK_UPS: usize = 8192;
/// Revocations of this isolate that are remembered. They have a place of their own, from which
/// no number of other visitors can push them.
const MAX_OWN: usize = 4096;
/// How long an answer of `SESSION_KV` is believed.
const LOOK_UP_SECONDS: u64 = 30;
/// After a failure the store is left alone this long: nobody should wait for a store that hangs
/// only to be let through.
const FAILED_LOOK_UP_COOL_DOWN_MS: u64 = 5_000;

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

/// What an isolate remembers of revocations.
#[derive(Debug)]
pub struct Revocations {
    failed: Option<UnixTime>,
    looked_up: LruCache<String, Entry>,
    own: LruCache<String, Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    revoked_at: Option<UnixTime>,
    until: UnixTime,
}

/// What is known of one key now.
#[derive(Clone, Copy, Debug)]
struct Standing {
    revoked_at: Option<UnixTime>,
    is_looked_up: bool,
}

impl Default for Revocations {
    fn default() -> Self {
        let size = |entries| NonZeroUsize::new(entries).unwrap_or(NonZeroUsize::MIN);
        Self {
            failed: None,
            looked_up: LruCache::new(size(MAX_LOOK_UPS)),
            own: LruCache::new(size(MAX_OWN)),
        }
    }
}

impl Revocations {
    /// Whether a token was revoked; `None` if that has to be looked up.
    pub fn find(&mut self, claims: &Claims, now: UnixTime) -> Option<bool> {
        let (session, user) = names(claims);
        let user = self.standing(&user, now);
        let session = session.map(|name| self.standing(&name, now));
        let by_user = user
            .revoked_at
            .is_some_and(|at| ends_user_token(claims, at));
        let by_session = session.is_some_and(|session| session.revoked_at.is_some());
        if by_user || by_session {
            return Some(true);
        }
        let is_looked_up = session.is_none_or(|session| session.is_looked_up);
        (user.is_looked_up && is_looked_up).then_some(false)
    }

    /// Remembers what the store said of a session and its user.
    pub fn learn(
        &mut self,
        claims: &Claims,
        session: Option<UnixTime>,
        user: Option<UnixTime>,
        now: UnixTime,
    ) {
        self.failed = None;
        let until = now.plus_seconds(LOOK_UP_SECONDS);
        let (session_name, user_name) = names(claims);
        let mut put = |name, revoked_at| self.looked_up.put(name, Entry { revoked_at, until });
        put(user_name, user);
        if let Some(name) = session_name {
            put(name, session);
        }
    }

    /// Remembers a revocation of this isolate, whatever the store says of it until it spreads.
    pub fn revoke(&mut self, revocation: &Revocation, now: UnixTime) {
        let entry = Entry {
            revoked_at: Some(revocation.at()),
            until: now.plus_seconds(revocation.ttl_seconds()),
        };
        self.own.put(revocation.name().to_owned(), entry);
    }

    /// Notes that the store did not answer.
    pub const fn note_failure(&mut self, now: UnixTime) {
        self.failed = Some(now);
    }

    /// True if the store may be asked: it did not just fail.
    pub fn may_look_up(&self, now: UnixTime) -> bool {
        self.failed
            .is_none_or(|failed| now.millis_since(failed) >= FAILED_LOOK_UP_COOL_DOWN_MS)
    }

    fn standing(&mut self, name: &str, now: UnixTime) -> Standing {
        let is_fresh = |entry: &&Entry| now < entry.until;
        let looked_up = self.looked_up.get(name).filter(is_fresh);
        let own = self.own.get(name).filter(is_fresh);
        let at = |entry: Option<&Entry>| entry.and_then(|entry| entry.revoked_at);
        Standing {
            // The later one ends more tokens, and the store may not know it yet.
            revoked_at: at(looked_up).max(at(own)),
            is_looked_up: looked_up.is_some(),
        }
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
