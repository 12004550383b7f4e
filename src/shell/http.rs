//! The runtime's requests and responses: read, sent on, answered.
//!
//! Bodies stay streams of the runtime and never enter wasm.

use std::cell::Cell;

use js_sys::{Promise, Reflect};
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{Request, Response};

use crate::answer::{Answer, Reader};
use crate::config::ConfigError;
use crate::handler::{OriginRequest, OriginUnreachable, Reads, ResponseHead};
use crate::head::{self, HeaderEdit};
use crate::pages::{Frame, Language};

use super::runtime::Runtime;
use super::{bindings, passage};

/// Status of a WebSocket handshake that the origin accepted (RFC 6455 4.2.2).
const SWITCHING_PROTOCOLS: u16 = 101;

/// Why the origin did not answer: what the runtime, or a Worker behind a binding, threw.
pub(super) fn unreachable(thrown: &JsValue) -> OriginUnreachable {
    let message = Reflect::get(thrown, &JsValue::from_str("message"));
    let message = message.ok().and_then(|message| message.as_string());
    let words = message.or_else(|| thrown.as_string());
    OriginUnreachable::new(words.as_deref().unwrap_or("no response"))
}

/// What the origin answered, if the runtime can hand it on. An application in a Worker may answer with what it has read
/// already, or with a network error (Fetch 2.2.6, `Response.error()`): the visitor gets the cookies due to him all the same.
pub(super) fn received(answer: JsValue) -> Result<Response, JsValue> {
    let response: Response = answer.dyn_into()?;
    let is_bound = BOUND.get().flatten().is_some();
    if response.status() == 0 {
        return Err(JsValue::from_str("a network error as an answer"));
    }
    if is_bound && response.body_used() {
        return Err(JsValue::from_str("an answer whose body was read before"));
    }
    Ok(response)
}

/// Sends the request on with the changes that were decided. `is_plain` if it is a GET or HEAD whose URL can be said again
/// without becoming another one.
pub(super) fn send(
    runtime: &Runtime,
    request: &Request,
    is_plain: bool,
    origin: &OriginRequest,
) -> Result<Promise, JsValue> {
    let moved = origin.url.as_deref();
    if moved.is_none()
        && let Some(application) = bound_fetcher(runtime)
    {
        // What the application knows of the connection (`cf`) stays as it came: no cache of Cloudflare's stands between
        // two Workers, and what is said of one there would follow the application into its own requests.
        return passage::hand(request, &application, &origin.edits);
    }
    let moved = moved.unwrap_or_default();
    let is_plain = is_plain || !moved.is_empty();
    if origin.bypass_cache {
        UNCACHED.with(|cf| passage::send(request, is_plain, moved, cf, &origin.edits))
    } else {
        passage::send(request, is_plain, moved, &JsValue::UNDEFINED, &origin.edits)
    }
}

thread_local! {
    /// The name of the origin's binding, once it was looked for.
    static BOUND: Cell<Option<Option<&'static str>>> = const { Cell::new(None) };
    static UNCACHED: JsValue = passage::uncached();
}

/// The binding `ORIGIN`, or else `ASSETS`; with neither the zone's own origin is asked.
fn bound_fetcher(runtime: &Runtime) -> Option<JsValue> {
    let env = &runtime.env;
    // Which bindings there are never changes; the objects themselves belong to the request.
    let bound = BOUND.get().unwrap_or_else(|| {
        let mut names = ["ORIGIN", "ASSETS"].into_iter();
        let bound = names.find(|name| bindings::binding(env, name).is_some());
        BOUND.set(Some(bound));
        bound
    });
    bound.and_then(|name| bindings::binding(env, name))
}

/// What is read of the origin's answer.
pub(super) fn response_head(
    response: &Response,
    reads: Reads,
    reads_location: bool,
) -> ResponseHead {
    let headers = match reads {
        _ if reads_location => passage::answer_headers(response),
        Reads::All | Reads::CacheHeaders => passage::answer_headers(response),
        Reads::Cookies => passage::answer_headers_with(response, "set-cookie"),
        Reads::Nothing => head::Headers::default(),
    };
    ResponseHead {
        status: response.status(),
        headers,
    }
}

/// The origin's response with other headers; status text, encoding and socket stay.
pub(super) fn edited(response: &Response, edits: &[HeaderEdit]) -> Result<Response, JsValue> {
    let has_body = response.status() != SWITCHING_PROTOCOLS;
    passage::edited(response, has_body, edits)
}

/// The head of the origin's response, with other headers.
pub(super) fn bodiless(response: &Response, edits: &[HeaderEdit]) -> Result<Response, JsValue> {
    if let Some(body) = response.body() {
        drop(body.cancel());
    }
    let of_body = ["content-encoding", "content-length", "content-type"];
    let removals = of_body.map(|name| HeaderEdit::Remove(name.to_owned()));
    let edits: Vec<HeaderEdit> = removals.into_iter().chain(edits.iter().cloned()).collect();
    passage::edited(response, false, &edits)
}

/// Turns an answer of the Worker into a response.
pub(super) fn respond(answer: &Answer) -> Result<Response, JsValue> {
    passage::respond(answer.status(), answer.body(), answer.headers())
}

/// Tells a visitor that no request can be served: in words, if he navigates.
pub(super) fn misconfigured(request: &Request, error: &ConfigError) -> Result<Response, JsValue> {
    let (answer, head) = (Answer::misconfigured(error), passage::request_head(request));
    if !head.is_navigation() {
        return respond(&answer);
    }
    let frame = Frame {
        language: Language::accepted(head.header("accept-language")),
        ..Frame::default()
    };
    respond(&answer.in_words(frame, Reader::default()))
}
