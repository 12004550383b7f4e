//! Whether Auth hangs or refuses everybody.

use crate::time::UnixTime;

/// Timeouts of Auth in a row after which its breaker keeps even dead sessions
/// from it. Quick failures never do: trying costs a dead session nothing.
const BREAKER_TIMEOUTS: u32 = 4;
/// Refusals in a row by the rate limit of this Worker's address after which the
/// breaker opens: the bucket holds 30, so by then it is empty for everyone.
const BREAKER_REFUSALS: u32 = 20;
/// How long the open breaker keeps requests from Auth before one may try again.
const BREAKER_OPEN_MS: u64 = 3_000;

/// Keeps requests from an Auth server that hangs or refuses them all, so that an outage costs one
/// visitor a wait and not every one. It belongs to the isolate and not to a
/// session: an outage and the rate limit of the Worker's address concern all.
///
/// ```
/// use edge_session::memory::Breaker;
/// use edge_session::time::UnixTime;
///
/// let now = UnixTime::from_seconds(1_790_000_000);
/// let mut breaker = Breaker::default();
/// breaker.note_timeout(now);
/// // An alive token goes on without a refresh for now; a dead one has nothing to lose.
/// assert!(!breaker.may_pass(true, now));
/// assert!(breaker.may_pass(false, now));
/// assert!(breaker.may_pass(true, now.plus_seconds(3)));
/// ```
#[derive(Debug, Default)]
pub struct Breaker {
    refusals: u32,
    timeouts: u32,
    open_until: Option<UnixTime>,
}

impl Breaker {
    /// True if a refresh may be sent to Auth now.
    ///
    /// An alive token goes on without one, so it waits out every pause. A dead
    /// one tries until the outage is certain; then one request per pause does,
    /// to see whether Auth is back.
    pub const fn may_pass(&mut self, is_alive: bool, now: UnixTime) -> bool {
        let Some(until) = self.open_until else {
            return true;
        };
        let is_certain = self.timeouts >= BREAKER_TIMEOUTS || self.refusals >= BREAKER_REFUSALS;
        if now.millis_until(until) > 0 {
            return !is_alive && !is_certain;
        }
        if is_certain || is_alive {
            // The one that passes now is the probe; others wait for its result.
            self.open_until = Some(now.plus_millis(BREAKER_OPEN_MS));
        }
        true
    }

    /// Notes that Auth answered a refresh.
    ///
    /// Any answer, good or bad: a server that answers does not hang.
    pub fn note_answer(&mut self) {
        *self = Self::default();
    }

    /// Notes that Auth held a refresh until its time was over.
    pub const fn note_timeout(&mut self, now: UnixTime) {
        self.timeouts = self.timeouts.saturating_add(1);
        self.pause(now);
    }

    /// Notes that Auth's rate limit refused this Worker's address.
    pub const fn note_refusal(&mut self, now: UnixTime) {
        self.refusals = self.refusals.saturating_add(1);
        if self.refusals >= BREAKER_REFUSALS {
            self.pause(now);
        }
    }

    /// Notes that a visitor waited in vain for a refresh that another request had sent.
    pub const fn note_wait(&mut self, now: UnixTime) {
        self.pause(now);
    }

    const fn pause(&mut self, now: UnixTime) {
        self.open_until = Some(now.plus_millis(BREAKER_OPEN_MS));
    }
}
