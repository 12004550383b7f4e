//! A page: its frame around its content, and the policy that it is sent with.

use super::color;
use super::errors::{NOTHING, explain};
use super::frame::Frame;
use super::marks::{Outline, WIDGET};
use super::policy::Contents;

const STYLE: &str = include_str!("style.css");
/// Under `no-referrer`, the policy of some of these pages' headers, a form would say `Origin: null`, and a browser without
/// Sec-Fetch-Site could not show that it comes from this site (Fetch 3.2, HTML 4.2.5.1): so the page names a policy too.
const LAYOUT: &str = include_str!("layout.html");

/// A page, and the policy that it has to be sent with.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub struct Html {
    /// The document, `text/html; charset=utf-8`.
    pub body: String,
    /// The value of `Content-Security-Policy`.
    pub csp: String,
}

/// What few pages have.
#[derive(Default)]
pub(super) struct Extras<'e> {
    pub(super) script: Option<&'static str>,
    /// Where the browser goes by itself.
    pub(super) refresh: Option<&'e str>,
}

impl Frame<'_> {
    /// What the error is about, if there is one.
    pub(super) fn concern(&self) -> &'static str {
        self.notes.error.map_or(NOTHING, |code| explain(code).1)
    }

    /// The page around its content, with the key of its title.
    pub(super) fn page(&self, title: &str, content: &Outline<'_>, extras: &Extras<'_>) -> Html {
        let style = self.style();
        let content = content.fill();
        let contents = Contents {
            style: &style,
            script: extras.script,
            has_turnstile: content.contains(WIDGET),
            logo: self.site.logo(),
            form_hosts: self.form_hosts,
        };
        let csp = contents.policy(self);
        let notes = self.notes;
        let error = notes.error.map(|code| self.text(explain(code).0));
        let mut layout = Outline::new(self, LAYOUT);
        layout.text("title", Some(self.text(title)));
        layout.text("name", Some(self.site.name));
        layout.text("logo", contents.logo);
        layout.text("refresh", extras.refresh);
        layout.flag("turnstile", contents.has_turnstile);
        layout.text("error", error);
        layout.flag("sent", notes.is_sent);
        let is_half = notes.message == Some("confirm_other_address");
        layout.flag("half", is_half);
        layout.flag("again", notes.reason == Some("sign_in_again"));
        layout.markup("style", style);
        layout.markup("content", content);
        layout.markup("script", extras.script.unwrap_or_default().to_owned());
        Html {
            body: layout.fill(),
            csp,
        }
    }

    fn style(&self) -> String {
        let mut style = Outline::new(self, STYLE);
        color::give(self.site.color, &mut style);
        style.fill()
    }
}
