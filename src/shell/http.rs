//! The runtime's requests and responses: read, sent on, answered.
//!
//! Bodies stay streams of the runtime and never enter wasm.

use std::cell::Cell;

use js_sys::{Array, JsString, Object, Promise};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{
    Headers, Request, RequestCache, RequestInit, RequestRedirect, Response, ResponseInit,
};

use crate::answer::Answer;
use crate::cache_control;
use crate::handler::{
    Ask, Course, Effect, OriginRequest, OriginUnreachable, Passage, Reads, ResponseHead, Turn,
};
use crate::head::{self, HeaderEdit, RequestHead};

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
            let settled = Closure::once_into_js(move |value: JsValue| {
                finish(value.dyn_into::<Response>().ok())
            });
            Ok(sent.settle(&settled, &settled).into())
        }
        Err(_) => finish(None),
    }
}

/// What leaves for the visitor once the origin answered, or did not.
fn finish(
    runtime: Runtime,
    request: Request,
    mut course: Course,
    ask: Ask<Passage, Result<ResponseHead, OriginUnreachable>>,
    response: Option<Response>,
) -> Result<JsValue, JsValue> {
    let (reads, is_head_only) = (ask.question().reads, ask.question().is_head_only);
    let head = response
        .as_ref()
        .map(|response| response_head(response, reads));
    let status = response.as_ref().map(Response::status);
    memory().borrow_mut().health.note_origin(status, now());
    ask.answer(head.ok_or(OriginUnreachable));
    let origin = response.map(|response| (response, is_head_only));
    match advance(&runtime, &mut course) {
        Turn::End(ending) => conclude(&runtime, *ending, origin).map(JsValue::from),
        Turn::Ask(effect) => Ok(promise(finish_later(
            runtime, request, course, effect, origin,
        ))),
    }
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
    let fetcher = origin_fetcher(runtime);
    let promise = inits.with(|init| {
        // Headers beside the request cost half of what a changed copy of the request does.
        init.set_headers(&headers);
        match &origin.url {
            // The old request serves as the init of the new one: method, body and all.
            Some(url) => {
                let init_of_url = request.unchecked_ref::<RequestInit>();
                let moved = Request::new_with_str_and_init(url, init_of_url)?;
                fetcher.fetch_with_init(&moved, init)
            }
            None => fetcher.fetch_with_init(request, init),
        }
    })?;
    Ok(promise.unchecked_into())
}

thread_local! {
    /// The name of the origin's binding, once it was looked for.
    static BOUND: Cell<Option<Option<&'static str>>> = const { Cell::new(None) };
    static PLAIN: RequestInit = init(false);
    static UNCACHED: RequestInit = init(true);
}

fn init(is_uncached: bool) -> RequestInit {
    let init = RequestInit::new();
    // The runtime would follow redirects itself and swallow their cookies.
    init.set_redirect(RequestRedirect::Manual);
    if is_uncached {
        init.set_cache(RequestCache::NoStore);
    }
    init
}

/// `ORIGIN_URL`, then the binding `ORIGIN`, then `ASSETS`, then the zone's own origin.
fn origin_fetcher(runtime: &Runtime) -> worker::worker_sys::Fetcher {
    if runtime.config.origin_url.is_some() {
        return bindings::global_fetcher();
    }
    let env = &runtime.env;
    // Which bindings there are never changes; the objects themselves belong to the request.
    let bound = BOUND.get().unwrap_or_else(|| {
        let mut names = ["ORIGIN", "ASSETS"].into_iter();
        let bound = names.find(|name| bindings::binding(env, name).is_some());
        BOUND.set(Some(bound));
        bound
    });
    bound
        .and_then(|name| bindings::fetcher(env, name))
        .unwrap_or_else(bindings::global_fetcher)
}

/// What is read of the origin's answer.
pub(super) fn response_head(response: &Response, reads: Reads) -> ResponseHead {
    let all = response.headers();
    let has_cookies = || all.has("set-cookie").unwrap_or(true);
    let headers = match reads {
        Reads::Nothing => head::Headers::default(),
        // Each line of `Set-Cookie` counts, and only the whole list has them one by one.
        Reads::CacheHeaders | Reads::Cookies if has_cookies() => headers(&all),
        Reads::CacheHeaders => cache_headers(&all),
        Reads::Cookies => head::Headers::default(),
    };
    ResponseHead {
        status: response.status(),
        headers,
    }
}

fn cache_headers(headers: &Headers) -> head::Headers {
    let headers = headers.unchecked_ref::<NamedHeaders>();
    let present: Vec<(&str, String)> = cache_control::names_read()
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
