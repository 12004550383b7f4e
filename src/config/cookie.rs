//! The attributes and the name of the session's cookies.
//!
//! How each cookie is written is [`crate::cookies::set_cookie`]'s; here is decided with what. Combinations that a
//! browser would refuse are problems here, or settled where only one reading helps (`Secure` for a prefixed name).

use super::parse::Reader;
use crate::cookies::encoding::Encoding;
use crate::cookies::set_cookie::{CookieAttributes, SameSite};

/// Browsers cap `Max-Age` at 400 days (RFC 6265bis §5.5).
const MAX_AGE_SECONDS: u32 = 34_560_000;

/// How long a PKCE verifier is kept: as long as a sign-in at a provider or a mailed link is worth waiting for.
const VERIFIER_SECONDS: u32 = 3600;

/// Browsers drop a cookie above 4096 bytes, of which a chunk's value takes 3180.
const MAX_NAME_BYTES: usize = 256;

/// Browsers ignore an attribute whose value is longer (RFC 6265bis §5.6).
const MAX_PATH_BYTES: usize = 1024;

/// The longest domain name there is (RFC 1035 §2.3.4), without its last dot.
const MAX_DOMAIN_BYTES: usize = 253;

/// How the session's cookies are written.
///
/// The defaults are those of `@supabase/ssr`, so that its clients and the Worker overwrite each other's cookies and
/// never put a second one beside them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieSettings {
    /// `Domain`; without it the cookies belong to the host alone.
    pub domain: Option<String>,
    /// `Path`.
    pub path: String,
    /// `SameSite`.
    pub same_site: SameSite,
    /// `Max-Age`, in seconds; `None` keeps the cookies until the browser closes.
    pub max_age_seconds: Option<u32>,
    /// When `Secure` is written; always with `SameSite=None`, with `Partitioned` and for the prefixed names.
    pub secure: CookieSecure,
    /// Whether `Partitioned` is written.
    pub partitioned: bool,
    /// Whether `HttpOnly` is written.
    pub http_only: bool,
    /// Whether the cookies of an unchanged session are written anew where its token is seen for the first time.
    pub renew: bool,
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
    /// The attributes of a cookie on the response to a request for `host` that came by https or not.
    ///
    /// `has_twins` is not known here; who knows the request sets it.
    #[must_use]
    pub fn attributes(&self, host: &str, is_https: bool) -> CookieAttributes {
        CookieAttributes {
            domain: self.domain_at(host).map(str::to_owned),
            has_twins: false,
            http_only: self.http_only,
            max_age_seconds: self.max_age_seconds,
            partitioned: self.partitioned,
            path: self.path.clone(),
            same_site: self.same_site,
            secure: match self.secure {
                CookieSecure::Always => true,
                CookieSecure::Auto => is_https,
                CookieSecure::Never => false,
            },
        }
    }

    /// [`attributes`](Self::attributes) for the cookies of a sign-in under way: they have to come back from the
    /// provider's site, and are of no use once the code is too old.
    #[must_use]
    pub fn verifier_attributes(&self, host: &str, is_https: bool) -> CookieAttributes {
        CookieAttributes {
            max_age_seconds: Some(VERIFIER_SECONDS),
            same_site: match self.same_site {
                SameSite::Lax | SameSite::Strict => SameSite::Lax,
                SameSite::None => SameSite::None,
            },
            ..self.attributes(host, is_https)
        }
    }

    /// The configured domain where `host` is the domain or below it. From any other host a browser drops a cookie
    /// with it, and the session would be lost together with the refresh token that it cost.
    ///
    /// `host` comes without its port.
    #[must_use]
    pub fn domain_at(&self, host: &str) -> Option<&str> {
        let domain = self.domain.as_deref()?;
        let bare = domain.strip_prefix('.').unwrap_or(domain);
        let above = host.len().checked_sub(bare.len())?;
        let (labels, tail) = host.split_at_checked(above)?;
        let is_below = labels.is_empty() || labels.ends_with('.');
        (is_below && tail.eq_ignore_ascii_case(bare)).then_some(domain)
    }
}

