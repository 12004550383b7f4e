//! The only room with effects: the runtime's requests, keys, KV, clock and console.
//!
//! It decides nothing. Each [`Step`] says what to do, and the answer goes back
//! into the state that asked for it.

mod auth;
mod bindings;
mod crypto;
mod examine;
mod gate;
mod http;
mod keys;
mod log;
mod metrics;
mod observe;
mod refresh;
mod routes;
mod text;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::future_to_promise;
use web_sys::Response;
use worker::{Context, Delay, Env, event};

use crate::answer::Answer;
use crate::config::Config;
use crate::fingerprint::FingerprintKey;
use crate::handler::{self, Forward, Respond, Step};
use crate::head::RequestHead;
use crate::memory::Memory;
use crate::record::RequestRecord;
use crate::time::UnixTime;

thread_local! {
    /// What this isolate remembers. It is borrowed between awaits only.
    static MEMORY: RefCell<Memory> = RefCell::new(Memory::new(fingerprint_key()));
}

/// Drawn with the first request: the runtime has no randomness before it.
fn fingerprint_key() -> FingerprintKey {
    let mut key = [0; 16];
    if getrandom::getrandom(&mut key).is_err() {
        // A key that could be guessed would let a stranger pass for somebody who is remembered.
        wasm_bindgen::throw_str("edge-session: the runtime has no random bytes");
    }
    FingerprintKey::new(key)
}

/// What the steps of one request need of the runtime.
struct Runtime {
    config: Rc<Config>,
    context: Rc<Context>,
    env: Env,
}

impl Runtime {
    /// A second handle, for work that outlives the answer.
    fn share(&self) -> Self {
        Self {
            config: Rc::clone(&self.config),
            context: Rc::clone(&self.context),
            env: self.env.clone(),
        }
    }
}

#[event(start)]
fn start() {
    console_error_panic_hook::set_once();
}

/// The Worker's `fetch`: a response, or the promise of one.
///
/// No future is made for a request that waits for nothing but the origin. A
/// future costs a promise, a task and a turn of the microtask queue each time
/// it is polled: together more than all decisions of a known session.
#[wasm_bindgen]
#[allow(unreachable_pub, reason = "the runtime reaches it")]
pub fn fetch(
    request: web_sys::Request,
    env: Env,
    context: worker::worker_sys::Context,
) -> Result<JsValue, JsValue> {
    let config = match bindings::config(&env) {
        Ok(config) => config,
        Err(error) => return http::respond(&Answer::misconfigured(&error)).map(JsValue::from),
    };
    let runtime = Runtime {
        config,
        context: Rc::new(Context::new(context)),
        env,
    };
    if runtime.config.is_observing() {
        return Ok(promise(async {
            observe::pass(runtime, request).await.map(JsValue::from)
        }));
    }
    let step = begin(&runtime, http::head(&request));
    if let Step::Forward(forward) = step {
        return http::forward(runtime, &request, *forward);
    }
    if let Step::Respond(respond) = step {
        return conclude(&runtime, *respond).map(JsValue::from);
    }
    Ok(promise(async move {
        match decide(&runtime, &request, step).await {
            // The promise of a promise is the promise of its value.
            Ending::Forward(forward) => http::forward(runtime, &request, *forward),
            Ending::Respond(respond) => conclude(&runtime, *respond).map(JsValue::from),
        }
    }))
}

fn promise(answer: impl Future<Output = Result<JsValue, JsValue>> + 'static) -> JsValue {
    future_to_promise(answer).into()
}

/// The Worker's own answer, and the record of its request.
fn conclude(runtime: &Runtime, respond: Respond) -> Result<Response, JsValue> {
    let (answer, record) = respond.finish();
    report(runtime, &record);
    http::respond(&answer)
}

/// How a request ends.
enum Ending {
    Forward(Box<Forward>),
    Respond(Box<Respond>),
}

/// The first step of a request.
fn begin(runtime: &Runtime, head: RequestHead) -> Step {
    let config = Rc::clone(&runtime.config);
    let step = MEMORY.with_borrow_mut(|memory| handler::begin(config, head, memory, now()));
    prepare(runtime, step)
}

/// Carries out steps, each of them prepared, until one ends the request.
async fn decide(runtime: &Runtime, request: &web_sys::Request, mut step: Step) -> Ending {
    loop {
        let next = match step {
            Step::AskUser(wait) => {
                let answer = auth::send(wait.request(), wait.timeout_ms()).await;
                resume(|memory| wait.resume(&answer, memory, now()))
            }
            Step::AwaitKeys(wait) => {
                Delay::from(Duration::from_millis(wait.pause_ms())).await;
                resume(|memory| wait.resume(memory, now()))
            }
            Step::CallAuth(wait) => routes::call_auth(*wait).await,
            Step::CheckHealth(wait) => wait.resume(routes::health(runtime).await, now()),
            Step::CheckSignature(wait) => {
                let key = wait.key();
                let is_good = crypto::verify(key, &wait.signature(), wait.signing_input()).await;
                resume(|memory| wait.resume(is_good, memory, now()))
            }
            Step::DrawRandom(wait) => wait.resume(&routes::random(), now()),
            Step::FetchKeys(wait) => {
                let fetched = keys::fetch(runtime, &wait.request(), wait.timeout_ms()).await;
                resume(|memory| wait.resume(fetched, memory, now()))
            }
            Step::Forward(forward) => return Ending::Forward(forward),
            Step::ReadBody(wait) => routes::read_body(wait, request).await,
            Step::ReadKeys(wait) => {
                let stored = keys::read(runtime).await;
                resume(|memory| wait.resume(stored, memory, now()))
            }
            Step::ReadRevocation(wait) => routes::read_revocation(runtime, wait).await,
            Step::RefreshSession(wait) => {
                let answer = refresh::carry_out(runtime, &wait).await;
                resume(|memory| wait.resume(answer, memory, now()))
            }
            Step::StoreRevocation(wait) => routes::store_revocation(runtime, *wait).await,
            Step::Respond(respond) => return Ending::Respond(respond),
        };
        step = prepare(runtime, next);
    }
}

/// Begins what a decision left for later, and logs the step that follows from it.
fn prepare(runtime: &Runtime, step: Step) -> Step {
    log::step(&runtime.config, &step);
    if MEMORY.with_borrow_mut(Memory::take_background_fetch) {
        keys::refetch_later(runtime);
    }
    for rejection in MEMORY.with_borrow_mut(Memory::take_rejections) {
        refresh::reject_later(runtime, rejection);
    }
    step
}

/// Tells the operator of a request: by the log line, and by a data point.
fn report(runtime: &Runtime, record: &RequestRecord) {
    log::record(&runtime.config, record);
    metrics::write(&runtime.env, record);
}

fn resume(next: impl FnOnce(&mut Memory) -> Step) -> Step {
    MEMORY.with_borrow_mut(next)
}

/// The runtime's clock. It stands still between I/O, so one reading per resumption loses nothing.
fn now() -> UnixTime {
    UnixTime::from_millis(js_sys::Date::now() as u64)
}
