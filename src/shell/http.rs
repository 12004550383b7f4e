//! The runtime's requests and responses: read, sent on, answered.
//!
//! Bodies stay streams of the runtime and never enter wasm.

use std::cell::Cell;

use js_sys::{Array, JsString, Object, Promise, Reflect};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{Headers, Request, RequestInit, RequestRedirect, Response, ResponseInit};

use crate::answer::{Answer, Reader};
use crate::cache_control;
use crate::config::ConfigError;
use crate::handler::{
    Ask, Course, Effect, OriginRequest, OriginUnreachable, Passage, Reads, ResponseHead, Turn,
};
use crate::head::{self, HeaderEdit, RequestHead};
use crate::location;
use crate::pages::{Frame, Language};

use super::{Runtime, Stop, advance, bindings, conclude, decide, memory, now, promise, text};

/// Status of a WebSocket handshake that the origin accepted (RFC 6455 4.2.2).
const SWITCHING_PROTOCOLS: u16 = 101;

/// The head of the visitor's request.
pub(super) fn head(request: &Request) -> RequestHead {
    let headers = headers(&request.headers());
    RequestHead::new(request.method(), request.url(), headers)
}

/// Sends the request on and hands the origin's answer back: the promise of it, or the Worker's own
/// answer if the runtime refuses to send.
pub(super) fn forward(
    runtime: Runtime,
    request: &Request,
    course: Course,
    ask: Ask<Passage, Result<ResponseHead, OriginUnreachable>>,
) -> Result<JsValue, JsValue> {
    let sent = send(&runtime, request, &ask.question().request);
    let kept = AsRef::<JsValue>::as_ref(request).clone().unchecked_into();
    let finish = move |answer| finish(runtime, kept, course, ask, answer);
    match sent {
        Ok(sent) => {
            // One closure for both ends: each is a JavaScript object with a finalizer.
            let settled = Closure::once_into_js(move |value: JsValue| finish(value.dyn_into()));
            Ok(sent.settle(&settled, &settled).into())
        }
        Err(error) => finish(Err(error)),
    }
}

/// What leaves for the visitor once the origin answered, or did not.
fn finish(
    runtime: Runtime,
    request: Request,
    mut course: Course,
    ask: Ask<Passage, Result<ResponseHead, OriginUnreachable>>,
    answer: Result<Response, JsValue>,
) -> Result<JsValue, JsValue> {
    let passage = ask.question();
    let is_head_only = passage.is_head_only;
    let head = answer
        .as_ref()
        .map(|response| response_head(response, passage.reads, passage.reads_location))
        .map_err(unreachable);
    let status = answer.as_ref().ok().map(Response::status);
    memory().borrow_mut().health.note_origin(status, now());
    ask.answer(head);
    let origin = answer.ok().map(|response| (response, is_head_only));
    match advance(&runtime, &mut course) {
        Turn::End(ending) => conclude(&runtime, *ending, origin).map(JsValue::from),
        Turn::Ask(effect) => Ok(promise(finish_later(
            runtime, request, course, effect, origin,
        ))),
    }
}

/// Why the origin did not answer: what the runtime, or a Worker behind a binding, threw.
pub(super) fn unreachable(thrown: &JsValue) -> OriginUnreachable {
    let message = Reflect::get(thrown, &JsValue::from_str("message"));
    let message = message.ok().and_then(|message| message.as_string());
    let words = message.or_else(|| thrown.as_string());
    OriginUnreachable::new(words.as_deref().unwrap_or("no response"))
}

/// Goes on where something has to be looked up before the origin's answer may leave.
async fn finish_later(
    runtime: Runtime,
    request: Request,
    mut course: Course,
    effect: Effect,
    origin: Option<(Response, bool)>,
) -> Result<JsValue, JsValue> {
    match decide(&runtime, &request, &mut course, effect).await {
        Stop::End(ending) => conclude(&runtime, *ending, origin).map(JsValue::from),
        // Nobody asks the origin twice.
        Stop::Origin(_) => Ok(Response::error().into()),
    }
}

