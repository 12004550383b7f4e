//! The content security policy of a page: nothing but what is on it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

use super::site::{image_source, is_host};

/// Where Turnstile's script and frame come from.
pub(super) const TURNSTILE: &str = "https://challenges.cloudflare.com";

/// What a page has on it.
pub(super) struct Contents<'c> {
    pub(super) style: &'c str,
    /// A script that the page may run, and with which it may ask this site.
    pub(super) script: Option<&'c str>,
    pub(super) has_turnstile: bool,
    pub(super) logo: Option<&'c str>,
    /// Browsers hold `form-action` against the redirect after a post too, which may lead to these.
    pub(super) redirect_hosts: &'c [String],
}

impl Contents<'_> {
    pub(super) fn policy(&self) -> String {
        let mut policy = format!("default-src 'none'; style-src {}", source(self.style));
        if let Some(source) = self.logo.and_then(image_source) {
            policy.push_str("; img-src ");
            policy.push_str(&source);
        }
        self.push_scripts(&mut policy);
        policy.push_str("; form-action 'self'");
        for host in self.redirect_hosts.iter().filter(|host| is_host(host)) {
            policy.push_str(" https://");
            policy.push_str(host);
        }
        policy.push_str("; base-uri 'none'; frame-ancestors 'none'");
        policy
    }

    fn push_scripts(&self, policy: &mut String) {
        if self.script.is_none() && !self.has_turnstile {
            return;
        }
        policy.push_str("; script-src");
        if let Some(script) = self.script {
            policy.push(' ');
            policy.push_str(&source(script));
        }
        if self.has_turnstile {
            policy.push(' ');
            policy.push_str(TURNSTILE);
            policy.push_str("; frame-src ");
            policy.push_str(TURNSTILE);
        }
        if self.script.is_some() {
            policy.push_str("; connect-src 'self'");
        }
    }
}

/// The hash of an inline style or script, as a source (CSP 3, 2.3.1).
fn source(inline: &str) -> String {
    let digest = Sha256::digest(inline.as_bytes());
    format!("'sha256-{}'", BASE64_STANDARD.encode(digest))
}
