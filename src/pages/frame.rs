//! What all pages have in common: the site, the language, where to go on, and what there is to tell.

use super::language::Language;
use super::site::{Site, link};
use super::texts;

/// What the query of a page's address tells the visitor.
#[derive(Clone, Copy, Debug, Default)]
pub struct Notes<'n> {
    /// `error=<code>`.
    pub error: Option<&'n str>,
    /// `sent=1`.
    pub is_sent: bool,
    /// `message=…`; only `confirm_other_address` says anything.
    pub message: Option<&'n str>,
    /// `reason=…`; only `sign_in_again` says anything.
    pub reason: Option<&'n str>,
}

/// What every page is given.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'f> {
    /// How the site wants its pages to look.
    pub site: &'f Site<'f>,
    /// The visitor's language.
    pub language: Language,
    /// `AUTH_PATH`, below which the forms are sent.
    pub auth_path: &'f str,
    /// Where links back to sign-in lead: `LOGIN_PATH`, with `next` as it wants it.
    pub sign_in: &'f str,
    /// Where the visitor wants to go in the end: a path, or an https URL of `REDIRECT_HOSTS`.
    pub next: &'f str,
    /// What there is to tell.
    pub notes: Notes<'f>,
    /// `TURNSTILE_SITE_KEY`.
    pub turnstile_site_key: Option<&'f str>,
    /// Hosts that a form may end on beside this site: `REDIRECT_HOSTS`, and those of pages elsewhere.
    pub form_hosts: &'f [String],
}

impl Default for Frame<'_> {
    fn default() -> Self {
        const SITE: &Site<'static> = &Site {
            name: "",
            logo: None,
            color: None,
            home: None,
            texts: None,
        };
        Self {
            site: SITE,
            language: Language::default(),
            auth_path: "/auth",
            sign_in: "/auth/login",
            next: "/",
            notes: Notes::default(),
            turnstile_site_key: None,
            form_hosts: &[],
        }
    }
}

impl<'f> Frame<'f> {
    /// The text of a key.
    pub(super) fn text(&self, key: &str) -> &'f str {
        texts::look_up(self.site.texts, self.language, key)
    }

    /// The path of a route.
    pub(super) fn action(&self, route: &str) -> String {
        [self.auth_path, "/", route].concat()
    }

    /// The address of one of these pages, which keeps `next`.
    pub(super) fn to(&self, route: &str) -> String {
        self.with_next(&self.action(route))
    }

    /// The address of the sign-in page, which on another host may be a plain one.
    pub(super) fn sign_in_address(&self) -> &'f str {
        let is_http = self.sign_in.starts_with("http://");
        link(self.sign_in).unwrap_or(if is_http { self.sign_in } else { "/" })
    }

    /// `next` if it is an address that a redirect could lead to.
    pub(super) fn next(&self) -> &'f str {
        link(self.next).unwrap_or("/")
    }

    pub(super) fn with_next(&self, address: &str) -> String {
        match self.next() {
            "/" => address.to_owned(),
            next => with_parameter(address, "next", next),
        }
    }
}

/// An address with one more parameter in its query.
pub(super) fn with_parameter(address: &str, name: &str, value: &str) -> String {
    let mark = if address.contains('?') { "&" } else { "?" };
    let value: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
    [address, mark, name, "=", &value].concat()
}
