//! The Durable Object `RefreshGate`: one object per session, wherever its requests arrive.
//!
//! All requests to one object share its I/O context, so that here, unlike
//! anywhere else, one request may wait for what another one started.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures_channel::oneshot;
use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::JsFuture;
use worker::Env;
use worker::worker_sys::DurableObjectState;

use crate::auth_api::{self, ANSWER_LIMIT_MS, Attempts, RefreshReply};
use crate::config::Config;
use crate::gate::{Admission, Ask, EndTold, Family, Keep, Landing, Message, Presented, Told};
use crate::refresh_order::{Gate, RefreshAnswer};
use crate::session::Session;
use crate::time::UnixTime;

use super::calls::{BeforeRepair, Calls};
use super::runtime::{now, promise, within};
use super::{bindings, passage, refresh};

/// The one key in the object's storage.
const STORED: &str = "family";
/// Results a request may wait for before it is told that Auth is busy. Each one
/// stands for another refresh token of the same session, so more than two are odd.
const MAX_JOINS: u8 = 4;

/// One refresh at a time for one session; see [`crate::gate`].
#[wasm_bindgen]
#[allow(unreachable_pub, reason = "the runtime reaches it")]
pub struct RefreshGate {
    env: Env,
    room: Rc<Room>,
}

/// What outlives a single request to the object.
struct Room {
    /// Attempts begun by the refresh under way.
    calls: Cell<u32>,
    family: RefCell<Option<Family>>,
    state: DurableObjectState,
    waiting: RefCell<Vec<oneshot::Sender<Landing>>>,
}

#[wasm_bindgen]
#[allow(unreachable_pub, reason = "the runtime reaches it")]
impl RefreshGate {
    /// The object of one session.
    #[wasm_bindgen(constructor)]
    pub fn new(state: DurableObjectState, env: Env) -> Self {
        let room = Rc::new(Room {
            calls: Cell::new(0),
            family: RefCell::default(),
            state,
            waiting: RefCell::default(),
        });
        Self { env, room }
    }

    /// Answers a message of the Worker; throws at what is none.
    pub fn hear(&self, message: &str) -> Promise {
        let config = bindings::config(&self.env);
        let message = Message::from_json(message);
        let room = Rc::clone(&self.room);
        promise(async move {
            let config = config.map_err(|_| refusal("expected a configuration"))?;
            let message = message.map_err(|error| refusal(&error.to_string()))?;
            room.hear(&config, message).await.map(JsValue::from)
        })
    }

    /// Forgets what has been kept long enough.
    pub fn alarm(&self) -> Promise {
        let room = Rc::clone(&self.room);
        promise(async move {
            room.load().await;
            room.store();
            Ok(JsValue::UNDEFINED)
        })
    }
}

fn refusal(words: &str) -> JsValue {
    js_sys::Error::new(words).into()
}

impl Room {
    async fn hear(self: &Rc<Self>, config: &Config, message: Message) -> Result<String, JsValue> {
        self.load().await;
        match message {
            Message::Ask(ask) => {
                let answer = self.serve(config, &ask).await;
                let told = Told::new(&answer).ok_or_else(|| refusal("expected an answer"))?;
                Ok(told.to_json())
            }
            Message::End(end) => {
                self.with(|family| family.end(end.life_ms, now()));
                Ok(self.tell_end(true))
            }
            Message::IsEnded(asked) => {
                let issued_at = asked.issued_at_ms.map(UnixTime::from_millis);
                let is_ended = self.with(|family| {
                    family.expire(now());
                    family.is_ended(issued_at)
                });
                Ok(EndTold { is_ended }.to_json())
            }
            Message::Learn(learn) => {
                let used = learn.used.clone();
                let mut keep = Keep::from(config.refresh_replay_seconds);
                if learn.is_late {
                    keep = keep.undelivered();
                }
                let session = learn.into_session(now());
                let session = session.ok_or_else(|| refusal("expected a session"))?;
                let is_learnt = self.with(|family| family.learn(session, &used, keep, now()));
                Ok(self.tell_end(!is_learnt))
            }
            Message::Raise(raise) => {
                self.with(|family| family.raise(raise.for_ms, now()));
                if self.with(|family| family.is_busy()) {
                    // What is on its way to Auth comes before.
                    drop(landed(self.join(), now().plus_millis(raise.for_ms)).await);
                }
                Ok(String::new())
            }
            Message::Reject(rejection) => {
                self.with(|family| family.reject(&rejection.refresh_token));
                self.store_changes();
                Ok(String::new())
            }
        }
    }

