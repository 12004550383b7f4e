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
mod desk;
mod explain;
mod forward;
mod guard;
mod keys;
mod leave;
mod line;
mod live;
mod observe;
mod origin_request;
mod present;
mod refresh;
mod revocation;
mod routes;
mod settled;
mod verify;
mod visit;
mod words;

pub use crate::refresh_order::{GATE_TIMEOUT, Gate, RefreshAnswer, RefreshOrder};
pub use desk::{Ask, AuthCall, Course, Deferred, Effect, EndOrder, Learning, MAX_EFFECTS, Turn};
pub use explain::is_asked_for as is_explanation_asked_for;
pub use forward::{OriginUnreachable, Passage, Reads, ResponseHead};
pub use leave::{Ending, Outgoing};
pub use origin_request::{OriginRequest, untouched};
pub use refresh::RefreshWait;
pub use revocation::{RevocationNames, RevocationsFound};
pub use routes::{BodyError, HealthReport, MAX_BODY_BYTES, Reach, is_served_while_observing};
pub use verify::{KeyUnusable, SignatureCheck, SignatureKey};
pub use visit::Outcome;
