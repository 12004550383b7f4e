//! `GET /health`: whether this Worker can do its work, without a word about secrets.

use serde_json::json;

use crate::answer::Answer;
use crate::time::UnixTime;

use super::super::Step;
use super::super::visit::Visit;
use super::respond;

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
    const fn word(self) -> &'static str {
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

/// Waits for a look at everything the Worker needs.
#[derive(Debug)]
pub struct CheckHealth(Box<Visit>);

impl CheckHealth {
    pub(super) const fn new(visit: Box<Visit>) -> Self {
        Self(visit)
    }

    /// Continues with what was found.
    pub fn resume(self, report: HealthReport, now: UnixTime) -> Step {
        let is_well = report.keys.is_some()
            && report.kv != Reach::Unreachable
            && report.gate != Reach::Unreachable;
        let keys = report.keys.map(|(number, fetched_at)| {
            json!({"number": number, "age_seconds": now.millis_since(fetched_at) / 1000})
        });
        let body = json!({
            "status": if is_well { "ok" } else { "unavailable" },
            "configuration": "ok",
            "keys": keys,
            "kv": report.kv.word(),
            "gate": report.gate.word(),
        });
        let answer = Answer::json(if is_well { 200 } else { 503 }, &body);
        respond(self.0, answer, "health", now)
    }
}
