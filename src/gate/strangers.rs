//! Refresh tokens that a gate has no reason to believe are its session's.

use crate::time::UnixTime;

use super::admission::Digest;

/// Unknown refresh tokens that a gate sends to Auth within [`UNKNOWN_WINDOW_MS`].
pub const MAX_UNKNOWN: usize = 5;
/// The time in which they are counted.
pub const UNKNOWN_WINDOW_MS: u64 = 60_000;
/// Refused tokens that are remembered. At the rate above this is more than an hour's.
const MAX_REFUSED: usize = 512;

/// What was sent without being known, and what Auth refused. It need not outlive
/// the object: whoever sends enough to matter keeps it in memory.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    refused: Vec<(Digest, &'static str)>,
    sent: Vec<(Digest, UnixTime)>,
}

impl Strangers {
    /// The code with which Auth refused this token before.
    pub(super) fn refusal(&self, digest: &Digest) -> Option<&'static str> {
        let found = self.refused.iter().find(|(refused, _)| refused == digest);
        found.map(|(_, code)| *code)
    }

    /// Notes that Auth refused this token for good.
    pub(super) fn refuse(&mut self, digest: Digest, code: &'static str) {
        if self.refusal(&digest).is_none() {
            if self.refused.len() == MAX_REFUSED {
                self.refused.remove(0);
            }
            self.refused.push((digest, code));
        }
    }

    /// Whether this unknown token may be sent now. One that was sent a moment ago may be sent
    /// again, since its first answer may have been lost.
    pub(super) fn claim(&mut self, digest: Digest, now: UnixTime) -> bool {
        self.sent
            .retain(|(_, at)| now.millis_since(*at) < UNKNOWN_WINDOW_MS);
        if self.sent.iter().any(|(sent, _)| *sent == digest) {
            return true;
        }
        if self.sent.len() == MAX_UNKNOWN {
            return false;
        }
        self.sent.push((digest, now));
        true
    }

    /// Takes a token out of the count: Auth answered it with a session.
    pub(super) fn release(&mut self, digest: &Digest) {
        self.sent.retain(|(sent, _)| sent != digest);
    }

    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}
