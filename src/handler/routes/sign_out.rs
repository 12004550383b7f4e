//! `POST /signout`: this browser is signed out, whatever Auth says.
//!
//! The browser's cookies go whatever Auth answers: a person who pressed the button at somebody else's computer must
//! not be told to try later. What could not be told to Auth, to `SESSION_KV` or to the gate is an alarm in the log.
//!
//! A session that is due is refreshed first, since Auth takes only an access token that has not run out.

use crate::cookies::{self, set_cookie};
use crate::gate::End;
use crate::revocation::Revocation;
use crate::sign_in_api;

use super::super::desk::Desk;
use super::super::line;
use super::super::settled::Settled;
use super::super::visit::{Outcome, Visit};
use super::ask::call_auth;
use super::errand::Errand;
use super::failure::{Failure, done};
use super::reply::Reply;
use super::revoke;

/// Which sessions end.
///
/// Auth's own default is `global`; here a visitor who says nothing leaves his other devices signed in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Scope {
    Global,
    Local,
    Others,
}

impl Scope {
    fn read(errand: &Errand) -> Option<Self> {
        match errand.fields.value("scope") {
            None | Some("local") => Some(Self::Local),
            Some("global") => Some(Self::Global),
            Some("others") => Some(Self::Others),
            Some(_) => None,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Local => "local",
            Self::Others => "others",
        }
    }
}

pub(super) async fn sign_out(desk: &Desk, visit: &mut Visit, errand: &Errand) -> Reply {
    let Some(scope) = Scope::read(errand) else {
        return Failure::invalid().reply(visit, errand, "scope_unknown");
    };
    let settled = line::session(desk, visit).await;
    // Without a token there is nothing that Auth could be told of: the cookies go all the same.
    if let Some(access_token) = settled.access_token(visit).map(str::to_owned) {
        let ip = visit.client_ip();
        let request = sign_in_api::sign_out(&visit.config, scope.word(), &access_token, ip);
        let reply = call_auth(desk, visit, request).await;
        // 401, 403 and 404 say that the session had ended before.
        if !matches!(reply, Ok(reply) if reply.status < 500 && reply.status != 429) {
            visit.alarm();
        }
    } else if settled.outcome() == Outcome::Unavailable {
        // Somebody has signed out whom Auth still holds for signed in.
        visit.alarm();
    }
    let answer = done(visit, errand, None);
    if let Some(revocation) = revocation(desk, visit, &settled, scope)
        && !revoke::store(desk, revocation).await
    {
        visit.alarm();
    }
    if scope == Scope::Others {
        // This browser stays signed in; a session renewed on the way is written.
        return Reply { answer, settled };
    }
    if let Some(claims) = settled.last_claims()
        && !revoke::end(desk, claims.session_id.as_deref(), End::of(claims)).await
    {
        visit.alarm();
    }
    // What the browser kept of pages of this session is not for who comes next.
    let answer = answer.with_header("clear-site-data", "\"cache\"".to_owned());
    Reply::new(answer.with_cookies(deletions(visit)), "signed_out")
}

/// `None` where `REVOCATION` is off, or nothing tells whose session it was.
fn revocation(desk: &Desk, visit: &Visit, settled: &Settled, scope: Scope) -> Option<Revocation> {
    let claims = settled.last_claims().filter(|_| visit.config.revocation)?;
    match scope {
        Scope::Global => Revocation::of_user(claims, desk.now()),
        Scope::Local => Revocation::of_session(claims, desk.now()),
        Scope::Others => Revocation::of_others(claims, desk.now()),
    }
}

/// The lines that delete every cookie of the session's family.
fn deletions(visit: &Visit) -> Vec<String> {
    let config = &visit.config;
    let header = visit.head.header("cookie").unwrap_or_default();
    let names = cookies::family_names(header, &config.storage_key, cookies::MAX_NAMES_DELETED);
    let attributes = visit.cookie_attributes();
    set_cookie::delete(&names, &attributes, visit.twin_domain())
}
