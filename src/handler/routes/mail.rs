//! `POST /signup`, `/otp`, `/recover`, `/resend`: Auth sends a message, and nobody learns whether the address is known.
//!
//! What must not be learned, and how: whether an address has an account. So the answer is the same for both, its
//! time is a whole number of steps ([`even_out`]), and the cookies of the flow are set either way. What remains is
//! what Auth's own endpoints tell everybody who asks them directly.

use serde_json::{Map, Value};

use crate::answer::Answer;
use crate::auth_api::{AuthReply, AuthRequest};
use crate::json::{self, json};
use crate::pkce;
use crate::session::Session;
use crate::sign_in_api;

use super::super::desk::Desk;
use super::super::settled::Settled;
use super::super::visit::{Outcome, Visit};
use super::ask::{call_auth, draw_flow, even_out};
use super::errand::Errand;
use super::failure::Failure;
use super::reply::Reply;
use super::sign_in::{self, captcha};
use super::table::{Page, Route};

/// Codes that say whether an address is known, or was written to just now:
/// they are told as if the message had been sent.
///
/// Source: the codes of Auth's `/otp`, `/recover`, `/resend` and `/signup`.
const TELLING: [&str; 11] = [
    "email_exists",
    "email_not_confirmed",
    "otp_disabled",
    "over_email_send_rate_limit",
    "over_sms_send_rate_limit",
    "phone_exists",
    "phone_not_confirmed",
    "user_already_exists",
    "user_banned",
    "user_not_found",
    "identity_already_exists",
];
/// Codes of a message that could not be sent: where Auth writes to known addresses only, they say that one is.
const UNSENT: [&str; 2] = ["email_address_not_authorized", "sms_send_failed"];
/// How Auth begins to say, with status 500, that its mail server did not take a message.
const MAIL_FAILED: &str = "Error sending ";
/// What can be asked for once more.
const BY_MAIL: [&str; 2] = ["email_change", "signup"];
const BY_PHONE: [&str; 2] = ["phone_change", "sms"];
/// Answers leave after a whole number of these: a message, which only some addresses get, takes Auth as long as its
/// mail server.
const EVEN_MS: u64 = 500;

/// A closed sign-up concerns everyone at `/signup`; elsewhere Auth says so of unknown addresses only.
fn tells_of_address(errand: &Errand, code: &str) -> bool {
    let is_sign_up = errand.route == Route::SignUp;
    TELLING.contains(&code)
        || (!is_sign_up && code == "signup_disabled")
        || (!is_sign_up && !writes_to_all(errand) && UNSENT.contains(&code))
}

/// True where known and unknown addresses alike get a message. A sign-up writes to unknown ones only.
fn writes_to_all(errand: &Errand) -> bool {
    errand.route == Route::Otp && errand.fields.allows("create_user")
}

fn has_failed_mail(reply: &AuthReply) -> bool {
    let body = || json::read(&reply.body).ok();
    let is_said = |body: Value| {
        body.get("msg")?
            .as_str()
            .map(|said| said.starts_with(MAIL_FAILED))
    };
    reply.status == 500 && body().and_then(is_said) == Some(true)
}

/// What is asked of Auth.
///
/// One request to Auth that ends in a message.
struct Letter {
    path: &'static str,
    body: Map<String, Value>,
    /// What the verifier is for; `/resend` starts no flow.
    suffix: Option<&'static str>,
}

/// Has Auth send a message.
pub(super) async fn send(desk: &Desk, visit: &mut Visit, errand: &Errand) -> Reply {
    let letter = match letter(errand) {
        Ok(letter) => letter,
        Err(failure) => return refused(visit, errand, failure),
    };
    let (request, lines) = match request(desk, visit, errand, letter).await {
        Ok(ready) => ready,
        Err(refusal) => return refusal,
    };
    let reply = call_auth(desk, visit, request).await;
    let is_unsent = reply.as_ref().is_ok_and(has_failed_mail) && !writes_to_all(errand);
    let reply = Failure::of_auth(reply);
    if let Ok(reply) = &reply
        && errand.route == Route::SignUp
        && let Ok(session) = Session::from_token_response(&reply.body, desk.now().seconds())
    {
        // Auth confirms addresses by itself: the sign-up is a sign-in.
        return sign_in::accept(desk, visit, errand, session, &pkce::Changes::default()).await;
    }
    even_out(desk, visit, EVEN_MS).await;
    match reply {
        // The cookies would tell, too, were they missing.
        Ok(_) => sent(visit, errand, lines),
        Err(_) if is_unsent => {
            visit.alarm();
            Reply {
                settled: Settled::plain(Outcome::Anonymous, "mail_failed"),
                ..sent(visit, errand, lines)
            }
        }
        Err(failure) if tells_of_address(errand, &failure.code) => sent(visit, errand, lines),
        Err(failure) => refused(visit, errand, failure),
    }
}

