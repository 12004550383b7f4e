//! What an isolate itself keeps of sessions: that they ended, and answers of Auth that came too late for anybody.
//!
//! Beside a gate it saves a question; without one it is all there is.

use std::num::NonZeroUsize;

use lru::LruCache;

use crate::session::Session;
use crate::time::UnixTime;
use crate::token;

use super::admission::Digest;

/// Ended sessions that are remembered, some 100 bytes each.
const MAX_ENDED: usize = 4096;
/// Late answers that are kept, some kilobytes each.
const MAX_LATE: usize = 64;

/// The isolate's part of the gates' work.
#[derive(Debug)]
pub struct Isolate {
    ended: LruCache<String, UnixTime>,
    late: LruCache<Digest, Late>,
}

#[derive(Debug)]
struct Late {
    session: Box<Session>,
    until: UnixTime,
}

impl Default for Isolate {
    fn default() -> Self {
        let size = |entries| NonZeroUsize::new(entries).unwrap_or(NonZeroUsize::MIN);
        Self {
            ended: LruCache::new(size(MAX_ENDED)),
            late: LruCache::new(size(MAX_LATE)),
        }
    }
}

impl Isolate {
    /// Notes that a session has ended; none of its access tokens lives longer than `until`.
    pub fn end(&mut self, session_id: &str, until: UnixTime) {
        let id = session_id.to_ascii_lowercase();
        let until = self.ended.get(&id).map_or(until, |held| until.max(*held));
        self.ended.put(id, until);
    }

    /// Whether this isolate knows that a session has ended.
    pub fn is_ended(&mut self, session_id: &str, now: UnixTime) -> bool {
        let until = self.ended.get(&session_id.to_ascii_lowercase());
        until.is_some_and(|until| now < *until)
    }

    /// Keeps what Auth answered to a refresh token after its visitor had gone on.
    pub fn keep(&mut self, refresh_token: &str, session: Box<Session>, until: UnixTime) {
        let late = Late { session, until };
        self.late.put(token::digest(refresh_token), late);
    }

    /// The late answer to this refresh token, if there is one. It stays: several requests may ask for it.
    pub fn late(&mut self, refresh_token: &str, now: UnixTime) -> Option<Box<Session>> {
        let digest = token::digest(refresh_token);
        let late = self.late.get(&digest)?;
        if now < late.until {
            return Some(late.session.clone());
        }
        self.late.pop(&digest);
        None
    }
}
