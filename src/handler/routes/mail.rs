//! `POST /signup`, `/otp`, `/recover`: Auth sends a mail, and nobody learns whether the address is known.

use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::auth_api::error_code;
use crate::pkce;
use crate::session::Session;
use crate::sign_in_api;

use super::super::desk::Desk;
use super::super::visit::Visit;
use super::callback::plain_code;
use super::sign_in::{self, captcha};
use super::{Errand, Reply, Route, call_auth, draw_flow};

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

/// Has Auth send a mail.
pub(super) async fn send(desk: &Desk, visit: &mut Visit, errand: &Errand) -> Reply {
    let (path, body, suffix) = match ask(errand) {
        Ok(ask) => ask,
        Err(code) => return answer(visit, errand, Err(code), Vec::new()),
    };
    let flow = match draw_flow(desk).await {
        Ok(flow) => flow,
        Err(refusal) => return refusal,
    };
    let config = &visit.config;
    let header = visit.head.header("cookie").unwrap_or_default();
    let changes = flow.cookies(header, &config.storage_key, suffix, config.cookie.encoding);
    let redirect_to = visit.callback_url(&flow, errand.next());
    let request = sign_in_api::mail(config, path, body, &flow.challenge(), &redirect_to);
    let reply = match call_auth(desk, visit, request).await {
        Ok(reply) => reply,
        Err(reason) => return answer(visit, errand, Err(reason.code()), Vec::new()),
    };
    if reply.status == 200
        && errand.route == Route::SignUp
        && let Ok(session) = Session::from_token_response(&reply.body, desk.now().seconds())
    {
        // Auth confirms addresses by itself: the sign-up is a sign-in.
        return sign_in::accept(desk, visit, errand, session, &pkce::Changes::default()).await;
    }
    let lines = visit.verifier_lines(&changes);
    if (200..300).contains(&reply.status) {
        return answer(visit, errand, Ok(()), lines);
    }
    let code = error_code(&reply.body)
        .map_or_else(|| "unexpected_failure".to_owned(), |code| plain_code(&code));
    if tells_of_address(errand.route, &code) {
        // The cookies would tell, too, were they missing.
        return answer(visit, errand, Ok(()), lines);
    }
    answer(visit, errand, Err(&code), Vec::new())
}

/// What is asked of Auth: the path, the body, and what the verifier is for.
fn ask(errand: &Errand) -> Result<(&'static str, Map<String, Value>, &'static str), &'static str> {
    let fields = &errand.fields;
    let mut body = Map::new();
    let email = fields.value("email").ok_or("validation_failed")?;
    body.insert("email".to_owned(), email.into());
    captcha(&mut body, fields);
    if errand.route == Route::SignUp {
        let password = fields.value("password").ok_or("validation_failed")?;
        body.insert("password".to_owned(), password.into());
        return Ok(("/signup", body, ""));
    }
    if errand.route == Route::Recover {
        return Ok(("/recover", body, "/recovery"));
    }
    let may_create = fields.value("create_user") != Some("false");
    body.insert("create_user".to_owned(), may_create.into());
    Ok(("/otp", body, ""))
}

fn answer(visit: &Visit, errand: &Errand, sent: Result<(), &str>, lines: Vec<String>) -> Reply {
    let reason = if sent.is_ok() {
        "mail_sent"
    } else {
        "mail_refused"
    };
    let answer = match (sent, errand.is_program) {
        (Ok(()), true) => Answer::json(200, &json!({"sent": true})),
        (Err(code), true) => Answer::json(400, &json!({"error": code})),
        (Ok(()), false) => Answer::see_other(back(visit, "sent", "1")),
        (Err(code), false) => Answer::see_other(back(visit, "error", code)),
    };
    Reply::new(answer.with_cookies(lines), reason)
}

/// The page the form stood on, with the result in its query.
fn back(visit: &Visit, name: &str, value: &str) -> String {
    let referer = super::super::guard::referer_path(visit);
    let page = referer.as_deref().and_then(|path| path.split('?').next());
    page.map_or_else(
        || visit.login_with(name, value),
        |page| format!("{}?{name}={value}", visit.site_location(page)),
    )
}
