//! Tokens that were verified before.
//!
//! A verdict says that a token was verified, and until when that may be believed. It is what makes a hot request
//! cost no signature check. No token is held, only its fingerprint; the claims are.

use lru::LruCache;

use crate::fingerprint::Fingerprint;
use crate::jwks::KeySet;
use crate::time::UnixTime;
use crate::token::VerifiedClaims;

/// Bytes of verdicts that are kept: some thousand visitors of an isolate with 128 MiB.
const MAX_VERDICT_BYTES: usize = 8 * 1024 * 1024;
/// What an entry costs beside its claims: fingerprint, key id, list links.
const VERDICT_OVERHEAD_BYTES: usize = 256;

/// Verdicts by the fingerprints of their tokens, bounded in bytes; the least used goes first.
#[derive(Debug)]
pub struct Verdicts {
    bytes: usize,
    list: LruCache<Fingerprint, Verdict>,
}

#[derive(Debug)]
struct Verdict {
    claims: VerifiedClaims,
    kid: Option<String>,
    until: UnixTime,
}

impl Verdict {
    fn weight(&self) -> usize {
        self.claims.weight() + self.kid.as_ref().map_or(0, String::len) + VERDICT_OVERHEAD_BYTES
    }
}

impl Default for Verdicts {
    fn default() -> Self {
        Self {
            bytes: 0,
            list: LruCache::unbounded(),
        }
    }
}

impl Verdicts {
    /// The verdict on a token seen before, if it still holds.
    pub fn find(&mut self, token: Fingerprint, now: UnixTime) -> Option<VerifiedClaims> {
        let known = self.list.get(&token)?;
        if now < known.until {
            return Some(known.claims.clone());
        }
        self.forget(token);
        None
    }

    /// Remembers a verdict until `until`, which must not be later than the token's expiry.
    /// `kid` names the key it rests on; without one it rests on something else than the key set.
    ///
    /// A verdict heavier than all that may be held would push out every other one: a token of 16 KiB is far from
    /// it.
    pub fn remember(
        &mut self,
        token: Fingerprint,
        claims: VerifiedClaims,
        kid: Option<String>,
        until: UnixTime,
    ) {
        self.forget(token);
        let verdict = Verdict { claims, kid, until };
        self.bytes += verdict.weight();
        self.list.put(token, verdict);
        while self.bytes > MAX_VERDICT_BYTES {
            let Some((_, oldest)) = self.list.pop_lru() else {
                break;
            };
            self.release(&oldest);
        }
    }

    /// Forgets the verdict on a token, for instance when its session was revoked.
    pub fn forget(&mut self, token: Fingerprint) {
        if let Some(verdict) = self.list.pop(&token) {
            self.release(&verdict);
        }
    }

    /// Forgets the verdicts that rest on a key which is not in `set`.
    pub fn keep_keys(&mut self, set: &KeySet) {
        let has_left =
            |verdict: &Verdict| verdict.kid.as_ref().is_some_and(|kid| !set.contains(kid));
        let gone: Vec<Fingerprint> = self
            .list
            .iter()
            .filter(|(_, verdict)| has_left(verdict))
            .map(|(token, _)| *token)
            .collect();
        for token in gone {
            self.forget(token);
        }
    }

    /// How many are held now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// True if none is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The size of all that are held, in bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    fn release(&mut self, verdict: &Verdict) {
        self.bytes = self.bytes.saturating_sub(verdict.weight());
    }
}
