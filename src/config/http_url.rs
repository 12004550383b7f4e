//! The URLs of the configuration.
//!
//! One type for every URL of the configuration, so that a URL without a host, or of a scheme that cannot be
//! fetched, is refused at the door. It is parsed by the URL standard, as the runtime and the Supabase clients do,
//! without the tables for international names: such a host has to be written in its ASCII form.

use std::net::Ipv4Addr;

use url::{Host, Url};

use crate::redirect::{authority, is_spelled_out, parse_url};

/// An http or https URL with a host.
///
/// It may have a path, a query, a fragment and a user name; who must not have one of them checks for it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HttpUrl(Url);

/// Why a text is no such URL.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum UrlError {
    HostNotAscii,
    NotHttp,
}

impl UrlError {
    /// What the variable must be where it is `otherwise` well-formed.
    pub(super) const fn rule(self, otherwise: &'static str) -> &'static str {
        match self {
            Self::HostNotAscii => {
                "must have its host in ASCII: an international name in its xn-- form, such as xn--mnchen-3ya.de, which is what browsers show when such an address is copied"
            }
            Self::NotHttp => otherwise,
        }
    }
}

impl HttpUrl {
    /// Reads a URL that spells out `http://` or `https://`.
    ///
    /// # Errors
    /// [`UrlError::HostNotAscii`] for a host that would need those tables, [`UrlError::NotHttp`] for everything
    /// else.
    pub(super) fn parse(text: &str) -> Result<Self, UrlError> {
        if !is_spelled_out(text) {
            return Err(UrlError::NotHttp);
        }
        if !authority(text).is_ascii() {
            return Err(UrlError::HostNotAscii);
        }
        parse_url(text).map(Self).ok_or(UrlError::NotHttp)
    }

    /// The whole URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Host and port, as in the `Host` header.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.0[url::Position::BeforeHost..url::Position::AfterPort]
    }

    /// `scheme://host[:port]`.
    #[must_use]
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// The path, beginning with `/`.
    #[must_use]
    pub fn path(&self) -> &str {
        self.0.path()
    }

    pub(super) fn has_user_info(&self) -> bool {
        !self.0.username().is_empty() || self.0.password().is_some()
    }

    /// The host as text; an IPv6 address in brackets.
    pub(super) fn host_text(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    pub(super) fn has_query_or_fragment(&self) -> bool {
        self.0.query().is_some() || self.0.fragment().is_some()
    }

    /// Whether it may be plain http: on this machine or in a network where nobody else listens.
    pub(super) fn is_safe_without_tls(&self) -> bool {
        self.0.host().is_some_and(is_near)
    }

    pub(super) fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }
}

/// Tokens and keys go to this address in the clear, so only names that no public DNS resolves count, and addresses
/// that no router passes on (RFC 1918, RFC 3927, RFC 4193).
fn is_near(host: Host<&str>) -> bool {
    match host {
        Host::Domain(domain) => {
            let domain = domain.strip_suffix('.').unwrap_or(domain);
            let suffixes = [".localhost", ".local", ".internal"];
            !domain.contains('.') || suffixes.iter().any(|suffix| domain.ends_with(suffix))
        }
        Host::Ipv4(address) => is_near_v4(address),
        Host::Ipv6(address) => match address.to_ipv4_mapped() {
            Some(address) => is_near_v4(address),
            None => {
                address.is_loopback()
                    || address.is_unique_local()
                    || address.is_unicast_link_local()
            }
        },
    }
}

const fn is_near_v4(address: Ipv4Addr) -> bool {
    address.is_loopback() || address.is_private() || address.is_link_local()
}
