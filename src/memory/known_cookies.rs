//! `Cookie` headers that were seen before.
//!
//! To read a session is a search in the header, base64 and JSON, and all of it again for the next request of the same
//! visitor. Two fingerprints stand for it: that of the header and that of the token it holds, whose verdict is looked
//! up with it.

use lru::LruCache;

use crate::fingerprint::Fingerprint;

use super::bounded::bounded;

/// `Cookie` headers that are recognised, some 100 bytes each: more than there are verdicts.
const MAX_KNOWN_COOKIES: usize = 16 * 1024;

/// The tokens in `Cookie` headers that were seen before: such a header needs no decoding.
#[derive(Debug)]
pub struct KnownCookies(LruCache<Fingerprint, Fingerprint>);

impl Default for KnownCookies {
    fn default() -> Self {
        Self(bounded(MAX_KNOWN_COOKIES))
    }
}

impl KnownCookies {
    /// The token that a header holds.
    pub fn token(&mut self, cookies: Fingerprint) -> Option<Fingerprint> {
        self.0.get(&cookies).copied()
    }

    /// Remembers which token a header holds. The header must read as one session and nothing else.
    ///
    /// Nothing may be due of it either: a request that is recognised writes no cookie.
    pub fn note(&mut self, cookies: Fingerprint, token: Fingerprint) {
        self.0.put(cookies, token);
    }
}
