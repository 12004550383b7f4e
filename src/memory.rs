//! What an isolate remembers between requests: plain values, never a promise, a stream or a request.
//!
//! workerd binds I/O to the request that started it, so nothing here waits for
//! anything; the shell owns the one instance and lends it out between awaits.

use std::fmt;
use std::hash::Hash;
use std::num::NonZeroUsize;

use lru::LruCache;

use crate::fingerprint::{Fingerprint, FingerprintKey};
use crate::jwks::CachedKeys;
use crate::revocation::{Ends, Revocation, Revocations};
use crate::time::UnixTime;
use crate::token::{Claims, VerifiedClaims};

/// Bytes of verdicts that are kept: some thousand visitors of an isolate with 128 MiB.
const MAX_VERDICT_BYTES: usize = 8 * 1024 * 1024;
/// What an entry costs beside its claims: fingerprint, key id, list links.
const VERDICT_OVERHEAD_BYTES: usize = 256;
/// `Cookie` headers that are recognised, some 100 bytes each: more than there are verdicts.
const MAX_KNOWN_COOKIES: usize = 16 * 1024;
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
/// Refreshes of sessions with an unknown key, per [`UNKNOWN_KEY_WINDOW_MS`].
const MAX_UNKNOWN_KEY_REFRESHES: u32 = 10;
const UNKNOWN_KEY_WINDOW_MS: u64 = 60_000;
/// Timeouts of Auth in a row after which its breaker keeps even dead sessions
/// from it. Quick failures never do: trying costs a dead session nothing.
const BREAKER_TIMEOUTS: u32 = 4;
/// Refusals in a row by the rate limit of this Worker's address after which the
/// breaker opens: the bucket holds 30, so by then it is empty for everyone.
const BREAKER_REFUSALS: u32 = 20;
/// How long the open breaker keeps requests from Auth before one may try again.
const BREAKER_OPEN_MS: u64 = 3_000;

/// The isolate's memory.
#[derive(Debug)]
pub struct Memory {
    auth_breaker: Breaker,
    background_fetch: Option<UnixTime>,
    background_wanted: bool,
    failed_fetch: Option<UnixTime>,
    fetch: Option<UnixTime>,
    fingerprint_key: FingerprintKey,
    forced_fetch: Option<UnixTime>,
    keys: Option<CachedKeys>,
    /// The tokens in `Cookie` headers that were seen before.
    known_cookies: LruCache<Fingerprint, Fingerprint>,
    rejections: Vec<Rejection>,
    unknown_key_refreshes: Window,
    revocations: Revocations,
    unknown_kids: LruCache<String, UnixTime>,
    verdict_bytes: usize,
    verdicts: LruCache<Fingerprint, Verdict>,
}

/// An answer of a gate that turned out not to be trustworthy.
pub struct Rejection {
    /// The session whose gate gave it.
    pub session_id: String,
    /// The refresh token it holds.
    pub refresh_token: String,
}

impl fmt::Debug for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejection").finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Verdict {
    claims: VerifiedClaims,
    kid: Option<String>,
    until: UnixTime,
}

impl Verdict {
    const fn weight(&self, claims_weight: usize) -> usize {
        let kid = match &self.kid {
            Some(kid) => kid.len(),
            None => 0,
        };
        claims_weight + kid + VERDICT_OVERHEAD_BYTES
    }
}

impl Memory {
    /// An empty memory. The key must be random, and no other isolate's.
    #[must_use]
    pub fn new(fingerprint_key: FingerprintKey) -> Self {
        Self {
            auth_breaker: Breaker::default(),
            background_fetch: None,
            background_wanted: false,
            failed_fetch: None,
            fetch: None,
            fingerprint_key,
            forced_fetch: None,
            keys: None,
            known_cookies: bounded(MAX_KNOWN_COOKIES),
            rejections: Vec::new(),
            unknown_key_refreshes: Window::default(),
            revocations: Revocations::default(),
            unknown_kids: bounded(MAX_UNKNOWN_KIDS),
            verdict_bytes: 0,
            verdicts: LruCache::unbounded(),
        }
    }

    /// What this memory knows a token or a `Cookie` header by.
    #[must_use]
    pub fn fingerprint(&self, text: &str) -> Fingerprint {
        self.fingerprint_key.fingerprint(text)
    }

    /// The verdict on a token seen before, if it still holds.
    pub fn verdict(&mut self, token: Fingerprint, now: UnixTime) -> Option<VerifiedClaims> {
        let known = self.verdicts.get(&token)?;
        if now < known.until {
            return Some(known.claims.clone());
        }
        self.forget(token);
        None
    }

