//! What routes answer.
//!
//! A [`Reply`] is an answer and what is due beside it: the session that the route found or made, by whose outcome
//! the log line is written and cookies are set or deleted.

use crate::answer::Answer;

use super::super::settled::Settled;
use super::super::visit::Outcome;

/// What a route answers.
pub(super) struct Reply {
    pub(super) answer: Answer,
    pub(super) settled: Settled,
}

impl Reply {
    /// A reply that found no session: nothing of the cookies is touched.
    pub(super) fn new(answer: Answer, reason: &'static str) -> Self {
        let settled = Settled::plain(Outcome::Anonymous, reason);
        Self { answer, settled }
    }
}
