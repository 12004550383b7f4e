//! One reason: its code, what happened, and what to do about it.
//!
//! Words that several sections use for the same remedy stand here, so that they stay the same words.

use std::fmt;

/// Why a request ended as it did: the `reason` of the log line and of `X-Session-Explanation`.
#[derive(Clone, Copy, Debug)]
pub struct Reason {
    /// The stable code.
    pub code: &'static str,
    /// What happened, in Markdown.
    pub meaning: &'static str,
    /// What to do about it, in Markdown.
    pub remedy: &'static str,
}

/// A row of one of the tables, short enough to be read as one.
pub(super) const fn reason(
    code: &'static str,
    meaning: &'static str,
    remedy: &'static str,
) -> Reason {
    Reason {
        code,
        meaning,
        remedy,
    }
}

pub(super) const FORGED: &str = "nothing if seldom; if many, somebody is probing";
pub(super) const NONE: &str = "nothing";

impl fmt::Display for Reason {
    /// The reason's row in `docs/reasons.md`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (code, meaning, remedy) = (self.code, self.meaning, self.remedy);
        write!(formatter, "| `{code}` | {meaning} | {remedy} |")
    }
}