    /// The verdict on the token in a `Cookie` header seen before, if it still holds: a header that
    /// is known needs no decoding.
    pub fn known_verdict(&mut self, cookies: Fingerprint, now: UnixTime) -> Option<VerifiedClaims> {
        let token = *self.known_cookies.get(&cookies)?;
        self.verdict(token, now)
    }

    /// Remembers which token a `Cookie` header holds. The header must read as one session and nothing else.
    pub fn know_cookies(&mut self, cookies: Fingerprint, token: Fingerprint) {
        self.known_cookies.put(cookies, token);
    }

    /// Remembers a verdict until `until`, which must not be later than the token's expiry.
    /// `kid` names the key it rests on; without one it rests on something else than the key set.
    pub fn remember(
        &mut self,
        token: Fingerprint,
        claims: VerifiedClaims,
        kid: Option<String>,
        until: UnixTime,
    ) {
        self.forget(token);
        let verdict = Verdict { claims, kid, until };
        self.verdict_bytes += verdict.weight(verdict.claims.weight());
        self.verdicts.put(token, verdict);
        while self.verdict_bytes > MAX_VERDICT_BYTES {
            let Some((_, oldest)) = self.verdicts.pop_lru() else {
                break;
            };
            self.release(&oldest);
        }
    }

    /// Forgets the verdict on a token, for instance when its session was revoked.
    pub fn forget(&mut self, token: Fingerprint) {
        if let Some(verdict) = self.verdicts.pop(&token) {
            self.release(&verdict);
        }
    }

    /// Whether a token was revoked; `None` if that has to be looked up.
    pub fn revocation(&mut self, claims: &Claims, now: UnixTime) -> Option<bool> {
        self.revocations.find(claims, now)
    }

    /// Remembers what `SESSION_KV` said of a session and its user.
    pub fn note_revocations(
        &mut self,
        claims: &Claims,
        session: Option<Ends>,
        user: Option<Ends>,
        now: UnixTime,
    ) {
        self.revocations.learn(claims, session, user, now);
    }

    /// Notes that `SESSION_KV` did not say whether a session was revoked.
    pub const fn note_failed_look_up(&mut self, now: UnixTime) {
        self.revocations.note_failure(now);
    }

    /// True if `SESSION_KV` may be asked about a revocation: it did not just fail.
    #[must_use]
    pub fn may_look_up(&self, now: UnixTime) -> bool {
        self.revocations.may_look_up(now)
    }

    /// Revokes at once in this isolate.
    pub fn revoke(&mut self, revocation: &Revocation, now: UnixTime) {
        self.revocations.revoke(revocation, now);
    }

    /// Verdicts held now, and their size in bytes.
    #[must_use]
    pub fn verdicts_held(&self) -> (usize, usize) {
        (self.verdicts.len(), self.verdict_bytes)
    }

    fn release(&mut self, verdict: &Verdict) {
        let weight = verdict.weight(verdict.claims.weight());
        self.verdict_bytes = self.verdict_bytes.saturating_sub(weight);
    }

    /// The last good key set, as long as it may serve.
    #[must_use]
    pub fn keys(&self, now: UnixTime) -> Option<&CachedKeys> {
        self.keys.as_ref().filter(|keys| keys.is_usable(now))
    }

