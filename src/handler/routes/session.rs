//! `GET /session` and `POST /signout`: both begin like any request with a session.

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::auth_api::{AuthReply, Unreachable};
use crate::cookies::{self, set_cookie};
use crate::memory::Memory;
use crate::revocation::Revocation;
use crate::sign_in_api;
use crate::time::UnixTime;
use crate::token::VerifiedClaims;

use super::super::settle::Settled;
use super::super::visit::{MAX_NAMES_DELETED, Outcome, Visit};
use super::super::{Respond, Step};
use super::{After, CallAuth, Errand, Route, refuse, revocations};

/// Continues once it is known what the visitor's session is.
pub(in super::super) fn settled(
    visit: Box<Visit>,
    errand: Errand,
    settled: Settled,
    memory: &mut Memory,
    now: UnixTime,
) -> Step {
    if errand.route == Route::SignOut {
        return sign_out(visit, errand, settled, memory, now);
    }
    let verified = settled.claims();
    if settled.outcome() == Outcome::Unavailable {
        let answer = Answer::unavailable(crate::answer::Medium::Json, settled.reason());
        return Step::Respond(Respond::settled(visit, settled, answer, now));
    }
    let body = verified.map_or_else(|| json!({"user": null}), body);
    let answer = Answer::json(200, &body);
    Step::Respond(Respond::settled(visit, settled, answer, now))
}

/// What is told of a session: verified claims, never the cookie's own `user`.
pub(super) fn body(claims: &VerifiedClaims) -> Value {
    let all = claims.json().unwrap_or_default();
    let claim = |name| all.get(name).cloned().unwrap_or_default();
    json!({
        "user": {
            "id": claims.user_id,
            "email": claim("email"),
            "role": claims.role,
            "aal": claims.aal,
            "is_anonymous": claims.is_anonymous,
            "app_metadata": claim("app_metadata"),
            "user_metadata": claim("user_metadata"),
        },
        "expires_at": claims.expires_at.seconds(),
    })
}

fn scope(errand: &Errand) -> Option<&'static str> {
    match errand.fields.value("scope") {
        None | Some("local") => Some("local"),
        Some("global") => Some("global"),
        Some("others") => Some("others"),
        Some(_) => None,
    }
}

fn sign_out(
    visit: Box<Visit>,
    errand: Errand,
    settled: Settled,
    memory: &mut Memory,
    now: UnixTime,
) -> Step {
    let Some(scope) = scope(&errand) else {
        return refuse(visit, Answer::bad_request("scope"), "scope_unknown", now);
    };
    let Some(access_token) = settled.access_token(&visit).map(str::to_owned) else {
        // Nothing that Auth could be told of: the cookies go all the same.
        return finish(visit, &errand, settled, memory, now);
    };
    let ip = visit.client_ip();
    let request = sign_in_api::sign_out(&visit.config, scope, &access_token, ip);
    let after = After::SignOut(Box::new(settled));
    CallAuth::step(visit, errand, request, after, now)
}

/// Continues after Auth was told; whatever it said, this browser is signed out.
pub(super) fn signed_out(
    mut visit: Box<Visit>,
    errand: &Errand,
    settled: Settled,
    reply: &Result<AuthReply, Unreachable>,
    memory: &mut Memory,
    now: UnixTime,
) -> Step {
    // 401, 403 and 404 say that the session had ended before.
    let is_told = matches!(reply, Ok(reply) if reply.status < 500 && reply.status != 429);
    if !is_told {
        visit.alarm();
    }
    finish(visit, errand, settled, memory, now)
}

fn finish(
    visit: Box<Visit>,
    errand: &Errand,
    settled: Settled,
    memory: &mut Memory,
    now: UnixTime,
) -> Step {
    let scope = scope(errand).unwrap_or("local");
    let answer = if errand.is_program {
        Answer::no_content()
    } else {
        Answer::see_other(visit.site_location(errand.next()))
    };
    if scope == "others" {
        // This browser stays signed in; a session renewed on the way is written.
        let revoked = settled
            .claims()
            .filter(|_| visit.config.revocation)
            .and_then(|claims| Revocation::of_others(claims, now));
        let respond = Respond::settled(visit, settled, answer, now);
        return match revoked {
            Some(revocation) => revocations::store(respond, revocation, memory, now),
            None => Step::Respond(respond),
        };
    }
    let config = &visit.config;
    let header = visit.head.header("cookie").unwrap_or_default();
    let names = cookies::family_names(header, &config.storage_key, MAX_NAMES_DELETED);
    let attributes = config.cookie.attributes(visit.is_secure());
    let lines = set_cookie::delete(&names, &attributes, visit.twin_domain());
    let answer = answer.with_cookies(lines);
    let revoked = settled
        .claims()
        .filter(|_| config.revocation)
        .map(|claims| {
            if scope == "global" {
                Revocation::of_user(claims, now)
            } else {
                Revocation::of_session(claims, now)
            }
        });
    let respond = Respond::own(visit, Outcome::Anonymous, answer, "signed_out", now);
    match revoked.flatten() {
        Some(revocation) => revocations::store(respond, revocation, memory, now),
        None => Step::Respond(respond),
    }
}
