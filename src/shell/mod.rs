//! The only room with effects: the runtime's requests, keys, KV, clock and console.
//!
//! It decides nothing. Each [`Effect`] says what to do, and the answer goes back
//! to the stage that asked for it.

mod auth;
mod bindings;
mod calls;
mod crypto;
mod effects;
mod examine;
mod gate;
mod http;
mod journey;
mod keys;
mod kv;
mod log;
mod metrics;
mod observe;
mod passage;
mod refresh;
mod routes;
mod runtime;
mod waiting;

use std::rc::Rc;

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use worker::worker_sys::Context;
use worker::{Env, event};

use crate::handler::{Turn, is_served_while_observing};

use self::journey::{advance, conclude, course, go_on};
use self::runtime::{Journey, Runtime, promise};

#[event(start)]
fn start() {
    console_error_panic_hook::set_once();
    waiting::begin(journey::resume);
}

/// The Worker's `fetch`: a response, or the promise of one.
///
/// No promise is made for a request that waits for nothing but the origin. One
/// costs a task and a turn of the microtask queue each time it is polled:
/// together more than all decisions of a known session.
#[wasm_bindgen]
#[allow(unreachable_pub, reason = "the runtime reaches it")]
pub fn fetch(request: web_sys::Request, env: Env, context: Context) -> Result<JsValue, JsValue> {
    let config = match bindings::config(&env) {
        Ok(config) => config,
        Err(error) => return http::misconfigured(&request, &error).map(JsValue::from),
    };
    let runtime = Runtime {
        config,
        context: Rc::new(context),
        env,
    };
    let head = passage::request_head(&request);
    if runtime.config.is_observing() && !is_served_while_observing(&runtime.config, &head) {
        let passed = async { observe::pass(runtime, request).await.map(JsValue::from) };
        return Ok(promise(passed).into());
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
