//! Between wasm and JavaScript: heads come in as one string, and what was decided goes out as one string of edits.
//!
//! A crossing costs more than most decisions, so a request makes as few as there can be; `passage.js` is
//! the other side.

use std::cell::{Cell, RefCell};

use js_sys::{Array, Object, Promise};
use wasm_bindgen::JsValue;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::{CryptoKey, Request, Response};

use crate::head::{HeaderEdit, Headers, RequestHead};

#[wasm_bindgen(module = "/src/shell/passage.js")]
extern "C" {
    fn bind(resume: &JsValue, forget: &JsValue);

    fn learn(name: &str);

    #[wasm_bindgen(js_name = readRequest)]
    fn read_request(request: &Request, bytes: &mut [u8]) -> i32;

    #[wasm_bindgen(js_name = readAnswer)]
    fn read_answer(answer: &Response, name: &str, bytes: &mut [u8]) -> i32;

    #[wasm_bindgen(catch, js_name = send)]
    fn send_with(
        request: &Request,
        is_plain: bool,
        moved: &str,
        cf: &JsValue,
        edits: &str,
    ) -> Result<Promise, JsValue>;

    #[wasm_bindgen(catch, js_name = hand)]
    fn hand_with(request: &Request, application: &JsValue, edits: &str)
    -> Result<Promise, JsValue>;

    /// Goes on with the request of this id once the promise is settled.
    pub(super) fn settle(promise: &Promise, id: u32) -> Promise;

    #[wasm_bindgen(catch, js_name = edited)]
    fn edited_with(answer: &Response, has_body: bool, edits: &str) -> Result<Response, JsValue>;

    #[wasm_bindgen(catch, js_name = respond)]
    fn respond_with(status: u16, body: &str, edits: &str) -> Result<Response, JsValue>;

    #[wasm_bindgen(catch, js_name = ask)]
    fn ask_with(
        method: &str,
        url: &str,
        edits: &str,
        body: Option<&str>,
        ms: f64,
        limit: u32,
        header: &str,
    ) -> Result<Promise, JsValue>;

    /// The body of a request, whole; nothing if it is longer than `limit`.
    #[wasm_bindgen(js_name = readBody)]
    pub(super) fn read_body(request: &Request, limit: u32) -> Promise;

    /// Tells a gate something: what it answers, or nothing if that takes longer.
    #[wasm_bindgen(catch)]
    pub(super) fn tell(
        gate: &JsValue,
        url: &str,
        message: &str,
        ms: f64,
    ) -> Result<Promise, JsValue>;

    /// Begins to store a value, and to be woken.
    #[wasm_bindgen(catch)]
    pub(super) fn keep(
        storage: &JsValue,
        name: &str,
        value: &str,
        alarm: f64,
    ) -> Result<(), JsValue>;

    /// Begins to forget everything that is stored.
    #[wasm_bindgen(catch)]
    pub(super) fn clear(storage: &JsValue) -> Result<(), JsValue>;

    /// What a promise is settled with, or nothing if that takes longer.
    pub(super) fn within(promise: &Promise, ms: Option<u32>) -> Promise;

    /// The texts under names of a KV namespace, in their order, or nothing if that takes longer.
    #[wasm_bindgen(catch, js_name = readTexts)]
    pub(super) fn read_texts(
        store: &JsValue,
        names: &Array,
        cache_seconds: Option<u32>,
        ms: Option<u32>,
    ) -> Result<Promise, JsValue>;

    /// Stores a text in a KV namespace: true, or nothing if that takes longer.
    #[wasm_bindgen(catch, js_name = writeText)]
    pub(super) fn write_text(
        store: &JsValue,
        name: &str,
        text: &str,
        seconds: f64,
        ms: Option<u32>,
    ) -> Result<Promise, JsValue>;

    /// Whether a rate limit lets a key go on, or nothing if it takes longer to say so.
    #[wasm_bindgen(catch, js_name = mayGoOn)]
    pub(super) fn may_go_on(limit: &JsValue, key: &str, ms: u32) -> Result<Promise, JsValue>;

    /// Whether a signature is the key's.
    #[wasm_bindgen(catch)]
    pub(super) fn check(
        algorithm: &Object,
        key: &CryptoKey,
        signature: &[u8],
        input: &[u8],
    ) -> Result<Promise, JsValue>;
}

/// The code of the first known name in an edit; `passage.js` counts from there, too.
const FIRST_NAME: u32 = 32;

thread_local! {
    /// Where heads are written to. It grows to the longest.
    static ROOM: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    /// The names of headers that are known on the other side, some sixty of the program's own text.
    static NAMES: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
    /// The next request's id.
    static NEXT: Cell<u32> = const { Cell::new(0) };
}

/// Tells the other side whom to call when a promise is settled, and when some never will be.
pub(super) fn begin(
    resume: fn(u32, JsValue, bool) -> Result<JsValue, JsValue>,
    forget: fn(u32, u32),
) {
    let resume: Box<dyn Fn(u32, JsValue, bool) -> Result<JsValue, JsValue>> = Box::new(resume);
    let forget: Box<dyn Fn(u32, u32)> = Box::new(forget);
    let resume = Closure::wrap(resume).into_js_value();
    bind(&resume, &Closure::wrap(forget).into_js_value());
}

/// An id for a request that waits.
pub(super) fn next_id() -> u32 {
    NEXT.replace(NEXT.get().wrapping_add(1))
}

