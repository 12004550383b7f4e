//! Addresses in an origin's answer that only the Worker's side of the site can follow.
//!
//! `ORIGIN_URL` may name a host that only the Worker can reach. An origin that does not know how visitors call the
//! site writes that host into its redirects, and a browser would follow it there.

use url::Position;

use crate::redirect::{authority, parse_url};

/// The headers of an answer that name an address (RFC 9110 8.7, 10.2.2).
pub const HEADERS: [&str; 2] = ["content-location", "location"];

/// A site as its visitors and as its origin call it.
#[derive(Clone, Copy, Debug)]
pub struct Names<'n> {
    /// The public origin of the site, `scheme://host[:port]`.
    pub site: &'n str,
    /// The origin's host with its port.
    pub host: &'n str,
    /// What the origin's paths begin with.
    pub path: &'n str,
}

/// The site's name for an address that the origin gave: where the host is the origin's own, the site's stands in its
/// place and the path prefix is taken off. `None` for every other address.
///
/// ```
/// use edge_session::location::{Names, on_site};
///
/// let names = Names { site: "https://site.example", host: "inner.example:3000", path: "/base" };
/// let moved = on_site(names, "http://inner.example:3000/base/a?b#c");
/// assert_eq!(moved.as_deref(), Some("https://site.example/a?b#c"));
/// assert_eq!(on_site(names, "https://elsewhere.example/base/a"), None);
/// ```
#[must_use]
pub fn on_site(names: Names<'_>, address: &str) -> Option<String> {
    // A server that does not know its own scheme leaves it out (RFC 3986 4.2).
    let absolute = if address.starts_with("//") {
        format!("http:{address}")
    } else {
        address.to_owned()
    };
    let named = authority(&absolute);
    let (scheme, rest) = absolute.split_once("://")?;
    let is_http = ["http", "https"]
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known));
    if !is_http || named.contains('@') {
        return None;
    }
    let url = parse_url(&format!("{scheme}://{named}/"))?;
    if &url[Position::BeforeHost..Position::AfterPort] != names.host {
        return None;
    }
    let rest = rest.get(named.len()..)?;
    let prefix = names.path.trim_end_matches('/');
    let is_end = |rest: &&str| rest.is_empty() || rest.starts_with(['/', '?', '#']);
    let path = rest.strip_prefix(prefix).filter(is_end).unwrap_or(rest);
    let slash = if path.starts_with('/') { "" } else { "/" };
    Some(format!("{}{slash}{path}", names.site))
}
