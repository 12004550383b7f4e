//! The Durable Object `RefreshGate`: one object per session, wherever its requests arrive.
//!
//! All requests to one object share its I/O context, so that here, unlike
//! anywhere else, one request may wait for what another one started.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use futures_channel::oneshot;
use futures_util::future::{Either, join, select};
use worker::{Delay, DurableObject, Env, Request, Response, State, durable_object};

use crate::auth_api::{self, Attempt, Attempts, AuthRequest, RefreshReply};
use crate::config::Config;
use crate::gate::{Admission, Ask, EndTold, Family, Landing, Message, Presented, Told};
use crate::refresh_order::{Gate, RefreshAnswer};
use crate::time::UnixTime;

use super::{bindings, now, refresh};

/// The one key in the object's storage.
const STORED: &str = "family";
/// Results a request may wait for before it is told that Auth is busy. Each one
/// stands for another refresh token of the same session, so more than two are odd.
const MAX_JOINS: u8 = 4;

/// One refresh at a time for one session; see [`crate::gate`].
#[durable_object(alarm)]
pub struct RefreshGate {
    env: Env,
    room: Rc<Room>,
}

/// What outlives a single request to the object.
struct Room {
    /// Attempts begun by the refresh under way.
    calls: Cell<u32>,
    family: RefCell<Option<Family>>,
    state: State,
    waiting: RefCell<Vec<oneshot::Sender<Landing>>>,
}

impl DurableObject for RefreshGate {
    fn new(state: State, env: Env) -> Self {
        let room = Rc::new(Room {
            calls: Cell::new(0),
            family: RefCell::default(),
            state,
            waiting: RefCell::default(),
        });
        Self { env, room }
    }

    async fn fetch(&self, mut request: Request) -> worker::Result<Response> {
        let Ok(config) = bindings::config(&self.env) else {
            return Response::error("expected a configuration", 500);
        };
        match Message::from_json(&request.text().await?) {
            Ok(message) => self.room.hear(&config, message).await,
            Err(error) => Response::error(error.to_string(), 400),
        }
    }

    async fn alarm(&self) -> worker::Result<Response> {
        self.room.load().await;
        self.room.store().await;
        Response::empty()
    }
}

impl Room {
    async fn hear(self: &Rc<Self>, config: &Config, message: Message) -> worker::Result<Response> {
        self.load().await;
        match message {
            Message::Ask(ask) => {
                let answer = self.serve(config, &ask).await;
                match Told::new(&answer) {
                    Some(told) => Response::ok(told.to_json()),
                    None => Response::error("expected an answer", 500),
                }
            }
            Message::End(end) => {
                self.with(|family| family.end(end.life_ms, now()));
                self.tell_end(true).await
            }
            Message::IsEnded(asked) => {
                let issued_at = asked.issued_at_ms.map(UnixTime::from_millis);
                let is_ended = self.with(|family| {
                    family.expire(now());
                    family.is_ended(issued_at)
                });
                Response::ok(EndTold { is_ended }.to_json())
            }
            Message::Learn(learn) => {
                let (used, seconds) = (learn.used.clone(), config.refresh_replay_seconds);
                let Some(session) = learn.into_session(now()) else {
                    return Response::error("expected a session", 400);
                };
                let is_learnt = self.with(|family| family.learn(session, &used, seconds, now()));
                self.tell_end(!is_learnt).await
            }
            Message::Reject(rejection) => {
                self.with(|family| family.reject(&rejection.refresh_token));
                self.store_changes().await;
                Response::empty()
            }
        }
    }