#[wasm_bindgen]
extern "C" {
    pub(super) type Thenable;

    /// An application with `fetch`: a binding, or an object of another Worker.
    type Application;

    #[wasm_bindgen(method, catch)]
    fn fetch(this: &Application, request: &Request) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, js_name = then)]
    fn settle(this: &Thenable, resolved: &JsValue, rejected: &JsValue) -> Promise;

    /// Headers whose names are strings of JavaScript already.
    type NamedHeaders;

    #[wasm_bindgen(method, catch)]
    fn append(this: &NamedHeaders, name: &JsString, value: &str) -> Result<(), JsValue>;

    #[wasm_bindgen(method)]
    fn get(this: &NamedHeaders, name: &JsString) -> Option<String>;

    #[wasm_bindgen(method, catch)]
    fn set(this: &NamedHeaders, name: &JsString, value: &str) -> Result<(), JsValue>;
}

/// Sends the request on with the changes that were decided.
pub(super) fn send(
    runtime: &Runtime,
    request: &Request,
    origin: &OriginRequest,
) -> Result<Thenable, JsValue> {
    let headers = Headers::new_with_headers(&request.headers())?;
    apply(&headers, &origin.edits)?;
    let inits = if origin.bypass_cache {
        &UNCACHED
    } else {
        &PLAIN
    };
    let bound = match &origin.url {
        Some(_) => None,
        None => bound_fetcher(runtime),
    };
    let Some(fetcher) = bound else {
        return inits.with(|init| fetch(request, origin.url.as_deref(), init, &headers));
    };
    // An application in a Worker gets one request that says everything: a wrapper of it may hand on no more than the
    // first argument. What it knows of the connection (`cf`) stays as it came: no cache of Cloudflare's stands between
    // two Workers, and what is said of one there would follow the application into its own requests.
    let init = init();
    init.set_headers(&headers);
    let request = Request::new_with_request_and_init(request, &init)?;
    // It may answer without a promise.
    let answer = fetcher.unchecked_ref::<Application>().fetch(&request)?;
    Ok(Promise::resolve(&answer).unchecked_into())
}

fn fetch(
    request: &Request,
    url: Option<&str>,
    init: &RequestInit,
    headers: &Headers,
) -> Result<Thenable, JsValue> {
    let fetcher = bindings::global_fetcher();
    // Headers beside the request cost half of what a changed copy of the request does.
    init.set_headers(headers);
    let promise = match url {
        // The old request serves as the init of the new one: method, body and all.
        Some(url) => {
            let init_of_url = request.unchecked_ref::<RequestInit>();
            let moved = Request::new_with_str_and_init(url, init_of_url)?;
            fetcher.fetch_with_init(&moved, init)?
        }
        None => fetcher.fetch_with_init(request, init)?,
    };
    Ok(promise.unchecked_into())
}

thread_local! {
    /// The name of the origin's binding, once it was looked for.
    static BOUND: Cell<Option<Option<&'static str>>> = const { Cell::new(None) };
    static PLAIN: RequestInit = init();
    static UNCACHED: RequestInit = uncached_init();
}

fn init() -> RequestInit {
    let init = RequestInit::new();
    // The runtime would follow redirects itself and swallow their cookies.
    init.set_redirect(RequestRedirect::Manual);
    init
}

fn uncached_init() -> RequestInit {
    let init = init();
    // Neither call fails on a plain object.
    if let Ok(uncached) = uncached() {
        drop(Reflect::set(&init, &JsValue::from_str("cf"), &uncached));
    }
    init
}

/// What `cache: "no-store"` tells Cloudflare's cache. The word itself would also make the runtime send the origin a
/// `Cache-Control` and a `Pragma` of its own, and an origin that heeds them never answers 304.
fn uncached() -> Result<Object, JsValue> {
    let object = Object::new();
    let members = [
        ("cacheTtl", JsValue::from(-1)),
        ("cacheLevel", JsValue::from_str("bypass")),
    ];
    for (name, value) in members {
        Reflect::set(&object, &JsValue::from_str(name), &value)?;
    }
    Ok(object)
}

