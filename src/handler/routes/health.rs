//! `GET /health`: whether this Worker can do its work, without a word about secrets.

use serde_json::json;

use crate::answer::Answer;
use crate::time::UnixTime;

use super::super::desk::{Desk, Effect};
use super::Reply;

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

/// Says how the Worker is.
pub(super) async fn health(desk: &Desk) -> Reply {
    let report = desk.ask(Effect::CheckHealth, ()).await;
    let is_well = report.keys.is_some()
        && report.kv != Reach::Unreachable
        && report.gate != Reach::Unreachable;
    let keys = report.keys.map(|(number, fetched_at)| {
        json!({"number": number, "age_seconds": desk.now().millis_since(fetched_at) / 1000})
    });
    let body = json!({
        "status": if is_well { "ok" } else { "unavailable" },
        "configuration": "ok",
        "keys": keys,
        "kv": report.kv.word(),
        "gate": report.gate.word(),
    });
    let answer = Answer::json(if is_well { 200 } else { 503 }, &body);
    Reply::new(answer, "health")
}
