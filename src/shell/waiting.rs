//! Requests that wait for one promise of the runtime and for nothing else: no future and no closure is made for them.

use std::cell::RefCell;
use std::collections::HashMap;

use js_sys::Promise;
use wasm_bindgen::{JsCast as _, JsValue};

use crate::handler::{
    Ask, KeyUnusable, OriginUnreachable, Passage, ResponseHead, SignatureCheck, Turn,
};

use super::{Journey, advance, conclude, go_on, http, passage};

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

/// Begins with this instance of the crate.
pub(super) fn begin() {
    passage::begin(resume, forget);
}

/// Goes on once the promise is settled: the promise of what leaves.
pub(super) fn wait(promise: &Promise, journey: Journey, awaited: Awaited) -> JsValue {
    let id = passage::next_id();
    WAITING.with_borrow_mut(|waiting| waiting.insert(id, (journey, awaited)));
    passage::settle(promise, id).into()
}

fn resume(id: u32, value: JsValue, is_kept: bool) -> Result<JsValue, JsValue> {
    let found = WAITING.with_borrow_mut(|waiting| waiting.remove(&id));
    let Some((mut journey, awaited)) = found else {
        return Err(JsValue::from_str("edge-session: nobody waits for this"));
    };
    match awaited {
        Awaited::Origin(ask) => {
            let answer = if is_kept {
                value.dyn_into()
            } else {
                Err(value)
            };
            http::finish(journey, ask, answer)
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

/// Drops the requests that nobody can go on with any more: their visitors hung up.
fn forget(first: u32, count: u32) {
    WAITING.with_borrow_mut(|waiting| {
        for id in first..first.saturating_add(count) {
            waiting.remove(&id);
        }
    });
}
