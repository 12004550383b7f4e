//! `POST /login` and `/anonymous`, and what every way to a session ends with:
//! its token is verified like any other before a cookie is written.
//!
//! Callbacks, codes, passkeys and links all end in [`accept`] or [`accept_at`]. There, and nowhere
//! else, a session that Auth has just begun becomes cookies; one whose token does not verify is an alarm, since it
//! came from the Auth server itself.

use serde_json::{Map, Value};

use crate::answer::Answer;
use crate::auth_api::AuthRequest;
use crate::cookies::set_cookie;
use crate::json::{self, json};
use crate::pkce;
use crate::session::{Format, Session};
use crate::sign_in_api;

use super::super::desk::Desk;
use super::super::settled::Settled;
use super::super::verify::{self, Verdict};
use super::super::visit::{Outcome, Visit};
use super::ask::call_auth;
use super::ask::even_out;
use super::errand::Errand;
use super::failure::Failure;
use super::fields::Fields;
use super::reply::Reply;
use super::session;
use super::table::{Page, Route};

/// Refusals leave after a whole number of these: the check of a password, which only accounts have, takes Auth some
/// 80 ms.
const EVEN_MS: u64 = 250;

/// An anonymous sign-in is a sign-up without an address (`POST /signup`).
pub(super) async fn sign_in(desk: &Desk, visit: &mut Visit, errand: &Errand) -> Reply {
    let Ok(body) = credentials(errand) else {
        return Failure::invalid().reply(visit, errand, "sign_in_failed");
    };
    let path = if errand.route == Route::Anonymous {
        "/signup"
    } else {
        "/token?grant_type=password"
    };
    let ip = errand.checked_ip(visit);
    let request = sign_in_api::post(&visit.config, path, &Value::Object(body), ip);
    exchange(desk, visit, errand, request, &pkce::Changes::default()).await
}

/// # Errors
/// `validation_failed` without an address or a password; what they may hold is Auth's to say.
fn credentials(errand: &Errand) -> Result<Map<String, Value>, Failure> {
    let fields = &errand.fields;
    let mut body = Map::new();
    if errand.route == Route::Anonymous {
        let data = fields.object("data").map_err(|_| Failure::invalid())?;
        body.insert("data".to_owned(), data.unwrap_or_default().into());
    } else {
        let (name, address) = errand.address().ok_or_else(Failure::invalid)?;
        let password = fields.value("password").ok_or_else(Failure::invalid)?;
        body.insert(name.to_owned(), address.into());
        body.insert("password".to_owned(), password.into());
    }
    captcha(&mut body, fields);
    Ok(body)
}

/// The captcha's answer, where Auth wants it.
pub(super) fn captcha(body: &mut Map<String, Value>, fields: &Fields) {
    if let Some(token) = fields.value("captcha_token") {
        let security = json!({ "captcha_token": token });
        body.insert("gotrue_meta_security".to_owned(), security);
    }
}

/// What Auth answers to what may begin a session.
pub(super) enum Begun {
    /// One of two addresses is confirmed.
    HalfWay,
    /// A session, not verified yet.
    Session(Box<Session>),
}

/// Sends what may begin a session.
///
/// # Errors
/// Auth's refusal; 503 for an answer that is neither a session nor a message.
pub(super) async fn begin(
    desk: &Desk,
    visit: &mut Visit,
    request: AuthRequest,
) -> Result<Begun, Failure> {
    let reply = Failure::of_auth(call_auth(desk, visit, request).await)?;
    if let Ok(session) = Session::from_token_response(&reply.body, desk.now().seconds()) {
        return Ok(Begun::Session(Box::new(session)));
    }
    let message: Value = json::read(&reply.body).unwrap_or_default();
    if message.get("msg").is_some() {
        return Ok(Begun::HalfWay);
    }
    Err(Failure::new(503, "unexpected_failure"))
}

/// Sends what may begin a session, and takes the session over.
///
/// `changes` are the verifiers that this attempt used up: their cookies go whether it went well or not.
pub(super) async fn exchange(
    desk: &Desk,
    visit: &mut Visit,
    errand: &Errand,
    request: AuthRequest,
    changes: &pkce::Changes,
) -> Reply {
    match begin(desk, visit, request).await {
        Ok(Begun::Session(session)) => accept(desk, visit, errand, *session, changes).await,
        Ok(Begun::HalfWay) => half_way(visit, errand),
        Err(failure) => {
            let failure = untold(errand.route, failure);
            if failure.status < 500 {
                even_out(desk, visit, EVEN_MS).await;
            }
            failed(visit, errand, visit.verifier_lines(changes), &failure)
        }
    }
}

