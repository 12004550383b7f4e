//! What the effects of a request stand on: the isolate's memory, the clock, the bindings.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, select};
use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::future_to_promise;
use worker::worker_sys::Context;
use worker::{Delay, Env};

use crate::config::Config;
use crate::fingerprint::FingerprintKey;
use crate::handler::Course;
use crate::memory::{Memory, SharedMemory};
use crate::time::UnixTime;

thread_local! {
    /// What this isolate remembers. It is borrowed between awaits only.
    static MEMORY: SharedMemory = Rc::new(RefCell::new(Memory::new(fingerprint_key())));
}

/// Drawn with the first request: the runtime has no randomness before it.
fn fingerprint_key() -> FingerprintKey {
    let mut key = [0; 16];
    if getrandom::fill(&mut key).is_err() {
        // A key that could be guessed would let a stranger pass for somebody who is remembered.
        wasm_bindgen::throw_str("edge-session: the runtime has no random bytes");
    }
    FingerprintKey::new(key)
}

/// The isolate's memory.
pub(super) fn memory() -> SharedMemory {
    MEMORY.with(Rc::clone)
}

/// What the effects of one request need of the runtime.
pub(super) struct Runtime {
    pub(super) config: Rc<Config>,
    pub(super) context: Rc<Context>,
    pub(super) env: Env,
}

impl Runtime {
    /// A second handle, for work that outlives the answer.
    pub(super) fn share(&self) -> Self {
        Self {
            config: Rc::clone(&self.config),
            context: Rc::clone(&self.context),
            env: self.env.clone(),
        }
    }

    /// Does something that the answer does not wait for.
    pub(super) fn later(&self, work: impl Future<Output = ()> + 'static) {
        let work = promise(async move {
            work.await;
            Ok(JsValue::UNDEFINED)
        });
        // Only a request that is over takes no more work, and it has none to lose.
        drop(self.context.wait_until(&work));
    }
}

/// The promise of what a future makes.
pub(super) fn promise(answer: impl Future<Output = Result<JsValue, JsValue>> + 'static) -> Promise {
    // Behind a pointer, so that what drives a future is there once, and not once for each of them.
    let answer: Pin<Box<dyn Future<Output = Result<JsValue, JsValue>>>> = Box::pin(answer);
    future_to_promise(answer)
}

/// What a future comes to, or nothing if that takes longer than so many milliseconds.
pub(super) async fn within<T>(ms: u64, future: impl Future<Output = T> + Unpin) -> Option<T> {
    match select(future, Delay::from(Duration::from_millis(ms))).await {
        Either::Left((value, _)) => Some(value),
        Either::Right(((), _)) => None,
    }
}

/// One request on its way.
pub(super) struct Journey {
    pub(super) runtime: Runtime,
    pub(super) request: web_sys::Request,
    /// Its method and URL can be said again without becoming others.
    pub(super) is_plain: bool,
    pub(super) course: Course,
}

/// The runtime's clock. It stands still between I/O, so one reading per resumption loses nothing.
pub(super) fn now() -> UnixTime {
    UnixTime::from_millis(js_sys::Date::now() as u64)
}
