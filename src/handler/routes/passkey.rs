//! `POST /passkey/options` and `/passkey`: the two halves of a sign-in with a passkey.
//!
//! The browser's WebAuthn needs a script between them, so both answer JSON and neither redirects by itself. Options
//! are those of Auth as they came: the browser checks them against the site it is on.

use serde_json::{Map, Value};

use crate::answer::Answer;
use crate::json::{self, json};
use crate::pkce;
use crate::sign_in_api;

use super::super::desk::Desk;
use super::super::visit::Visit;
use super::ask::call_auth;
use super::errand::Errand;
use super::failure::Failure;
use super::reply::Reply;
use super::sign_in::{self, captcha};

/// What the browser's `navigator.credentials.get` is asked with.
pub(super) async fn options(desk: &Desk, visit: &mut Visit, errand: &Errand) -> Reply {
    let mut body = Map::new();
    captcha(&mut body, &errand.fields);
    let path = "/passkeys/authentication/options";
    let ip = errand.checked_ip(visit);
    let request = sign_in_api::post(&visit.config, path, &Value::Object(body), ip);
    let reply = match Failure::of_auth(call_auth(desk, visit, request).await) {
        Ok(reply) => reply,
        Err(failure) => return failure.reply(visit, errand, "sign_in_failed"),
    };
    let told: Value = json::read(&reply.body).unwrap_or_default();
    let (Some(challenge_id), Some(options)) = (told.get("challenge_id"), told.get("options"))
    else {
        let failure = Failure::new(503, "unexpected_failure");
        return failure.reply(visit, errand, "sign_in_failed");
    };
    let said = json!({
        "challenge_id": challenge_id,
        "options": options,
        "expires_at": told.get("expires_at"),
    });
    Reply::new(Answer::json(200, &said), "challenge_sent")
}

/// The browser's answer, against a session.
pub(super) async fn sign_in(desk: &Desk, visit: &mut Visit, errand: &Errand) -> Reply {
    let credential = errand.fields.object("credential").ok().flatten();
    let (Some(challenge_id), Some(credential)) = (errand.fields.value("challenge_id"), credential)
    else {
        return Failure::invalid().reply(visit, errand, "sign_in_failed");
    };
    let body = json!({"challenge_id": challenge_id, "credential": credential});
    let path = "/passkeys/authentication/verify";
    let ip = errand.checked_ip(visit);
    let request = sign_in_api::post(&visit.config, path, &body, ip);
    sign_in::exchange(desk, visit, errand, request, &pkce::Changes::default()).await
}
