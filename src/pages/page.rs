//! A page: its frame around its content, and the policy that it is sent with.

use std::fmt;

use askama::Template;

use super::color;
use super::errors::{self, Concern};
use super::frame::Frame;
use super::marks::{Outline, WIDGET, fill, flag};
use super::parts::Notice;
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

/// What a page is besides its content.
#[derive(Default)]
pub(super) struct Page<'p> {
    /// The key of its title.
    pub(super) title: &'static str,
    pub(super) content: Outline<'p>,
    pub(super) script: Option<&'static str>,
    /// Where the browser goes by itself.
    pub(super) refresh: &'p str,
}

impl<'f> Frame<'f> {
    /// What there is to tell, in the order of its weight.
    fn notices(&self) -> String {
        let notes = self.notes;
        let mut notices = String::new();
        let mut tell = |is_told: bool, key: &str, is_error| {
            let text = self.text(key);
            if is_told {
                render(&mut notices, &Notice { text, is_error });
            }
        };
        if let Some(code) = notes.error {
            tell(true, errors::explain(code).0, true);
        }
        let has_error = notes.error.is_some();
        tell(notes.is_sent && !has_error, "note.sent", false);
        let is_half = notes.message == Some("confirm_other_address");
        tell(is_half, "note.confirm_other_address", false);
        let is_again = notes.reason == Some("sign_in_again");
        tell(is_again && !has_error, "note.sign_in_again", false);
        notices
    }

    /// What the error is about, if there is one.
    pub(super) fn concern(&self) -> Concern {
        self.notes
            .error
            .map_or(Concern::Nothing, |code| errors::explain(code).1)
    }

    /// The page around its content.
    pub(super) fn page(&self, page: &Page<'_>) -> Html {
        let style = format!("{}{STYLE}", color::properties(self.site.color));
        let content = fill(page.content, self);
        let has_turnstile = content.contains(WIDGET);
        let (name, logo) = (self.site.name, self.site.logo());
        let texts = [
            ("title", self.text(page.title)),
            ("name", name),
            ("logo", logo.unwrap_or_default()),
            ("header", flag(logo.is_some() || !name.is_empty())),
            ("refresh", page.refresh),
            ("turnstile", flag(has_turnstile)),
        ];
        let markup = [
            ("style", &*style),
            ("notices", &self.notices()),
            ("content", &content),
            ("script", page.script.unwrap_or_default()),
        ];
        let contents = Contents {
            style: &style,
            script: page.script,
            has_turnstile,
            logo,
            redirect_hosts: self.redirect_hosts,
        };
        let layout = Outline {
            html: LAYOUT,
            texts: &texts,
            markup: &markup,
        };
        Html {
            body: fill(layout, self),
            csp: contents.policy(),
        }
    }
}

/// A template behind a pointer. Askama has such a trait of its own, which makes six functions of every template.
pub(super) trait Piece {
    fn write(&self, text: &mut dyn fmt::Write) -> askama::Result<()>;
}

impl<T: Template> Piece for T {
    fn write(&self, text: &mut dyn fmt::Write) -> askama::Result<()> {
        self.render_into(text)
    }
}

/// Writing to a string does not fail, and neither does any filter of these templates.
pub(super) fn render(html: &mut String, piece: &dyn Piece) {
    let _ = piece.write(html);
}