    /// Takes over a key set if it is newer, and drops the verdicts whose key has left.
    pub fn store_keys(&mut self, keys: CachedKeys) {
        if self
            .keys
            .as_ref()
            .is_some_and(|held| held.fetched_at > keys.fetched_at)
        {
            return;
        }
        self.background_fetch = None;
        self.failed_fetch = None;
        self.fetch = None;
        let gone: Vec<Fingerprint> = self
            .verdicts
            .iter()
            .filter(|(_, verdict)| {
                verdict
                    .kid
                    .as_ref()
                    .is_some_and(|kid| !keys.set.contains(kid))
            })
            .map(|(token, _)| *token)
            .collect();
        for token in gone {
            self.forget(token);
        }
        self.keys = Some(keys);
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

    /// Asks for a background refetch of a stale set, unless one is under way or just failed.
    pub const fn want_background_fetch(&mut self, now: UnixTime) {
        let is_running = match self.background_fetch {
            Some(started) => now.millis_since(started) < BACKGROUND_FETCH_MS,
            None => false,
        };
        if !is_running && self.may_fetch(now) {
            self.background_fetch = Some(now);
            self.background_wanted = true;
        }
    }

    /// Takes the wish for a background refetch: true once for each time it was made.
    pub const fn take_background_fetch(&mut self) -> bool {
        std::mem::replace(&mut self.background_wanted, false)
    }

    /// Asks for the gate of a session to forget the answer that holds this refresh token.
    pub fn want_rejection(&mut self, session_id: &str, refresh_token: &str) {
        self.rejections.push(Rejection {
            session_id: session_id.to_owned(),
            refresh_token: refresh_token.to_owned(),
        });
    }

    /// Takes the answers that gates have to forget.
    pub fn take_rejections(&mut self) -> Vec<Rejection> {
        std::mem::take(&mut self.rejections)
    }

    /// True if a refresh may be sent to Auth now.
    ///
    /// An alive token goes on without one, so it waits out every pause. A dead
    /// one tries until the outage is certain; then one request per pause does,
    /// to see whether Auth is back.
    pub const fn may_refresh(&mut self, is_alive: bool, now: UnixTime) -> bool {
        self.auth_breaker.may_pass(is_alive, now)
    }

    /// Notes that Auth answered a refresh.
    pub fn note_auth_answer(&mut self) {
        self.auth_breaker = Breaker::default();
    }

    /// Notes that Auth held a refresh until its time was over.
    pub const fn note_auth_timeout(&mut self, now: UnixTime) {
        self.auth_breaker.note_timeout(now);
    }

    /// Notes that Auth's rate limit refused this Worker's address.
    pub const fn note_auth_refusal(&mut self, now: UnixTime) {
        self.auth_breaker.note_refusal(now);
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

    /// Notes that a visitor waited in vain for a refresh that another request had sent.
    pub const fn note_auth_wait(&mut self, now: UnixTime) {
        self.auth_breaker.pause(now);
    }

    /// Claims the forced refetch for an unknown `kid`: false during the cool-down,
    /// or if the `kid` is already remembered as unknown.
    pub fn claim_forced_fetch(&mut self, kid: &str, now: UnixTime) -> bool {
        let is_known_unknown = self.unknown_kids.get(kid).is_some_and(|until| now < *until);
        let is_cooling = self
            .forced_fetch
            .is_some_and(|last| now.millis_since(last) < FORCED_FETCH_COOL_DOWN_MS);
        if is_known_unknown || is_cooling || kid.len() > MAX_KID_BYTES {
            return false;
        }
        self.forced_fetch = Some(now);
        true
    }

    /// Remembers that the key set, just fetched, does not hold `kid`.
    pub fn note_unknown_kid(&mut self, kid: &str, now: UnixTime) {
        if kid.len() <= MAX_KID_BYTES {
            self.unknown_kids
                .put(kid.to_owned(), now.plus_seconds(UNKNOWN_KID_SECONDS));
        }
    }

    /// Claims one of the few refreshes a minute for sessions whose key is unknown.
    pub const fn claim_unknown_key_refresh(&mut self, now: UnixTime) -> bool {
        self.unknown_key_refreshes.claim(now)
    }
}

fn bounded<K: Hash + Eq, V>(most: usize) -> LruCache<K, V> {
    LruCache::new(NonZeroUsize::new(most).unwrap_or(NonZeroUsize::MIN))
}

/// A counter that starts anew every minute.
#[derive(Debug, Default)]
struct Window {
    started: UnixTime,
    used: u32,
}

impl Window {
    const fn claim(&mut self, now: UnixTime) -> bool {
        if now.millis_since(self.started) >= UNKNOWN_KEY_WINDOW_MS {
            self.started = now;
            self.used = 0;
        }
        if self.used >= MAX_UNKNOWN_KEY_REFRESHES {
            return false;
        }
        self.used += 1;
        true
    }
}

/// Keeps requests from an Auth server that hangs or refuses them all, so that an outage costs one
/// visitor a wait and not every one. It belongs to the isolate and not to a
/// session: an outage and the rate limit of the Worker's address concern all.
#[derive(Debug, Default)]
struct Breaker {
    refusals: u32,
    timeouts: u32,
    open_until: Option<UnixTime>,
}

impl Breaker {
    const fn may_pass(&mut self, is_alive: bool, now: UnixTime) -> bool {
        let Some(until) = self.open_until else {
            return true;
        };
        let is_certain = self.timeouts >= BREAKER_TIMEOUTS || self.refusals >= BREAKER_REFUSALS;
        if now.millis_until(until) > 0 {
            return !is_alive && !is_certain;
        }
        if is_certain || is_alive {
            // The one that passes now is the probe; others wait for its result.
            self.open_until = Some(now.plus_millis(BREAKER_OPEN_MS));
        }
        true
    }

    const fn note_timeout(&mut self, now: UnixTime) {
        self.timeouts = self.timeouts.saturating_add(1);
        self.pause(now);
    }

    const fn note_refusal(&mut self, now: UnixTime) {
        self.refusals = self.refusals.saturating_add(1);
        if self.refusals >= BREAKER_REFUSALS {
            self.pause(now);
        }
    }

    const fn pause(&mut self, now: UnixTime) {
        self.open_until = Some(now.plus_millis(BREAKER_OPEN_MS));
    }
}
