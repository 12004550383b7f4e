//! A request on its way through the runtime: from one effect to the next, to the origin and back.

use std::rc::Rc;

use wasm_bindgen::JsValue;
use web_sys::Response;

use crate::handler::{
    Ask, Course, Deferred, Effect, Ending, OriginUnreachable, Outgoing, Passage, ResponseHead, Turn,
};
use crate::head::RequestHead;
use crate::record::RequestRecord;
use crate::time::UnixTime;

use super::effects::carry_out;
use super::runtime::{Journey, Runtime, memory, now, promise};
use super::waiting::{self, Awaited};
use super::{crypto, http, keys, log, metrics, refresh};

/// Goes on with a request that waits for something.
#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "whatever else is asked for takes a future"
)]
pub(super) fn go_on(journey: Journey, effect: Effect) -> Result<JsValue, JsValue> {
    match effect {
        Effect::Forward(ask) => forward(journey, ask),
        Effect::CheckSignature(ask) => match crypto::begin(ask.question()) {
            Some(checked) => Ok(waiting::wait(&checked, journey, Awaited::Signature(ask))),
            None => Ok(promise(go_on_later(journey, Effect::CheckSignature(ask), None)).into()),
        },
        effect => Ok(promise(go_on_later(journey, effect, None)).into()),
    }
}

/// Sends the request on and hands the origin's answer back: the promise of it, or the Worker's own
/// answer if the runtime refuses to send.
fn forward(
    journey: Journey,
    ask: Ask<Passage, Result<ResponseHead, OriginUnreachable>>,
) -> Result<JsValue, JsValue> {
    let origin = &ask.question().request;
    match http::send(&journey.runtime, &journey.request, journey.is_plain, origin) {
        Ok(sent) => Ok(waiting::wait(&sent, journey, Awaited::Origin(ask))),
        Err(error) => finish(journey, ask, Err(error)),
    }
}

/// What leaves for the visitor once the origin answered, or did not.
fn finish(
    mut journey: Journey,
    ask: Ask<Passage, Result<ResponseHead, OriginUnreachable>>,
    answer: Result<Response, JsValue>,
) -> Result<JsValue, JsValue> {
    let passage = ask.question();
    let is_head_only = passage.is_head_only;
    let head = answer
        .as_ref()
        .map(|response| http::response_head(response, passage.reads, passage.reads_location))
        .map_err(http::unreachable);
    let status = head.as_ref().ok().map(|head| head.status);
    let now = now();
    memory().borrow_mut().health.note_origin(status, now);
    ask.answer(head);
    let origin = Asked {
        response: answer.ok(),
        is_head_only,
    };
    match advance_at(now, &journey.runtime, &mut journey.course) {
        Turn::End(ending) => conclude(&journey.runtime, *ending, Some(origin)).map(JsValue::from),
        Turn::Ask(effect) => Ok(promise(go_on_later(journey, effect, Some(origin))).into()),
    }
}

/// Goes on with the request of this id: its promise is settled.
pub(super) fn resume(id: u32, value: JsValue, is_kept: bool) -> Result<JsValue, JsValue> {
    let Some((mut journey, awaited)) = waiting::take(id) else {
        return Err(JsValue::from_str("edge-session: nobody waits for this"));
    };
    match awaited {
        Awaited::Origin(ask) => {
            let answer = if is_kept {
                http::received(value)
            } else {
                Err(value)
            };
            finish(journey, ask, answer)
        }
        Awaited::Signature(ask) => {
            // An error of the runtime over a signature makes it no good one.
            ask.answer(Ok(is_kept && value.is_truthy()));
            match advance(&journey.runtime, &mut journey.course) {
                Turn::End(ending) => conclude(&journey.runtime, *ending, None).map(JsValue::from),
                Turn::Ask(effect) => go_on(journey, effect),
            }
        }
    }
}

/// Goes on where something has to be looked up, before the origin is asked or before its answer may leave.
async fn go_on_later(
    mut journey: Journey,
    effect: Effect,
    origin: Option<Asked>,
) -> Result<JsValue, JsValue> {
    let Journey {
        runtime,
        request,
        course,
        ..
    } = &mut journey;
    match (decide(runtime, request, course, effect).await, origin) {
        // The promise of a promise is the promise of its value.
        (Stop::Origin(ask), None) => forward(journey, ask),
        // Nobody asks the origin twice.
        (Stop::Origin(_), Some(_)) => Ok(Response::error().into()),
        (Stop::End(ending), origin) => conclude(runtime, *ending, origin).map(JsValue::from),
    }
}

/// The origin was asked.
pub(super) struct Asked {
    /// What it answered, if it did.
    response: Option<Response>,
    /// Nothing but the head of the answer may leave.
    is_head_only: bool,
}

/// Lets go what leaves, and tells of its request. `origin` is none if it was not asked.
pub(super) fn conclude(
    runtime: &Runtime,
    ending: Ending,
    origin: Option<Asked>,
) -> Result<Response, JsValue> {
    report(runtime, &ending.record);
    let edits = match ending.outgoing {
        Outgoing::Answer(answer) => return http::respond(&answer),
        Outgoing::Origin(edits) => edits,
    };
    let Some(Asked {
        response: Some(response),
        is_head_only,
    }) = origin
    else {
        return Ok(Response::error());
    };
    if is_head_only {
        http::bodiless(&response, &edits)
    } else if edits.is_empty() {
        // What needs no edit leaves as the runtime's own response, untouched.
        Ok(response)
    } else {
        http::edited(&response, &edits)
    }
}

/// Where the shell's work on a request stops.
pub(super) enum Stop {
    /// It goes to the origin.
    Origin(Ask<Passage, Result<ResponseHead, OriginUnreachable>>),
    /// It is decided.
    End(Box<Ending>),
}

/// A request's course.
pub(super) fn course(runtime: &Runtime, head: RequestHead) -> Course {
    Course::new(Rc::clone(&runtime.config), head, memory())
}

/// Goes on as far as possible, and begins what a decision left for later.
pub(super) fn advance(runtime: &Runtime, course: &mut Course) -> Turn {
    advance_at(now(), runtime, course)
}

fn advance_at(now: UnixTime, runtime: &Runtime, course: &mut Course) -> Turn {
    let turn = course.advance(now);
    log::turn(&runtime.config, &turn);
    for deferred in course.take_deferred() {
        match deferred {
            Deferred::RefetchKeys => keys::refetch_later(runtime),
            Deferred::RejectAnswer {
                session_id,
                refresh_token,
            } => refresh::reject_later(runtime, session_id, refresh_token),
        }
    }
    turn
}

/// Carries out effects until the request goes to the origin or ends.
pub(super) async fn decide(
    runtime: &Runtime,
    request: &web_sys::Request,
    course: &mut Course,
    mut effect: Effect,
) -> Stop {
    loop {
        if let Effect::Forward(ask) = effect {
            return Stop::Origin(ask);
        }
        carry_out(runtime, request, effect).await;
        effect = match advance(runtime, course) {
            Turn::Ask(next) => next,
            Turn::End(ending) => return Stop::End(ending),
        };
    }
}

/// Tells the operator of a request: by the log line, and by a data point.
pub(super) fn report(runtime: &Runtime, record: &RequestRecord) {
    log::record(&runtime.config, record);
    metrics::write(&runtime.env, record);
}
