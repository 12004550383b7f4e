//! `POST /login` and `/anonymous`, and what every way to a session ends with:
//! its token is verified like any other before a cookie is written.

use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::auth_api::{AuthRequest, error_code};
use crate::cookies::set_cookie;
use crate::pkce;
use crate::session::{Format, Session};
use crate::sign_in_api;

use super::super::desk::Desk;
use super::super::settled::Settled;
use super::super::verify::{self, Verdict};
use super::super::visit::{Outcome, Visit};
use super::callback::plain_code;
use super::fields::Fields;
use super::{Errand, Reply, Route, call_auth, session};

pub(super) async fn sign_in(desk: &Desk, visit: &mut Visit, errand: &Errand) -> Reply {
    let mut body = Map::new();
    captcha(&mut body, &errand.fields);
    let path = if errand.route == Route::Anonymous {
        body.insert("data".to_owned(), json!({}));
        "/signup"
    } else {
        for name in ["email", "password"] {
            let Some(value) = errand.fields.value(name) else {
                return failed(visit, errand, Vec::new(), 400, "validation_failed");
            };
            body.insert(name.to_owned(), value.into());
        }
        "/token?grant_type=password"
    };
    let request = sign_in_api::public_post(&visit.config, path, &Value::Object(body));
    exchange(desk, visit, errand, request, &pkce::Changes::default()).await
}

/// The captcha's answer, where Auth wants it.
pub(super) fn captcha(body: &mut Map<String, Value>, fields: &Fields) {
    if let Some(token) = fields.value("captcha_token") {
        let security = json!({ "captcha_token": token });
        body.insert("gotrue_meta_security".to_owned(), security);
    }
}

/// Sends what may begin a session, and takes the session over.
pub(super) async fn exchange(
    desk: &Desk,
    visit: &mut Visit,
    errand: &Errand,
    request: AuthRequest,
    changes: &pkce::Changes,
) -> Reply {
    let reply = match call_auth(desk, visit, request).await {
        Ok(reply) => reply,
        Err(reason) => {
            let lines = visit.verifier_lines(changes);
            return failed(visit, errand, lines, 503, reason.code());
        }
    };
    if reply.status != 200 {
        let code = error_code(&reply.body)
            .map_or_else(|| "unexpected_failure".to_owned(), |code| plain_code(&code));
        let status = match reply.status {
            400..=499 => reply.status,
            _ => 503,
        };
        return failed(visit, errand, visit.verifier_lines(changes), status, &code);
    }
    match Session::from_token_response(&reply.body, desk.now().seconds()) {
        Ok(session) => accept(desk, visit, errand, session, changes).await,
        Err(_) => half_way(visit, errand, &reply.body, changes),
    }
}

/// A change of address has to be confirmed from both addresses: the first
/// confirmation is no sign-in and no failure.
fn half_way(visit: &Visit, errand: &Errand, body: &[u8], changes: &pkce::Changes) -> Reply {
    let message: Option<Value> = serde_json::from_slice(body).ok();
    if message.is_some_and(|message| message.get("msg").is_some()) {
        let location = visit.login_with("message", "confirm_other_address");
        return Reply::new(Answer::see_other(location), "half_confirmed");
    }
    let lines = visit.verifier_lines(changes);
    failed(visit, errand, lines, 503, "unexpected_failure")
}

/// Takes over a session that Auth has just begun.
pub(super) async fn accept(
    desk: &Desk,
    visit: &mut Visit,
    errand: &Errand,
    session: Session,
    changes: &pkce::Changes,
) -> Reply {
    let mut lines = visit.verifier_lines(changes);
    let verdict = verify::verify(desk, visit, session.access_token()).await;
    let Verdict::Alive(claims) = verdict else {
        visit.alarm();
        return failed(visit, errand, lines, 503, "auth_answer_not_trusted");
    };
    lines.extend(session_lines(visit, &session));
    let answer = if errand.is_program && errand.route != Route::Confirm {
        Answer::json(200, &session::body(&claims))
    } else {
        Answer::see_other(visit.site_location(errand.next()))
    };
    Reply {
        answer: answer.with_cookies(lines),
        settled: Settled::plain(Outcome::Valid, "signed_in"),
    }
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
    visit: &Visit,
    errand: &Errand,
    lines: Vec<String>,
    status: u16,
    code: &str,
) -> Reply {
    let answer = if errand.is_program && errand.route != Route::Confirm {
        Answer::json(status, &json!({ "error": code }))
    } else {
        Answer::see_other(visit.login_with("error", code))
    };
    Reply::new(answer.with_cookies(lines), "sign_in_failed")
}
