//! Where a request asks for what it cannot do itself, and the course it takes meanwhile.
//!
//! The stages are `async fn`s, but nothing here is a promise and nothing wakes
//! anything: the only thing a stage can wait for is the answer to an
//! [`Effect`]. Whoever drives a [`Course`] carries the effect out, hands the
//! answer back by [`Ask::answer`] and advances again. A request that needs
//! nothing from outside but the origin is decided in the first call.

use std::cell::{Cell, RefCell, RefMut};
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::auth_api::{AuthReply, AuthRequest, Unreachable};
use crate::config::Config;
use crate::gate::End;
use crate::head::RequestHead;
use crate::jwks::{CachedKeys, KeySet, KeysError};
use crate::memory::{Memory, SharedMemory};
use crate::refresh_order::RefreshAnswer;
use crate::revocation::Revocation;
use crate::session::Session;
use crate::time::UnixTime;
use crate::token::VerifiedClaims;

use super::forward::{OriginUnreachable, Passage, ResponseHead};
use super::leave::Ending;
use super::line;
use super::refresh::RefreshWait;
use super::revocation::{RevocationNames, RevocationsFound};
use super::routes::{BodyError, HealthReport};
use super::verify::{KeyUnusable, SignatureCheck};

/// Most effects that a request can ask for, whatever is answered: the bound that a test proves.
pub const MAX_EFFECTS: usize = 48;

/// Something that has to happen outside, and what was found is awaited.
#[derive(Debug)]
#[must_use = "an effect that is not carried out leaves the visitor without an answer"]
pub enum Effect {
    /// Ask Auth about a token (`GET /user`).
    AskUser(Ask<AuthCall, Result<AuthReply, Unreachable>>),
    /// Wait as many milliseconds for the key set that another request fetches.
    AwaitKeys(Ask<u64, ()>),
    /// Send a route's request to Auth.
    CallAuth(Ask<AuthCall, Result<AuthReply, Unreachable>>),
    /// Look at everything the Worker needs.
    CheckHealth(Ask<(), HealthReport>),
    /// Ask Cloudflare whether an answer of Turnstile's widget is good.
    CheckTurnstile(Ask<AuthCall, Result<AuthReply, Unreachable>>),
    /// Check a signature with the runtime's WebCrypto.
    CheckSignature(Ask<SignatureCheck, Result<bool, KeyUnusable>>),
    /// Draw [`crate::pkce::RANDOM_BYTES`] random bytes; none if the runtime has no source of them.
    DrawRandom(Ask<(), Vec<u8>>),
    /// Tell the session's gate that the session ends; false if a gate is bound and did not take it.
    EndSession(Ask<EndOrder, bool>),
    /// Fetch the key set from Auth.
    FetchKeys(Ask<AuthCall, Result<KeySet, KeysError>>),
    /// Send the request to the origin; the head of its answer is awaited.
    Forward(Ask<Passage, Result<ResponseHead, OriginUnreachable>>),
    /// Ask the session's gate whether the session has ended meanwhile.
    IsEnded(Ask<VerifiedClaims, bool>),
    /// Tell the session's gate of a session that Auth changed without it; true if the session has ended.
    LearnSession(Ask<Box<Learning>, bool>),
    /// Ask the rate limit whether all of these keys may go on; true without one, and where it fails.
    Limit(Ask<Vec<String>, bool>),
    /// Wait as many milliseconds.
    Pause(Ask<u64, ()>),
    /// Read the body of a route's request, at most [`super::MAX_BODY_BYTES`].
    ReadBody(Ask<(), Result<Vec<u8>, BodyError>>),
    /// Read the key set from `SESSION_KV`: nothing without a binding or an entry, or after an error.
    ReadKeys(Ask<(), Option<CachedKeys>>),
    /// Look the revocations of a session and its user up in `SESSION_KV`; `None` if KV failed.
    ReadRevocation(Ask<RevocationNames, Option<RevocationsFound>>),
    /// Refresh the session, through the gate if there is one.
    RefreshSession(Ask<Box<RefreshWait>, RefreshAnswer>),
    /// Sign this with the private key of the configuration (ES256): its 64 bytes, or nothing if the runtime cannot.
    SignAssertion(Ask<String, Option<Vec<u8>>>),
    /// Store a revocation in `SESSION_KV`; whether that went well.
    StoreRevocation(Ask<Revocation, bool>),
}

impl Effect {
    /// The effect's name, for the log.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::AskUser(_) => "ask_user",
            Self::AwaitKeys(_) => "await_keys",
            Self::CallAuth(_) => "call_auth",
            Self::CheckHealth(_) => "check_health",
            Self::CheckSignature(_) => "check_signature",
            Self::CheckTurnstile(_) => "check_turnstile",
            Self::DrawRandom(_) => "draw_random",
            Self::EndSession(_) => "end_session",
            Self::FetchKeys(_) => "fetch_keys",
            Self::Forward(_) => "forward",
            Self::IsEnded(_) => "is_ended",
            Self::LearnSession(_) => "learn_session",
            Self::Limit(_) => "limit",
            Self::Pause(_) => "pause",
            Self::ReadBody(_) => "read_body",
            Self::ReadKeys(_) => "read_keys",
            Self::ReadRevocation(_) => "read_revocation",
            Self::RefreshSession(_) => "refresh_session",
            Self::SignAssertion(_) => "sign_assertion",
            Self::StoreRevocation(_) => "store_revocation",
        }
    }
}