    /// The answer leaves once what was changed is stored: an end that an eviction could undo is none.
    fn tell_end(&self, is_ended: bool) -> String {
        self.store_changes();
        EndTold { is_ended }.to_json()
    }

    async fn serve(self: &Rc<Self>, config: &Config, ask: &Ask) -> RefreshAnswer {
        let deadline = now().plus_millis(ask.wait_ms);
        let presented = ask.presented();
        for _ in 0..MAX_JOINS {
            match self.with(|family| family.admit(&presented, now())) {
                Admission::Busy => {
                    let reply = refresh::unavailable(auth_api::BUDGET_SPENT);
                    return answer(reply, 0, Gate::Replayed);
                }
                Admission::Raising => return answer(busy(), 0, Gate::Shared),
                Admission::Refused(code) => {
                    return answer(RefreshReply::Ended(code), 0, Gate::Replayed);
                }
                Admission::Revoked => return answer(RefreshReply::Revoked, 0, Gate::Replayed),
                Admission::Replay(session) => {
                    return answer(RefreshReply::Renewed(session), 0, Gate::Replayed);
                }
                Admission::Lead(substitute) => {
                    let landing = self.take_off(config, ask, substitute);
                    let reply = landed(landing, deadline).await;
                    let reply = reply.map_or_else(timed_out, |landing| landing.reply);
                    return answer(reply, self.calls.get(), Gate::Led);
                }
                Admission::Join => match landed(self.join(), deadline).await {
                    None => return answer(timed_out(), 0, Gate::Shared),
                    Some(landing) if landing.settles(&presented) => {
                        return answer(landing.reply, 0, Gate::Shared);
                    }
                    Some(_) => {}
                },
            }
        }
        answer(busy(), 0, Gate::Shared)
    }

    /// Starts a refresh that runs to its end, whoever goes on waiting for it.
    fn take_off(
        self: &Rc<Self>,
        config: &Config,
        ask: &Ask,
        substitute: Option<String>,
    ) -> oneshot::Receiver<Landing> {
        let sent = substitute.unwrap_or_else(|| ask.refresh_token.clone());
        let request = auth_api::refresh_request(config, &sent, ask.client_ip.as_deref());
        let flight = Flight {
            presented: ask.presented(),
            keep: Keep::from(config.refresh_replay_seconds),
            sent,
        };
        let plan = Attempts::new(ask.is_alive, ask.budget_ms, now());
        let room = Rc::clone(self);
        let landing = self.join();
        self.calls.set(0);
        let flight = async move {
            let repair = plan.repair();
            let mut calls = Calls::new(request);
            let attempted = calls.attempt(plan, &room.calls).await;
            let is_lost = attempted.is_lost;
            room.land(&flight, attempted.reply, flight.keep);
            room.recover(&flight, &mut calls, is_lost.then_some(repair))
                .await;
            Ok(JsValue::UNDEFINED)
        };
        // Only an object that is going away takes no more work, and it has none to lose.
        drop(self.state.wait_until(&promise(flight)));
        landing
    }

