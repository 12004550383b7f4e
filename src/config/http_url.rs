//! URLs as the URL standard serialises them.
//!
//! Parsing a URL as browsers do takes tables of 100 KiB for international
//! host names. The runtime brings its own parser, so this crate takes URLs
//! from there, already in their one serialised form, and only takes them apart.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Parses a URL as the URL standard says and returns its serialisation, or nothing if it is none.
///
/// In the Worker this is the runtime's `new URL(text).href`.
pub type ParseUrl = fn(&str) -> Option<String>;

/// An http or https URL in its serialised form.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HttpUrl {
    href: String,
    path: usize,
}

/// A host, read as an address where it is one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Host<'u> {
    Domain(&'u str),
    Ipv4(Ipv4Addr),
    Ipv6(Ipv6Addr),
}

impl HttpUrl {
    /// Takes over a serialised URL with scheme http or https.
    pub(super) fn from_href(href: String) -> Option<Self> {
        let rest = href
            .strip_prefix("https://")
            .or_else(|| href.strip_prefix("http://"))?;
        let authority = rest.find('/')?;
        let path = href.len() - rest.len() + authority;
        Some(Self { href, path })
    }

    /// The whole URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.href
    }

    /// Host and port, as in the `Host` header.
    #[must_use]
    pub fn authority(&self) -> &str {
        let authority = self.authority_with_user();
        authority
            .rsplit_once('@')
            .map_or(authority, |(_, host)| host)
    }

    /// `scheme://host[:port]`.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme(), self.authority())
    }

    pub(super) fn scheme(&self) -> &str {
        self.href.split_once("://").map_or("", |(scheme, _)| scheme)
    }

    pub(super) fn has_user_info(&self) -> bool {
        self.authority_with_user().contains('@')
    }

    /// The host as text; an IPv6 address in brackets.
    pub(super) fn host_text(&self) -> &str {
        let authority = self.authority();
        match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            Some(_) | None => authority,
        }
    }

    pub(super) fn host(&self) -> Host<'_> {
        let text = self.host_text();
        let bracketed = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        if let Some(address) = bracketed.and_then(|inner| inner.parse().ok()) {
            return Host::Ipv6(address);
        }
        text.parse().map_or(Host::Domain(text), Host::Ipv4)
    }

    pub(super) fn has_query_or_fragment(&self) -> bool {
        self.after_authority().contains(['?', '#'])
    }

    /// The path, beginning with `/`.
    #[must_use]
    pub fn path(&self) -> &str {
        let rest = self.after_authority();
        rest.split(['?', '#']).next().unwrap_or(rest)
    }

    fn authority_with_user(&self) -> &str {
        let start = self.scheme().len() + "://".len();
        self.href.get(start..self.path).unwrap_or_default()
    }

    fn after_authority(&self) -> &str {
        self.href.get(self.path..).unwrap_or_default()
    }
}
