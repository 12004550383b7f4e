//! How the Worker was when it was last looked at, and what was last answered to it.
//!
//! Auth and the origin are never asked for the report's sake: their last answers are noted when a request had one.

use crate::time::UnixTime;

/// Anyone may ask for the health; it is looked up no more often than this.
const FRESH_MS: u64 = 5_000;

/// Whether a binding answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reach {
    /// It answers.
    Reachable,
    /// Nothing is bound.
    Unbound,
    /// It does not answer.
    Unreachable,
}

impl Reach {
    /// The word in the report.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Reachable => "reachable",
            Self::Unbound => "unbound",
            Self::Unreachable => "unreachable",
        }
    }
}

/// What was found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HealthReport {
    /// Number of keys, and when they were fetched.
    pub keys: Option<(usize, UnixTime)>,
    /// `SESSION_KV`.
    pub kv: Reach,
    /// `REFRESH_GATE`.
    pub gate: Reach,
}

/// A status, or none where there was no answer, and when that was.
pub type LastAnswer = (Option<u16>, UnixTime);

/// What is known of the Worker's surroundings.
#[derive(Debug, Default)]
pub struct Health {
    report: Option<(HealthReport, UnixTime)>,
    auth: Option<LastAnswer>,
    origin: Option<LastAnswer>,
}

impl Health {
    /// The last report, if it is young.
    pub fn find(&self, now: UnixTime) -> Option<HealthReport> {
        let (report, at) = self.report?;
        (now.millis_since(at) < FRESH_MS).then_some(report)
    }

    /// Keeps a report.
    pub const fn keep(&mut self, report: HealthReport, now: UnixTime) {
        self.report = Some((report, now));
    }

    /// Notes what Auth answered.
    ///
    /// `None` is an answer that did not come.
    pub const fn note_auth(&mut self, status: Option<u16>, now: UnixTime) {
        self.auth = Some((status, now));
    }

    /// Notes what the origin answered.
    ///
    /// `None` is an answer that did not come.
    pub const fn note_origin(&mut self, status: Option<u16>, now: UnixTime) {
        self.origin = Some((status, now));
    }

    /// The last answers of Auth and of the origin.
    #[must_use]
    pub const fn last_answers(&self) -> (Option<LastAnswer>, Option<LastAnswer>) {
        (self.auth, self.origin)
    }
}
