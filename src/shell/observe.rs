//! `MODE=observe`: the request passes first, and what would have been done is found out behind it.
//!
//! Nobody waits for the decision, so that watching costs a visitor nothing
//! even while Auth is slow.

use js_sys::Promise;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Request, Response};

use crate::handler::{self, Forward, OriginUnreachable, Outgoing, Reads, ResponseHead};
use crate::head::RequestHead;
use crate::record::RequestRecord;

use super::{Ending, Runtime, begin, decide, http, now, report};

/// What the origin said, and how long it took.
struct Passed {
    head: Result<ResponseHead, OriginUnreachable>,
    ms: u64,
}

/// Passes a request on and its answer back, and decides about it afterwards;
/// only an operator who asks why waits for that.
pub(super) async fn pass(runtime: Runtime, request: Request) -> Result<Response, JsValue> {
    let head = http::head(&request);
    let is_explained = handler::is_explanation_asked_for(&runtime.config, &head);
    let untouched = handler::untouched(&runtime.config, &head);
    let sent = now();
    let answer = match http::send(&runtime, &request, &untouched) {
        Ok(sent) => JsFuture::from(sent.unchecked_into::<Promise>())
            .await
            .map(JsCast::unchecked_into),
        Err(error) => Err(error),
    };
    let passed = Passed {
        head: answer
            .as_ref()
            .map(|response| http::response_head(response, Reads::CacheHeaders))
            .map_err(|_| OriginUnreachable),
        ms: now().millis_since(sent),
    };
    let Ok(response) = answer else {
        return match watch(&runtime, &request, head, passed).await {
            Some((Outgoing::Answer(answer), _)) => http::respond(&answer),
            Some((Outgoing::Origin(_), _)) | None => Ok(Response::error()),
        };
    };
    if is_explained {
        return match watch(&runtime, &request, head, passed).await {
            Some((Outgoing::Origin(edits), _)) => http::edited(&response, &edits),
            Some((Outgoing::Answer(_), _)) | None => Ok(response),
        };
    }
    let context = std::rc::Rc::clone(&runtime.context);
    context.wait_until(async move {
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
) -> Option<(Outgoing, RequestRecord)> {
    let step = begin(runtime, head);
    // While observing, every decision ends in forwarding.
    let Ending::Forward(forward) = decide(runtime, request, step).await else {
        return None;
    };
    let (outgoing, mut record) = Forward::finish(*forward, passed.head, now());
    record.add_origin_time(passed.ms);
    report(runtime, &record);
    Some((outgoing, record))
}
