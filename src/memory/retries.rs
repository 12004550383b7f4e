//! Sessions that were refreshed because a rule found them wanting.
//!
//! Without it a page that a visitor may not see would refresh his session on every request.

use lru::LruCache;

use crate::time::UnixTime;

use super::bounded::bounded;

/// Sessions that are remembered, some 100 bytes each.
const MAX_SESSIONS: usize = 4 * 1024;
/// A session is refreshed for a rule's sake at most once in this time.
const COOL_DOWN_MS: u64 = 10_000;

/// When each session was last refreshed for the sake of a rule.
#[derive(Debug)]
pub struct Retries(LruCache<String, UnixTime>);

impl Default for Retries {
    fn default() -> Self {
        Self(bounded(MAX_SESSIONS))
    }
}

impl Retries {
    /// Claims a refresh of this session: false if there was one a moment ago.
    ///
    /// The claim counts although the refresh fails: the next one would fail as well.
    pub fn claim(&mut self, session_id: &str, now: UnixTime) -> bool {
        let last = self.0.get(session_id);
        if last.is_some_and(|last| now.millis_since(*last) < COOL_DOWN_MS) {
            return false;
        }
        self.0.put(session_id.to_owned(), now);
        true
    }
}
