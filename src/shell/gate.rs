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

use crate::auth_api::{self, Attempts, AuthRequest, RefreshReply};
use crate::config::Config;
use crate::gate::{Admission, Ask, Family, Landing, Message, Told};
use crate::handler::{Gate, RefreshAnswer};
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
            return Response::error("", 500);
        };
        match Message::from_json(&request.text().await?) {
            None => Response::error("", 400),
            Some(Message::Ask(ask)) => {
                let answer = self.room.serve(&config, &ask).await;
                match Told::new(&answer) {
                    Some(told) => Response::ok(told.to_json()),
                    None => Response::error("", 500),
                }
            }
            Some(Message::Reject(refresh_token)) => {
                self.room.load().await;
                if self.room.with(|family| family.reject(&refresh_token)) {
                    self.room.store().await;
                }
                Response::empty()
            }
        }
    }

    async fn alarm(&self) -> worker::Result<Response> {
        self.room.load().await;
        self.room.store().await;
        Response::empty()
    }
}

impl Room {
    async fn serve(self: &Rc<Self>, config: &Config, ask: &Ask) -> RefreshAnswer {
        let deadline = now().plus_millis(ask.wait_ms);
        let presented = ask.presented();
        self.load().await;
        for _ in 0..MAX_JOINS {
            match self.with(|family| family.admit(&presented, now())) {
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
        let request = auth_api::refresh_request(config, &sent, ask.client_ip.as_deref());
        let plan = Attempts::new(ask.is_alive, ask.budget_ms, now());
        let replay_seconds = config.refresh_replay_seconds;
        let room = Rc::clone(self);
        let landing = self.join();
        self.calls.set(0);
        self.state.wait_until(async move {
            room.fly(&request, plan, &sent, replay_seconds).await;
        });
        landing
    }

    async fn fly(&self, request: &AuthRequest, plan: Attempts, sent: &str, replay_seconds: u64) {
        let reply = refresh::attempt(request, plan, &self.calls).await;
        let (landing, is_news) = self.with(|family| {
            let before = family.to_stored();
            let landing = family.land(sent, reply, replay_seconds, now());
            (landing, family.to_stored() != before)
        });
        if is_news {
            self.store().await;
        }
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

    /// Writes what must outlive an eviction, or deletes it when its time is over.
    ///
    /// A failed write is not told to anybody: the answer is still good, and
    /// Auth itself answers the parent of the newest token.
    async fn store(&self) {
        let storage = self.state.storage();
        let (until, stored) = self.with(|family| (family.expire(now()), family.to_stored()));
        let (Some(until), Some(stored)) = (until, stored) else {
            drop(join(storage.delete_alarm(), storage.delete_all()).await);
            return;
        };
        // Begun in one turn, both writes are one commit to the disk.
        let writes = join(
            storage.put(STORED, stored),
            storage.set_alarm(offset(until)),
        );
        drop(writes.await);
    }
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
