//! The runtime's requests and responses: read, sent on, answered.
//!
//! Bodies stay streams of the runtime and never enter wasm.

use js_sys::{Array, Object, Reflect};
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Headers, Request, RequestInit, Response, ResponseInit};

use crate::answer::Answer;
use crate::handler::{Forward, OriginRequest, OriginUnreachable, Outgoing, ResponseHead};
use crate::head::{self, HeaderEdit, RequestHead};

use super::{Runtime, bindings, now, report};

/// Status of a WebSocket handshake that the origin accepted (RFC 6455 4.2.2).
const SWITCHING_PROTOCOLS: u16 = 101;

/// The head of the visitor's request.
///
/// All headers cross from JavaScript in one string: two calls instead of one per header.
pub(super) fn head(request: &Request) -> RequestHead {
    let lines = Array::from(&request.headers()).join("\n");
    let headers = head::Headers::from_lines(String::from(lines));
    RequestHead::new(request.method(), request.url(), headers)
}

/// Sends the request on and hands the origin's answer back.
pub(super) async fn forward(
    runtime: &Runtime,
    request: Request,
    forward: Forward,
) -> worker::Result<Response> {
    let answer = send(runtime, &request, forward.request()).await;
    let is_head_only = forward.is_head_only();
    let head = answer
        .as_ref()
        .map(response_head)
        .map_err(|_| OriginUnreachable);
    let (outgoing, record) = forward.finish(head, now());
    report(runtime, &record);
    match (outgoing, answer) {
        (Outgoing::Answer(own), _) => respond(&own),
        (Outgoing::Origin(edits), Ok(response)) if is_head_only => Ok(bodiless(&response, &edits)?),
        // What needs no edit leaves as the runtime's own response, untouched.
        (Outgoing::Origin(edits), Ok(response)) if edits.is_empty() => Ok(response),
        (Outgoing::Origin(edits), Ok(response)) => Ok(edited(&response, &edits)?),
        (Outgoing::Origin(_), Err(error)) => Err(error.into()),
    }
}

/// Sends the request on with the changes that were decided.
pub(super) async fn send(
    runtime: &Runtime,
    request: &Request,
    origin: &OriginRequest,
) -> Result<Response, JsValue> {
    let changed = match &origin.url {
        // The old request serves as the init of the new one: method, headers, body and all.
        Some(url) => Request::new_with_str_and_init(url, request.unchecked_ref::<RequestInit>())?,
        None => Request::new_with_request(request)?,
    };
    apply(&changed.headers(), &origin.edits)?;
    let init = RequestInit::new();
    // The runtime would follow redirects itself and swallow their cookies.
    Reflect::set(&init, &"redirect".into(), &"manual".into())?;
    if origin.bypass_cache {
        Reflect::set(&init, &"cache".into(), &"no-store".into())?;
    }
    let fetcher = origin_fetcher(runtime);
    let promise = fetcher.fetch_with_init(&changed, &init)?;
    Ok(JsFuture::from(promise).await?.unchecked_into())
}

/// `ORIGIN_URL`, then the binding `ORIGIN`, then `ASSETS`, then the zone's own origin.
fn origin_fetcher(runtime: &Runtime) -> worker::worker_sys::Fetcher {
    if runtime.config.origin_url.is_some() {
        return bindings::global_fetcher();
    }
    bindings::fetcher(&runtime.env, "ORIGIN")
        .or_else(|| bindings::fetcher(&runtime.env, "ASSETS"))
        .unwrap_or_else(bindings::global_fetcher)
}

/// What is read of the origin's answer.
pub(super) fn response_head(response: &Response) -> ResponseHead {
    let headers = response.headers();
    let value = |name| headers.get(name).ok().flatten();
    let set_cookies = match value("set-cookie") {
        Some(_) => set_cookies(&headers),
        None => Vec::new(),
    };
    ResponseHead {
        status: response.status(),
        set_cookies,
        cache_control: value("cache-control"),
        vary: value("vary"),
    }
}

fn set_cookies(headers: &Headers) -> Vec<String> {
    use worker::worker_sys::ext::HeadersExt as _;
    // Only this name may be asked for with `getAll`: the runtime throws for any other.
    headers
        .get_all("set-cookie")
        .iter()
        .filter_map(|line| line.as_string())
        .collect()
}

/// The origin's response with other headers; status text, encoding and socket stay.
pub(super) fn edited(response: &Response, edits: &[HeaderEdit]) -> Result<Response, JsValue> {
    let body = if response.status() == SWITCHING_PROTOCOLS {
        None
    } else {
        response.body()
    };
    let init = response.unchecked_ref::<ResponseInit>();
    let edited = Response::new_with_opt_readable_stream_and_init(body.as_ref(), init)?;
    apply(&edited.headers(), edits)?;
    Ok(edited)
}

/// The head of the origin's response, with other headers.
fn bodiless(response: &Response, edits: &[HeaderEdit]) -> Result<Response, JsValue> {
    if let Some(body) = response.body() {
        drop(body.cancel());
    }
    let init = response.unchecked_ref::<ResponseInit>();
    let head = Response::new_with_opt_readable_stream_and_init(None, init)?;
    for name in ["content-encoding", "content-length", "content-type"] {
        head.headers().delete(name)?;
    }
    apply(&head.headers(), edits)?;
    Ok(head)
}

fn apply(headers: &Headers, edits: &[HeaderEdit]) -> Result<(), JsValue> {
    for edit in edits {
        match edit {
            HeaderEdit::Append(name, value) => headers.append(name, value)?,
            HeaderEdit::Remove(name) => headers.delete(name)?,
            HeaderEdit::Set(name, value) => headers.set(name, value)?,
        }
    }
    Ok(())
}

/// Turns an answer of the Worker into a response.
pub(super) fn respond(answer: &Answer) -> worker::Result<Response> {
    let headers = Headers::new()?;
    for (name, value) in answer.headers() {
        headers.append(name, value)?;
    }
    let init = ResponseInit::new();
    init.set_status(answer.status());
    init.set_headers(headers.unchecked_ref::<Object>());
    let body = (!answer.body().is_empty()).then(|| answer.body());
    Ok(Response::new_with_opt_str_and_init(body, &init)?)
}
