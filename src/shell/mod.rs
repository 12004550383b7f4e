//! The only room with effects: the runtime's requests, keys, KV, clock and console.
//!
//! It decides nothing. Each [`Step`] says what to do, and the answer goes back
//! into the state that asked for it.

mod auth;
mod bindings;
mod crypto;
mod gate;
mod http;
mod keys;
mod log;
mod metrics;
mod observe;
mod refresh;
mod routes;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use worker::{Context, Delay, Env, event};

use crate::config::Config;
use crate::handler::{self, Forward, Respond, Step};
use crate::memory::Memory;
use crate::record::RequestRecord;
use crate::time::UnixTime;

thread_local! {
    /// What this isolate remembers. It is borrowed between awaits only.
    static MEMORY: RefCell<Memory> = RefCell::default();
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

#[event(fetch)]
async fn fetch(
    request: web_sys::Request,
    env: Env,
    context: Context,
) -> worker::Result<web_sys::Response> {
    let config = match bindings::config(&env) {
        Ok(config) => config,
        Err(error) => return http::respond(&crate::answer::Answer::misconfigured(&error)),
    };
    let runtime = Runtime {
        config,
        context: Rc::new(context),
        env,
    };
    if runtime.config.is_observing() {
        return observe::pass(runtime, request).await;
    }
    let head = http::head(&request);
    let step = MEMORY
        .with_borrow_mut(|memory| handler::begin(Rc::clone(&runtime.config), head, memory, now()));
    match decide(&runtime, &request, step).await {
        Ending::Forward(forward) => http::forward(&runtime, request, *forward).await,
        Ending::Respond(respond) => {
            let (answer, record) = respond.finish();
            report(&runtime, &record);
            http::respond(&answer)
        }
    }
}

/// How a request ends.
enum Ending {
    Forward(Box<Forward>),
    Respond(Box<Respond>),
}

/// Carries out steps until one ends the request.
async fn decide(runtime: &Runtime, request: &web_sys::Request, mut step: Step) -> Ending {
    loop {
        log::step(&runtime.config, &step);
        if MEMORY.with_borrow_mut(Memory::take_background_fetch) {
            keys::refetch_later(runtime);
        }
        for rejection in MEMORY.with_borrow_mut(Memory::take_rejections) {
            refresh::reject_later(runtime, rejection);
        }
        step = match step {
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
    }
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
