//! `GET /callback`: a provider or a mailed link comes back with a code.

use crate::answer::Answer;
use crate::pkce;
use crate::sign_in_api;
use crate::time::UnixTime;

use super::super::Step;
use super::super::visit::Visit;
use super::{After, CallAuth, Errand, respond};

/// What is told if the verifier is not in this browser: the flow began in another one.
const NO_VERIFIER: &str = "pkce_code_verifier_not_found";

pub(super) fn begin(visit: Box<Visit>, errand: Errand, now: UnixTime) -> Step {
    let key = visit.config.storage_key.clone();
    let header = visit.head.header("cookie").unwrap_or_default().to_owned();
    let flow_id = errand.fields.value("sb_flow_id");
    let used = pkce::forget(&header, &key, flow_id, visit.config.cookie.encoding);
    let fields = &errand.fields;
    let error = fields.value("error_code").or_else(|| fields.value("error"));
    if error.is_some() || fields.value("error_description").is_some() {
        let code = plain_code(error.unwrap_or_default());
        return failed(visit, &used, &code, now);
    }
    let Some(code) = fields.value("code").map(str::to_owned) else {
        return failed(visit, &used, "validation_failed", now);
    };
    let Some(verifier) = pkce::verifier(&header, &key, flow_id) else {
        return failed(visit, &pkce::Changes::default(), NO_VERIFIER, now);
    };
    let request = sign_in_api::exchange(&visit.config, &code, &verifier, visit.client_ip());
    CallAuth::step(visit, errand, request, After::SignIn(used), now)
}

fn failed(visit: Box<Visit>, used: &pkce::Changes, code: &str, now: UnixTime) -> Step {
    let answer = Answer::see_other(visit.login_with("error", code))
        .with_cookies(visit.verifier_lines(used))
        .without_referrer();
    respond(visit, answer, "callback_failed", now)
}

/// An error code as it may stand in a URL; anything else came from nowhere we know.
pub(super) fn plain_code(code: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if code.is_empty() || code.len() > 64 || !code.bytes().all(is_plain) {
        return "unspecified_error".to_owned();
    }
    code.to_owned()
}
