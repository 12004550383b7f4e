//! The gate of one session: what each request for its refresh is answered.
//!
//! ```text
//!            admit                      land
//!  token ─► ├─ the session has ended ─► Revoked
//!           ├─ refused before ─► Refused: the same code, no call to Auth
//!           ├─ rotated or outlived ─► Replay: the newest session, no call to Auth
//!           ├─ a refresh is under way ─► Join ─► its result, or admit again
//!           ├─ Auth is at a second factor ─► Raising
//!           ├─ the sixth unknown one in a minute ─► Busy
//!           └─ otherwise ─► Lead ─► Auth ─► newest session kept, token noted as rotated
//! ```
//!
//! Tokens that were rotated are kept as digests: whoever presents one holds it,
//! and had the session before. For the replay time an older access token of the session
//! is enough, whose signature the Worker has checked: a second factor rotates past the gate,
//! and Auth would end the session over the token of before. So an access token that was shown
//! to somebody is worth the session for that time.
//! What is kept lives for the replay time, in the object's storage too, and a week for who has
//! the refresh token of before where Auth would take no other: of an answer that may have
//! reached nobody, and of an upgrade. That a session has ended is kept for as long as one of its
//! access tokens can live.

mod admission;
mod family;
mod isolate;
mod message;
mod newest;
mod stored;
mod strangers;
mod version;

pub use admission::{Admission, Keep, Landing, Presented};
pub use family::{Family, MAX_LIFE_MS, MAX_ROTATED};
pub use isolate::Isolate;
pub use message::{
    Ask, End, EndAsked, EndTold, Learn, Message, MessageError, Raise, Rejection, Told, VERSION,
};
pub use strangers::{MAX_UNKNOWN, UNKNOWN_WINDOW_MS};
