//! The site, the project and the visitor of all targets.

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use edge_session::config::{Config, ConfigError};
use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

/// The storage key: short, so that a fuzzer spells it soon.
pub(crate) const KEY: &str = "sb";
pub(crate) const NOW: u64 = 1_800_000_000;
pub(crate) const ISSUER: &str = "https://abc.supabase.co/auth/v1";
pub(crate) const USER: &str = "8d1b2ae5-3f0c-4f55-9c3e-0a7b1f4f7a01";
pub(crate) const SESSION: &str = "c0ffee00-1111-4222-8333-444455556666";
pub(crate) const JWT_SECRET: &str = "a-shared-secret-of-at-least-32-bytes";
pub(crate) const KID: &str = "kid-es";

/// A configuration from these variables beside the required ones.
pub(crate) fn try_config(vars: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let required = [
        ("SUPABASE_URL", "https://abc.supabase.co"),
        ("SUPABASE_PUBLISHABLE_KEY", "sb_publishable_x"),
    ];
    Config::from_vars(|name| {
        let mut set = vars.iter().rev().chain(&required);
        let found = set.find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

/// The configuration of a guarded site with these variables beside.
pub(crate) fn guarded(vars: &[(&str, &str)]) -> Rc<Config> {
    let guard = [
        ("COOKIE_NAME", KEY),
        ("SUPABASE_JWT_SECRET", JWT_SECRET),
        ("RULES", r#"[{"require":true}]"#),
    ];
    Rc::new(try_config(&[&guard, vars].concat()).unwrap())
}

/// The claims of the visitor, alive for an hour.
pub(crate) fn claims() -> Value {
    json!({
        "aal": "aal1",
        "aud": "authenticated",
        "exp": NOW + 3600,
        "iat": NOW - 60,
        "iss": ISSUER,
        "role": "authenticated",
        "session_id": SESSION,
        "sub": USER,
    })
}

/// A token of these claims, signed with a shared secret.
pub(crate) fn hs256(claims: &Value, secret: &str) -> String {
    let header = encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let input = format!("{header}.{}", encode(claims.to_string()));
    format!("{input}.{}", mac(&input, secret))
}

/// The third part of an HS256 token.
pub(crate) fn mac(input: &str, secret: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(input.as_bytes());
    encode(mac.finalize().into_bytes())
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// The session around a token, as Auth answers it.
pub(crate) fn session_json(access_token: &str) -> Value {
    json!({
        "access_token": access_token,
        "token_type": "bearer",
        "expires_in": 3600,
        "expires_at": NOW + 3600,
        "refresh_token": "refresh-old1",
        "user": {"id": USER},
    })
}

/// The `Cookie` header of a visitor with this token.
pub(crate) fn cookie_header(access_token: &str) -> String {
    format!(
        "{KEY}=base64-{}",
        encode(session_json(access_token).to_string())
    )
}
