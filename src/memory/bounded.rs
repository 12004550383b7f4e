//! A map that holds so many and forgets what was asked for longest ago.

use std::hash::Hash;
use std::num::NonZeroUsize;

use lru::LruCache;

pub(super) fn bounded<K: Hash + Eq, V>(most: usize) -> LruCache<K, V> {
    LruCache::new(NonZeroUsize::new(most).unwrap_or(NonZeroUsize::MIN))
}
