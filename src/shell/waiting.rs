//! Requests that wait for one promise of the runtime and for nothing else: no future and no closure is made for them.

use std::cell::RefCell;
use std::collections::HashMap;

use js_sys::Promise;
use wasm_bindgen::JsValue;

use crate::handler::{Ask, KeyUnusable, OriginUnreachable, Passage, ResponseHead, SignatureCheck};

use super::passage;
use super::runtime::Journey;

/// What a request waits for.
pub(super) enum Awaited {
    /// The origin's answer.
    Origin(Ask<Passage, Result<ResponseHead, OriginUnreachable>>),
    /// The check of a signature.
    Signature(Ask<SignatureCheck, Result<bool, KeyUnusable>>),
}

thread_local! {
    /// By the ids that the promises carry.
    static WAITING: RefCell<HashMap<u32, (Journey, Awaited)>> = RefCell::default();
}

/// Whom to call when a promise is settled: the request's id, the value or the error, and which of both it is.
type Resume = fn(u32, JsValue, bool) -> Result<JsValue, JsValue>;

/// Begins with this instance of the crate.
pub(super) fn begin(resume: Resume) {
    passage::begin(resume, forget);
}

/// Goes on once the promise is settled: the promise of what leaves.
pub(super) fn wait(promise: &Promise, journey: Journey, awaited: Awaited) -> JsValue {
    let id = passage::next_id();
    WAITING.with_borrow_mut(|waiting| waiting.insert(id, (journey, awaited)));
    passage::settle(promise, id).into()
}

/// Takes the request of an id back.
pub(super) fn take(id: u32) -> Option<(Journey, Awaited)> {
    WAITING.with_borrow_mut(|waiting| waiting.remove(&id))
}

/// Drops the requests that nobody can go on with any more: their visitors hung up.
fn forget(first: u32, count: u32) {
    WAITING.with_borrow_mut(|waiting| {
        for id in first..first.saturating_add(count) {
            waiting.remove(&id);
        }
    });
}
