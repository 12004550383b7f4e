//! The only room with effects: the runtime's requests, keys, KV, clock and console.
//!
//! It decides nothing. Each [`Effect`] says what to do, and the answer goes back
//! to the stage that asked for it.

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
mod passage;
mod refresh;
mod routes;
mod waiting;

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::future_to_promise;
use web_sys::Response;
use worker::{Context, Delay, Env, event};

use crate::config::Config;
use crate::fingerprint::FingerprintKey;
use crate::handler::{Ask, Course, Deferred, Effect, Ending, OriginUnreachable, Passage, Turn};
use crate::handler::{Outgoing, ResponseHead, is_served_while_observing};
use crate::head::RequestHead;
use crate::memory::{Memory, SharedMemory};
use crate::record::RequestRecord;
use crate::time::UnixTime;

use self::waiting::Awaited;

thread_local! {
    /// What this isolate remembers. It is borrowed between awaits only.
    static MEMORY: SharedMemory = Rc::new(RefCell::new(Memory::new(fingerprint_key())));
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

/// The isolate's memory.
fn memory() -> SharedMemory {
    MEMORY.with(Rc::clone)
}

/// What the effects of one request need of the runtime.
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

/// One request on its way.
struct Journey {
    runtime: Runtime,
    request: web_sys::Request,
    /// Its method and URL can be said again without becoming others.
    is_plain: bool,
    course: Course,
}

#[event(start)]
fn start() {
    console_error_panic_hook::set_once();
    waiting::begin();
}

/// The Worker's `fetch`: a response, or the promise of one.
///
/// No promise is made for a request that waits for nothing but the origin. One
/// costs a task and a turn of the microtask queue each time it is polled:
/// together more than all decisions of a known session.
#[wasm_bindgen]
#[allow(unreachable_pub, reason = "the runtime reaches it")]
pub fn fetch(
    request: web_sys::Request,
    env: Env,
    context: worker::worker_sys::Context,
) -> Result<JsValue, JsValue> {
    let config = match bindings::config(&env) {
        Ok(config) => config,
        Err(error) => return http::misconfigured(&request, &error).map(JsValue::from),
    };
    let runtime = Runtime {
        config,
        context: Rc::new(Context::new(context)),
        env,
    };
    let head = passage::request_head(&request);
    if runtime.config.is_observing() && !is_served_while_observing(&runtime.config, &head) {
        return Ok(promise(async {
            observe::pass(runtime, request).await.map(JsValue::from)
        }));
    }
    let is_plain = head.is_read() && head.has_plain_url();
    let mut course = course(&runtime, head);
    match advance(&runtime, &mut course) {
        Turn::End(ending) => conclude(&runtime, *ending, None).map(JsValue::from),
        Turn::Ask(effect) => {
            let journey = Journey {
                runtime,
                request,
                is_plain,
                course,
            };
            go_on(journey, effect)
        }
    }
}

/// Goes on with a request that waits for something.
#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "whatever else is asked for takes a future"
)]
fn go_on(journey: Journey, effect: Effect) -> Result<JsValue, JsValue> {
    match effect {
        Effect::Forward(ask) => http::forward(journey, ask),
        Effect::CheckSignature(ask) => match crypto::begin(ask.question()) {
            Some(checked) => Ok(waiting::wait(&checked, journey, Awaited::Signature(ask))),
            None => Ok(promise(go_on_later(journey, Effect::CheckSignature(ask)))),
        },
        effect => Ok(promise(go_on_later(journey, effect))),
    }
}

async fn go_on_later(mut journey: Journey, effect: Effect) -> Result<JsValue, JsValue> {
    let Journey {
        runtime,
        request,
        course,
        ..
    } = &mut journey;
    match decide(runtime, request, course, effect).await {
        // The promise of a promise is the promise of its value.
        Stop::Origin(ask) => http::forward(journey, ask),
        Stop::End(ending) => conclude(&journey.runtime, *ending, None).map(JsValue::from),
    }
}

fn promise(answer: impl Future<Output = Result<JsValue, JsValue>> + 'static) -> JsValue {
    future_to_promise(answer).into()
}

/// Lets go what leaves, and tells of its request. `origin` is the origin's answer, if it was asked.
fn conclude(
    runtime: &Runtime,
    ending: Ending,
    origin: Option<(Response, bool)>,
) -> Result<Response, JsValue> {
    report(runtime, &ending.record);
    match (ending.outgoing, origin) {
        (Outgoing::Answer(answer), _) => http::respond(&answer),
        (Outgoing::Origin(edits), Some((response, true))) => http::bodiless(&response, &edits),
        // What needs no edit leaves as the runtime's own response, untouched.
        (Outgoing::Origin(edits), Some((response, _))) if edits.is_empty() => Ok(response),
        (Outgoing::Origin(edits), Some((response, _))) => http::edited(&response, &edits),
        (Outgoing::Origin(_), None) => Ok(Response::error()),
    }
}

/// Where the shell's work on a request stops.
enum Stop {
    /// It goes to the origin.
    Origin(Ask<Passage, Result<ResponseHead, OriginUnreachable>>),
    /// It is decided.
    End(Box<Ending>),
}

