//! The look-up of revocations, for every verified session while `REVOCATION` is on.
//!
//! It comes after the refresh: a session that was signed out elsewhere is refused by Auth at its next refresh
//! anyway, and here it is found out before. The isolate remembers what KV said for half a minute
//! ([`Revocations`](crate::revocation::Revocations)), so a busy visitor costs one look-up in that time.

use crate::revocation;

use super::desk::Desk;
use super::effect::{Effect, RevocationNames, RevocationsFound};
use super::settled::Settled;
use super::visit::{Outcome, Stage, Visit};

/// Says of a verified session whether it was revoked. A store that fails denies nobody, but the operator learns of it.
pub(super) async fn check(desk: &Desk, visit: &mut Visit, settled: Settled) -> Settled {
    let Some(claims) = settled.claims().filter(|_| visit.config.revocation) else {
        return settled;
    };
    let known = desk.memory().revocations.find(claims, desk.now());
    let is_revoked = match known {
        Some(is_revoked) => is_revoked,
        None if !desk.memory().revocations.may_look_up(desk.now()) => {
            visit.alarm();
            false
        }
        None => {
            let (session, user) = revocation::names(claims);
            visit.wait(desk.now());
            let names = RevocationNames { session, user };
            let found = desk.ask(Effect::ReadRevocation, names).await;
            visit.spend(Stage::Keys, desk.now());
            let now = desk.now();
            let mut memory = desk.memory();
            if let Some(RevocationsFound { session, user }) = found {
                memory.revocations.learn(claims, session, user, now);
                memory.revocations.find(claims, now) == Some(true)
            } else {
                memory.revocations.note_failure(now);
                visit.alarm();
                false
            }
        }
    };
    if is_revoked {
        return Settled::plain(Outcome::Revoked, "signed_out");
    }
    settled
}
