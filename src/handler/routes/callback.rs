//! `GET /callback`: a provider or a mailed link comes back with a code.

use crate::answer::Answer;
use crate::pkce;
use crate::sign_in_api;

use super::super::desk::Desk;
use super::super::visit::Visit;
use super::{Errand, Reply, sign_in};

/// What is told if the verifier is not in this browser: the flow began in another one.
const NO_VERIFIER: &str = "pkce_code_verifier_not_found";

pub(super) async fn callback(desk: &Desk, visit: &mut Visit, errand: &Errand) -> Reply {
    let key = visit.config.storage_key.clone();
    let header = visit.head.header("cookie").unwrap_or_default().to_owned();
    let flow_id = errand.fields.value("sb_flow_id");
    let used = pkce::forget(&header, &key, flow_id, visit.config.cookie.encoding);
    let fields = &errand.fields;
    let error = fields.value("error_code").or_else(|| fields.value("error"));
    if error.is_some() || fields.value("error_description").is_some() {
        return failed(visit, &used, &plain_code(error.unwrap_or_default()));
    }
    let Some(code) = fields.value("code") else {
        return failed(visit, &used, "validation_failed");
    };
    let Some(verifier) = pkce::verifier(&header, &key, flow_id) else {
        return failed(visit, &pkce::Changes::default(), NO_VERIFIER);
    };
    let request = sign_in_api::exchange(&visit.config, code, &verifier, visit.client_ip());
    sign_in::exchange(desk, visit, errand, request, &used).await
}

fn failed(visit: &Visit, used: &pkce::Changes, code: &str) -> Reply {
    let answer = Answer::see_other(visit.login_with("error", code));
    let answer = answer.with_cookies(visit.verifier_lines(used));
    Reply::new(answer, "callback_failed")
}

/// An error code as it may stand in a URL; anything else came from nowhere we know.
pub(super) fn plain_code(code: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if code.is_empty() || code.len() > 64 || !code.bytes().all(is_plain) {
        return "unspecified_error".to_owned();
    }
    code.to_owned()
}
