//! Which ways to sign in a project has.
//!
//! The sign-in page shows a button for each. The answer is the same for every visitor and changes when an operator
//! changes it, so an hour of delay does no harm; a way that is closed is refused by Auth itself.

use crate::pages::Offers;
use crate::time::UnixTime;

/// What Auth said holds for this long.
const FRESH_MS: u64 = 3_600_000;
/// After a question without an answer the next one waits this long: every visitor of the sign-in page would ask.
const COOL_DOWN_MS: u64 = 30_000;

/// What Auth's `/settings` said last.
#[derive(Debug, Default)]
pub struct KnownOffers {
    known: Option<Offers>,
    ask_again_at: UnixTime,
}

impl KnownOffers {
    /// What is known, unless it is time to ask.
    pub fn find(&self, now: UnixTime) -> Option<Offers> {
        (now < self.ask_again_at).then(|| self.known.clone().unwrap_or_default())
    }

    /// Takes an answer over, or notes that there was none; what was known before goes on to hold then.
    ///
    /// Without any answer so far it is as if every project's usual ways were open.
    pub fn learn(&mut self, offers: Option<Offers>, now: UnixTime) -> Offers {
        let pause_ms = if offers.is_some() {
            FRESH_MS
        } else {
            COOL_DOWN_MS
        };
        self.ask_again_at = now.plus_millis(pause_ms);
        self.known = offers.or_else(|| self.known.take());
        self.known.clone().unwrap_or_default()
    }
}
