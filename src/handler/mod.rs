//! One request as a line: pure decisions, with every effect as a value.
//!
//! [`Course`] is a request on its way. [`Course::advance`] goes on until something is needed from outside
//! ([`Turn::Ask`]) or the request is decided ([`Turn::End`]). Nothing here waits for a promise, reads a clock or sends:
//! the only thing that a stage awaits is the answer to an [`Effect`].
//!
//! The order stands in `line`, and nowhere else:
//!
//! ```text
//! arrive ─► present ─► refresh ─► revocation ─► live ─► guard ─► forward ─► the answer leaves
//!    │                                                    └────► respond ─► the answer leaves
//!    └────► routes, short lines of their own below AUTH_PATH ───────────────► the answer leaves
//! ```

mod arrive;
mod body;
mod course;
mod desk;
mod effect;
mod ending;
mod explain;
mod forward;
mod guard;
mod keys;
mod leave;
mod line;
mod live;
mod navigation;
mod observe;
mod origin_request;
mod passage;
mod present;
mod refresh;
mod revocation;
mod routes;
mod settled;
mod verify;
mod visit;
mod words;

pub use crate::memory::{HealthReport, Reach};
pub use crate::refresh_order::{GATE_TIMEOUT, Gate, RefreshAnswer, RefreshOrder};
pub use body::{BodyError, MAX_BODY_BYTES};
pub use course::{Course, Turn};
pub use effect::{
    Ask, AuthCall, Deferred, Effect, EndOrder, EndQuestion, KeyUnusable, Learning, MAX_EFFECTS,
    Raising, RefreshWait, RevocationNames, RevocationsFound, SignatureCheck, SignatureKey,
};
pub use ending::{Ending, Outgoing};
pub use explain::is_asked_for as is_explanation_asked_for;
pub use origin_request::untouched;
pub use passage::{OriginRequest, OriginUnreachable, Passage, Reads, ResponseHead};
pub use routes::table::is_served_while_observing;
pub use visit::Outcome;
