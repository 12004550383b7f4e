//! `POST /password` and `/reauthenticate`: a new password for who is signed in.
//!
//! Auth decides what it wants beside the new password: the old one, a code by mail (`nonce`) or a second factor.
//! What it asks for comes back as its code, and the page shows the field for it.

use serde_json::{Map, Value};

use crate::answer::Answer;
use crate::revocation::Revocation;

use super::super::desk::Desk;
use super::super::visit::Visit;
use super::errand::Errand;
use super::failure::{Failure, done};
use super::member::Member;
use super::reply::Reply;
use super::revoke;
use super::session;

/// Sets the password. Auth ends the user's other sessions with it.
///
/// With `REVOCATION` the access tokens of the other sessions end at once, and not only their refresh tokens.
pub(super) async fn change(desk: &Desk, visit: &mut Visit, errand: &Errand) -> Reply {
    let member = match Member::find(desk, visit, errand).await {
        Ok(member) => member,
        Err(refusal) => return refusal,
    };
    let mut body = Map::new();
    for name in ["password", "current_password", "nonce"] {
        if let Some(value) = errand.fields.value(name) {
            body.insert(name.to_owned(), value.into());
        }
    }
    if !body.contains_key("password") {
        return member.failed(visit, errand, &Failure::invalid());
    }
    let body = Value::Object(body);
    if let Err(failure) = member.ask(desk, visit, ("PUT", "/user"), Some(&body)).await {
        return refused(member, visit, errand, &failure);
    }
    if visit.config.revocation
        && let Some(revocation) = Revocation::of_others(&member.claims, desk.now())
        && !revoke::store(desk, revocation).await
    {
        visit.alarm();
    }
    let answer = done(visit, errand, Some(&session::body(&member.claims)));
    let settled = member.settled;
    Reply { answer, settled }
}

/// A user with a second factor has to show it first, and comes back afterwards.
fn refused(member: Member, visit: &Visit, errand: &Errand, failure: &Failure) -> Reply {
    let mfa = visit.config.mfa.as_ref();
    let mfa = mfa.filter(|_| failure.code == "insufficient_aal" && !errand.is_program);
    let Some(mfa) = mfa else {
        return member.failed(visit, errand, failure);
    };
    let origin = visit.site_origin();
    let here = errand.back(visit, &[]);
    let answer = Answer::see_other(visit.site(&origin).send_to(mfa, &here, None));
    let settled = member.settled;
    Reply { answer, settled }
}

/// Has Auth mail the code that a new password needs where the session is old.
pub(super) async fn reauthenticate(desk: &Desk, visit: &mut Visit, errand: &Errand) -> Reply {
    let member = match Member::find(desk, visit, errand).await {
        Ok(member) => member,
        Err(refusal) => return refusal,
    };
    if let Err(failure) = member
        .ask(desk, visit, ("GET", "/reauthenticate"), None)
        .await
    {
        return member.failed(visit, errand, &failure);
    }
    let answer = if errand.is_program {
        Answer::no_content()
    } else {
        Answer::see_other(errand.back(visit, &[("sent", "1")]))
    };
    let settled = member.settled;
    Reply { answer, settled }
}
