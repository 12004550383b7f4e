//! Carrying out a refresh: through the session's gate, or at Auth itself.

use std::cell::{Cell, RefCell};

use futures_channel::oneshot;
use wasm_bindgen_futures::JsFuture;
use worker::worker_sys::DurableObject;

use crate::auth_api::{self, ANSWER_LIMIT_MS, Attempts, AuthReply, RefreshReply, Unreachable};
use crate::gate::{
    Ask, EndAsked, EndTold, Isolate, Learn, MAX_LIFE_MS, Message, Raise, Rejection, Told,
};
use crate::handler::{AuthCall, EndOrder, EndQuestion, Learning, Raising, RefreshWait};
use crate::refresh_order::{GATE_TIMEOUT, Gate, RefreshAnswer, RefreshOrder};
use crate::secret::Secret;
use crate::session::Session;
use crate::time::UnixTime;

use super::calls::{Attempted, BeforeRepair, Calls};
use super::runtime::{Runtime, now, within};
use super::{auth, bindings, passage};

/// The gate itself stops waiting when Auth's time is over. One that is silent
/// for this much longer is ill.
const GATE_GRACE_MS: u64 = 1000;
/// Requests to a Durable Object need a URL; nobody resolves it.
pub(super) const GATE_URL: &str = "https://gate/";

/// A sign-out waits no longer than this for the gate to hear of it.
const END_PATIENCE_MS: u64 = 1500;
/// Of the time for a request that replaces the session's tokens, the gate that is told of it before takes no more than this part.
const RAISE_PART: u64 = 4;
/// How long an answer is kept that came after its visitor had gone on, where there is no gate.
const LATE_MS: u64 = 30_000;
/// How long a gate may take to be told something: it is told twice within the 30 s that `waitUntil` allows.
const TELL_MS: u64 = 14_000;

thread_local! {
    static ISOLATE: RefCell<Isolate> = RefCell::default();
}

/// Tells the session's gate that the session ends, and remembers it here. False if a gate is
/// bound and did not take it.
pub(super) async fn end(runtime: &Runtime, order: &EndOrder) -> bool {
    let until = now().plus_millis(order.end.life_ms.min(MAX_LIFE_MS));
    ISOLATE.with_borrow_mut(|isolate| isolate.end(&order.session_id, until));
    let Some(gate) = stub(runtime, &order.session_id) else {
        return true;
    };
    let message = Message::End(order.end.clone());
    tell_end(runtime, gate, message).await.is_some()
}

/// Whether a session has ended while its request was under way, so that a renewed one must not be
/// written any more. A gate that does not answer knows of no end.
pub(super) async fn is_ended(runtime: &Runtime, question: &EndQuestion) -> bool {
    let claims = &question.claims;
    let Some(session_id) = claims.session_id.as_deref() else {
        return false;
    };
    if ISOLATE.with_borrow_mut(|isolate| isolate.is_ended(session_id, now())) {
        return true;
    }
    let Some(gate) = stub(runtime, session_id) else {
        return false;
    };
    let issued_at_ms = claims.issued_at.map(UnixTime::millis);
    let message = Message::IsEnded(EndAsked { issued_at_ms });
    let told = tell(&gate, &message, question.patience_ms).await;
    told.and_then(|told| EndTold::from_json(&told))
        .is_some_and(|told| told.is_ended)
}

/// Tells the session's gate of a session that Auth changed without it; `used` is the refresh token
/// before. True if the session has ended, so that it must not be written.
pub(super) async fn learn(runtime: &Runtime, learning: &Learning) -> bool {
    let session_id = &learning.session_id;
    let used = learning.used.expose();
    if learning.is_late {
        let used = Used::by_route(runtime, session_id, used, learning.expires_at);
        let session = Box::new(learning.session.clone());
        runtime.later(async move { used.keep(Some(session)).await });
        return false;
    }
    let Some(gate) = stub(runtime, session_id) else {
        return ISOLATE.with_borrow_mut(|isolate| isolate.is_ended(session_id, now()));
    };
    let Some(learn) = Learn::past_gate(&learning.session, used, session_id, false) else {
        return false;
    };
    let told = tell_end(runtime, gate, Message::Learn(learn)).await;
    told.is_some_and(|told| told.is_ended)
}