    /// Answers once what was changed is stored: an end that an eviction could undo is none.
    async fn tell_end(&self, is_ended: bool) -> worker::Result<Response> {
        if self.store_changes().await {
            Response::ok(EndTold { is_ended }.to_json())
        } else {
            Response::error("expected the storage to take it", 500)
        }
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
                Admission::Refused(code) => {
                    return answer(RefreshReply::Ended(code), 0, Gate::Replayed);
                }
                Admission::Revoked => return answer(RefreshReply::Revoked, 0, Gate::Replayed),
                Admission::Replay(session) => {
                    return answer(RefreshReply::Renewed(session), 0, Gate::Replayed);
                }
                Admission::Lead(substitute) => {
                    let landing = self.take_off(config, ask, substitute);
                    let reply = within(landing, deadline).await;
                    let reply = reply.map_or_else(timed_out, |landing| landing.reply);
                    return answer(reply, self.calls.get(), Gate::Led);
                }
                Admission::Join => match within(self.join(), deadline).await {
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
        let flight = Flight {
            presented: ask.presented(),
            replay_seconds: config.refresh_replay_seconds,
            request: auth_api::refresh_request(config, &sent, ask.client_ip.as_deref()),
            sent,
        };
        let plan = Attempts::new(ask.is_alive, ask.budget_ms, now());
        let room = Rc::clone(self);
        let landing = self.join();
        self.calls.set(0);
        self.state.wait_until(async move {
            let repair = plan.repair();
            let attempted = refresh::attempt(&flight.request, plan, &room.calls).await;
            let is_lost = attempted.is_lost;
            room.land(&flight, attempted.reply).await;
            if is_lost {
                room.repair(&flight, repair).await;
            }
        });
        landing
    }

    /// Sends a refresh token again whose answer was lost, behind the visitor's back.
    async fn repair(&self, flight: &Flight, plan: Attempts) {
        let Some(pause_ms) = plan.pause_before_repair(now()) else {
            return;
        };
        Delay::from(Duration::from_millis(pause_ms)).await;
        if self.with(|family| family.try_again(&flight.presented, now())) {
            self.calls.set(0);
            let attempted = refresh::attempt(&flight.request, plan, &self.calls).await;
            self.land(flight, attempted.reply).await;
        }
    }

    async fn land(&self, flight: &Flight, reply: RefreshReply) {
        let landing =
            self.with(|family| family.land(&flight.sent, reply, flight.replay_seconds, now()));
        self.store_changes().await;
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
        let stored: Option<String> = self.state.storage().get(STORED).await.unwrap_or_default();
        let family = stored.map(|text| Family::from_stored(&text, now()));
        // Another request may have been faster while this one waited.
        self.family
            .borrow_mut()
            .get_or_insert(family.unwrap_or_default());
    }

    /// Stores what has changed, if anything has; false if that failed.
    async fn store_changes(&self) -> bool {
        !self.with(Family::take_change) || self.store().await
    }

    /// Writes what must outlive an eviction, or deletes it when its time is over.
    ///
    /// Whoever waits for a refresh is not told of a failed write: the answer is
    /// still good, and Auth itself answers the parent of the newest token.
    async fn store(&self) -> bool {
        let storage = self.state.storage();
        let (until, stored) = self.with(|family| (family.expire(now()), family.to_stored()));
        let (Some(until), Some(stored)) = (until, stored) else {
            let (alarm, all) = join(storage.delete_alarm(), storage.delete_all()).await;
            return alarm.is_ok() && all.is_ok();
        };
        // Begun in one turn, both writes are one commit to the disk.
        let (put, alarm) = join(
            storage.put(STORED, stored),
            storage.set_alarm(offset(until)),
        )
        .await;
        put.is_ok() && alarm.is_ok()
    }
}

/// A refresh under way.
struct Flight {
    presented: Presented,
    replay_seconds: u64,
    request: AuthRequest,
    /// The refresh token that goes to Auth.
    sent: String,
}

/// The landing, or nothing if it comes too late.
async fn within(landing: oneshot::Receiver<Landing>, deadline: UnixTime) -> Option<Landing> {
    let wait = Duration::from_millis(now().millis_until(deadline));
    match select(landing, Delay::from(wait)).await {
        Either::Left((landing, _)) => landing.ok(),
        Either::Right(((), _)) => None,
    }
}

fn offset(until: UnixTime) -> Duration {
    Duration::from_millis(now().millis_until(until))
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
