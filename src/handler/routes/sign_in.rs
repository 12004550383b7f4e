//! `POST /login` and `/anonymous`, and what every way to a session ends with:
//! its token is verified like any other before a cookie is written.

use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::auth_api::{AuthReply, Unreachable, error_code};
use crate::memory::Memory;
use crate::pkce;
use crate::session::{Format, Session};
use crate::sign_in_api;
use crate::time::UnixTime;
use crate::token::VerifiedClaims;

use super::super::verify::{self, Purpose, Verdict};
use super::super::visit::Visit;
use super::super::{Respond, Step};
use super::callback::plain_code;
use super::fields::Fields;
use super::{After, CallAuth, Errand, Route, respond, session};
use crate::cookies::set_cookie;
use crate::handler::Outcome;

/// A session that Auth has just begun, whose token is being verified.
#[derive(Debug)]
pub(in super::super) struct SignIn {
    errand: Errand,
    changes: pkce::Changes,
    session: Session,
}

pub(super) fn begin(visit: Box<Visit>, errand: Errand, now: UnixTime) -> Step {
    let mut body = Map::new();
    captcha(&mut body, &errand.fields);
    let path = if errand.route == Route::Anonymous {
        body.insert("data".to_owned(), json!({}));
        "/signup"
    } else {
        for name in ["email", "password"] {
            let Some(value) = errand.fields.value(name) else {
                return failed(visit, &errand, &[], 400, "validation_failed", now);
            };
            body.insert(name.to_owned(), value.into());
        }
        "/token?grant_type=password"
    };
    let request = sign_in_api::public_post(&visit.config, path, &Value::Object(body));
    CallAuth::step(
        visit,
        errand,
        request,
        After::SignIn(pkce::Changes::default()),
        now,
    )
}

/// The captcha's answer, where Auth wants it.
pub(super) fn captcha(body: &mut Map<String, Value>, fields: &Fields) {
    if let Some(token) = fields.value("captcha_token") {
        let security = json!({ "captcha_token": token });
        body.insert("gotrue_meta_security".to_owned(), security);
    }
}

/// Continues with Auth's answer to anything that may begin a session.
pub(super) fn answered(
    visit: Box<Visit>,
    errand: Errand,
    changes: pkce::Changes,
    reply: &Result<AuthReply, Unreachable>,
    memory: &mut Memory,
    now: UnixTime,
) -> Step {
    let lines = visit.verifier_lines(&changes);
    let reply = match reply {
        Ok(reply) => reply,
        Err(reason) => return failed(visit, &errand, &lines, 503, reason.code(), now),
    };
    if reply.status != 200 {
        let code = error_code(&reply.body)
            .map_or_else(|| "unexpected_failure".to_owned(), |code| plain_code(&code));
        let status = match reply.status {
            400..=499 => reply.status,
            _ => 503,
        };
        return failed(visit, &errand, &lines, status, &code, now);
    }
    let Ok(session) = Session::from_token_response(&reply.body, now.seconds()) else {
        return half_way(visit, &errand, &lines, &reply.body, now);
    };
    let raw = session.access_token().to_owned();
    let sign_in = SignIn {
        errand,
        changes,
        session,
    };
    verify::verify(
        visit,
        Purpose::SignedIn(Box::new(sign_in)),
        &raw,
        memory,
        now,
    )
}

/// A change of address has to be confirmed from both addresses: the first
/// confirmation is no sign-in and no failure.
fn half_way(
    visit: Box<Visit>,
    errand: &Errand,
    lines: &[String],
    body: &[u8],
    now: UnixTime,
) -> Step {
    let message: Option<Value> = serde_json::from_slice(body).ok();
    if message.is_some_and(|message| message.get("msg").is_some()) {
        let location = visit.login_with("message", "confirm_other_address");
        return respond(visit, Answer::see_other(location), "half_confirmed", now);
    }
    failed(visit, errand, lines, 503, "unexpected_failure", now)
}

/// Continues with the verdict on the new session's token.
pub(in super::super) fn signed_in(
    mut visit: Box<Visit>,
    sign_in: SignIn,
    verdict: &Verdict,
    now: UnixTime,
) -> Step {
    let SignIn {
        errand,
        changes,
        session,
    } = sign_in;
    let mut lines = visit.verifier_lines(&changes);
    let Verdict::Alive(claims) = verdict else {
        visit.alarm();
        let code = "auth_answer_not_trusted";
        return failed(visit, &errand, &lines, 503, code, now);
    };
    lines.extend(session_lines(&visit, &session));
    let answer = success(&visit, &errand, claims).with_cookies(lines);
    let answer = if errand.route == Route::Callback || errand.route == Route::Confirm {
        answer.without_referrer()
    } else {
        answer
    };
    Step::Respond(Respond::own(
        visit,
        Outcome::Valid,
        answer,
        "signed_in",
        now,
    ))
}

fn success(visit: &Visit, errand: &Errand, claims: &VerifiedClaims) -> Answer {
    if errand.is_program && errand.route != Route::Confirm {
        return Answer::json(200, &session::body(claims));
    }
    Answer::see_other(visit.site_location(errand.next()))
}

fn session_lines(visit: &Visit, session: &Session) -> Vec<String> {
    let config = &visit.config;
    let shape = Format {
        encoding: config.cookie.encoding,
        ..session.format()
    };
    let chunks = session.to_cookies(&config.storage_key, shape);
    let present = visit.session_names();
    let attributes = visit.cookie_attributes();
    set_cookie::write_session(&chunks, present, &attributes, visit.twin_domain())
}

fn failed(
    visit: Box<Visit>,
    errand: &Errand,
    lines: &[String],
    status: u16,
    code: &str,
    now: UnixTime,
) -> Step {
    let answer = if errand.is_program && errand.route != Route::Confirm {
        Answer::json(status, &json!({ "error": code }))
    } else {
        Answer::see_other(visit.login_with("error", code))
    };
    let answer = if matches!(errand.route, Route::Callback | Route::Confirm) {
        answer.without_referrer()
    } else {
        answer
    };
    respond(
        visit,
        answer.with_cookies(lines.to_vec()),
        "sign_in_failed",
        now,
    )
}
