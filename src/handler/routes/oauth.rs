//! `GET /login?provider=…` and `GET /sso`: a sign-in at somebody else's begins.
//!
//! The visitor is sent to Auth's `/authorize` (or, for SAML, to where Auth's `/sso` says), with a challenge whose
//! verifier stays here in a cookie of this flow. He comes back to `/callback`.
//!
//! Nothing is asked of Auth for a provider: it answers a wrong name itself, as JSON in the visitor's browser, so
//! the name is only checked for what may stand in an address.

use serde_json::{Map, Value};

use crate::answer::Answer;
use crate::json;
use crate::sign_in_api;
use crate::token::is_uuid;

use super::super::desk::Desk;
use super::super::visit::Visit;
use super::ask::call_auth;
use super::ask::draw_flow;
use super::errand::Errand;
use super::failure::Failure;
use super::reply::Reply;

/// What is handed on to the provider.
///
/// Where the flow comes back to and its challenge are the Worker's to say, so they are never among them.
const HANDED_ON: [&str; 6] = [
    "scopes",
    "prompt",
    "login_hint",
    "access_type",
    "hd",
    "domain_hint",
];
/// A domain name has at most 253 characters.
const MAX_DOMAIN_BYTES: usize = 253;
/// Longest address of an identity provider that a visitor is sent to.
const MAX_URL_BYTES: usize = 8 * 1024;

/// True for a request that a browser or a framework makes in advance: nobody pressed anything yet, and each flow
/// pushes out an older one.
fn is_prefetch(visit: &Visit) -> bool {
    let says = |name: &str| {
        let value = visit.head.header(name).unwrap_or_default();
        value.to_ascii_lowercase().contains("prefetch")
    };
    says("sec-purpose")
        || says("purpose")
        || says("x-moz")
        || visit.head.header("next-router-prefetch").is_some()
}

fn nothing_begins() -> Reply {
    Reply::new(Answer::no_content(), "prefetch")
}

/// `GET /login?provider=…`: a link is enough to begin.
pub(super) async fn start(desk: &Desk, visit: &Visit, errand: &Errand) -> Reply {
    if is_prefetch(visit) {
        return nothing_begins();
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-:.".contains(&byte);
    let provider = errand.fields.value("provider");
    let Some(provider) = provider.filter(|name| name.len() <= 64 && name.bytes().all(is_plain))
    else {
        return malformed(visit);
    };
    let flow = match draw_flow(desk).await {
        Ok(flow) => flow,
        Err(refusal) => return refusal,
    };
    let config = &visit.config;
    let header = visit.head.header("cookie").unwrap_or_default();
    let changes = flow.cookies(header, &config.storage_key, "", config.cookie.encoding);
    let others = HANDED_ON
        .iter()
        .filter_map(|name| Some((*name, errand.fields.value(name)?)));
    let others: Vec<(&str, &str)> = others.collect();
    let callback = visit.callback_url(&flow, &errand.next);
    let url = sign_in_api::authorize_url(config, provider, &others, &flow.challenge(), &callback);
    let answer = Answer::see_other(url).with_cookies(visit.verifier_lines(&changes));
    Reply::new(answer, "oauth_started")
}

/// It is a link that is wrong, so the visitor lands where he can sign in another way.
fn malformed(visit: &Visit) -> Reply {
    let answer = Answer::see_other(visit.login_with("error", "validation_failed"));
    Reply::new(answer, "provider_missing")
}

/// True for a name that a domain can have.
pub(super) fn is_domain(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    name.len() <= MAX_DOMAIN_BYTES && name.bytes().all(is_plain)
}

/// Starts SAML: Auth says where the organisation's identity provider is.
pub(super) async fn start_sso(desk: &Desk, visit: &mut Visit, errand: &Errand) -> Reply {
    if is_prefetch(visit) {
        return nothing_begins();
    }
    let mut body = Map::new();
    let domain = errand.fields.value("domain").filter(|name| is_domain(name));
    let provider = errand.fields.value("provider_id").filter(|id| is_uuid(id));
    match (provider, domain) {
        (Some(id), _) => body.insert("provider_id".to_owned(), id.into()),
        (None, Some(domain)) => body.insert("domain".to_owned(), domain.into()),
        (None, None) => return malformed(visit),
    };
    let flow = match draw_flow(desk).await {
        Ok(flow) => flow,
        Err(refusal) => return refusal,
    };
    let config = &visit.config;
    let header = visit.head.header("cookie").unwrap_or_default();
    let changes = flow.cookies(header, &config.storage_key, "", config.cookie.encoding);
    let callback = visit.callback_url(&flow, &errand.next);
    let request = sign_in_api::sso(config, body, &flow.challenge(), &callback);
    let reply = match Failure::of_auth(call_auth(desk, visit, request).await) {
        Ok(reply) => reply,
        Err(failure) => return failure.reply(visit, errand, "sign_in_failed"),
    };
    let told: Value = json::read(&reply.body).unwrap_or_default();
    let url = told
        .get("url")
        .and_then(Value::as_str)
        .filter(|url| is_web(url));
    let Some(url) = url else {
        return Failure::new(503, "unexpected_failure").reply(visit, errand, "sign_in_failed");
    };
    let answer = Answer::see_other(url.to_owned());
    let answer = answer.with_cookies(visit.verifier_lines(&changes));
    Reply::new(answer, "oauth_started")
}

/// An address as it may stand in a header and as a browser opens it.
fn is_web(url: &str) -> bool {
    let is_http = url.starts_with("https://") || url.starts_with("http://");
    is_http && url.len() <= MAX_URL_BYTES && url.bytes().all(|byte| byte.is_ascii_graphic())
}
