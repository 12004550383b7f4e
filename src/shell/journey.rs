//! A request on its way through the runtime: from one effect to the next, to the origin and back.

use std::rc::Rc;

use wasm_bindgen::{JsCast as _, JsValue};
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
            None => Ok(promise(go_on_later(journey, Effect::CheckSignature(ask))).into()),
        },
        effect => Ok(promise(go_on_later(journey, effect)).into()),
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
    let origin = answer.ok().map(|response| (response, is_head_only));
    match advance_at(now, &journey.runtime, &mut journey.course) {
        Turn::End(ending) => conclude(&journey.runtime, *ending, origin).map(JsValue::from),
        Turn::Ask(effect) => Ok(promise(finish_later(journey, effect, origin)).into()),
    }
}

/// Goes on where something has to be looked up before the origin's answer may leave.
async fn finish_later(
    mut journey: Journey,
    effect: Effect,
    origin: Option<(Response, bool)>,
) -> Result<JsValue, JsValue> {
    let Journey {
        runtime,
        request,
        course,
        ..
    } = &mut journey;
    match decide(runtime, request, course, effect).await {
        Stop::End(ending) => conclude(runtime, *ending, origin).map(JsValue::from),
        // Nobody asks the origin twice.
        Stop::Origin(_) => Ok(Response::error().into()),
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
                value.dyn_into()
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

async fn go_on_later(mut journey: Journey, effect: Effect) -> Result<JsValue, JsValue> {
    let Journey {
        runtime,
        request,
        course,
        ..
    } = &mut journey;
    match decide(runtime, request, course, effect).await {
        // The promise of a promise is the promise of its value.
        Stop::Origin(ask) => forward(journey, ask),
        Stop::End(ending) => conclude(&journey.runtime, *ending, None).map(JsValue::from),
    }
}

/// Lets go what leaves, and tells of its request. `origin` is the origin's answer, if it was asked.
pub(super) fn conclude(
    runtime: &Runtime,
    ending: Ending,
    origin: Option<(Response, bool)>,
) -> Result<Response, JsValue> {
    report(runtime, &ending.record);
    match (ending.outgoing, origin) {
        (Outgoing::Answer(answer), _) => http::respond(&answer),
        (Outgoing::Origin(edits), Some((response, true))) => http::bodiless(&response, &edits),
        // What needs no edit leaves as the runtime's own response, untouched.
        (Outgoing::Origin(edits), Some((response, _))) if edits.is_empty() => Ok(response),
        (Outgoing::Origin(edits), Some((response, _))) => http::edited(&response, &edits),
        (Outgoing::Origin(_), None) => Ok(Response::error()),
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
