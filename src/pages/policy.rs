//! The content security policy of a page: nothing but what is on it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

use super::frame::Frame;
use super::marks::Outline;
use super::site::{image_source, is_host};

/// What a page has on it.
pub(super) struct Contents<'c> {
    pub(super) style: &'c str,
    /// A script that the page may run, and with which it may ask this site.
    pub(super) script: Option<&'c str>,
    pub(super) has_turnstile: bool,
    pub(super) logo: Option<&'c str>,
    /// Browsers hold `form-action` against the redirect after a post too, which may lead to these.
    pub(super) form_hosts: &'c [String],
}

impl Contents<'_> {
    pub(super) fn policy(&self, frame: &Frame<'_>) -> String {
        let mut hosts = String::new();
        for host in self.form_hosts.iter().filter(|host| is_host(host)) {
            hosts.push_str(" https://");
            hosts.push_str(host);
        }
        let mut policy = Outline::new(frame, include_str!("policy.txt"));
        policy.markup("style", source(self.style));
        let logo = self.logo.and_then(image_source);
        policy.markup("logo", logo.unwrap_or_default());
        policy.markup("script", self.script.map(source).unwrap_or_default());
        policy.flag("turnstile", self.has_turnstile);
        policy.markup("hosts", hosts);
        policy.fill().trim_ascii_end().to_owned()
    }
}

/// The hash of an inline style or script, as a source (CSP 3, 2.3.1).
fn source(inline: &str) -> String {
    let digest = Sha256::digest(inline.as_bytes());
    ["'sha256-", &BASE64_STANDARD.encode(digest), "'"].concat()
}
