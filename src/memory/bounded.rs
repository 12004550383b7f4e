//! A map that holds so many and forgets what was asked for longest ago.
//!
//! The bound is in entries; who needs one in bytes counts by itself, as [`Verdicts`](super::Verdicts) do.

use std::hash::Hash;
use std::num::NonZeroUsize;

use lru::LruCache;

/// `most` is 1 at least.
pub(super) fn bounded<K: Hash + Eq, V>(most: usize) -> LruCache<K, V> {
    LruCache::new(NonZeroUsize::new(most).unwrap_or(NonZeroUsize::MIN))
}
