//! `POST /verify`: the digits from a mail or a text message, against a session.
//!
//! The counterpart of `mail`: the code is bound to the address that it was sent to, so both are asked for. Auth
//! answers wrong, used and old codes alike (`otp_expired`), and a good one with a session.

use crate::json::json;
use crate::pkce;
use crate::sign_in_api;

use super::super::desk::Desk;
use super::super::visit::Visit;
use super::errand::Errand;
use super::failure::Failure;
use super::reply::Reply;
use super::sign_in;

/// Auth's kinds of codes by mail, and by text message.
const BY_MAIL: [&str; 6] = [
    "email",
    "email_change",
    "invite",
    "magiclink",
    "recovery",
    "signup",
];
const BY_PHONE: [&str; 2] = ["phone_change", "sms"];
/// Auth's codes have six to ten digits.
const MAX_DIGITS: usize = 10;

pub(super) async fn verify(desk: &Desk, visit: &mut Visit, errand: &Errand) -> Reply {
    let Some(body) = question(errand) else {
        return Failure::invalid().reply(visit, errand, "sign_in_failed");
    };
    let request = sign_in_api::verify_code(&visit.config, &body, visit.client_ip());
    sign_in::exchange(desk, visit, errand, request, &pkce::Changes::default()).await
}

/// `None` where something is missing or is no code: Auth would count the attempt against the visitor.
fn question(errand: &Errand) -> Option<serde_json::Value> {
    let (name, address) = errand.address()?;
    let (kinds, usual): (&[&str], _) = match name {
        "phone" => (&BY_PHONE, "sms"),
        _ => (&BY_MAIL, "email"),
    };
    let kind = errand.fields.value("type").unwrap_or(usual);
    let token: String = errand.fields.value("token")?.split_whitespace().collect();
    let is_code = token.len() <= MAX_DIGITS && token.bytes().all(|byte| byte.is_ascii_digit());
    (is_code && !token.is_empty() && kinds.contains(&kind))
        .then(|| json!({"type": kind, name: address, "token": token}))
}
