//! What stands before every route that takes a person's details: a limit for his address and his account, and Turnstile.
//!
//! It stands between `errand` and the routes, and counts *before* Auth is asked: whoever is refused here costs Auth
//! nothing. A sign-out and the tokens of a fragment are free, since neither can be used to guess anything.
//!
//! Turnstile is asked once for each form; what it says is kept in the errand. Where Auth would ask for a captcha,
//! only a request that Turnstile vouches for bears the secret key and the visitor's address.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::answer::Answer;
use crate::json::{self, json};
use crate::letters;
use crate::memory::network;
use crate::pages::ErrorPage;
use crate::sign_in_api;

use super::super::desk::Desk;
use super::super::effect::{AuthCall, Effect};
use super::super::visit::{Stage, Visit};
use super::account;
use super::errand::Errand;
use super::frame::{self, Told};
use super::reply::Reply;
use super::table::Route;

/// The longer one of the two periods that a rate limit binding can have.
const RETRY_AFTER_SECONDS: &str = "60";
/// Turnstile's tokens have at most 2048 characters.
const MAX_RESPONSE_BYTES: usize = 2048;

/// Lets a request through to its route, or refuses it before Auth is asked.
///
/// # Errors
/// 429 where the limit refuses, 403 without a good answer of Turnstile, 503 where Turnstile cannot be reached: a
/// form that was meant to be protected is not let through unprotected.
pub(super) async fn admit(
    desk: &Desk,
    visit: &mut Visit,
    errand: &mut Errand,
) -> Result<(), Reply> {
    let is_free = matches!(errand.route, Route::SignOut | Route::Fragment);
    if visit.head.method() != "POST" || is_free {
        return Ok(());
    }
    if !desk.ask(Effect::Limit, keys(visit, errand)).await {
        let answer = refusal(visit, errand, 429, "rate_limited");
        let answer = answer.with_header("retry-after", RETRY_AFTER_SECONDS.to_owned());
        return Err(Reply::new(answer, "rate_limited"));
    }
    let Some(secret) = visit.config.turnstile.secret_key.clone() else {
        return Ok(());
    };
    let response = errand.fields.value("cf-turnstile-response");
    let response = response.filter(|response| response.len() <= MAX_RESPONSE_BYTES);
    let Some(response) = response else {
        let answer = refusal(visit, errand, 403, "captcha_failed");
        return Err(Reply::new(answer, "captcha_failed"));
    };
    let request = sign_in_api::turnstile(secret.expose(), response, visit.client_ip());
    let timeout_ms = visit.auth_budget_ms();
    visit.wait(desk.now());
    let call = AuthCall {
        request,
        timeout_ms,
    };
    let answer = desk.ask(Effect::CheckTurnstile, call).await;
    visit.spend(Stage::Auth, desk.now());
    let verdict = answer.ok().filter(|reply| reply.status < 500);
    let Some(verdict) = verdict.and_then(|reply| json::read(&reply.body).ok()) else {
        visit.alarm();
        let answer = refusal(visit, errand, 503, "captcha_unreachable");
        return Err(Reply::new(answer, "captcha_unreachable"));
    };
    if verdict.get("success") != Some(&Value::Bool(true)) {
        let answer = refusal(visit, errand, 403, "captcha_failed");
        return Err(Reply::new(answer, "captcha_failed"));
    }
    errand.is_vouched = true;
    Ok(())
}

/// By what the limit counts: the visitor's address, and a digest of the account's name.
///
/// A rate limit keeps its keys, and the names of accounts are nothing to keep there.
fn keys(visit: &Visit, errand: &Errand) -> Vec<String> {
    let address = network(visit.client_ip());
    let mut keys = vec![format!("address:{address}")];
    if let Some((kind, name)) = errand.address() {
        let digest = Sha256::digest(account(kind, name));
        let hex: String = digest
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        keys.push(format!("account:{hex}"));
    }
    keys
}

/// An account's name as Auth reads it: it takes numbers with spaces, and with or without `+`.
fn account(kind: &str, name: &str) -> String {
    match kind {
        "phone" => name.chars().filter(char::is_ascii_digit).collect(),
        _ => letters::lower(name.trim()),
    }
}

/// A refusal has its status for a person too: whatever counts and limits refusals in front of the Worker sees it.
fn refusal(visit: &Visit, errand: &Errand, status: u16, code: &str) -> Answer {
    if errand.is_program {
        return Answer::json(status, &json!({ "error": code }));
    }
    let told = Told {
        error: Some(code),
        ..Told::default()
    };
    if let Some(html) = account::again(visit, errand, &told) {
        return Answer::page(status, html);
    }
    // The page of a 403 speaks of forms of other sites.
    let shown = if status == 403 { 400 } else { status };
    let html = frame::framed(visit, &errand.next, &told, &|frame| {
        let details = &[];
        ErrorPage {
            frame,
            status: shown,
            details,
        }
        .html()
    });
    Answer::page(status, html)
}
