//! What the Worker itself sends to Auth for a session that is there: the key set, a refresh, a question about a token.
//!
//! Each is a value ([`AuthRequest`]), complete with its headers, so that a test reads what would be sent. `apikey`
//! is for the gateway in front of Auth and is on each of them. What the visitor's browser sent of itself never is:
//! Auth's gateway answers a secret key that comes with a browser's `User-Agent` with 401.

use crate::config::Config;
use crate::json::{self, json};

/// The error format this module reads (`{"code":"…","message":"…"}`).
const API_VERSION: &str = "2024-01-01";

/// A request to Auth.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AuthRequest {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The absolute URL.
    pub url: String,
    /// Header names and values.
    pub headers: Vec<(&'static str, String)>,
    /// A JSON body.
    pub body: Option<String>,
}

/// `GET /.well-known/jwks.json`.
///
/// The set is public; a gateway of one's own may want the `apikey` all the same.
#[must_use]
pub fn keys_request(config: &Config) -> AuthRequest {
    AuthRequest {
        method: "GET",
        url: config.jwks_url.clone(),
        headers: base_headers(config.publishable_key.expose()),
        body: None,
    }
}

/// `POST /token?grant_type=refresh_token`.
///
/// With the project's secret key the visitor's address is forwarded, so that
/// Auth limits the rate per visitor and not per Worker. The browser's
/// `User-Agent` is never sent: Auth refuses secret keys that come with one.
#[must_use]
pub fn refresh_request(
    config: &Config,
    refresh_token: &str,
    client_ip: Option<&str>,
) -> AuthRequest {
    let mut headers = session_headers(config, client_ip);
    headers.push(("content-type", "application/json".to_owned()));
    AuthRequest {
        method: "POST",
        url: format!("{}/token?grant_type=refresh_token", config.auth_base),
        headers,
        body: Some(json::write(&json!({ "refresh_token": refresh_token }))),
    }
}

/// `GET /user` with the token.
///
/// Auth checks the signature, that the user and the session exist, and that he is not banned. It looks at no time
/// limit of the session, which a refresh alone does.
#[must_use]
pub fn user_request(config: &Config, access_token: &str) -> AuthRequest {
    let mut headers = base_headers(config.publishable_key.expose());
    headers.push(("authorization", format!("Bearer {access_token}")));
    AuthRequest {
        method: "GET",
        url: format!("{}/user", config.auth_base),
        headers,
        body: None,
    }
}

/// Headers of a request for a visitor at `client_ip`: with the secret key the
/// visitor's address counts against the rate limit, without it this Worker's.
#[must_use]
pub fn session_headers(config: &Config, client_ip: Option<&str>) -> Vec<(&'static str, String)> {
    match (&config.secret_key, client_ip) {
        (Some(secret), Some(ip)) => {
            let mut headers = base_headers(secret.expose());
            headers.push(("sb-forwarded-for", ip.to_owned()));
            headers
        }
        (Some(_) | None, _) => base_headers(config.publishable_key.expose()),
    }
}

fn base_headers(key: &str) -> Vec<(&'static str, String)> {
    vec![
        ("apikey", key.to_owned()),
        ("accept", "application/json".to_owned()),
        (
            "x-client-info",
            concat!("edge-session/", env!("CARGO_PKG_VERSION")).to_owned(),
        ),
        ("x-supabase-api-version", API_VERSION.to_owned()),
    ]
}