/// A request's course.
fn course(runtime: &Runtime, head: RequestHead) -> Course {
    Course::new(Rc::clone(&runtime.config), head, memory())
}

/// Goes on as far as possible, and begins what a decision left for later.
fn advance(runtime: &Runtime, course: &mut Course) -> Turn {
    let turn = course.advance(now());
    log::turn(&runtime.config, &turn);
    for deferred in course.take_deferred() {
        match deferred {
            Deferred::RefetchKeys => keys::refetch_later(runtime),
            Deferred::RejectAnswer {
                session_id,
                refresh_token,
            } => refresh::reject_later(runtime, session_id, refresh_token),
        }
    }
    turn
}

/// Carries out effects until the request goes to the origin or ends.
async fn decide(
    runtime: &Runtime,
    request: &web_sys::Request,
    course: &mut Course,
    mut effect: Effect,
) -> Stop {
    loop {
        if let Effect::Forward(ask) = effect {
            return Stop::Origin(ask);
        }
        carry_out(runtime, request, effect).await;
        effect = match advance(runtime, course) {
            Turn::Ask(next) => next,
            Turn::End(ending) => return Stop::End(ending),
        };
    }
}

/// What a request to the site may need; everything else is done aside.
async fn carry_out(runtime: &Runtime, request: &web_sys::Request, effect: Effect) {
    match effect {
        Effect::AwaitKeys(ask) | Effect::Pause(ask) => {
            Delay::from(Duration::from_millis(*ask.question())).await;
            ask.answer(());
        }
        Effect::CheckSignature(ask) => {
            let is_good = crypto::verify(ask.question()).await;
            ask.answer(is_good);
        }
        Effect::FetchKeys(ask) => {
            let call = ask.question();
            let fetched = keys::fetch(runtime, &call.request, call.timeout_ms).await;
            ask.answer(fetched);
        }
        Effect::ReadKeys(ask) => ask.answer(keys::read(runtime).await),
        Effect::RefreshSession(ask) => {
            let answer = refresh::carry_out(runtime, ask.question()).await;
            ask.answer(answer);
        }
        Effect::IsEnded(ask) => {
            let is_ended = refresh::is_ended(runtime, ask.question()).await;
            ask.answer(is_ended);
        }
        Effect::Forward(ask) => ask.answer(Err(OriginUnreachable::new("not asked"))),
        seldom @ (Effect::AskUser(_)
        | Effect::CallAuth(_)
        | Effect::CheckHealth(_)
        | Effect::CheckTurnstile(_)
        | Effect::DrawRandom(_)
        | Effect::EndSession(_)
        | Effect::LearnSession(_)
        | Effect::Limit(_)
        | Effect::ReadBody(_)
        | Effect::ReadRevocation(_)
        | Effect::SignAssertion(_)
        | Effect::StoreRevocation(_)) => aside(runtime, request, seldom).await,
    }
}

/// The seldom effects, behind a pointer: an isolate compiles them when one is first asked for.
#[inline(never)]
fn aside<'a>(
    runtime: &'a Runtime,
    request: &'a web_sys::Request,
    effect: Effect,
) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
    Box::pin(carry_out_aside(runtime, request, effect))
}

#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "nothing but these is handed over"
)]
async fn carry_out_aside(runtime: &Runtime, request: &web_sys::Request, effect: Effect) {
    match effect {
        Effect::AskUser(ask) | Effect::CallAuth(ask) => {
            let call = ask.question();
            let answer = auth::send(&call.request, call.timeout_ms).await;
            ask.answer(answer);
        }
        Effect::CheckTurnstile(ask) => {
            let call = ask.question();
            let answer = auth::send_anywhere(&call.request, call.timeout_ms).await;
            ask.answer(answer);
        }
        Effect::CheckHealth(ask) => ask.answer(routes::health(runtime).await),
        Effect::DrawRandom(ask) => ask.answer(routes::random()),
        Effect::EndSession(ask) => {
            let is_told = refresh::end(runtime, ask.question()).await;
            ask.answer(is_told);
        }
        Effect::LearnSession(ask) => {
            let is_ended = refresh::learn(runtime, ask.question()).await;
            ask.answer(is_ended);
        }
        Effect::Limit(ask) => {
            let may_go_on = routes::limit(&runtime.env, ask.question()).await;
            ask.answer(may_go_on);
        }
        Effect::ReadBody(ask) => ask.answer(routes::body(request).await),
        Effect::ReadRevocation(ask) => {
            let found = routes::revocations(runtime, ask.question()).await;
            ask.answer(found);
        }
        Effect::SignAssertion(ask) => {
            let signature = crypto::sign(&runtime.config, ask.question()).await;
            ask.answer(signature);
        }
        Effect::StoreRevocation(ask) => {
            let is_stored = routes::revoke(runtime, ask.question()).await;
            ask.answer(is_stored);
        }
        other => drop(other),
    }
}

/// Tells the operator of a request: by the log line, and by a data point.
fn report(runtime: &Runtime, record: &RequestRecord) {
    log::record(&runtime.config, record);
    metrics::write(&runtime.env, record);
}

/// The runtime's clock. It stands still between I/O, so one reading per resumption loses nothing.
fn now() -> UnixTime {
    UnixTime::from_millis(js_sys::Date::now() as u64)
}
