//! Supabase Auth on the wire, second part: the requests that begin and end sessions.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use crate::auth_api::{AuthRequest, session_headers};
use crate::config::Config;

/// A request for a sign-in or a mail, sent with the key that any browser may know.
///
/// Auth asks whoever brings the secret key for no captcha, so with that key
/// these routes would be a way past the captcha for everyone.
#[must_use]
pub fn public_post(config: &Config, path: &str, body: &Value) -> AuthRequest {
    post(config, path, body, None)
}

/// A `POST` with a JSON body to a path below the Auth base. With the visitor's
/// address it bears the secret key, if there is one, and counts for the visitor.
fn post(config: &Config, path: &str, body: &Value, client_ip: Option<&str>) -> AuthRequest {
    let mut headers = session_headers(config, client_ip);
    headers.push(("content-type", "application/json".to_owned()));
    AuthRequest {
        method: "POST",
        url: format!("{}{path}", config.auth_base),
        headers,
        body: Some(body.to_string()),
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

/// A request that leads to a mail whose link comes back to `redirect_to`.
#[must_use]
pub fn mail(
    config: &Config,
    path: &str,
    mut body: Map<String, Value>,
    challenge: &str,
    redirect_to: &str,
) -> AuthRequest {
    body.insert("code_challenge".to_owned(), challenge.into());
    body.insert("code_challenge_method".to_owned(), "s256".into());
    let path = format!("{path}?redirect_to={}", encode(redirect_to));
    public_post(config, &path, &Value::Object(body))
}

/// The URL of `GET /authorize`, where a provider's sign-in begins.
#[must_use]
pub fn authorize_url(
    config: &Config,
    provider: &str,
    scopes: Option<&str>,
    challenge: &str,
    redirect_to: &str,
) -> String {
    let mut url = format!(
        "{}/authorize?provider={}&redirect_to={}",
        config.auth_base,
        encode(provider),
        encode(redirect_to)
    );
    if let Some(scopes) = scopes {
        url.push_str(&format!("&scopes={}", encode(scopes)));
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
