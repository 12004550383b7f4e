//! `PUT /revocations/<session id>`: an operator, or a webhook, ends a session's tokens.
//!
//! Two things end: tokens, by an entry in `SESSION_KV` that the other isolates find at their next look-up, and
//! the session, by its gate, which hands it out no more. Both have to go well for a 204; otherwise the caller tries
//! again.
//!
//! [`store`] and [`end`] serve the sign-out as well.

use crate::answer::{Answer, Medium};
use crate::gate::End;
use crate::revocation::Revocation;
use crate::token::is_uuid;

use super::super::desk::Desk;
use super::super::effect::{Effect, EndOrder};
use super::super::visit::Visit;
use super::errand::Errand;
use super::reply::Reply;

pub(super) async fn revoke(desk: &Desk, visit: &mut Visit, errand: &Errand) -> Reply {
    if !is_operator(visit) {
        return Reply::new(
            Answer::unauthorized(Medium::Json, "secret_key"),
            "operator_unknown",
        );
    }
    let id = errand.path.rsplit('/').next().unwrap_or_default();
    if !is_uuid(id) || errand.path.len() != "/revocations/".len() + id.len() {
        return Reply::new(Answer::bad_request("session id"), "session_id");
    }
    let is_stored = store(desk, Revocation::by_operator(id, desk.now())).await;
    let is_told = end(desk, Some(id), End::of_unknown()).await;
    if is_stored && is_told {
        return Reply::new(Answer::no_content(), "revoked");
    }
    visit.alarm();
    let missed = if is_stored {
        "gate_unreachable"
    } else {
        "kv_unreachable"
    };
    Reply::new(Answer::unavailable(Medium::Json, missed), missed)
}

/// A constant-time comparison: [`Secret::matches`](crate::secret::Secret::matches).
fn is_operator(visit: &Visit) -> bool {
    let sent = visit.head.bearer_token();
    visit
        .config
        .operator_secret()
        .zip(sent)
        .is_some_and(|(secret, sent)| secret.matches(sent))
}

/// Tells the gate of a session that it ends, so that it hands the session to nobody any more.
///
/// Without an id there is no gate to tell. True too where no gate is bound.
pub(super) async fn end(desk: &Desk, session_id: Option<&str>, end: End) -> bool {
    let Some(session_id) = session_id else {
        return true;
    };
    let session_id = session_id.to_owned();
    desk.ask(Effect::EndSession, EndOrder { session_id, end })
        .await
}

/// Stores a revocation, at once in this isolate; false if it could not be stored for the others.
pub(super) async fn store(desk: &Desk, revocation: Revocation) -> bool {
    desk.memory().revocations.revoke(&revocation, desk.now());
    desk.ask(Effect::StoreRevocation, revocation).await
}
