//! `PUT /revocations/<session id>`: an operator, or a webhook, ends a session's tokens.

use crate::answer::{Answer, Medium};
use crate::memory::Memory;
use crate::revocation::Revocation;
use crate::time::UnixTime;
use crate::token::is_uuid;

use super::super::begin::bearer_token;
use super::super::visit::{Outcome, Visit};
use super::super::{Respond, Step};
use super::{Errand, refuse};

pub(super) fn begin(
    visit: Box<Visit>,
    errand: &Errand,
    memory: &mut Memory,
    now: UnixTime,
) -> Step {
    if !visit.config.revocation {
        return refuse(visit, Answer::no_such_route(), "revocation_off", now);
    }
    if !is_operator(&visit) {
        let answer = Answer::unauthorized("secret_key");
        return refuse(visit, answer, "operator_unknown", now);
    }
    let id = errand.path.rsplit('/').next().unwrap_or_default();
    if !is_uuid(id) || errand.path.len() != "/revocations/".len() + id.len() {
        return refuse(visit, Answer::bad_request("session id"), "session_id", now);
    }
    let revocation = Revocation::by_operator(id, now);
    let respond = Respond::own(
        visit,
        Outcome::Anonymous,
        Answer::no_content(),
        "revoked",
        now,
    );
    store_or(respond, revocation, Some(failed()), memory, now)
}

fn failed() -> Answer {
    Answer::unavailable(Medium::Json, "kv_unreachable")
}

fn is_operator(visit: &Visit) -> bool {
    let sent = visit.head.header("authorization").and_then(bearer_token);
    let secret = visit.config.secret_key.as_ref();
    secret
        .zip(sent)
        .is_some_and(|(secret, sent)| secret.matches(sent))
}

/// Stores a revocation, at once in this isolate, and then answers.
pub(super) fn store(
    respond: Box<Respond>,
    revocation: Revocation,
    memory: &mut Memory,
    now: UnixTime,
) -> Step {
    store_or(respond, revocation, None, memory, now)
}

fn store_or(
    respond: Box<Respond>,
    revocation: Revocation,
    on_failure: Option<Answer>,
    memory: &mut Memory,
    now: UnixTime,
) -> Step {
    memory.revoke(&revocation, now);
    Step::StoreRevocation(Box::new(StoreRevocation {
        respond,
        revocation,
        on_failure,
    }))
}

/// Waits for a revocation to be stored.
#[derive(Debug)]
pub struct StoreRevocation {
    respond: Box<Respond>,
    revocation: Revocation,
    on_failure: Option<Answer>,
}

impl StoreRevocation {
    /// What to store.
    #[must_use]
    pub const fn revocation(&self) -> &Revocation {
        &self.revocation
    }

    /// Continues once it is stored, or not: a sign-out goes on all the same, an operator is told.
    pub fn resume(self, is_stored: bool, now: UnixTime) -> Step {
        let mut respond = self.respond;
        if !is_stored {
            respond.alarm(self.on_failure);
        }
        respond.note_time(now);
        Step::Respond(respond)
    }
}