pub(super) fn settings<F: Fn(&str) -> Option<String>>(reader: &mut Reader<F>) -> CookieSettings {
    let same_site = [
        ("Lax", SameSite::Lax),
        ("Strict", SameSite::Strict),
        ("None", SameSite::None),
    ];
    let truth = [("true", true), ("false", false)];
    let encodings = [("base64url", Encoding::Base64Url), ("raw", Encoding::Raw)];
    let same_site = reader.word("COOKIE_SAMESITE", same_site, SameSite::Lax);
    let partitioned = reader.word("COOKIE_PARTITIONED", truth, false);
    CookieSettings {
        domain: domain(reader),
        path: path(reader),
        same_site,
        max_age_seconds: max_age(reader),
        secure: secure(reader, same_site, partitioned),
        partitioned,
        http_only: reader.word("COOKIE_HTTP_ONLY", truth, false),
        renew: reader.switch("COOKIE_RENEW"),
        encoding: reader.word("COOKIE_ENCODING", encodings, Encoding::Base64Url),
    }
}

/// `COOKIE_NAME`, or the name that the Supabase clients derive from the project URL.
///
/// It settles `Secure` too, as the prefixes of RFC 6265bis (`__Secure-`, `__Host-`) demand it.
pub(super) fn storage_key<F: Fn(&str) -> Option<String>>(
    reader: &mut Reader<F>,
    derived: Option<String>,
    settings: &mut CookieSettings,
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
    if host_prefix || prefixed("__Secure-") {
        match settings.secure {
            // Browsers refuse these names without it, on http://localhost too.
            CookieSecure::Auto => settings.secure = CookieSecure::Always,
            CookieSecure::Always => {}
            CookieSecure::Never => reader.problem(
                NAME,
                "must not begin with __Secure- or __Host- while COOKIE_SECURE is false",
            ),
        }
    }
    if host_prefix && (settings.domain.is_some() || settings.path != "/") {
        reader.problem(
            NAME,
            "must not begin with __Host- while COOKIE_DOMAIN or another COOKIE_PATH than / is set",
        );
    }
    name
}

/// Whether it is the site's own domain is not known here: a host outside of it gets host-only cookies, see
/// [`CookieSettings::domain_at`].
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

fn max_age<F: Fn(&str) -> Option<String>>(reader: &mut Reader<F>) -> Option<u32> {
    const NAME: &str = "COOKIE_MAX_AGE";
    let text = reader.text(NAME);
    if text.eq_ignore_ascii_case("session") {
        return None;
    }
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = text.parse().ok().filter(|_| is_number);
    let seconds = seconds.filter(|seconds| (1..=MAX_AGE_SECONDS).contains(seconds));
    if seconds.is_none() {
        reader.problem(
            NAME,
            format!("must be session, or a whole number from 1 to {MAX_AGE_SECONDS}"),
        );
    }
    seconds
}

/// With `SameSite=None` or `Partitioned`, `auto` means always: browsers refuse such a cookie without `Secure`, and take
/// one with it from http://localhost, so there is no request for which leaving it out would help.
fn secure<F: Fn(&str) -> Option<String>>(
    reader: &mut Reader<F>,
    same_site: SameSite,
    is_partitioned: bool,
) -> CookieSecure {
    const NAME: &str = "COOKIE_SECURE";
    let words = [
        ("auto", CookieSecure::Auto),
        ("true", CookieSecure::Always),
        ("false", CookieSecure::Never),
    ];
    let secure = reader.word(NAME, words, CookieSecure::Auto);
    let needs_it = match same_site {
        SameSite::None => Some("COOKIE_SAMESITE is None"),
        SameSite::Lax | SameSite::Strict => None,
    };
    let needs_it = needs_it.or(is_partitioned.then_some("COOKIE_PARTITIONED is true"));
    match (needs_it, secure) {
        (Some(_), CookieSecure::Auto) => CookieSecure::Always,
        (Some(other), CookieSecure::Never) => {
            reader.problem(NAME, format!("must not be false while {other}"));
            secure
        }
        (Some(_), CookieSecure::Always) | (None, _) => secure,
    }
}