/// The binding `ORIGIN`, or else `ASSETS`; with neither the zone's own origin is asked.
fn bound_fetcher(runtime: &Runtime) -> Option<worker::worker_sys::Fetcher> {
    let env = &runtime.env;
    // Which bindings there are never changes; the objects themselves belong to the request.
    let bound = BOUND.get().unwrap_or_else(|| {
        let mut names = ["ORIGIN", "ASSETS"].into_iter();
        let bound = names.find(|name| bindings::binding(env, name).is_some());
        BOUND.set(Some(bound));
        bound
    });
    bound.and_then(|name| bindings::fetcher(env, name))
}

/// What is read of the origin's answer.
pub(super) fn response_head(
    response: &Response,
    reads: Reads,
    reads_location: bool,
) -> ResponseHead {
    let all = response.headers();
    let has_cookies = || all.has("set-cookie").unwrap_or(true);
    let places: &[&'static str] = if reads_location {
        &location::HEADERS
    } else {
        &[]
    };
    let places = places.iter().copied();
    let headers = match reads {
        Reads::All => headers(&all),
        // Each line of `Set-Cookie` counts, and only the whole list has them one by one.
        Reads::CacheHeaders | Reads::Cookies if has_cookies() => headers(&all),
        Reads::CacheHeaders => some_headers(&all, cache_control::names_read().chain(places)),
        Reads::Cookies | Reads::Nothing => some_headers(&all, places),
    };
    ResponseHead {
        status: response.status(),
        headers,
    }
}

fn some_headers(headers: &Headers, names: impl Iterator<Item = &'static str>) -> head::Headers {
    let headers = headers.unchecked_ref::<NamedHeaders>();
    let present: Vec<(&str, String)> = names
        .filter_map(|name| Some((name, headers.get(&text::name(name))?)))
        .collect();
    head::Headers::from_pairs(present.iter().map(|(name, value)| (*name, value.as_str())))
}

/// All headers cross from JavaScript in one string: two calls instead of one per header.
fn headers(headers: &Headers) -> head::Headers {
    head::Headers::from_lines(text::take_over(&Array::from(headers).join("\n")))
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
pub(super) fn bodiless(response: &Response, edits: &[HeaderEdit]) -> Result<Response, JsValue> {
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
    let named = headers.unchecked_ref::<NamedHeaders>();
    for edit in edits {
        match edit {
            HeaderEdit::Append(name, value) => named.append(&text::name(name), value)?,
            HeaderEdit::Remove(name) => headers.delete(name)?,
            HeaderEdit::Set(name, value) => named.set(&text::name(name), value)?,
            HeaderEdit::SetNamed(name, value) => headers.set(name, value)?,
        }
    }
    Ok(())
}

/// Turns an answer of the Worker into a response.
pub(super) fn respond(answer: &Answer) -> Result<Response, JsValue> {
    let headers = Headers::new()?;
    let named = headers.unchecked_ref::<NamedHeaders>();
    for (name, value) in answer.headers() {
        named.append(&text::name(name), value)?;
    }
    let init = ResponseInit::new();
    init.set_status(answer.status());
    init.set_headers(headers.unchecked_ref::<Object>());
    let body = (!answer.body().is_empty()).then(|| answer.body());
    Response::new_with_opt_str_and_init(body, &init)
}

/// Tells a visitor that no request can be served: in words, if he navigates.
pub(super) fn misconfigured(request: &Request, error: &ConfigError) -> Result<Response, JsValue> {
    let (answer, head) = (Answer::misconfigured(error), head(request));
    if !head.is_navigation() {
        return respond(&answer);
    }
    let frame = Frame {
        language: Language::accepted(head.header("accept-language")),
        ..Frame::default()
    };
    respond(&answer.in_words(frame, Reader::default()))
}
