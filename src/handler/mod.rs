//! One request as a line of states: pure decisions, with every effect as a value.
//!
//! ```text
//! begin ─ hop, undecodable path ──────────────────────────────────────────► Respond
//!   │   └ bypass ─────────────────────────────────────────────────────────► Forward
//!   │ session cookie or bearer token            (none: settle as anonymous)
//!   ▼
//! verify ─ verdict remembered ─────────────────────────────────────────┐
//!   ├─ keys absent ─► ReadKeys ─► FetchKeys ─┐                         │
//!   │   (another request fetches: AwaitKeys) │                         │
//!   ├─ kid unknown ─────────────► FetchKeys ─┤                         │
//!   ├─ key found ───────────────► CheckSignature ─┐                    │
//!   └─ not checkable here ──────► AskUser ────────┤                    │
//!                                                 ▼                    │
//! assess ◄──────────────────────────────────────────────────────────────┘
//!   ├─ alive, not near expiry ────────────────────────────────► settle(valid)
//!   ├─ near expiry, dead, key revoked ─► RefreshSession
//!   │        ├─ renewed ─► verify the answer ─────────────────► settle(refreshed)
//!   │        ├─ ended by Auth ────────────────────────────────► settle(expired)
//!   │        └─ unavailable: token alive? ──► settle(valid) | settle(unavailable)
//!   ├─ nobody can say ──► the other twins first │ refreshed or settled if none of them verifies
//!   └─ not trusted ──► next twin of a duplicate │ settle(invalid)
//!
//! settle ─ rule says live ─► AskUser ─► settle again
//!   ├─ MODE=observe ─► Forward, untouched, whatever was decided
//!   ├─ guard not met ─► Respond
//!   └─ Forward ─► finish: edits to the origin's answer
//! ```
//!
//! Each state owns what it waits for and the way on: `resume` consumes it and
//! returns the next [`Step`]. Nothing here waits, reads a clock or sends.

mod begin;
mod explain;
mod forward;
mod guard;
mod observe;
mod refresh;
mod revocation;
mod routes;
mod settle;
mod verify;
mod visit;

pub use crate::refresh_order::{GATE_TIMEOUT, Gate, RefreshAnswer, RefreshOrder};
pub use begin::begin;
pub use explain::is_asked_for as is_explanation_asked_for;
pub use forward::{Forward, OriginRequest, OriginUnreachable, Outgoing, Reads, ResponseHead};
pub use observe::untouched;
pub use refresh::RefreshSession;
pub use revocation::ReadRevocation;
pub use routes::{
    BodyError, CallAuth, CheckHealth, DrawRandom, HealthReport, MAX_BODY_BYTES, Reach, ReadBody,
    StoreRevocation,
};
pub use settle::Respond;
pub use verify::{
    AskUser, AwaitKeys, CheckSignature, FetchKeys, KeyUnusable, ReadKeys, SignatureKey,
};
pub use visit::Outcome;

/// Most steps a request can take, whatever is answered: the bound that a test proves.
///
/// Each token that is verified (a presented one with up to two twins, and a
/// renewed one) reads, fetches and checks once and looks again seven times;
/// then one refresh, one live check, one end.
pub const MAX_STEPS: usize = 48;

/// What has to happen next for a request.
#[derive(Debug)]
#[must_use = "a step that is not carried out leaves the visitor without an answer"]
pub enum Step {
    /// Ask Auth about the token (`GET /user`).
    AskUser(AskUser),
    /// Wait a moment for the key set that another request fetches.
    AwaitKeys(AwaitKeys),
    /// Send a route's request to Auth.
    CallAuth(Box<CallAuth>),
    /// Look at everything the Worker needs.
    CheckHealth(CheckHealth),
    /// Check a signature with the runtime's WebCrypto.
    CheckSignature(CheckSignature),
    /// Draw random bytes.
    DrawRandom(DrawRandom),
    /// Fetch the key set from Auth.
    FetchKeys(FetchKeys),
    /// Send the request to the origin, then call [`Forward::finish`].
    Forward(Box<Forward>),
    /// Read the body of a route's request.
    ReadBody(ReadBody),
    /// Read the key set from `SESSION_KV`.
    ReadKeys(ReadKeys),
    /// Look a session's revocation up in `SESSION_KV`.
    ReadRevocation(ReadRevocation),
    /// Refresh the session, through the gate if there is one.
    RefreshSession(RefreshSession),
    /// Answer without the origin.
    Respond(Box<Respond>),
    /// Store a revocation in `SESSION_KV`.
    StoreRevocation(Box<StoreRevocation>),
}

impl Step {
    /// The step's name, for the log.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::AskUser(_) => "ask_user",
            Self::AwaitKeys(_) => "await_keys",
            Self::CallAuth(_) => "call_auth",
            Self::CheckHealth(_) => "check_health",
            Self::CheckSignature(_) => "check_signature",
            Self::DrawRandom(_) => "draw_random",
            Self::FetchKeys(_) => "fetch_keys",
            Self::Forward(_) => "forward",
            Self::ReadBody(_) => "read_body",
            Self::ReadKeys(_) => "read_keys",
            Self::ReadRevocation(_) => "read_revocation",
            Self::RefreshSession(_) => "refresh_session",
            Self::Respond(_) => "respond",
            Self::StoreRevocation(_) => "store_revocation",
        }
    }
}
