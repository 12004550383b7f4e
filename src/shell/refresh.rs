//! Carrying out a refresh: through the session's gate, or at Auth itself.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use futures_channel::oneshot;
use futures_util::future::{Either, select};
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Request, RequestInit, Response};
use worker::worker_sys::DurableObject;
use worker::{Context, Delay};

use crate::auth_api::{self, Attempt, Attempts, AuthRequest, RefreshReply};
use crate::gate::{Ask, Message, Told};
use crate::handler::{GATE_TIMEOUT, Gate, RefreshAnswer, RefreshOrder, RefreshWait};
use crate::secret::Secret;

use super::{Runtime, auth, bindings, now};

/// The gate itself stops waiting when Auth's time is over. One that is silent
/// for this much longer is ill.
const GATE_GRACE_MS: u64 = 1000;
/// Requests to a Durable Object need a URL; nobody resolves it.
pub(super) const GATE_URL: &str = "https://gate/";

/// Refreshes as ordered.
pub(super) async fn carry_out(runtime: &Runtime, wait: &RefreshWait) -> RefreshAnswer {
    let order = wait.order();
    let gate = order.session_id.as_deref().and_then(|id| stub(runtime, id));
    let Some(gate) = gate else {
        let patience_ms = order.patience_ms();
        return at_auth(&runtime.context, wait.request().clone(), order, patience_ms).await;
    };
    let asked = now();
    if let Some(answer) = ask(&gate, order).await {
        return answer;
    }
    // An alive token's visitor waits no longer; a dead one's has nothing to lose.
    let left_ms = if order.is_alive {
        let waited_ms = now().millis_since(asked);
        order.patience_ms().saturating_sub(waited_ms)
    } else {
        order.budget_ms
    };
    if left_ms == 0 {
        return RefreshAnswer {
            reply: unavailable(GATE_TIMEOUT),
            auth_calls: 0,
            gate: Gate::Failed,
        };
    }
    let answer = at_auth(&runtime.context, wait.request().clone(), order, left_ms).await;
    RefreshAnswer {
        gate: Gate::Failed,
        ..answer
    }
}

/// Has a gate forget an answer; nobody waits for it.
pub(super) fn reject_later(runtime: &Runtime, session_id: String, refresh_token: Secret) {
    let Some(gate) = stub(runtime, &session_id) else {
        return;
    };
    runtime.context.wait_until(async move {
        // A gate that cannot be told forgets by itself when the replay time is over.
        let message = Message::Reject(refresh_token.expose().to_owned());
        drop(send(&gate, &message).await);
    });
}

/// The gate of a session, if gates are bound.
fn stub(runtime: &Runtime, session_id: &str) -> Option<DurableObject> {
    bindings::gate(&runtime.env, session_id)
}

async fn ask(gate: &DurableObject, order: &RefreshOrder) -> Option<RefreshAnswer> {
    let message = Message::Ask(Ask::new(order));
    let patience_ms = if order.is_alive {
        order.patience_ms()
    } else {
        order.budget_ms.saturating_add(GATE_GRACE_MS)
    };
    let answer = Box::pin(send(gate, &message));
    let deadline = Delay::from(Duration::from_millis(patience_ms));
    match select(answer, deadline).await {
        Either::Left((answer, _)) => Told::from_json(&answer?, now()),
        Either::Right(((), _)) => None,
    }
}

async fn send(gate: &DurableObject, message: &Message) -> Option<String> {
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_body(&JsValue::from_str(&message.to_json()));
    let request = Request::new_with_str_and_init(GATE_URL, &init).ok()?;
    let answer = JsFuture::from(gate.fetch_with_request(&request).ok()?).await;
    let answer: Response = answer.ok()?.unchecked_into();
    if answer.status() != 200 {
        return None;
    }
    let text = JsFuture::from(answer.text().ok()?).await.ok()?;
    text.as_string()
}

/// Refreshes at Auth itself.
///
/// The attempts run under `waitUntil`: a visitor who hangs up must not cut
/// them off, since Auth may have rotated the token already.
async fn at_auth(
    context: &Rc<Context>,
    request: AuthRequest,
    order: &RefreshOrder,
    budget_ms: u64,
) -> RefreshAnswer {
    let (sender, receiver) = oneshot::channel();
    let plan = Attempts::new(order.is_alive, budget_ms, now());
    context.wait_until(async move {
        let calls = Cell::new(0);
        let reply = attempt(&request, plan, &calls).await;
        // The receiver is gone if the visitor is; the refresh has happened all the same.
        drop(sender.send((reply, calls.get())));
    });
    let (reply, auth_calls) = receiver
        .await
        .unwrap_or((unavailable("refresh_cancelled"), 0));
    RefreshAnswer {
        reply,
        auth_calls,
        gate: Gate::None,
    }
}

/// Sends the request as planned; `calls` tells meanwhile how many attempts were begun.
pub(super) async fn attempt(
    request: &AuthRequest,
    mut plan: Attempts,
    calls: &Cell<u32>,
) -> RefreshReply {
    let mut next = plan.first(now());
    loop {
        match next {
            Attempt::Done(reply) => return reply,
            Attempt::Send {
                pause_ms,
                timeout_ms,
            } => {
                if pause_ms > 0 {
                    Delay::from(Duration::from_millis(pause_ms)).await;
                }
                calls.set(calls.get() + 1);
                let answer = auth::send(request, timeout_ms).await;
                let reply = auth_api::read_refresh_reply(&answer, now());
                next = plan.after(reply, now());
            }
        }
    }
}

/// No decision now, and no further attempt.
pub(super) const fn unavailable(code: &'static str) -> RefreshReply {
    RefreshReply::Unavailable {
        code,
        may_retry: false,
        retry_after_ms: None,
    }
}