    /// Takes in what Auth still says behind the visitor's back: to the same refresh token sent once more, if there is a plan
    /// for it, and to every call that is open. Of a token that it upgrades, Auth takes the last successors alone.
    async fn recover(&self, flight: &Flight, calls: &mut Calls, plan: Option<Attempts>) {
        match calls.before_repair(plan).await {
            BeforeRepair::Renewed(session) => self.land_late(flight, *session),
            BeforeRepair::Due(plan)
                if self.with(|family| family.try_again(&flight.presented, now())) =>
            {
                self.calls.set(0);
                let attempted = calls.attempt(plan, &self.calls).await;
                self.land(flight, attempted.reply, flight.keep.undelivered());
            }
            BeforeRepair::Due(_) | BeforeRepair::Over => {}
        }
        while let Some(session) = calls.renewed(ANSWER_LIMIT_MS).await {
            self.land_late(flight, *session);
        }
    }

    fn land_late(&self, flight: &Flight, session: Session) {
        let Flight {
            keep,
            presented,
            sent,
        } = flight;
        self.with(|family| family.land_late(presented, sent, session, *keep, now()));
        self.store_changes();
    }

    fn land(&self, flight: &Flight, reply: RefreshReply, keep: Keep) {
        let landing = self.with(|family| family.land(&flight.sent, reply, keep, now()));
        self.store_changes();
        self.with(Family::finish);
        for waiting in self.waiting.take() {
            if let Some(landing) = &landing {
                // Who has hung up does not want it any more.
                drop(waiting.send(landing.clone()));
            }
        }
    }

    fn join(&self) -> oneshot::Receiver<Landing> {
        let (sender, receiver) = oneshot::channel();
        self.waiting.borrow_mut().push(sender);
        receiver
    }

    fn with<T>(&self, act: impl FnOnce(&mut Family) -> T) -> T {
        act(self.family.borrow_mut().get_or_insert_default())
    }

    /// Takes up what the object knew before it was evicted.
    async fn load(&self) {
        if self.family.borrow().is_some() {
            return;
        }
        let stored = stored(&self.state).await;
        let family = stored.map(|text| Family::from_stored(&text, now()));
        // Another request may have been faster while this one waited.
        self.family
            .borrow_mut()
            .get_or_insert(family.unwrap_or_default());
    }

    /// Stores what has changed, if anything has.
    fn store_changes(&self) {
        if self.with(Family::take_change) {
            self.store();
        }
    }

    /// Writes what must outlive an eviction, or deletes it when its time is over.
    ///
    /// Nobody waits for it here: the runtime's output gate holds back whatever leaves the object until the
    /// write is durable, and resets an object whose write fails, so that its answer is lost with it.
    fn store(&self) {
        let (until, stored) = self.with(|family| (family.expire(now()), family.to_stored()));
        let Ok(storage) = self.state.storage() else {
            return;
        };
        // Neither throws: what a write comes to is known later.
        drop(match (until, stored) {
            (Some(until), Some(stored)) => {
                passage::keep(&storage, STORED, &stored, until.millis() as f64)
            }
            (None, _) | (_, None) => passage::clear(&storage),
        });
    }
}

/// What the object knew before.
async fn stored(state: &DurableObjectState) -> Option<String> {
    let stored = state.storage().ok()?.get(STORED).ok()?;
    JsFuture::from(stored).await.ok()?.as_string()
}

/// A refresh under way.
struct Flight {
    keep: Keep,
    presented: Presented,
    /// The refresh token that goes to Auth.
    sent: String,
}

/// The landing, or nothing if it comes too late.
async fn landed(landing: oneshot::Receiver<Landing>, deadline: UnixTime) -> Option<Landing> {
    within(now().millis_until(deadline), landing).await?.ok()
}

const fn answer(reply: RefreshReply, auth_calls: u32, gate: Gate) -> RefreshAnswer {
    RefreshAnswer {
        reply,
        auth_calls,
        gate,
    }
}

const fn timed_out() -> RefreshReply {
    refresh::unavailable("auth_timeout")
}

const fn busy() -> RefreshReply {
    refresh::unavailable("auth_conflict")
}
