//! `GET /health`: whether this Worker can do its work, without a word about secrets.
//!
//! 503 where something that the operator bound does not answer, or no key set can be had: such a Worker cannot
//! decide about sessions. Auth and the origin are not asked; their last answers are told as they were, so that the
//! question costs them nothing.

use crate::answer::Answer;
use crate::json::json;
use crate::memory::Reach;
use crate::time::UnixTime;

use super::super::desk::Desk;
use super::super::effect::Effect;
use super::super::visit::Visit;
use super::reply::Reply;

/// Says how the Worker is. Anyone may ask, so it is looked up no more often than every few seconds.
pub(super) async fn health(desk: &Desk, visit: &Visit) -> Reply {
    let held = desk.memory().health.find(desk.now());
    let report = match held {
        Some(report) => report,
        None => {
            let report = desk.ask(Effect::CheckHealth, ()).await;
            desk.memory().health.keep(report, desk.now());
            report
        }
    };
    let is_well = report.keys.is_some()
        && report.kv != Reach::Unreachable
        && report.gate != Reach::Unreachable;
    let now = desk.now();
    let age = |at: UnixTime| now.millis_since(at) / 1000;
    let keys = report
        .keys
        .map(|(number, at)| json!({"number": number, "age_seconds": age(at)}));
    let last = |answer: Option<(Option<u16>, UnixTime)>| {
        answer.map(|(status, at)| json!({"status": status, "age_seconds": age(at)}))
    };
    let (auth, origin) = desk.memory().health.last_answers();
    let body = json!({
        "status": if is_well { "ok" } else { "unavailable" },
        "configuration": "ok",
        "mode": if visit.config.is_observing() { "observe" } else { "enforce" },
        "version": env!("CARGO_PKG_VERSION"),
        "keys": keys,
        "kv": report.kv.word(),
        "gate": report.gate.word(),
        "auth": last(auth),
        "origin": last(origin),
    });
    let answer = Answer::json(if is_well { 200 } else { 503 }, &body);
    Reply::new(answer, "health")
}
