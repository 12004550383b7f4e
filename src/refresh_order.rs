//! A refresh as the handler orders it, and what came of it.
//!
//! It is the word between the handler, which knows the visitor, and those who carry a refresh out: the session's
//! gate or the shell itself. Both sides read it, so it stands in a file of its own.

use crate::auth_api::{ALIVE_BUDGET_MS, RefreshReply};
use crate::time::UnixTime;

/// The code of a gate that did not answer while the visitor of an alive token waited.
pub const GATE_TIMEOUT: &str = "gate_timeout";

/// A refresh to be carried out, by the gate or by the Worker itself.
#[derive(Clone, Debug)]
pub struct RefreshOrder {
    /// Milliseconds that Auth may take, all attempts together.
    pub budget_ms: u64,
    /// The visitor's address, for `Sb-Forwarded-For`.
    pub client_ip: Option<String>,
    /// When the old access token ends, or ended.
    pub expires_at: UnixTime,
    /// True if the old token still works: one short attempt, then it goes on.
    pub is_alive: bool,
    /// When the old access token was issued, if a good signature vouches for it.
    pub issued_at: Option<UnixTime>,
    /// The refresh token to send.
    pub refresh_token: String,
    /// The session's id, if a good signature vouches for it: what the gate is keyed by.
    pub session_id: Option<String>,
}

impl RefreshOrder {
    /// How long the visitor waits at most, in milliseconds.
    #[must_use]
    pub const fn patience_ms(&self) -> u64 {
        if self.is_alive && self.budget_ms > ALIVE_BUDGET_MS {
            ALIVE_BUDGET_MS
        } else {
            self.budget_ms
        }
    }
}

/// How the gate took part in a refresh.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Gate {
    /// The gate did not answer; the Worker refreshed by itself.
    Failed,
    /// This request's refresh was the one sent to Auth.
    Led,
    /// No gate is bound, or no verified session id to key it by.
    None,
    /// The gate answered from what it knew, without Auth.
    Replayed,
    /// Another request's refresh was under way and served this one too.
    Shared,
}

impl Gate {
    /// True if the answer is the gate's.
    #[must_use]
    pub const fn has_answered(self) -> bool {
        match self {
            Self::Led | Self::Replayed | Self::Shared => true,
            Self::Failed | Self::None => false,
        }
    }

    /// The word in the log line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Led => "led",
            Self::None => "none",
            Self::Replayed => "replayed",
            Self::Shared => "shared",
        }
    }
}

/// What came of a [`RefreshOrder`].
///
/// `reply` holds for the session; `auth_calls` counts only what this request itself made happen.
#[derive(Clone, Debug)]
pub struct RefreshAnswer {
    /// Auth's answer, classified.
    pub reply: RefreshReply,
    /// Requests sent to Auth for this visitor.
    pub auth_calls: u32,
    /// How the gate took part.
    pub gate: Gate,
}