/// Sends a request whose answer replaces the session's tokens. The call is read on when its visitor waits no longer or has hung
/// up: the next request that needs another token gets what came of it.
pub(super) async fn raise(runtime: &Runtime, raising: &Raising) -> Result<AuthReply, Unreachable> {
    let AuthCall {
        request,
        timeout_ms,
    } = raising.call.clone();
    if timeout_ms == 0 {
        return Err(Unreachable::TimedOut);
    }
    let used = raising.used.expose();
    let used = Used::by_route(runtime, &raising.session_id, used, raising.expires_at);
    let until = now().plus_millis(timeout_ms);
    let limit_ms = timeout_ms.max(ANSWER_LIMIT_MS);
    used.tell_raise(limit_ms, timeout_ms / RAISE_PART).await;
    let (sender, receiver) = oneshot::channel();
    runtime.later(async move {
        let answer = auth::send(&request, limit_ms).await;
        let session = auth_api::read_refresh_reply(&answer, now()).into_session();
        // In time, the route verifies it and tells the gate.
        if sender.send(answer).is_err() {
            used.keep(session).await;
        }
    });
    match within(now().millis_until(until), receiver).await {
        Some(answer) => answer.unwrap_or(Err(Unreachable::Network)),
        None => {
            auth::note_health(None);
            Err(Unreachable::TimedOut)
        }
    }
}

/// Tells a gate what it must know. The visitor waits for a while; a gate that is slower is told all the same, and one that
/// failed is told once more.
async fn tell_end(runtime: &Runtime, gate: DurableObject, message: Message) -> Option<EndTold> {
    let (sender, receiver) = oneshot::channel();
    runtime.later(async move {
        let mut told = tell(&gate, &message, TELL_MS).await;
        if told.is_none() {
            told = tell(&gate, &message, TELL_MS).await;
        }
        // Who has gone on does not want to know any more.
        drop(sender.send(told));
    });
    let told = within(END_PATIENCE_MS, receiver).await?;
    EndTold::from_json(&told.ok()??)
}

