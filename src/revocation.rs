//! Sign-outs that end access tokens before they run out.
//!
//! In `SESSION_KV` a revocation stands for as long as an access token can live:
//!
//! | key | value | ends |
//! |---|---|---|
//! | `revoked:session:<session id>` | Unix time in seconds | every token of the session |
//! | `revoked:user:<user id>` | Unix time in seconds | every token of the user issued until then |
//! | `revoked:user:<user id>` | Unix time in seconds, a space, a session id | the same, but of that session |
//!
//! A sign-out at Auth ends the session, so no refresh succeeds any more; the access token itself is good until it
//! runs out, for an hour by default. With `REVOCATION` on, the Worker writes down what was ended and looks it up
//! for each verified token. KV spreads a write within a minute or so; the isolate that wrote it knows at once.

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
///
/// ```
/// use edge_session::revocation::Revocation;
/// use edge_session::time::UnixTime;
///
/// let now = UnixTime::from_seconds(1_790_000_000);
/// let id = "67E55044-10b1-426f-9247-bb680e5fe0c8";
/// let revocation = Revocation::by_operator(id, now);
/// assert_eq!(revocation.name(), "revoked:session:67e55044-10b1-426f-9247-bb680e5fe0c8");
/// assert_eq!(revocation.to_stored(), "1790000000");
/// assert_eq!(Revocation::from_stored("1790000000").at(), now);
/// // What cannot be read ends everything under its key.
/// assert!(Revocation::from_stored("?").at() > now);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Revocation {
    name: String,
    ends: Ends,
    ttl_seconds: u64,
}

/// What stands under a key: when, and whom it spares.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Ends {
    at: UnixTime,
    /// Under a user's key, the session that stays.
    except: Option<String>,
}

impl Ends {
    /// When.
    #[must_use]
    pub const fn at(&self) -> UnixTime {
        self.at
    }

    /// True if this, under the key of the token's user, ends the token.
    #[must_use]
    pub fn ends_user_token(&self, claims: &Claims) -> bool {
        let is_spared = self.except.as_deref().is_some_and(|kept| {
            let session = claims.session_id.as_deref();
            session.is_some_and(|session| session.eq_ignore_ascii_case(kept))
        });
        let is_older = claims
            .issued_at
            .is_none_or(|issued_at| issued_at.seconds() <= self.at.seconds());
        is_older && !is_spared
    }
}

impl From<UnixTime> for Ends {
    fn from(at: UnixTime) -> Self {
        Self { at, except: None }
    }
}

impl Revocation {
    /// Ends the tokens of one session, for as long as one like `claims`' lives. `None` without a session id.
    ///
    /// A sign-out of this browser alone.
    #[must_use]
    pub fn of_session(claims: &Claims, now: UnixTime) -> Option<Self> {
        let name = session_name(claims)?;
        let ttl_seconds = ttl_seconds(claims, now);
        Some(Self {
            name,
            ends: now.into(),
            ttl_seconds,
        })
    }

    /// Ends all tokens of a user issued until now.
    ///
    /// A sign-out everywhere.
    #[must_use]
    pub fn of_user(claims: &Claims, now: UnixTime) -> Option<Self> {
        let ttl_seconds = ttl_seconds(claims, now);
        Some(Self {
            name: user_name(claims),
            ends: now.into(),
            ttl_seconds,
        })
    }

    /// Ends the tokens of a user issued until now, but for those of this session. `None` without a session id.
    ///
    /// A sign-out everywhere else, and a new password, which ends the other sessions at Auth.
    #[must_use]
    pub fn of_others(claims: &Claims, now: UnixTime) -> Option<Self> {
        let except = Some(claims.session_id.as_deref()?.to_ascii_lowercase());
        Some(Self {
            name: user_name(claims),
            ends: Ends { at: now, except },
            ttl_seconds: ttl_seconds(claims, now),
        })
    }

    /// Ends the tokens of a session of which only the id is known.
    #[must_use]
    pub fn by_operator(session_id: &str, now: UnixTime) -> Self {
        Self {
            name: format!("revoked:session:{}", session_id.to_ascii_lowercase()),
            ends: now.into(),
            ttl_seconds: MAX_TTL_SECONDS,
        }
    }

    /// The key in `SESSION_KV`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it ends.
    #[must_use]
    pub const fn ends(&self) -> &Ends {
        &self.ends
    }

    /// How long it has to be kept.
    #[must_use]
    pub const fn ttl_seconds(&self) -> u64 {
        self.ttl_seconds
    }

    /// The value in `SESSION_KV`.
    #[must_use]
    pub fn to_stored(&self) -> String {
        let seconds = self.ends.at.seconds();
        match &self.ends.except {
            Some(session_id) => format!("{seconds} {session_id}"),
            None => seconds.to_string(),
        }
    }

    /// Reads what [`Self::to_stored`] wrote. A value that cannot be read still revokes: it was put there for that.
    #[must_use]
    pub fn from_stored(text: &str) -> Ends {
        let mut words = text.split_ascii_whitespace();
        let seconds = words.next().and_then(|word| word.parse().ok());
        match (seconds, words.next(), words.next()) {
            (Some(seconds), except, None) => Ends {
                at: UnixTime::from_seconds(seconds),
                except: except.map(str::to_owned),
            },
            (None, _, _) | (_, _, Some(_)) => UnixTime::from_millis(u64::MAX).into(),
        }
    }
}

/// What an isolate remembers of revocations.
///
/// Bounded, and what was looked up cannot push out what this isolate ended itself.
#[derive(Debug)]
pub struct Revocations {
    failed: Option<UnixTime>,
    looked_up: LruCache<String, Entry>,
    own: LruCache<String, Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    revoked: Option<Ends>,
    until: UnixTime,
}

/// What is known of one key now.
#[derive(Clone, Debug)]
struct Standing {
    is_looked_up: bool,
    /// What the store says, and what this isolate itself ended, which the store may not know yet.
    revoked: [Option<Ends>; 2],
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
            .revoked
            .iter()
            .flatten()
            .any(|ends| ends.ends_user_token(claims));
        let by_session = session
            .as_ref()
            .is_some_and(|session| session.revoked.iter().any(Option::is_some));
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
        session: Option<Ends>,
        user: Option<Ends>,
        now: UnixTime,
    ) {
        self.failed = None;
        let until = now.plus_seconds(LOOK_UP_SECONDS);
        let (session_name, user_name) = names(claims);
        let mut put = |name, revoked| self.looked_up.put(name, Entry { revoked, until });
        put(user_name, user);
        if let Some(name) = session_name {
            put(name, session);
        }
    }

    /// Remembers a revocation of this isolate, whatever the store says of it until it spreads.
    pub fn revoke(&mut self, revocation: &Revocation, now: UnixTime) {
        let entry = Entry {
            revoked: Some(revocation.ends().clone()),
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
        let ends = |entry: Option<&Entry>| entry.and_then(|entry| entry.revoked.clone());
        Standing {
            is_looked_up: looked_up.is_some(),
            revoked: [ends(looked_up), ends(own)],
        }
    }
}

/// The keys that may revoke a token: of its session, if it names one, and of its user.
///
/// Ids compare without case, so they are in lower case here: an operator may write them in either.
#[must_use]
pub fn names(claims: &Claims) -> (Option<String>, String) {
    (session_name(claims), user_name(claims))
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
