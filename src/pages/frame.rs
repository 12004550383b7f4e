//! What all pages have in common: the site, the language, where to go on, and what there is to tell.

use std::fmt;

use askama::Template;

use super::color;
use super::errors::{self, Concern};
use super::language::Language;
use super::marks;
use super::parts::{Field, Form, Notice};
use super::policy::Contents;
use super::site::{Site, link};
use super::texts;

const STYLE: &str = include_str!("style.css");

/// A page, and the policy that it has to be sent with.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub struct Html {
    /// The document, `text/html; charset=utf-8`.
    pub body: String,
    /// The value of `Content-Security-Policy`.
    pub csp: String,
}

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
    /// Where the visitor wants to go in the end: a path, or an https URL of `redirect_hosts`.
    pub next: &'f str,
    /// What there is to tell.
    pub notes: Notes<'f>,
    /// `TURNSTILE_SITE_KEY`.
    pub turnstile_site_key: Option<&'f str>,
    /// `REDIRECT_HOSTS`.
    pub redirect_hosts: &'f [String],
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
            redirect_hosts: &[],
        }
    }
}

#[derive(Template)]
#[template(path = "layout.html")]
struct Layout<'l> {
    frame: &'l Frame<'l>,
    title: &'l str,
    style: &'l str,
    content: &'l str,
    script: Option<&'static str>,
    has_turnstile: bool,
    refresh: Option<&'l str>,
}

/// What few pages have.
#[derive(Default)]
pub(super) struct Extras<'e> {
    pub(super) script: Option<&'static str>,
    /// Where the browser goes by itself.
    pub(super) refresh: Option<&'e str>,
}

impl<'f> Frame<'f> {
    /// The text of a key.
    pub(super) fn text(&self, key: &str) -> &'f str {
        texts::look_up(self.site.texts, self.language, key)
    }

    /// The text of a key with `value` in place of `{name}`. It is escaped afterwards, as a whole.
    pub(super) fn filled(&self, key: &str, name: &str, value: &str) -> String {
        self.text(key).replacen(&format!("{{{name}}}"), value, 1)
    }

    /// The path of a route.
    pub(super) fn action(&self, route: &str) -> String {
        format!("{}/{route}", self.auth_path)
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

    /// A form that is sent to a route, with the field that every form carries, so that the visitor gets where he wanted
    /// to go.
    pub(super) fn form<'p>(
        &'p self,
        route: &str,
        mut fields: Vec<Field<'p>>,
        button: &str,
    ) -> Form<'p> {
        fields.insert(0, Field::hidden("next", self.next()));
        Form {
            action: self.action(route),
            fields,
            button: self.text(button),
            ..Form::default()
        }
    }

    /// What there is to tell, in the order of its weight.
    pub(super) fn notices(&self) -> Vec<Notice<'f>> {
        let notes = self.notes;
        let mut notices = Vec::new();
        if let Some(code) = notes.error {
            notices.push(Notice {
                text: self.text(errors::explain(code).0),
                is_error: true,
            });
        } else if notes.is_sent {
            notices.push(self.notice("note.sent"));
        }
        if notes.message == Some("confirm_other_address") {
            notices.push(self.notice("note.confirm_other_address"));
        }
        if notes.reason == Some("sign_in_again") && notes.error.is_none() {
            notices.push(self.notice("note.sign_in_again"));
        }
        notices
    }

    fn notice(&self, key: &str) -> Notice<'f> {
        Notice {
            text: self.text(key),
            is_error: false,
        }
    }

    /// What the error is about, if there is one.
    pub(super) fn concern(&self) -> Concern {
        self.notes
            .error
            .map_or(Concern::Nothing, |code| errors::explain(code).1)
    }

    /// The page around what a template makes of its content.
    pub(super) fn page(&self, title: &str, content: &dyn Content, extras: &Extras<'_>) -> Html {
        let style = format!("{}{STYLE}", color::properties(self.site.color));
        let content = render(content);
        let has_turnstile = self.turnstile_site_key.is_some() && content.contains("<turnstile>");
        let layout = Layout {
            frame: self,
            title,
            style: &style,
            content: &content,
            script: extras.script,
            has_turnstile,
            refresh: extras.refresh,
        };
        let contents = Contents {
            style: &style,
            script: extras.script,
            has_turnstile,
            logo: self.site.logo(),
            redirect_hosts: self.redirect_hosts,
        };
        Html {
            body: marks::fill(&render(&layout), self),
            csp: contents.policy(),
        }
    }
}

/// A template behind a pointer. Askama has such a trait of its own, which makes six functions of every template.
pub(super) trait Content {
    fn write(&self, text: &mut dyn fmt::Write) -> askama::Result<()>;
}

impl<T: Template> Content for T {
    fn write(&self, text: &mut dyn fmt::Write) -> askama::Result<()> {
        self.render_into(text)
    }
}

/// Writing to a string does not fail, and neither does any filter of these templates.
fn render(content: &dyn Content) -> String {
    let mut text = String::new();
    match content.write(&mut text) {
        Ok(()) => text,
        Err(_) => String::new(),
    }
}

/// An address with one more parameter in its query.
pub(super) fn with_parameter(address: &str, name: &str, value: &str) -> String {
    let mark = if address.contains('?') { '&' } else { '?' };
    let value: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
    format!("{address}{mark}{name}={value}")
}
