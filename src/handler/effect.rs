//! What a request can ask of the world, each question with the type of its answer.
//!
//! The list is closed and every question has one type of answer, so that the shell's `match` is all there is to
//! read about what this Worker can do to the world. A failure is part of the answer's type, never an exception:
//! what it means is decided here, in the core. A new effect is a variant here, a name in [`Effect::name`], an arm
//! in the shell, and one in the tests' script.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use crate::auth_api::{AuthReply, AuthRequest, Unreachable};
use crate::gate::End;
use crate::jwks::{CachedKeys, KeySet, KeysError, VerificationKey};
use crate::memory::HealthReport;
use crate::refresh_order::{RefreshAnswer, RefreshOrder};
use crate::revocation::{Ends, Revocation};
use crate::secret::Secret;
use crate::session::Session;
use crate::time::UnixTime;
use crate::token::VerifiedClaims;

use super::body::BodyError;
use super::passage::{OriginUnreachable, Passage, ResponseHead};

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
    IsEnded(Ask<EndQuestion, bool>),
    /// Tell the session's gate of a session that Auth changed without it; true if the session has ended.
    LearnSession(Ask<Box<Learning>, bool>),
    /// Ask the rate limit whether all of these keys may go on; true without one, and where it fails.
    Limit(Ask<Vec<String>, bool>),
    /// Wait as many milliseconds.
    Pause(Ask<u64, ()>),
    /// Send a route's request to Auth whose answer replaces the session's tokens.
    RaiseSession(Ask<Box<Raising>, Result<AuthReply, Unreachable>>),
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
            Self::RaiseSession(_) => "raise_session",
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
    ///
    /// What is left of `AUTH_TIMEOUT_MS` in this request; 0 means that no time is left and nothing is sent.
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

/// Whether a session has ended, asked before it is written.
#[derive(Clone, Debug)]
pub struct EndQuestion {
    /// Whose session it is.
    pub claims: VerifiedClaims,
    /// How long the visitor waits for the answer, in milliseconds. A gate that is silent for longer knows of no end.
    pub patience_ms: u64,
}

/// A session that Auth changed at a route's request.
#[derive(Clone, Debug)]
pub struct Learning {
    /// Which session it is.
    pub session_id: String,
    /// What it is now.
    pub session: Session,
    /// The refresh token that it had before.
    pub used: Secret,
    /// Until when the access token of before lives.
    pub expires_at: UnixTime,
    /// True if it could not be verified now, so that no browser gets it with this answer.
    pub is_late: bool,
}

/// A request to Auth after which the session's refresh token is another.
///
/// Auth may have done its part although its answer comes too late for the visitor, and then the token of before is used up.
#[derive(Clone, Debug)]
pub struct Raising {
    /// What to send.
    pub call: AuthCall,
    /// Until when the access token of before lives: that long a late answer may be needed.
    pub expires_at: UnixTime,
    /// Which session it is.
    pub session_id: String,
    /// The refresh token that it has now.
    pub used: Secret,
}

/// A question of a stage, and the place where its answer is put: only an answer of the right type fits.
///
/// Handing the answer over consumes the question: none is answered twice, and `must_use` on [`Effect`] tells of one
/// that is not answered at all.
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
    pub(super) const fn new(question: Q, slot: Rc<Cell<Option<A>>>) -> Self {
        Self { question, slot }
    }

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
///
/// Nothing of it changes the answer that the visitor got, and all of it may be lost with the isolate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Deferred {
    /// Fetch the key set anew while the stale one still serves.
    RefetchKeys,
    /// Have the gate of a session forget an answer that turned out not to be trustworthy.
    RejectAnswer {
        /// The session whose gate gave it.
        session_id: String,
        /// The refresh token it holds.
        refresh_token: Secret,
    },
}

/// A refresh, and the request by which the Worker makes it itself.
#[derive(Clone, Debug)]
pub struct RefreshWait {
    order: RefreshOrder,
    request: AuthRequest,
}

impl RefreshWait {
    pub(super) const fn new(order: RefreshOrder, request: AuthRequest) -> Self {
        Self { order, request }
    }

    /// What to do.
    #[must_use]
    pub const fn order(&self) -> &RefreshOrder {
        &self.order
    }

    /// The request that an attempt sends.
    #[must_use]
    pub const fn request(&self) -> &AuthRequest {
        &self.request
    }
}

/// The keys of `SESSION_KV` to read: of the session, if there is one, and of the user.
///
/// The names are those of [`crate::revocation::names`]; both are read at once.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RevocationNames {
    /// Where a revocation of the session would stand.
    pub session: Option<String>,
    /// Where a revocation of the user's sessions would stand.
    pub user: String,
}

/// What `SESSION_KV` says of a session and its user.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RevocationsFound {
    /// What stands under the session's key.
    pub session: Option<Ends>,
    /// What stands under the user's key.
    pub user: Option<Ends>,
}

/// A signature to be checked.
///
/// The token's header has agreed to the key's algorithm before, so the check is one call of WebCrypto: import,
/// verify.
#[derive(Clone, Debug)]
pub struct SignatureCheck {
    pub(super) key: SignatureKey,
    pub(super) signing_input: String,
    pub(super) signature: Vec<u8>,
}

impl SignatureCheck {
    /// The key. Its algorithm is the one to use; the token agreed to it before.
    #[must_use]
    pub const fn key(&self) -> &SignatureKey {
        &self.key
    }

    /// The signed bytes.
    #[must_use]
    pub fn signing_input(&self) -> &str {
        &self.signing_input
    }

    /// The signature's bytes.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }
}

/// The key a signature is checked with.
#[derive(Clone, Debug)]
pub enum SignatureKey {
    /// A key of the key set.
    Public(VerificationKey),
    /// The project's shared secret, for HS256.
    Secret(Secret),
}

/// The runtime cannot import the key: its parts are no point of the curve, or no RSA key.
///
/// It says nothing about who signed, so the session is kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeyUnusable;
