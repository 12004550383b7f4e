//! `MODE=observe`: the request passes first, and what would have been done is found out behind it.
//!
//! Nobody waits for the decision, so that watching costs a visitor nothing
//! even while Auth is slow.

use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Request, Response};

use crate::handler::{self, Ending, OriginUnreachable, Outgoing, Reads, ResponseHead, Turn};
use crate::head::RequestHead;

use super::journey::{Stop, advance, course, decide, report};
use super::runtime::{Runtime, now};
use super::{http, passage};

/// What the origin said, and how long it took.
struct Passed {
    head: Result<ResponseHead, OriginUnreachable>,
    ms: u64,
}

/// Passes a request on and its answer back, and decides about it afterwards;
/// only an operator who asks why waits for that.
pub(super) async fn pass(runtime: Runtime, request: Request) -> Result<Response, JsValue> {
    let head = passage::request_head(&request);
    let is_explained = handler::is_explanation_asked_for(&runtime.config, &head);
    let untouched = handler::untouched(&runtime.config, &head);
    let sent = now();
    let answer = match http::send(&runtime, &request, false, &untouched) {
        Ok(sent) => JsFuture::from(sent).await.map(JsCast::unchecked_into),
        Err(error) => Err(error),
    };
    let passed = Passed {
        head: answer
            .as_ref()
            .map(|response| http::response_head(response, Reads::CacheHeaders, false))
            .map_err(http::unreachable),
        ms: now().millis_since(sent),
    };
    let Ok(response) = answer else {
        return match watch(&runtime, &request, head, passed).await {
            Some(Outgoing::Answer(answer)) => http::respond(&answer),
            Some(Outgoing::Origin(_)) | None => Ok(Response::error()),
        };
    };
    if is_explained {
        return match watch(&runtime, &request, head, passed).await {
            Some(Outgoing::Origin(edits)) => http::edited(&response, &edits),
            Some(Outgoing::Answer(_)) | None => Ok(response),
        };
    }
    let handle = runtime.share();
    handle.later(async move {
        watch(&runtime, &request, head, passed).await;
    });
    Ok(response)
}

/// Decides about a request that has passed, and logs it.
async fn watch(
    runtime: &Runtime,
    request: &Request,
    head: RequestHead,
    passed: Passed,
) -> Option<Outgoing> {
    let mut course = course(runtime, head);
    let mut turn = advance(runtime, &mut course);
    let mut passed = Some(passed);
    let mut origin_ms = 0;
    let Ending {
        outgoing,
        mut record,
    } = loop {
        let stop = match turn {
            Turn::End(ending) => Stop::End(ending),
            Turn::Ask(effect) => decide(runtime, request, &mut course, effect).await,
        };
        match stop {
            Stop::End(ending) => break *ending,
            Stop::Origin(ask) => {
                // While observing, every decision ends in forwarding, once.
                let passed = passed.take()?;
                origin_ms = passed.ms;
                ask.answer(passed.head);
                turn = advance(runtime, &mut course);
            }
        }
    };
    record.add_origin_time(origin_ms);
    report(runtime, &record);
    Some(outgoing)
}
