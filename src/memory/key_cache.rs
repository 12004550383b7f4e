//! The key set, and who fetches it.
//!
//! Four kinds of fetch have a claim each, so that each happens at most once at a time or in a while:
//!
//! | claim | made by | one in |
//! |---|---|---|
//! | [`claim_fetch`](KeyCache::claim_fetch) | a request that has no set | 2 s, while it runs |
//! | [`claim_background_fetch`](KeyCache::claim_background_fetch) | a request whose set is stale | 15 s, while it runs |
//! | [`claim_forced_fetch`](KeyCache::claim_forced_fetch) | a token whose key is not in the set | 30 s |
//! | [`claim_answer_fetch`](KeyCache::claim_answer_fetch) | such a token, of Auth's own answer | 30 s |
//!
//! A claim that runs ends when a set is stored or a failure noted; one whose request was cancelled ends by its
//! time.

use lru::LruCache;

use crate::jwks::CachedKeys;
use crate::time::UnixTime;

use super::bounded::bounded;

/// Unknown key ids that are remembered, so that sprayed ones cost neither memory nor fetches.
const MAX_UNKNOWN_KIDS: usize = 512;
/// Longest key id that is remembered as unknown; Supabase's are UUIDs.
const MAX_KID_BYTES: usize = 128;
/// Hosted key sets are cached for 10 min at the edge: a new key may need that long to appear.
const UNKNOWN_KID_SECONDS: u64 = 600;
/// At most one forced refetch in this time, whatever arrives (against sprayed `kid`s).
const FORCED_FETCH_COOL_DOWN_MS: u64 = 30_000;
/// After a failed fetch the key set is not asked for again for this long.
const FAILED_FETCH_COOL_DOWN_MS: u64 = 5_000;
/// A background refetch that has not answered by then is considered lost.
const BACKGROUND_FETCH_MS: u64 = 15_000;
/// A fetch that visitors wait for is considered lost (its visitor hung up) after this.
const FETCH_MS: u64 = 2_000;

/// The last good key set of the isolate, and the fetches of newer ones.
#[derive(Debug)]
pub struct KeyCache {
    answer_fetch: Option<UnixTime>,
    background_fetch: Option<UnixTime>,
    failed_fetch: Option<UnixTime>,
    fetch: Option<UnixTime>,
    forced_fetch: Option<UnixTime>,
    held: Option<CachedKeys>,
    unknown_kids: LruCache<String, UnixTime>,
}

impl Default for KeyCache {
    fn default() -> Self {
        Self {
            answer_fetch: None,
            background_fetch: None,
            failed_fetch: None,
            fetch: None,
            forced_fetch: None,
            held: None,
            unknown_kids: bounded(MAX_UNKNOWN_KIDS),
        }
    }
}

impl KeyCache {
    /// The last good key set, as long as it may serve.
    #[must_use]
    pub fn held(&self, now: UnixTime) -> Option<&CachedKeys> {
        self.held.as_ref().filter(|keys| keys.is_usable(now))
    }

    /// Takes over a key set if it is newer, and hands it back then.
    pub(super) fn store(&mut self, keys: CachedKeys) -> Option<&CachedKeys> {
        let held = self.held.as_ref();
        if held.is_some_and(|held| held.fetched_at > keys.fetched_at) {
            return None;
        }
        self.background_fetch = None;
        self.failed_fetch = None;
        self.fetch = None;
        Some(self.held.insert(keys))
    }

    /// Notes that the key set could not be fetched.
    pub const fn note_failed_fetch(&mut self, now: UnixTime) {
        self.failed_fetch = Some(now);
        self.background_fetch = None;
        self.fetch = None;
    }

    /// True if the key set may be asked for now although nothing is known: no failure just happened.
    #[must_use]
    pub const fn may_fetch(&self, now: UnixTime) -> bool {
        match self.failed_fetch {
            Some(failed) => now.millis_since(failed) >= FAILED_FETCH_COOL_DOWN_MS,
            None => true,
        }
    }

    /// Claims the background refetch of a stale set: false if one is under way or just failed.
    pub const fn claim_background_fetch(&mut self, now: UnixTime) -> bool {
        let is_running = match self.background_fetch {
            Some(started) => now.millis_since(started) < BACKGROUND_FETCH_MS,
            None => false,
        };
        if is_running || !self.may_fetch(now) {
            return false;
        }
        self.background_fetch = Some(now);
        true
    }

    /// Claims a fetch of the key set that visitors wait for: one request fetches
    /// and the others look into this memory again, since no request may wait for
    /// the I/O of another. False while one is under way.
    pub const fn claim_fetch(&mut self, now: UnixTime) -> bool {
        if self.is_fetching(now) {
            return false;
        }
        self.fetch = Some(now);
        true
    }

    /// True while a request that visitors wait for fetches the key set.
    #[must_use]
    pub const fn is_fetching(&self, now: UnixTime) -> bool {
        match self.fetch {
            Some(started) => now.millis_since(started) < FETCH_MS,
            None => false,
        }
    }

    /// Claims the forced refetch for an unknown `kid`: false during the cool-down,
    /// or if the `kid` is already remembered as unknown.
    pub fn claim_forced_fetch(&mut self, kid: &str, now: UnixTime) -> bool {
        let is_cooling = self
            .forced_fetch
            .is_some_and(|last| now.millis_since(last) < FORCED_FETCH_COOL_DOWN_MS);
        if is_cooling || kid.len() > MAX_KID_BYTES || self.is_known_unknown(kid, now) {
            return false;
        }
        self.forced_fetch = Some(now);
        true
    }

    /// Claims the refetch for a token that Auth itself has just answered.
    ///
    /// It has a cool-down of its own: made-up tokens use up the other one, and an answer that cannot be verified is a
    /// session lost, since its refresh token is the only one left.
    pub fn claim_answer_fetch(&mut self, kid: &str, now: UnixTime) -> bool {
        let is_cooling = self
            .answer_fetch
            .is_some_and(|last| now.millis_since(last) < FORCED_FETCH_COOL_DOWN_MS);
        if is_cooling || self.is_known_unknown(kid, now) {
            return false;
        }
        self.answer_fetch = Some(now);
        true
    }

    /// True if a fetch has just shown that the set does not hold `kid`.
    fn is_known_unknown(&mut self, kid: &str, now: UnixTime) -> bool {
        self.unknown_kids.get(kid).is_some_and(|until| now < *until)
    }

    /// Remembers that the key set, just fetched, does not hold `kid`.
    pub fn note_unknown_kid(&mut self, kid: &str, now: UnixTime) {
        if kid.len() <= MAX_KID_BYTES {
            self.unknown_kids
                .put(kid.to_owned(), now.plus_seconds(UNKNOWN_KID_SECONDS));
        }
    }
}
