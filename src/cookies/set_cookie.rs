//! `Set-Cookie` lines that write or delete a session, in the order browsers need them.

use std::fmt::Write as _;

/// The attributes of every cookie the Worker sets or deletes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CookieAttributes {
    /// `Domain`; `None` makes host-only cookies.
    pub domain: Option<String>,
    /// `HttpOnly`, which hides the session from `createBrowserClient`.
    pub http_only: bool,
    /// `Max-Age` of cookies that are set, in seconds.
    pub max_age_seconds: u32,
    /// `Path`.
    pub path: String,
    /// `SameSite`.
    pub same_site: SameSite,
    /// `Secure`.
    pub secure: bool,
}

/// The `SameSite` attribute.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SameSite {
    /// Sent on navigations from other sites.
    Lax,
    /// Sent on every request; browsers demand `Secure` with it.
    None,
    /// Sent on requests of the same site only.
    Strict,
}

impl SameSite {
    /// The attribute's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lax => "Lax",
            Self::None => "None",
            Self::Strict => "Strict",
        }
    }
}

/// The lines that write a session: deletions of the twins of every name, deletions of
/// the names in `present` that are not written, then the chunks themselves.
///
/// A *twin* is a cookie of the same name at another scope. With a configured domain that is
/// the host-only one; without, `twin_domain` names the host whose `Domain=<host>` twin goes.
/// Twins are deleted first, because some response stores keep one line per name, the last.
pub fn write_session(
    value_chunks: &[(String, String)],
    present: &[String],
    attributes: &CookieAttributes,
    twin_domain: Option<&str>,
) -> Vec<String> {
    let written = || value_chunks.iter().map(|(name, _)| name.as_str());
    let stale: Vec<&str> = present
        .iter()
        .map(String::as_str)
        .filter(|name| !written().any(|n| n == *name))
        .collect();
    let all: Vec<&str> = stale.iter().copied().chain(written()).collect();

    let mut lines = delete_twins(&all, attributes, twin_domain);
    lines.extend(delete_at(&stale, attributes, attributes.domain.as_deref()));
    lines.extend(value_chunks.iter().map(|(name, value)| {
        line(
            name,
            value,
            attributes.max_age_seconds,
            attributes,
            attributes.domain.as_deref(),
        )
    }));
    lines
}

/// The lines that delete `names`: their twins first, as in [`write_session`], then the configured scope.
pub fn delete(
    names: &[String],
    attributes: &CookieAttributes,
    twin_domain: Option<&str>,
) -> Vec<String> {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut lines = delete_twins(&names, attributes, twin_domain);
    lines.extend(delete_at(&names, attributes, attributes.domain.as_deref()));
    lines
}

/// The name of the cookie that a `Set-Cookie` line sets or deletes.
pub fn set_cookie_name(line: &str) -> Option<&str> {
    let (pair, _) = line.split_once(';').unwrap_or((line, ""));
    let (name, _) = pair.split_once('=')?;
    let name = name.trim_matches([' ', '\t']);
    (!name.is_empty()).then_some(name)
}

fn delete_twins(
    names: &[&str],
    attributes: &CookieAttributes,
    twin_domain: Option<&str>,
) -> Vec<String> {
    let mut lines = Vec::new();
    if attributes.domain.is_some() {
        lines.extend(delete_at(names, attributes, None));
    }
    if let Some(host) = twin_domain
        && !attributes
            .domain
            .as_deref()
            .is_some_and(|domain| is_same_domain(domain, host))
    {
        lines.extend(delete_at(names, attributes, Some(host)));
    }
    lines
}

fn delete_at<'l>(
    names: &'l [&str],
    attributes: &'l CookieAttributes,
    domain: Option<&'l str>,
) -> impl Iterator<Item = String> + 'l {
    names
        .iter()
        .map(move |name| line(name, "", 0, attributes, domain))
}

/// Browsers ignore a leading dot and the case of a domain.
fn is_same_domain(one: &str, other: &str) -> bool {
    let bare = |domain| str::strip_prefix(domain, ".").unwrap_or(domain);
    bare(one).eq_ignore_ascii_case(bare(other))
}

/// One line, attributes in the order of the `cookie` package that `@supabase/ssr` uses.
fn line(
    name: &str,
    value: &str,
    max_age_seconds: u32,
    attributes: &CookieAttributes,
    domain: Option<&str>,
) -> String {
    let mut line = format!("{name}={value}; Max-Age={max_age_seconds}");
    if let Some(domain) = domain {
        // Writing to a `String` cannot fail.
        let _ = write!(line, "; Domain={domain}");
    }
    let _ = write!(line, "; Path={}", attributes.path);
    if attributes.http_only {
        line.push_str("; HttpOnly");
    }
    if attributes.secure {
        line.push_str("; Secure");
    }
    let _ = write!(line, "; SameSite={}", attributes.same_site.as_str());
    line
}
