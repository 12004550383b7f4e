//! How often one refresh is sent, how long each sending may take, and what is done about an answer that got lost.
//!
//! [`Attempts`] is a plan that the shell or the gate carries out: it says when to send and when to stop, and is
//! told what came of each sending. It holds no clock and no token.
//!
//! | | attempts | all of them within |
//! |---|---|---|
//! | the old token is alive | 1 | what its visitor waits for, [`ALIVE_BUDGET_MS`]; at a gate, which goes on without him, `AUTH_TIMEOUT_MS` |
//! | it is dead | 2 | `AUTH_TIMEOUT_MS` |
//! | the answer was lost ([`Attempts::repair`]) | 1 | 9.5 s from the first |
//!
//! The exception to "the same token may be sent again": a token of Auth's first version that is upgraded to its
//! second has no successor of its own, and Auth takes it only within its reuse interval of 10 s. So a lost answer
//! is asked for again within that time, although nobody waits for it any more.

use super::replies::{RefreshReply, unavailable};
use crate::time::UnixTime;

/// An attempt shorter than this cannot succeed, so it is not started.
const MIN_ATTEMPT_MS: u64 = 100;
/// Pause before the second attempt when Auth names none; shorter where the budget is small.
const RETRY_PAUSE_MS: u64 = 200;
/// The part of what is left that a pause may take.
const RETRY_PAUSE_PART: u64 = 4;
/// After a lost answer the same refresh token is sent again within this time of the first attempt:
/// Auth takes one that it upgraded to its second version for 10 s, and never afterwards.
const REPAIR_MS: u64 = 9_500;
/// Pause before each of these attempts: an outage may be short, and nobody waits.
const REPAIR_PAUSE_MS: u64 = 500;
/// While a call is open its answer may still come: it is asked for again no earlier than this after the first attempt. Auth
/// answers each sending of a token that it upgrades with another one.
const REPAIR_OPEN_MS: u64 = 4_000;
/// A lost answer is asked for again once: whoever comes next asks anew.
const REPAIR_ATTEMPTS: u8 = 1;
/// An answer is read on for so long after whoever waited for it has gone on: Auth gives up by itself after 10 s
/// (`GOTRUE_API_MAX_REQUEST_DURATION`).
pub const ANSWER_LIMIT_MS: u64 = 12_000;
/// A visitor whose token is alive never waits longer than this for a refresh.
pub const ALIVE_BUDGET_MS: u64 = 2000;

/// The attempts of one refresh: how many, how long, and after which pause.
///
/// Every attempt sends the same refresh token. That is safe: Auth answers the
/// parent of the current token with the current one, without a time limit.
///
/// ```
/// use edge_session::auth_api::{Attempt, Attempts, Unreachable, read_refresh_reply};
/// use edge_session::time::UnixTime;
///
/// let start = UnixTime::from_seconds(1_790_000_000);
/// let mut plan = Attempts::new(false, 5_000, start);
/// // The first of two may take three fifths of the time.
/// assert!(matches!(plan.first(start), Attempt::Send { pause_ms: 0, timeout_ms: 3_000 }));
///
/// let later = start.plus_millis(3_000);
/// let lost = read_refresh_reply(&Err(Unreachable::TimedOut), later);
/// assert!(matches!(plan.after(lost, later), Attempt::Send { pause_ms: 200, timeout_ms: 1_800 }));
///
/// let end = start.plus_millis(5_000);
/// let lost = read_refresh_reply(&Err(Unreachable::TimedOut), end);
/// assert!(matches!(plan.after(lost, end), Attempt::Done(_)));
/// ```
#[derive(Clone, Debug)]
pub struct Attempts {
    deadline: UnixTime,
    is_alive: bool,
    left: u8,
    pause_ms: u64,
    started: UnixTime,
}

/// What to do next in a refresh.
#[derive(Clone, Debug)]
pub enum Attempt {
    /// No further attempt: this is the result.
    Done(RefreshReply),
    /// Wait, then send the request with this time limit.
    Send {
        /// Milliseconds to wait before sending.
        pause_ms: u64,
        /// Milliseconds the attempt may take.
        timeout_ms: u64,
    },
}

impl Attempts {
    /// The plan for a token that is still alive (one attempt) or dead (two), within `budget_ms` from `now`.
    #[must_use]
    pub const fn new(is_alive: bool, budget_ms: u64, now: UnixTime) -> Self {
        Self {
            deadline: now.plus_millis(budget_ms),
            is_alive,
            left: if is_alive { 1 } else { 2 },
            pause_ms: RETRY_PAUSE_MS,
            started: now,
        }
    }

    /// The plan for after a lost answer, which nobody waits for. The visitor of a dead token has seen that nothing could
    /// be decided, and comes again by himself.
    #[must_use]
    pub const fn repair(&self) -> Self {
        Self {
            deadline: self.started.plus_millis(REPAIR_MS),
            is_alive: self.is_alive,
            left: if self.is_alive { REPAIR_ATTEMPTS } else { 0 },
            pause_ms: REPAIR_PAUSE_MS,
            started: self.started,
        }
    }

    /// How long a plan for after a lost answer waits before it begins, longer if a call `is_open`; `None` where it would be
    /// too late for it.
    #[must_use]
    pub fn pause_before_repair(&self, is_open: bool, now: UnixTime) -> Option<u64> {
        let open_until = self.started.plus_millis(REPAIR_OPEN_MS);
        let open_ms = if is_open {
            now.millis_until(open_until)
        } else {
            0
        };
        let pause_ms = self.pause_ms.max(open_ms);
        self.clone().send(pause_ms, now)?;
        Some(pause_ms)
    }

    /// The first attempt.
    #[must_use]
    pub fn first(&mut self, now: UnixTime) -> Attempt {
        self.send(0, now)
            .unwrap_or_else(|| Attempt::Done(unavailable("auth_budget_spent", false, None)))
    }

    /// The next attempt after `reply`, or the end.
    ///
    /// A pause that Auth names is kept as it is, however long; where it does not fit, that was the last attempt.
    #[must_use]
    pub fn after(&mut self, reply: RefreshReply, now: UnixTime) -> Attempt {
        let RefreshReply::Unavailable {
            may_retry: true,
            retry_after_ms,
            ..
        } = &reply
        else {
            return Attempt::Done(reply);
        };
        let left_ms = now.millis_until(self.deadline);
        let short_ms = self.pause_ms.min(left_ms / RETRY_PAUSE_PART);
        let pause_ms = retry_after_ms.unwrap_or(short_ms);
        self.send(pause_ms, now).unwrap_or(Attempt::Done(reply))
    }

    /// `None` where no attempt is left, or too little time for one.
    fn send(&mut self, pause_ms: u64, now: UnixTime) -> Option<Attempt> {
        let left_ms = now.millis_until(self.deadline).checked_sub(pause_ms)?;
        if self.left == 0 || left_ms < MIN_ATTEMPT_MS {
            return None;
        }
        // A first attempt that hangs must leave time for the second.
        let timeout_ms = if self.left > 1 {
            left_ms * 3 / 5
        } else {
            left_ms
        };
        self.left -= 1;
        Some(Attempt::Send {
            pause_ms,
            timeout_ms,
        })
    }
}
