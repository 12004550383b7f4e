//! What a request comes to.

use crate::answer::Answer;
use crate::head::HeaderEdit;
use crate::record::RequestRecord;

/// What leaves, and the line to log.
#[derive(Debug)]
pub struct Ending {
    /// What leaves for the visitor.
    pub outgoing: Outgoing,
    /// The line to log.
    pub record: RequestRecord,
}

/// What leaves for the visitor.
#[derive(Debug)]
pub enum Outgoing {
    /// An answer of the Worker itself.
    Answer(Answer),
    /// The origin's answer with these changes; without any it passes as it is.
    Origin(Vec<HeaderEdit>),
}