/// A request to Auth and the time it may take.
#[derive(Clone, Debug)]
pub struct AuthCall {
    /// What to send.
    pub request: AuthRequest,
    /// How long the answer may take, in milliseconds.
    pub timeout_ms: u64,
}

/// The end of a session.
#[derive(Clone, Debug)]
pub struct EndOrder {
    /// Which session ends.
    pub session_id: String,
    /// For how long that has to be known.
    pub end: End,
}

/// A session that Auth changed at a route's request.
#[derive(Clone, Debug)]
pub struct Learning {
    /// Which session it is.
    pub session_id: String,
    /// What it is now.
    pub session: Session,
    /// The refresh token that it had before.
    pub used: crate::secret::Secret,
}

/// A question of a stage, and the place where its answer is put: only an answer of the right type fits.
pub struct Ask<Q, A> {
    question: Q,
    slot: Rc<Cell<Option<A>>>,
}

impl<Q: fmt::Debug, A> fmt::Debug for Ask<Q, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ask").field(&self.question).finish()
    }
}

impl<Q, A> Ask<Q, A> {
    /// What is asked.
    pub const fn question(&self) -> &Q {
        &self.question
    }

    /// Puts the answer where the stage finds it when its course is advanced.
    pub fn answer(self, answer: A) {
        self.slot.set(Some(answer));
    }
}

/// What a decision left to be done behind the visitor's back.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Deferred {
    /// Fetch the key set anew while the stale one still serves.
    RefetchKeys,
    /// Have the gate of a session forget an answer that turned out not to be trustworthy.
    RejectAnswer {
        /// The session whose gate gave it.
        session_id: String,
        /// The refresh token it holds.
        refresh_token: crate::secret::Secret,
    },
}

/// What a stage may use of the world: the clock as it stood when the course was last advanced, the isolate's
/// memory, and the way to ask for more.
#[derive(Debug)]
pub(super) struct Desk {
    clock: Cell<UnixTime>,
    deferred: RefCell<Vec<Deferred>>,
    effect: RefCell<Option<Effect>>,
    memory: SharedMemory,
}

impl Desk {
    pub(super) const fn now(&self) -> UnixTime {
        self.clock.get()
    }

    /// The isolate's memory. Nobody holds it while waiting: other requests of the isolate are decided meanwhile.
    pub(super) fn memory(&self) -> RefMut<'_, Memory> {
        self.memory.borrow_mut()
    }

    pub(super) fn later(&self, deferred: Deferred) {
        self.deferred.borrow_mut().push(deferred);
    }

    /// Asks, and waits for the answer.
    pub(super) async fn ask<Q, A>(&self, effect: fn(Ask<Q, A>) -> Effect, question: Q) -> A {
        let slot = Rc::new(Cell::new(None));
        let ask = Ask {
            question,
            slot: Rc::clone(&slot),
        };
        *self.effect.borrow_mut() = Some(effect(ask));
        std::future::poll_fn(|_| slot.take().map_or(Poll::Pending, Poll::Ready)).await
    }
}

/// One request on its way from its head to its end.
pub struct Course {
    desk: Rc<Desk>,
    line: Pin<Box<dyn Future<Output = Ending>>>,
}

/// What happens next.
#[derive(Debug)]
#[must_use]
pub enum Turn {
    /// Carry this out, answer it, and advance.
    Ask(Effect),
    /// The request is decided: this leaves.
    End(Box<Ending>),
}

impl Course {
    /// A course that has not begun.
    #[must_use]
    pub fn new(config: Rc<Config>, head: RequestHead, memory: SharedMemory) -> Self {
        let desk = Rc::new(Desk {
            clock: Cell::default(),
            deferred: RefCell::default(),
            effect: RefCell::default(),
            memory,
        });
        let line = Box::pin(line::serve(Rc::clone(&desk), config, head));
        Self { desk, line }
    }

    /// Goes on as far as it can without the world; `now` is the clock's time.
    pub fn advance(&mut self, now: UnixTime) -> Turn {
        self.desk.clock.set(now);
        let mut context = Context::from_waker(Waker::noop());
        match self.line.as_mut().poll(&mut context) {
            Poll::Ready(ending) => Turn::End(Box::new(ending)),
            Poll::Pending => match self.desk.effect.take() {
                Some(effect) => Turn::Ask(effect),
                None => unreachable!("a course was advanced before its effect was answered"),
            },
        }
    }

    /// Takes what was left to be done behind the visitor's back.
    pub fn take_deferred(&self) -> Vec<Deferred> {
        self.desk.deferred.take()
    }
}
