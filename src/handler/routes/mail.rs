//! `POST /signup`, `/otp`, `/recover`: Auth sends a mail, and nobody learns whether the address is known.

use serde_json::{Map, json};

use crate::answer::Answer;
use crate::auth_api::{AuthReply, Unreachable, error_code};
use crate::memory::Memory;
use crate::pkce;
use crate::session::Session;
use crate::sign_in_api;
use crate::time::UnixTime;

use super::super::Step;
use super::super::visit::Visit;
use super::callback::plain_code;
use super::sign_in::{self, captcha};
use super::{After, CallAuth, Errand, Route, respond};

/// Codes that say whether an address is known, or was written to just now:
/// they are told as if the mail had been sent.
const TELLING: [&str; 6] = [
    "email_exists",
    "email_not_confirmed",
    "otp_disabled",
    "over_email_send_rate_limit",
    "user_already_exists",
    "user_not_found",
];

/// A closed sign-up concerns everyone at `/signup`; at `/otp` and `/recover` Auth
/// says so of unknown addresses only.
fn tells_of_address(route: Route, code: &str) -> bool {
    TELLING.contains(&code) || (route != Route::SignUp && code == "signup_disabled")
}

pub(super) fn send(visit: Box<Visit>, errand: Errand, flow: &pkce::Flow, now: UnixTime) -> Step {
    let config = &visit.config;
    let fields = &errand.fields;
    let mut body = Map::new();
    let Some(email) = fields.value("email") else {
        return answer(visit, &errand, Err("validation_failed"), now);
    };
    body.insert("email".to_owned(), email.into());
    let (path, suffix) = if errand.route == Route::SignUp {
        let Some(password) = fields.value("password") else {
            return answer(visit, &errand, Err("validation_failed"), now);
        };
        body.insert("password".to_owned(), password.into());
        ("/signup", "")
    } else if errand.route == Route::Recover {
        ("/recover", "/recovery")
    } else {
        let may_create = fields.value("create_user") != Some("false");
        body.insert("create_user".to_owned(), may_create.into());
        ("/otp", "")
    };
    captcha(&mut body, fields);
    let header = visit.head.header("cookie").unwrap_or_default();
    let changes = flow.cookies(header, &config.storage_key, suffix, config.cookie.encoding);
    let redirect_to = visit.callback_url(flow, errand.next());
    let challenge = flow.challenge();
    let request = sign_in_api::mail(config, path, body, &challenge, &redirect_to);
    CallAuth::step(visit, errand, request, After::Mail(changes), now)
}

pub(super) fn answered(
    visit: Box<Visit>,
    errand: Errand,
    changes: pkce::Changes,
    reply: &Result<AuthReply, Unreachable>,
    memory: &mut Memory,
    now: UnixTime,
) -> Step {
    let reply = match reply {
        Ok(reply) => reply,
        Err(reason) => return answer(visit, &errand, Err(reason.code()), now),
    };
    let is_session = || Session::from_token_response(&reply.body, now.seconds()).is_ok();
    if reply.status == 200 && errand.route == Route::SignUp && is_session() {
        // Auth confirms addresses by itself: the sign-up is a sign-in.
        let none = pkce::Changes::default();
        return sign_in::answered(visit, errand, none, &Ok(reply.clone()), memory, now);
    }
    if (200..300).contains(&reply.status) {
        let lines = visit.verifier_lines(&changes);
        return answer_with(visit, &errand, Ok(()), lines, now);
    }
    let code = error_code(&reply.body)
        .map_or_else(|| "unexpected_failure".to_owned(), |code| plain_code(&code));
    if tells_of_address(errand.route, &code) {
        // The cookies would tell, too, were they missing.
        let lines = visit.verifier_lines(&changes);
        return answer_with(visit, &errand, Ok(()), lines, now);
    }
    answer(visit, &errand, Err(&code), now)
}

fn answer(visit: Box<Visit>, errand: &Errand, sent: Result<(), &str>, now: UnixTime) -> Step {
    answer_with(visit, errand, sent, Vec::new(), now)
}

fn answer_with(
    visit: Box<Visit>,
    errand: &Errand,
    sent: Result<(), &str>,
    lines: Vec<String>,
    now: UnixTime,
) -> Step {
    let reason = if sent.is_ok() {
        "mail_sent"
    } else {
        "mail_refused"
    };
    let answer = match (sent, errand.is_program) {
        (Ok(()), true) => Answer::json(200, &json!({"sent": true})),
        (Err(code), true) => Answer::json(400, &json!({"error": code})),
        (Ok(()), false) => Answer::see_other(back(&visit, "sent", "1")),
        (Err(code), false) => Answer::see_other(back(&visit, "error", code)),
    };
    respond(visit, answer.with_cookies(lines), reason, now)
}

/// The page the form stood on, with the result in its query.
fn back(visit: &Visit, name: &str, value: &str) -> String {
    let referer = super::guard::referer_path(visit);
    let page = referer.as_deref().and_then(|path| path.split('?').next());
    page.map_or_else(
        || visit.login_with(name, value),
        |page| format!("{}?{name}={value}", visit.site_location(page)),
    )
}
