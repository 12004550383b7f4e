//! What a request comes to.
//!
//! Every way through the line and every route ends in one of these, exactly once, also where an error is answered:
//! so each request has its log line.

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