/// Refreshes as ordered.
pub(super) async fn carry_out(runtime: &Runtime, wait: &RefreshWait) -> RefreshAnswer {
    let order = wait.order();
    let id = order.session_id.as_deref();
    let Some((gate, id)) = id.and_then(|id| Some((stub(runtime, id)?, id))) else {
        return at_auth(runtime, wait, order.patience_ms(), None).await;
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
    let answer = at_auth(runtime, wait, left_ms, Some((gate, id.to_owned()))).await;
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
    runtime.later(async move {
        // A gate that cannot be told forgets by itself when the replay time is over.
        let rejection = Rejection {
            refresh_token: refresh_token.expose().to_owned(),
        };
        drop(tell(&gate, &Message::Reject(rejection), END_PATIENCE_MS).await);
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
    Told::from_json(&tell(gate, &message, patience_ms).await?, now())
}

/// The gate's answer; nothing if it has none, or takes longer.
async fn tell(gate: &DurableObject, message: &Message, patience_ms: u64) -> Option<String> {
    let told = passage::tell(gate, GATE_URL, &message.to_json(), patience_ms as f64).ok()?;
    JsFuture::from(told).await.ok()?.as_string()
}

/// Refreshes at Auth itself.
///
/// The attempts run under `waitUntil`: a visitor who hangs up must not cut
/// them off, since Auth may have rotated the token already.
async fn at_auth(
    runtime: &Runtime,
    wait: &RefreshWait,
    budget_ms: u64,
    gate: Option<(DurableObject, String)>,
) -> RefreshAnswer {
    let (order, request) = (wait.order(), wait.request().clone());
    let (sender, receiver) = oneshot::channel();
    let plan = Attempts::new(order.is_alive, budget_ms, now());
    let used = Used {
        refresh_token: order.refresh_token.clone(),
        gate,
        due: now(),
    };
    if let Some(session) = used.late_answer() {
        return RefreshAnswer {
            reply: RefreshReply::Renewed(session),
            auth_calls: 0,
            gate: Gate::None,
        };
    }
    runtime.later(async move {
        let begun = Cell::new(0);
        let repair = plan.repair();
        let mut calls = Calls::new(request);
        let Attempted { reply, is_lost } = calls.attempt(plan, &begun).await;
        let renewed = used.gate.is_some().then(|| reply.clone());
        let renewed = renewed.and_then(RefreshReply::into_session);
        match sender.send((reply, begun.get())) {
            Ok(()) => {
                if let Some(session) = renewed {
                    used.tell_gate(&session, false).await;
                }
            }
            // The receiver is gone if the visitor is; the refresh has happened all the same.
            Err((reply, _)) => used.keep(reply.into_session()).await,
        }
        recover(&mut calls, is_lost.then_some(repair), &used).await;
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

/// Keeps what Auth still says after the visitor has gone on, to one more attempt if there is a plan for it, and to every call
/// that is open: the next request gets it.
async fn recover(calls: &mut Calls, plan: Option<Attempts>, used: &Used) {
    match calls.before_repair(plan).await {
        BeforeRepair::Renewed(session) => used.keep(Some(session)).await,
        BeforeRepair::Due(plan) if used.late_answer().is_none() => {
            let attempted = calls.attempt(plan, &Cell::new(0)).await;
            used.keep(attempted.reply.into_session()).await;
        }
        BeforeRepair::Due(_) | BeforeRepair::Over => {}
    }
    while let Some(session) = calls.renewed(ANSWER_LIMIT_MS).await {
        used.keep(Some(session)).await;
    }
}

/// A refresh token that was sent to Auth past the gate.
struct Used {
    refresh_token: String,
    /// What has to know of the outcome, with the session's id.
    gate: Option<(DurableObject, String)>,
    /// When the token of before needs another at the latest; until then no request may ask for it.
    due: UnixTime,
}

impl Used {
    /// The one of a session whose tokens a route has replaced; `due` is the end of its access token.
    fn by_route(runtime: &Runtime, session_id: &str, refresh_token: &str, due: UnixTime) -> Self {
        Self {
            refresh_token: refresh_token.to_owned(),
            gate: stub(runtime, session_id).map(|gate| (gate, session_id.to_owned())),
            due,
        }
    }

    /// What came to it in this isolate when nobody waited any more.
    fn late_answer(&self) -> Option<Box<Session>> {
        ISOLATE.with_borrow_mut(|isolate| isolate.late(&self.refresh_token, now()))
    }

    /// Keeps an answer that came when nobody waited any more.
    async fn keep(&self, session: Option<Box<Session>>) {
        let Some(session) = session else {
            return;
        };
        let until = now().max(self.due).plus_millis(LATE_MS);
        let kept = session.clone();
        ISOLATE.with_borrow_mut(|isolate| isolate.keep(&self.refresh_token, kept, until));
        self.tell_gate(&session, true).await;
    }

    /// Tells the gate that Auth is asked to replace the session's tokens, for so long at most.
    async fn tell_raise(&self, for_ms: u64, patience_ms: u64) {
        if let Some((gate, _)) = &self.gate {
            drop(tell(gate, &Message::Raise(Raise { for_ms }), patience_ms).await);
        }
    }

    /// A gate that could not answer in time takes this up when it can: else it would go on with a token that Auth has rotated.
    async fn tell_gate(&self, session: &Session, is_late: bool) {
        if let Some((gate, id)) = &self.gate
            && let Some(learn) = Learn::past_gate(session, &self.refresh_token, id, is_late)
        {
            drop(tell(gate, &Message::Learn(learn), TELL_MS).await);
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
