//! Keyed fingerprints of tokens and cookies: what an isolate remembers them by.
//!
//! Memory must hold no token, and a lookup on the hot path must cost next to
//! nothing. SipHash-2-4 with 128 bits of output does both: without the key,
//! which never leaves the isolate, nobody finds two texts with one fingerprint
//! (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012).

use std::fmt;
use std::hash::Hasher as _;

use siphasher::sip128::{Hasher128 as _, SipHasher24};

/// The isolate's secret key.
#[derive(Clone, Copy)]
pub struct FingerprintKey([u8; 16]);

impl FingerprintKey {
    /// A key of 16 random bytes.
    #[must_use]
    pub const fn new(random: [u8; 16]) -> Self {
        Self(random)
    }

    /// The fingerprint of a text under this key.
    ///
    /// ```
    /// use edge_session::fingerprint::FingerprintKey;
    ///
    /// let (one, other) = (FingerprintKey::new([1; 16]), FingerprintKey::new([2; 16]));
    /// assert_eq!(one.fingerprint("token"), one.fingerprint("token"));
    /// assert_ne!(one.fingerprint("token"), one.fingerprint("token "));
    /// assert_ne!(one.fingerprint("token"), other.fingerprint("token"));
    /// ```
    #[must_use]
    pub fn fingerprint(&self, text: &str) -> Fingerprint {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        hasher.write(text.as_bytes());
        Fingerprint(hasher.finish128().as_u128())
    }
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FingerprintKey").finish_non_exhaustive()
    }
}

/// The fingerprint of a text. Equal fingerprints of one key mean equal texts.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Fingerprint(u128);