/// # Errors
/// The answer where no flow could be drawn. Otherwise the request, and the lines that keep the flow's verifier.
async fn request(
    desk: &Desk,
    visit: &Visit,
    errand: &Errand,
    letter: Letter,
) -> Result<(AuthRequest, Vec<String>), Reply> {
    let config = &visit.config;
    let ip = errand.checked_ip(visit);
    let Some(suffix) = letter.suffix else {
        let body = Value::Object(letter.body);
        let request = sign_in_api::post(config, letter.path, &body, ip);
        return Ok((request, Vec::new()));
    };
    let flow = draw_flow(desk).await?;
    let header = visit.head.header("cookie").unwrap_or_default();
    let changes = flow.cookies(header, &config.storage_key, suffix, config.cookie.encoding);
    let (challenge, callback) = (flow.challenge(), visit.callback_url(&flow, &errand.next));
    let request = sign_in_api::mail(
        config,
        letter.path,
        letter.body,
        (&challenge, &callback),
        ip,
    );
    Ok((request, visit.verifier_lines(&changes)))
}

/// What is asked of Auth, unless something is missing.
///
/// # Errors
/// `validation_failed` without an address, a password where one is needed, or a kind that is none of Auth's.
fn letter(errand: &Errand) -> Result<Letter, Failure> {
    let fields = &errand.fields;
    let (name, address) = errand.address().ok_or_else(Failure::invalid)?;
    let mut body = Map::new();
    body.insert(name.to_owned(), address.into());
    captcha(&mut body, fields);
    let by_mail = name == "email";
    let (path, suffix) = if errand.route == Route::SignUp {
        let password = fields.value("password").ok_or_else(Failure::invalid)?;
        body.insert("password".to_owned(), password.into());
        add_data(&mut body, errand)?;
        ("/signup", Some(""))
    } else if errand.route == Route::Recover {
        if !by_mail {
            return Err(Failure::invalid());
        }
        ("/recover", Some("/recovery"))
    } else if errand.route == Route::Resend {
        let kinds = if by_mail { BY_MAIL } else { BY_PHONE };
        let kind = fields.value("type").filter(|kind| kinds.contains(kind));
        body.insert("type".to_owned(), kind.ok_or_else(Failure::invalid)?.into());
        ("/resend", by_mail.then_some(""))
    } else {
        let may_create = fields.allows("create_user");
        body.insert("create_user".to_owned(), may_create.into());
        add_data(&mut body, errand)?;
        ("/otp", by_mail.then_some(""))
    };
    if name == "phone"
        && let Some(channel) = fields.value("channel")
    {
        body.insert("channel".to_owned(), channel.into());
    }
    Ok(Letter { path, body, suffix })
}

fn add_data(body: &mut Map<String, Value>, errand: &Errand) -> Result<(), Failure> {
    let data = errand
        .fields
        .object("data")
        .map_err(|_| Failure::invalid())?;
    if let Some(data) = data {
        body.insert("data".to_owned(), data.into());
    }
    Ok(())
}

/// Statuses that tell apart what the codes do not are flattened: 400, but for the two that say when to try again.
fn refused(visit: &Visit, errand: &Errand, failure: Failure) -> Reply {
    let status = match failure.status {
        429 | 503 => failure.status,
        _ => 400,
    };
    let failure = Failure { status, ..failure };
    failure.reply(visit, errand, "mail_refused")
}

fn sent(visit: &Visit, errand: &Errand, lines: Vec<String>) -> Reply {
    let answer = if errand.is_program {
        Answer::json(200, &json!({"sent": true}))
    } else {
        Answer::see_other(next_step(visit, errand))
    };
    Reply::new(answer.with_cookies(lines), "mail_sent")
}

/// The page the form stood on; of the Worker's own, the one that takes the code from the message.
fn next_step(visit: &Visit, errand: &Errand) -> String {
    let said = ("sent", "1");
    if !visit.config.account_pages || !errand.came_from_own_page(visit) {
        return errand.back(visit, &[said]);
    }
    let Some((name, address)) = errand.address() else {
        return errand.back(visit, &[said]);
    };
    let usual = if name == "phone" { "sms" } else { "email" };
    let kind = match Page::of(errand.route) {
        Some(Page::Recover) => "recovery",
        Some(Page::SignUp) if name == "email" => "signup",
        Some(_) | None => errand.fields.value("type").unwrap_or(usual),
    };
    let mut fields = vec![said, ("type", kind), (name, address)];
    if errand.next != "/" {
        fields.push(("next", &errand.next));
    }
    visit.own_location("verify", &fields)
}