/// The head of a request.
pub(super) fn request_head(request: &Request) -> RequestHead {
    taken(
        |room| read_request(request, room),
        |text| {
            let mut lines = text.splitn(3, '\n');
            let mut next = || lines.next().unwrap_or_default().to_owned();
            let (method, url) = (next(), next());
            RequestHead::new(method, url, Headers::from_lines(next()))
        },
    )
}

/// The headers of an answer.
pub(super) fn answer_headers(answer: &Response) -> Headers {
    answer_headers_with(answer, "")
}

/// The headers of an answer, if this one is among them; else none.
pub(super) fn answer_headers_with(answer: &Response, name: &str) -> Headers {
    taken(
        |room| read_answer(answer, name, room),
        |text| Headers::from_lines(text.to_owned()),
    )
}

fn taken<T>(read: impl Fn(&mut [u8]) -> i32, take: impl FnOnce(&str) -> T) -> T {
    ROOM.with_borrow_mut(|room| {
        loop {
            let written = read(room);
            if let Ok(written) = usize::try_from(written) {
                let bytes = room.get(..written).unwrap_or_default();
                return take(std::str::from_utf8(bytes).unwrap_or_default());
            }
            room.resize(written.unsigned_abs() as usize, 0);
        }
    })
}

/// Sends a request on, to the URL `moved` unless that is empty; `is_plain` if method and URL say all of it that its
/// headers do not.
pub(super) fn send(
    request: &Request,
    is_plain: bool,
    moved: &str,
    cf: &JsValue,
    edits: &[HeaderEdit],
) -> Result<Promise, JsValue> {
    send_with(request, is_plain, moved, cf, &written(edits)?)
}

/// Hands a request to an application in a Worker.
pub(super) fn hand(
    request: &Request,
    application: &JsValue,
    edits: &[HeaderEdit],
) -> Result<Promise, JsValue> {
    hand_with(request, application, &written(edits)?)
}

/// Sends a request of the Worker's own, which may take so many milliseconds and be answered with so many bytes.
pub(super) fn ask(
    method: &str,
    url: &str,
    headers: &[HeaderEdit],
    body: Option<&str>,
    (ms, limit): (u64, usize),
) -> Result<Promise, JsValue> {
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    let edits = written(headers)?;
    ask_with(method, url, &edits, body, ms as f64, limit, "retry-after")
}

/// The answer with other headers.
pub(super) fn edited(
    answer: &Response,
    has_body: bool,
    edits: &[HeaderEdit],
) -> Result<Response, JsValue> {
    edited_with(answer, has_body, &written(edits)?)
}

/// An answer of the Worker's own.
pub(super) fn respond(
    status: u16,
    body: &str,
    headers: &[(&'static str, String)],
) -> Result<Response, JsValue> {
    let edits: Vec<HeaderEdit> = headers
        .iter()
        .map(|(name, value)| HeaderEdit::Append(name, value.clone()))
        .collect();
    respond_with(status, body, &written(&edits)?)
}

/// The edits as `passage.js` reads them, a line each.
fn written(edits: &[HeaderEdit]) -> Result<String, JsValue> {
    let mut text = String::with_capacity(edits.iter().map(length).sum());
    for edit in edits {
        if !text.is_empty() {
            text.push('\n');
        }
        let (begin, name, value) = match edit {
            HeaderEdit::Append(name, value) => ('a', Some(code(name)), value),
            HeaderEdit::Remove(name) => ('r', None, name),
            HeaderEdit::Set(name, value) => ('s', Some(code(name)), value),
            HeaderEdit::SetNamed(name, value) => {
                text.push('n');
                text.push_str(name);
                (',', None, value)
            }
        };
        text.push(begin);
        text.extend(name);
        text.push_str(value);
    }
    // A line break cannot stand in a header (RFC 9110 5.5); here it would begin another edit.
    let breaks = text.bytes().filter(|byte| *byte == b'\n').count();
    if breaks + 1 > edits.len().max(1) {
        return Err(JsValue::from_str("a line break in a header"));
    }
    Ok(text)
}

const fn length(edit: &HeaderEdit) -> usize {
    3 + match edit {
        HeaderEdit::Append(_, value) | HeaderEdit::Set(_, value) => value.len(),
        HeaderEdit::Remove(name) => name.len(),
        HeaderEdit::SetNamed(name, value) => name.len() + value.len(),
    }
}

/// The character that stands for a name of the program's own text.
fn code(name: &'static str) -> char {
    let at = NAMES.with_borrow_mut(|names| {
        // A name that stands in two places of the program is known twice.
        let held = names.iter().position(|held| std::ptr::eq(*held, name));
        held.unwrap_or_else(|| {
            learn(name);
            names.push(name);
            names.len() - 1
        })
    });
    u32::try_from(at)
        .ok()
        .and_then(|at| char::from_u32(FIRST_NAME + at))
        .unwrap_or_default()
}

/// What `cache: "no-store"` tells Cloudflare's cache. The word itself would also make the runtime send the origin a
/// `Cache-Control` and a `Pragma` of its own, and an origin that heeds them never answers 304.
pub(super) fn uncached() -> JsValue {
    let told = js_sys::JSON::parse(r#"{"cacheTtl":-1,"cacheLevel":"bypass"}"#);
    told.unwrap_or(JsValue::UNDEFINED)
}
