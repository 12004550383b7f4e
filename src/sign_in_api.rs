//! Supabase Auth on the wire, second part: the requests that begin and end sessions.
//!
//! The counterpart of [`crate::auth_api`] for the routes below `AUTH_PATH`: each function is one request as a
//! value, and no answer is read here. Where one names `checked_ip`, only a visitor whom Turnstile vouches for has
//! an address.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use crate::auth_api::{AuthRequest, session_headers};
use crate::config::Config;
use crate::json::{self, json};

/// A `POST` with a JSON body to a path below the Auth base. With the visitor's
/// address it bears the secret key, if there is one, and counts for the visitor.
///
/// Auth asks whoever brings the secret key for no captcha, so with that key sign-ins and mails would be a way past the
/// captcha for everyone: they bring the address only of a visitor who passed Turnstile.
#[must_use]
pub fn post(config: &Config, path: &str, body: &Value, client_ip: Option<&str>) -> AuthRequest {
    let mut headers = session_headers(config, client_ip);
    headers.push(("content-type", "application/json".to_owned()));
    AuthRequest {
        method: "POST",
        url: format!("{}{path}", config.auth_base),
        headers,
        body: Some(json::write(&body)),
    }
}

/// `POST /token?grant_type=pkce`: an authorization code against a session.
#[must_use]
pub fn exchange(config: &Config, code: &str, verifier: &str, ip: Option<&str>) -> AuthRequest {
    let body = json!({"auth_code": code, "code_verifier": verifier});
    post(config, "/token?grant_type=pkce", &body, ip)
}

/// `POST /verify` with the hash of a mailed token, and nothing beside it: Auth refuses more.
#[must_use]
pub fn verify(config: &Config, kind: &str, token_hash: &str, ip: Option<&str>) -> AuthRequest {
    let body = json!({"type": kind, "token_hash": token_hash});
    post(config, "/verify", &body, ip)
}

/// `POST /logout?scope=…` with the session's own token.
#[must_use]
pub fn sign_out(config: &Config, scope: &str, access_token: &str, ip: Option<&str>) -> AuthRequest {
    let mut request = post(config, &format!("/logout?scope={scope}"), &json!({}), ip);
    let bearer = format!("Bearer {access_token}");
    request.headers.push(("authorization", bearer));
    request.body = None;
    request
}

/// A request for the holder of a session, with his own token.
#[must_use]
pub fn as_user(
    config: &Config,
    (method, path): (&'static str, &str),
    body: Option<&Value>,
    access_token: &str,
    ip: Option<&str>,
) -> AuthRequest {
    let mut request = post(config, path, &Value::Null, ip);
    request.method = method;
    request.body = body.map(Value::to_string);
    let bearer = format!("Bearer {access_token}");
    request.headers.push(("authorization", bearer));
    request
}

/// `POST /verify` with a code that a person typed, and the address it went to.
#[must_use]
pub fn verify_code(config: &Config, body: &Value, ip: Option<&str>) -> AuthRequest {
    post(config, "/verify", body, ip)
}

/// `GET /settings`: which ways to sign in the project has.
#[must_use]
pub fn settings(config: &Config) -> AuthRequest {
    AuthRequest {
        method: "GET",
        url: format!("{}/settings", config.auth_base),
        headers: session_headers(config, None),
        body: None,
    }
}

/// Where Cloudflare checks an answer of Turnstile's widget.
const SITEVERIFY: &str = "https://challenges.cloudflare.com/turnstile/v0/siteverify";

/// The question whether an answer of Turnstile's widget is good; each is so once.
#[must_use]
pub fn turnstile(secret_key: &str, response: &str, ip: Option<&str>) -> AuthRequest {
    let mut body = json!({"secret": secret_key, "response": response});
    if let Some(ip) = ip {
        body["remoteip"] = ip.into();
    }
    AuthRequest {
        method: "POST",
        url: SITEVERIFY.to_owned(),
        headers: vec![("content-type", "application/json".to_owned())],
        body: Some(json::write(&body)),
    }
}

/// A request that leads to a mail whose link comes back to `redirect_to`.
///
/// `flow` is the challenge and where the link comes back to, which Auth never reads from a JSON body.
#[must_use]
pub fn mail(
    config: &Config,
    path: &str,
    body: Map<String, Value>,
    flow: (&str, &str),
    checked_ip: Option<&str>,
) -> AuthRequest {
    let (challenge, redirect_to) = flow;
    let path = format!("{path}?redirect_to={}", encode(redirect_to));
    post(config, &path, &challenged(body, challenge), checked_ip)
}

/// `POST /sso`: where the identity provider of an organisation is.
///
/// Auth would answer with a redirect of its own; it is asked to say where it leads instead.
#[must_use]
pub fn sso(
    config: &Config,
    mut body: Map<String, Value>,
    challenge: &str,
    redirect_to: &str,
) -> AuthRequest {
    body.insert("redirect_to".to_owned(), redirect_to.into());
    body.insert("skip_http_redirect".to_owned(), true.into());
    post(config, "/sso", &challenged(body, challenge), None)
}

fn challenged(mut body: Map<String, Value>, challenge: &str) -> Value {
    body.insert("code_challenge".to_owned(), challenge.into());
    body.insert("code_challenge_method".to_owned(), "s256".into());
    Value::Object(body)
}

/// The URL of `GET /authorize`, where a provider's sign-in begins; `others` are handed on to the provider.
///
/// The visitor's browser goes there, so nothing of ours is in it but the challenge.
#[must_use]
pub fn authorize_url(
    config: &Config,
    provider: &str,
    others: &[(&str, &str)],
    challenge: &str,
    redirect_to: &str,
) -> String {
    let mut url = format!(
        "{}/authorize?provider={}&redirect_to={}",
        config.auth_base,
        encode(provider),
        encode(redirect_to)
    );
    for (name, value) in others {
        url.push_str(&format!("&{name}={}", encode(value)));
    }
    url.push_str(&format!(
        "&code_challenge={challenge}&code_challenge_method=s256"
    ));
    url
}

/// What `encodeURIComponent` leaves alone, but for the marks that no URL here needs.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}
