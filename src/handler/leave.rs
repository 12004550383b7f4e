//! How a request ends: with an answer of the Worker itself, or with the origin's.
//!
//! It is the other end of the line beside `forward`: both write the record and put the cookies on that are due.
//! Nothing is decided here but one thing, [`recheck`]: whether the cookies that are due still are, after all the time
//! that the origin took.

use crate::answer::Answer;
use crate::identity::EXPLANATION_HEADER;
use crate::refresh_order::Gate;

use super::desk::Desk;
use super::effect::{Effect, EndQuestion};
use super::ending::{Ending, Outgoing};
use super::passage::OriginUnreachable;
use super::settled::Settled;
use super::visit::{Outcome, Visit};
use super::words;

/// The reason of a request whose origin did not answer, whoever made it.
const ORIGIN_UNREACHABLE: &str = "origin_unreachable";

/// A deletion that was decided longer ago than this is left to the next request: an answer that comes so late may meet the
/// cookies of whoever has signed in meanwhile, and nobody can see that from here.
const STALE_DELETION_MS: u64 = 5_000;

/// How long a visitor waits to learn whether his session has ended meanwhile, in milliseconds: a gate that is busy is worth
/// waiting for, since nothing else keeps a late answer from signing somebody in again.
const GATE_MS: u64 = 5_000;
/// The same, of a gate that was waited for in vain before.
const ILL_GATE_MS: u64 = 1_500;

/// Answers a visitor without the origin, with the cookies due to him.
pub(super) async fn respond(desk: &Desk, visit: Visit, settled: Settled, answer: Answer) -> Ending {
    let settled = recheck(desk, &visit, settled).await;
    finish(desk, &visit, &settled, answer)
}

/// Looks once more whether a session that is about to be written has ended meanwhile, however long the origin took:
/// a late answer never signs anybody in again, and deletes nobody's cookies.
pub(super) async fn recheck(desk: &Desk, visit: &Visit, settled: Settled) -> Settled {
    if visit.config.is_observing() || !settled.has_cookies_due(visit) {
        return settled;
    }
    let is_over = match settled.claims() {
        Some(claims) => {
            let claims = claims.clone();
            let is_gate_ill = visit.record.gate == Gate::Failed.word();
            let patience_ms = if is_gate_ill { ILL_GATE_MS } else { GATE_MS };
            let question = EndQuestion {
                claims,
                patience_ms,
            };
            desk.ask(Effect::IsEnded, question).await
        }
        None => visit.record.ms.origin > STALE_DELETION_MS,
    };
    if is_over { settled.withheld() } else { settled }
}

/// Answers a visitor whose request the origin did not.
pub(super) async fn without_origin(
    desk: &Desk,
    mut visit: Visit,
    settled: Settled,
    OriginUnreachable { cause }: OriginUnreachable,
) -> Ending {
    visit.alarm();
    visit.record.origin_error = Some(cause);
    respond(desk, visit, settled, Answer::origin_unreachable()).await
}

/// Refuses a request before anything was read of its session.
pub(super) fn refuse(desk: &Desk, visit: &Visit, answer: Answer, reason: &'static str) -> Ending {
    let settled = Settled::plain(Outcome::Bypass, reason);
    finish(desk, visit, &settled, answer)
}

/// Completes an answer of the Worker itself.
pub(super) fn finish(desk: &Desk, visit: &Visit, settled: &Settled, answer: Answer) -> Ending {
    let cookies = settled.set_cookies(visit);
    let mut record = visit.record.clone();
    settled.write_record(&mut record, cookies.len(), answer.status());
    if record.origin_error.is_some() {
        // What an operator has to know first.
        record.reason = ORIGIN_UNREACHABLE;
    }
    record.ms.total = desk.now().millis_since(visit.started);
    let mut answer = words::say(visit, settled, answer).with_cookies(cookies);
    answer = answer.with_cors(visit.cors(), visit.head.header("origin"));
    if visit.config.server_timing {
        answer = answer.with_header("server-timing", record.server_timing());
    }
    if visit.is_explained {
        answer = answer.with_header(EXPLANATION_HEADER, record.explanation());
    }
    Ending {
        outgoing: Outgoing::Answer(answer),
        record,
    }
}
