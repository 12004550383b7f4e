//! `Set-Cookie` lines that write or delete a session, in the order browsers need them.
//!
//! One cookie can live at several scopes (`Domain`, host-only, partitioned), and a browser replaces it only at the
//! very same one. So a name that is written or deleted at one scope is deleted at the others where the site's own
//! clients may have put it, and deletions come first.

use std::fmt::Write as _;

pub use cookie::SameSite;

/// The attributes of every cookie the Worker sets or deletes.
///
/// A deletion has the same ones as the cookie that it deletes, but for `Max-Age=0`: browsers compare name, domain
/// and path (RFC 6265bis 5.7), and for a partitioned one its partition.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CookieAttributes {
    /// `Domain`; `None` makes host-only cookies.
    pub domain: Option<String>,
    /// True where a name came more than once, so that twins at scopes which nobody configured have to go as well.
    pub has_twins: bool,
    /// `HttpOnly`, which hides the session from `createBrowserClient`.
    pub http_only: bool,
    /// `Max-Age` of cookies that are set, in seconds; `None` keeps them until the browser closes.
    pub max_age_seconds: Option<u32>,
    /// `Partitioned` (CHIPS): a cookie per site that embeds this one.
    pub partitioned: bool,
    /// `Path`.
    pub path: String,
    /// `SameSite`.
    pub same_site: SameSite,
    /// `Secure`.
    pub secure: bool,
}

/// The lines that write a session: deletions of the twins of every name, deletions of
/// the names in `present` that are not written, then the chunks themselves.
///
/// A *twin* is a cookie of the same name at another scope. With a configured domain that is
/// the host-only one; without, `twin_domain` names the host whose `Domain=<host>` twin goes.
/// Twins are deleted first, because some response stores keep one line per name, the last.
///
/// ```
/// use edge_session::cookies::set_cookie::{CookieAttributes, SameSite, write_session};
///
/// let attributes = CookieAttributes {
///     domain: None,
///     has_twins: false,
///     http_only: false,
///     max_age_seconds: Some(60),
///     partitioned: false,
///     path: "/".to_owned(),
///     same_site: SameSite::Lax,
///     secure: true,
/// };
/// let chunks = [("K".to_owned(), "v".to_owned())];
/// // The session was longer before: its chunks go first, then the new cookie is set.
/// let lines = write_session(&chunks, &["K.0".to_owned()], &attributes, None);
/// assert_eq!(lines, [
///     "K.0=; Max-Age=0; Path=/; Secure; SameSite=Lax",
///     "K=v; Max-Age=60; Path=/; Secure; SameSite=Lax",
/// ]);
/// ```
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
    let domain = attributes.domain.as_deref();
    lines.extend(delete_at(&stale, attributes, domain));
    lines.extend(
        value_chunks
            .iter()
            .map(|(name, value)| line(name, value, attributes.max_age_seconds, attributes, domain)),
    );
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
///
/// ```
/// use edge_session::cookies::set_cookie::set_cookie_name;
///
/// assert_eq!(set_cookie_name(" K.0 =v; Path=/"), Some("K.0"));
/// assert_eq!(set_cookie_name("v; Path=/"), None);
/// ```
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
    let domain = attributes.domain.as_deref();
    if attributes.partitioned && attributes.has_twins {
        // Written before the site was told to partition, or by a client that does not.
        let unpartitioned = CookieAttributes {
            partitioned: false,
            ..attributes.clone()
        };
        lines.extend(delete_at(names, &unpartitioned, domain));
    }
    if domain.is_some() {
        lines.extend(delete_at(names, attributes, None));
    }
    if let Some(host) = twin_domain
        && !domain.is_some_and(|domain| is_same_domain(domain, host))
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
        .map(move |name| line(name, "", Some(0), attributes, domain))
}

/// Browsers ignore a leading dot and the case of a domain.
fn is_same_domain(one: &str, other: &str) -> bool {
    let bare = |domain| str::strip_prefix(domain, ".").unwrap_or(domain);
    bare(one).eq_ignore_ascii_case(bare(other))
}

/// One line, attributes in the order of the `cookie` package that `@supabase/ssr` uses.
///
/// Not written by the `cookie` crate, whose formatter brings that of dates along: 8 KB of the Worker's gzip.
fn line(
    name: &str,
    value: &str,
    max_age_seconds: Option<u32>,
    attributes: &CookieAttributes,
    domain: Option<&str>,
) -> String {
    let mut line = format!("{name}={value}");
    // Writing to a `String` cannot fail.
    if let Some(seconds) = max_age_seconds {
        let _ = write!(line, "; Max-Age={seconds}");
    }
    if let Some(domain) = domain {
        let _ = write!(line, "; Domain={domain}");
    }
    let _ = write!(line, "; Path={}", attributes.path);
    let flags = [
        (attributes.http_only, "; HttpOnly"),
        (attributes.secure, "; Secure"),
        (attributes.partitioned, "; Partitioned"),
    ];
    line.extend(
        flags
            .iter()
            .filter(|(is_set, _)| *is_set)
            .map(|(_, flag)| *flag),
    );
    let _ = write!(line, "; SameSite={}", attributes.same_site);
    line
}
