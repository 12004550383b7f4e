//! The attributes and the name of the session's cookies.

use super::parse::Reader;
use crate::cookies::encoding::Encoding;
use crate::cookies::set_cookie::{CookieAttributes, SameSite};

/// Browsers cap `Max-Age` at 400 days (RFC 6265bis §5.5).
const MAX_AGE_SECONDS: u64 = 34_560_000;

/// Browsers drop a cookie above 4096 bytes, of which a chunk's value takes 3180.
const MAX_NAME_BYTES: usize = 256;

/// Browsers ignore an attribute whose value is longer (RFC 6265bis §5.6).
const MAX_PATH_BYTES: usize = 1024;

/// The longest domain name there is (RFC 1035 §2.3.4), without its last dot.
const MAX_DOMAIN_BYTES: usize = 253;

/// How the session's cookies are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieSettings {
    /// `Domain`; without it the cookies belong to the host alone.
    pub domain: Option<String>,
    /// `Path`.
    pub path: String,
    /// `SameSite`.
    pub same_site: SameSite,
    /// `Max-Age`, in seconds.
    pub max_age_seconds: u64,
    /// When `Secure` is written; never [`CookieSecure::Auto`] or [`CookieSecure::Never`] with `SameSite=None`.
    pub secure: CookieSecure,
    /// Whether `HttpOnly` is written.
    pub http_only: bool,
    /// The encoding of new values.
    pub encoding: Encoding,
}

/// When a cookie is marked `Secure`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieSecure {
    /// On every response.
    Always,
    /// On responses to https requests.
    Auto,
    /// On none.
    Never,
}

impl CookieSettings {
    /// The attributes of a cookie on the response to a request that came by https or not.
    #[must_use]
    pub fn attributes(&self, is_https: bool) -> CookieAttributes {
        CookieAttributes {
            domain: self.domain.clone(),
            http_only: self.http_only,
            max_age_seconds: u32::try_from(self.max_age_seconds).unwrap_or(u32::MAX),
            path: self.path.clone(),
            same_site: self.same_site,
            secure: match self.secure {
                CookieSecure::Always => true,
                CookieSecure::Auto => is_https,
                CookieSecure::Never => false,
            },
        }
    }
}

pub(super) fn settings<F: Fn(&str) -> Option<String>>(reader: &mut Reader<F>) -> CookieSettings {
    let domain = domain(reader);
    let path = path(reader);
    let same_site = [
        ("Lax", SameSite::Lax),
        ("Strict", SameSite::Strict),
        ("None", SameSite::None),
    ];
    let same_site = reader.word("COOKIE_SAMESITE", same_site, SameSite::Lax);
    let max_age_seconds = reader.number("COOKIE_MAX_AGE", 1..=MAX_AGE_SECONDS);
    let secure = secure(reader, same_site);
    let http_only = reader.word(
        "COOKIE_HTTP_ONLY",
        [("true", true), ("false", false)],
        false,
    );
    let encodings = [("base64url", Encoding::Base64Url), ("raw", Encoding::Raw)];
    let encoding = reader.word("COOKIE_ENCODING", encodings, Encoding::Base64Url);
    CookieSettings {
        domain,
        path,
        same_site,
        max_age_seconds,
        secure,
        http_only,
        encoding,
    }
}

/// `COOKIE_NAME`, or the name that the Supabase clients derive from the project URL.
pub(super) fn storage_key<F: Fn(&str) -> Option<String>>(
    reader: &mut Reader<F>,
    derived: Option<String>,
    settings: &CookieSettings,
) -> String {
    const NAME: &str = "COOKIE_NAME";
    let Some(name) = reader.set(NAME) else {
        return derived.unwrap_or_default();
    };
    // The characters that the clients' cookie parser takes, which are more than RFC 6265 has: `sb-[::1]-auth-token`.
    let allowed = |byte: u8| byte.is_ascii_graphic() && byte != b';' && byte != b'=';
    if !name.bytes().all(allowed) || name.len() > MAX_NAME_BYTES {
        let rule = format!(
            "must be a cookie name: at most {MAX_NAME_BYTES} visible ASCII characters without ; and ="
        );
        reader.problem(NAME, rule);
    }
    let prefixed = |prefix: &str| {
        name.get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    let host_prefix = prefixed("__Host-");
    if (host_prefix || prefixed("__Secure-")) && settings.secure == CookieSecure::Never {
        reader.problem(
            NAME,
            "must not begin with __Secure- or __Host- while COOKIE_SECURE is false",
        );
    }
    if host_prefix && (settings.domain.is_some() || settings.path != "/") {
        reader.problem(
            NAME,
            "must not begin with __Host- while COOKIE_DOMAIN or another COOKIE_PATH than / is set",
        );
    }
    name
}

fn domain<F: Fn(&str) -> Option<String>>(reader: &mut Reader<F>) -> Option<String> {
    const NAME: &str = "COOKIE_DOMAIN";
    let domain = reader.set(NAME)?;
    let labels = domain.strip_prefix('.').unwrap_or(&domain);
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_name = labels
        .split('.')
        .all(|label| !label.is_empty() && label.bytes().all(allowed));
    if !is_name || labels.len() > MAX_DOMAIN_BYTES {
        reader.problem(
            NAME,
            "must be a domain name in ASCII, without scheme, port and path",
        );
    }
    Some(domain)
}

fn path<F: Fn(&str) -> Option<String>>(reader: &mut Reader<F>) -> String {
    const NAME: &str = "COOKIE_PATH";
    let path = reader.text(NAME);
    if !path.starts_with('/')
        || !path
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b';')
        || path.len() > MAX_PATH_BYTES
    {
        reader.problem(
            NAME,
            format!("must begin with / and hold at most {MAX_PATH_BYTES} visible ASCII characters without ;"),
        );
    }
    path
}

/// With `SameSite=None`, `auto` means always: browsers refuse such a cookie without `Secure`, and take one with it
/// from http://localhost, so there is no request for which leaving it out would help.
fn secure<F: Fn(&str) -> Option<String>>(
    reader: &mut Reader<F>,
    same_site: SameSite,
) -> CookieSecure {
    const NAME: &str = "COOKIE_SECURE";
    let words = [
        ("auto", CookieSecure::Auto),
        ("true", CookieSecure::Always),
        ("false", CookieSecure::Never),
    ];
    let secure = reader.word(NAME, words, CookieSecure::Auto);
    match (same_site, secure) {
        (SameSite::None, CookieSecure::Auto) => CookieSecure::Always,
        (SameSite::None, CookieSecure::Never) => {
            reader.problem(NAME, "must not be false while COOKIE_SAMESITE is None");
            secure
        }
        (SameSite::Lax | SameSite::None | SameSite::Strict, _) => secure,
    }
}
