//! What routes answer.

use crate::answer::Answer;

use super::super::settled::Settled;
use super::super::visit::Outcome;

/// What a route answers.
pub(super) struct Reply {
    pub(super) answer: Answer,
    pub(super) settled: Settled,
}

impl Reply {
    pub(super) fn new(answer: Answer, reason: &'static str) -> Self {
        let settled = Settled::plain(Outcome::Anonymous, reason);
        Self { answer, settled }
    }
}