/// Auth says of a banned account that it is one before it looks at the password or the code.
///
/// Both would tell a stranger that there is such an account.
fn untold(route: Route, failure: Failure) -> Failure {
    match (route, failure.code.as_str()) {
        (Route::Login, "user_banned" | "user_not_found") => {
            Failure::new(400, "invalid_credentials")
        }
        (Route::Verify, "user_banned" | "user_not_found") => Failure::new(403, "otp_expired"),
        _ => failure,
    }
}

/// A change of address has to be confirmed from both addresses: the first
/// confirmation is no sign-in and no failure.
pub(super) fn half_way(visit: &Visit, errand: &Errand) -> Reply {
    let said = ("message", "confirm_other_address");
    let answer = if errand.is_program {
        Answer::json(200, &json!({ (said.0): said.1 }))
    } else {
        Answer::see_other(errand.back(visit, &[said]))
    };
    Reply::new(answer, "half_confirmed")
}

/// Takes over a session that Auth has just begun.
pub(super) async fn accept(
    desk: &Desk,
    visit: &mut Visit,
    errand: &Errand,
    session: Session,
    changes: &pkce::Changes,
) -> Reply {
    let kind = errand.fields.value("type").unwrap_or_default();
    let sets_password = match kind {
        "invite" => errand.route == Route::Fragment,
        "recovery" => true,
        _ => false,
    };
    let location = landing(visit, errand, sets_password);
    accept_at(desk, visit, errand, session, changes, location).await
}

/// The same, and a browser goes on to `location`.
pub(super) async fn accept_at(
    desk: &Desk,
    visit: &mut Visit,
    errand: &Errand,
    session: Session,
    changes: &pkce::Changes,
    location: String,
) -> Reply {
    let mut lines = visit.verifier_lines(changes);
    let verdict = verify::verify_answer(desk, visit, session.access_token()).await;
    let Verdict::Alive(claims) = verdict else {
        visit.alarm();
        let failure = Failure::new(503, "auth_answer_not_trusted");
        return failed(visit, errand, lines, &failure);
    };
    lines.extend(session_lines(visit, &session, None));
    let answer = if errand.is_program {
        Answer::json(200, &session::body(&claims))
    } else {
        Answer::see_other(location)
    };
    Reply {
        answer: answer.with_cookies(lines),
        settled: Settled::plain(Outcome::Valid, "signed_in"),
    }
}

/// What is answered to who is signed in already.
pub(super) fn answer_as(visit: &Visit, errand: &Errand, settled: &Settled) -> Answer {
    let said = settled.claims().map(session::body);
    super::failure::done(visit, errand, said.as_ref())
}

/// The lines that write a session, in the `shape` of the one that was there, or as the configuration says.
pub(super) fn session_lines(
    visit: &Visit,
    session: &Session,
    shape: Option<Format>,
) -> Vec<String> {
    let config = &visit.config;
    let shape = shape.unwrap_or_else(|| Format {
        encoding: config.cookie.encoding,
        ..session.format()
    });
    let chunks = session.to_cookies(&config.storage_key, shape);
    let present = visit.session_names();
    let attributes = visit.cookie_attributes();
    set_cookie::write_session(&chunks, present, &attributes, visit.twin_domain())
}

fn failed(visit: &Visit, errand: &Errand, lines: Vec<String>, failure: &Failure) -> Reply {
    let answer = failure.answer(visit, errand).with_cookies(lines);
    Reply::new(answer, "sign_in_failed")
}

/// Where a visitor goes who is signed in now: on, or after a link for a forgotten password to the page that sets one.
///
/// Without the Worker's own pages the site decides what a recovery shows: it gets the visitor signed in, at `next`.
pub(super) fn landing(visit: &Visit, errand: &Errand, sets_password: bool) -> String {
    if !sets_password || !visit.config.account_pages {
        return visit.next_location(&errand.next);
    }
    let next: &[(&str, &str)] = &[("next", &errand.next)];
    let fields = if errand.next == "/" { &[] } else { next };
    visit.own_location(Page::Password.name(), fields)
}
