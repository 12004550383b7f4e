//! `GET /callback`: a provider or a mailed link comes back with a code, or with tokens in the fragment.
//!
//! Four ways lead in, in the order in which they are looked at:
//!
//! - an error of the provider or of Auth: to the login page, which says so
//! - `message`: one of two addresses was confirmed, which is no sign-in yet
//! - `code`: exchanged with the verifier of the flow that `sb_flow_id` names
//! - none of them: the page that reads the fragment, which no server sees, and sends it to `POST /fragment`
//!
//! The verifier's cookie is deleted once its code was tried, well or badly: a code works once.

use crate::answer::Answer;
use crate::pages::Fragment;
use crate::pkce;
use crate::sign_in_api;

use super::super::desk::Desk;
use super::super::line;
use super::super::visit::{Outcome, Visit};
use super::errand::Errand;
use super::failure::plain_code;
use super::frame::{self, Told};
use super::reply::Reply;
use super::sign_in;

/// What is told if the verifier is not in this browser: the flow began in another one.
const NO_VERIFIER: &str = "pkce_code_verifier_not_found";

/// Without the verifier nothing is sent to Auth and nothing deleted: the flow began in another browser, and there
/// its verifier still waits.
pub(super) async fn callback(desk: &Desk, visit: &mut Visit, errand: &Errand) -> Reply {
    let key = visit.config.storage_key.clone();
    let header = visit.head.header("cookie").unwrap_or_default().to_owned();
    let flow_id = errand.fields.value("sb_flow_id");
    let used = pkce::forget(&header, &key, flow_id, visit.config.cookie.encoding);
    let fields = &errand.fields;
    let error = fields.value("error_code").or_else(|| fields.value("error"));
    if error.is_some() || fields.value("error_description").is_some() {
        let code = plain_code(error.unwrap_or_default());
        return failed(desk, visit, errand, &used, &code).await;
    }
    if fields.value("message").is_some() {
        let location = visit.login_with("message", "confirm_other_address");
        let answer = Answer::see_other(location).with_cookies(visit.verifier_lines(&used));
        return Reply::new(answer, "half_confirmed");
    }
    let Some(code) = fields.value("code") else {
        let html = frame::framed(visit, &errand.next, &Told::default(), &|frame| {
            Fragment { frame }.html()
        });
        return Reply::new(Answer::page(200, html), "fragment_page");
    };
    let Some(verifier) = pkce::verifier(&header, &key, flow_id) else {
        return failed(desk, visit, errand, &pkce::Changes::default(), NO_VERIFIER).await;
    };
    let purpose = pkce::purpose(&header, &key, flow_id);
    let request = sign_in_api::exchange(&visit.config, code, &verifier, visit.client_ip());
    match sign_in::begin(desk, visit, request).await {
        Ok(sign_in::Begun::Session(session)) => {
            let location = sign_in::landing(visit, errand, purpose.as_deref() == Some("recovery"));
            sign_in::accept_at(desk, visit, errand, *session, &used, location).await
        }
        Ok(sign_in::Begun::HalfWay) => {
            failed(desk, visit, errand, &used, "unexpected_failure").await
        }
        Err(failure) => failed(desk, visit, errand, &used, &failure.code).await,
    }
}

/// Whoever is signed in pressed the link a second time.
///
/// He gets the page that he wanted, and no error for it.
async fn failed(
    desk: &Desk,
    visit: &mut Visit,
    errand: &Errand,
    used: &pkce::Changes,
    code: &str,
) -> Reply {
    let lines = visit.verifier_lines(used);
    let settled = line::session(desk, visit).await;
    let is_verified = settled.claims().is_some() && settled.outcome() != Outcome::Unavailable;
    if is_verified {
        let answer = Answer::see_other(visit.next_location(&errand.next));
        let answer = answer.with_cookies(lines);
        return Reply { answer, settled };
    }
    let answer = Answer::see_other(visit.login_with("error", code));
    let reply = Reply::new(answer.with_cookies(lines), "callback_failed");
    if settled.is_deleted(visit) {
        return Reply { settled, ..reply };
    }
    reply
}
