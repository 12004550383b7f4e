//! API keys, told apart so that none lands in the wrong slot.
//!
//! Supabase's keys look alike and belong into one of two variables: a secret key where the publishable one belongs
//! would carry every sign-in past Auth's captcha, and a publishable one where the secret belongs would leave the rate
//! limit as it is without a word. So both are told apart by what they are, not by the variable that they stand in.
//! The rest of the file are secrets of other makers (Turnstile's, the operator's) and a pinned key set.

use super::parse::Reader;
use crate::json;
use crate::jwks::KeySet;
use crate::secret::Secret;
use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

/// As many bytes as the hash of HS256 has; a shorter key would be the weakest part (RFC 7518 §3.2).
const MIN_SECRET_BYTES: usize = 32;

/// Keys are pasted by hand, with or without padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// What a key opens, as far as its form tells.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Power {
    /// Opens only what row level security allows.
    Publishable,
    /// Opens everything.
    Secret,
    /// A key of another maker, such as a gateway of one's own.
    Unknown,
}

/// An empty key after a problem: the configuration is not used then.
pub(super) fn publishable_key<F: Fn(&str) -> Option<String>>(reader: &mut Reader<F>) -> Secret {
    const NAMES: [&str; 2] = ["SUPABASE_PUBLISHABLE_KEY", "SUPABASE_ANON_KEY"];
    let Some((name, key)) = NAMES
        .iter()
        .find_map(|name| Some((*name, reader.set(name)?)))
    else {
        reader.problem(
            NAMES[0],
            "must be set: the sb_publishable_… key or the legacy anon JWT",
        );
        return Secret::new("");
    };
    if power(&key) == Power::Secret {
        reader.problem(
            name,
            "must be the publishable (anon) key, not a secret (service_role) key",
        );
    }
    require_header_value(reader, name, &key);
    Secret::new(key)
}

pub(super) fn secret_key<F: Fn(&str) -> Option<String>>(reader: &mut Reader<F>) -> Option<Secret> {
    const NAME: &str = "SUPABASE_SECRET_KEY";
    let key = reader.set(NAME)?;
    if power(&key) == Power::Publishable {
        reader.problem(
            NAME,
            "must be a secret key (sb_secret_…), not the publishable (anon) key",
        );
    }
    require_header_value(reader, NAME, &key);
    Some(Secret::new(key))
}

/// A secret that somebody else has to present or to check, too long to be guessed.
pub(super) fn long_secret<F: Fn(&str) -> Option<String>>(
    reader: &mut Reader<F>,
    name: &'static str,
) -> Option<Secret> {
    let secret = reader.set(name)?;
    if secret.len() < MIN_SECRET_BYTES {
        let rule = format!("must have at least {MIN_SECRET_BYTES} bytes");
        reader.problem(name, rule);
    }
    Some(Secret::new(secret))
}

/// `OPERATOR_TOKEN`, which comes in a header.
pub(super) fn operator_token<F: Fn(&str) -> Option<String>>(
    reader: &mut Reader<F>,
) -> Option<Secret> {
    const NAME: &str = "OPERATOR_TOKEN";
    let token = long_secret(reader, NAME)?;
    require_header_value(reader, NAME, token.expose());
    Some(token)
}

/// The keys of Cloudflare's Turnstile.
///
/// Without `ACCOUNT_PAGES` one may stand alone: the site's own pages can have the widget, and another server the
/// check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turnstile {
    /// What the pages' widget is called by.
    pub site_key: Option<String>,
    /// What answers of the widget are checked with.
    pub secret_key: Option<Secret>,
}

pub(super) fn turnstile<F: Fn(&str) -> Option<String>>(
    reader: &mut Reader<F>,
    account_pages: bool,
) -> Turnstile {
    const SITE: &str = "TURNSTILE_SITE_KEY";
    const SECRET: &str = "TURNSTILE_SECRET_KEY";
    let site_key = reader.set(SITE);
    let secret_key = reader.secret(SECRET);
    if let Some(key) = &site_key {
        require_header_value(reader, SITE, key);
    }
    if let Some(key) = &secret_key {
        require_header_value(reader, SECRET, key.expose());
    }
    if account_pages && site_key.is_some() != secret_key.is_some() {
        let missing = if site_key.is_some() { SECRET } else { SITE };
        reader.problem(
            missing,
            "must be set: with ACCOUNT_PAGES, neither key of Turnstile goes without the other",
        );
    }
    Turnstile {
        site_key,
        secret_key,
    }
}

/// `SUPABASE_JWKS`: a key set of which at least one key is of use.
pub(super) fn pinned_keys<F: Fn(&str) -> Option<String>>(reader: &mut Reader<F>) -> Option<KeySet> {
    const NAME: &str = "SUPABASE_JWKS";
    let set = KeySet::parse(reader.set(NAME)?.as_bytes());
    let set = set.ok().filter(|set| !set.is_empty());
    if set.is_none() {
        reader.problem(
            NAME,
            "must be a JSON Web Key Set with at least one public key for ES256, RS256 or EdDSA that has a kid",
        );
    }
    set
}

/// A header takes no other characters (RFC 9110 5.5), and a line break that was pasted along would end it.
fn require_header_value<F: Fn(&str) -> Option<String>>(
    reader: &mut Reader<F>,
    name: &'static str,
    key: &str,
) {
    if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        reader.problem(name, "must hold visible ASCII characters only");
    }
}

fn power(key: &str) -> Power {
    if key.starts_with("sb_secret_") {
        return Power::Secret;
    }
    if key.starts_with("sb_publishable_") {
        return Power::Publishable;
    }
    match legacy_role(key).as_deref() {
        Some("service_role" | "supabase_admin") => Power::Secret,
        Some("anon") => Power::Publishable,
        Some(_) | None => Power::Unknown,
    }
}

/// The role of a legacy key, which is a JWT. Its signature does not matter: nothing is granted because of it.
fn legacy_role(key: &str) -> Option<String> {
    let payload = LENIENT.decode(key.split('.').nth(1)?).ok()?;
    let claims: Value = json::read(&payload).ok()?;
    claims.get("role")?.as_str().map(str::to_owned)
}
