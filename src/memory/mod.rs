//! What an isolate remembers between requests: plain values, never a promise, a stream or a request.
//!
//! workerd binds I/O to the request that started it, so nothing here waits for
//! anything; the shell owns the one instance and lends it out between awaits.
//!
//! Each concern is a small type of its own, with its bound and its reason; [`Memory`] only holds them.
//!
//! Nothing in it is needed: an isolate that just began answers the same, only slower. What must survive is in
//! `SESSION_KV` or in the session's gate. What strangers can make grow has a bound in entries or in bytes, and each
//! bound has its reason beside it.

mod bounded;
mod breaker;
mod budgets;
mod health;
mod key_cache;
mod known_cookies;
mod offers;
mod retries;
mod verdicts;

use std::cell::RefCell;
use std::rc::Rc;

use crate::fingerprint::{Fingerprint, FingerprintKey};
use crate::jwks::CachedKeys;
use crate::revocation::Revocations;
use crate::time::UnixTime;
use crate::token::VerifiedClaims;

pub use breaker::Breaker;
pub use budgets::{Budgets, PER_ADDRESS, PER_ISOLATE, WINDOW_MS, network};
pub use health::{Health, HealthReport, LastAnswer, Reach};
pub use key_cache::KeyCache;
pub use known_cookies::KnownCookies;
pub use offers::KnownOffers;
pub use retries::Retries;
pub use verdicts::Verdicts;

/// The one memory of an isolate, as its requests share it. No borrow lasts longer than a decision.
pub type SharedMemory = Rc<RefCell<Memory>>;

/// The isolate's memory.
#[derive(Debug)]
pub struct Memory {
    fingerprint_key: FingerprintKey,
    /// Whether Auth hangs or refuses everybody.
    pub breaker: Breaker,
    /// What strangers may spend.
    pub budgets: Budgets,
    /// How the Worker was when it was last looked at.
    pub health: Health,
    /// The key set, and who fetches it.
    pub keys: KeyCache,
    /// `Cookie` headers that were seen before.
    pub known_cookies: KnownCookies,
    /// Which ways to sign in there are.
    pub offers: KnownOffers,
    /// Sessions that were refreshed because a rule found them wanting.
    pub retries: Retries,
    /// Sessions that were ended before their tokens.
    pub revocations: Revocations,
    /// Tokens that were verified before.
    pub verdicts: Verdicts,
}

impl Memory {
    /// An empty memory. The key must be random, and no other isolate's.
    #[must_use]
    pub fn new(fingerprint_key: FingerprintKey) -> Self {
        Self {
            fingerprint_key,
            breaker: Breaker::default(),
            budgets: Budgets::default(),
            health: Health::default(),
            keys: KeyCache::default(),
            known_cookies: KnownCookies::default(),
            offers: KnownOffers::default(),
            retries: Retries::default(),
            revocations: Revocations::default(),
            verdicts: Verdicts::default(),
        }
    }

    /// What this memory knows a token or a `Cookie` header by.
    #[must_use]
    pub fn fingerprint(&self, text: &str) -> Fingerprint {
        self.fingerprint_key.fingerprint(text)
    }

    /// The verdict on the token in a `Cookie` header seen before, if it still holds: a header that
    /// is known needs no decoding.
    ///
    /// Two look-ups and no decoding: the way of nearly every request.
    pub fn known_verdict(&mut self, cookies: Fingerprint, now: UnixTime) -> Option<VerifiedClaims> {
        let token = self.known_cookies.token(cookies)?;
        self.verdicts.find(token, now)
    }

    /// Takes over a key set if it is newer, and drops the verdicts whose key has left.
    ///
    /// A key that has left was revoked, and with it every token that it signed.
    pub fn store_keys(&mut self, keys: CachedKeys) {
        if let Some(keys) = self.keys.store(keys) {
            self.verdicts.keep_keys(&keys.set);
        }
    }
}
