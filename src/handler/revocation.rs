//! The look-up of revocations, for every verified session while `REVOCATION` is on.

use crate::memory::Memory;
use crate::revocation::{self, Ends};
use crate::time::UnixTime;

use super::Step;
use super::settle::{self, Settled};
use super::visit::{Outcome, Stage, Visit};

/// Continues with a verified session: revoked, not revoked, or to be looked up.
pub(super) fn check(
    mut visit: Box<Visit>,
    mut settled: Settled,
    memory: &mut Memory,
    now: UnixTime,
) -> Step {
    let known = settled
        .claims()
        .map(|claims| memory.revocation(claims, now));
    match known {
        Some(Some(true)) => {
            let revoked = Settled::plain(Outcome::Revoked, "signed_out");
            settle::settle(visit, revoked, memory, now)
        }
        Some(None) if !memory.may_look_up(now) => pass(visit, settled, memory, now),
        Some(None) => {
            visit.wait(now);
            Step::ReadRevocation(ReadRevocation { visit, settled })
        }
        Some(Some(false)) | None => {
            settled.note_revocation_checked();
            settle::settle(visit, settled, memory, now)
        }
    }
}

/// Goes on unchecked: a store that fails denies nobody, but the operator learns of it.
fn pass(mut visit: Box<Visit>, mut settled: Settled, memory: &mut Memory, now: UnixTime) -> Step {
    visit.alarm();
    settled.note_revocation_checked();
    settle::settle(visit, settled, memory, now)
}

/// Waits for what `SESSION_KV` says of a session and its user.
#[derive(Debug)]
pub struct ReadRevocation {
    visit: Box<Visit>,
    settled: Settled,
}

impl ReadRevocation {
    /// The keys to read: of the session, if there is one, and of the user.
    #[must_use]
    pub fn names(&self) -> (Option<String>, String) {
        self.settled
            .claims()
            .map(|claims| revocation::names(claims))
            .unwrap_or_default()
    }

    /// Continues with the times that stand there, or `None` if KV failed.
    pub fn resume(
        self,
        found: Option<(Option<Ends>, Option<Ends>)>,
        memory: &mut Memory,
        now: UnixTime,
    ) -> Step {
        let Self { mut visit, settled } = self;
        visit.spend(Stage::Keys, now);
        match (found, settled.claims()) {
            (Some((session, user)), Some(claims)) => {
                memory.note_revocations(claims, session, user, now);
            }
            (None, _) | (_, None) => {
                memory.note_failed_look_up(now);
                return pass(visit, settled, memory, now);
            }
        }
        check(visit, settled, memory, now)
    }
}
