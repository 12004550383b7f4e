//! Pages that only say something: no access, and every error.

use super::frame::{Frame, with_parameter};
use super::marks::{Outline, flag};
use super::page::{Html, Page, render};
use super::parts::Details;

/// The page for an account that may not see what it asked for.
#[derive(Clone, Debug)]
pub struct Forbidden<'p> {
    /// What all pages have. `next` is the page that was asked for.
    pub frame: Frame<'p>,
    /// The account's own name for itself: its e-mail address or phone number.
    pub account: Option<&'p str>,
    /// Whether there are routes to sign out at (`AUTH_PATH`).
    pub can_sign_out: bool,
}

impl Forbidden<'_> {
    /// The page.
    pub fn html(&self) -> Html {
        // The sign-in page would send who is signed in straight back without the reason.
        let sign_in = self.frame.sign_in_address();
        let other = with_parameter(sign_in, "reason", "sign_in_again");
        let texts = [
            ("account", self.account.unwrap_or_default()),
            ("other", &other),
            ("sign_out", flag(self.can_sign_out)),
        ];
        let content = Outline {
            html: include_str!("forbidden.html"),
            texts: &texts,
            ..Outline::default()
        };
        self.frame.page(&Page {
            title: "403.title",
            content,
            ..Page::default()
        })
    }
}

/// The page for an error, by its status.
#[derive(Clone, Debug)]
pub struct ErrorPage<'p> {
    /// What all pages have.
    pub frame: Frame<'p>,
    /// The status: 400, 401, 403 (a form of another site), 404, 405, 413, 429, 500, 502, 503, 508; others read like 400.
    pub status: u16,
    /// What an operator has to know, in English.
    pub details: &'p [String],
}

impl ErrorPage<'_> {
    /// The page.
    pub fn html(&self) -> Html {
        let (title, text) = self.keys();
        let details = self.details;
        let mut list = String::new();
        if !details.is_empty() {
            render(&mut list, &Details { details });
        }
        let texts = [
            ("sign_in", flag(self.status == 401)),
            ("text", self.frame.text(text)),
        ];
        let content = Outline {
            html: include_str!("error.html"),
            texts: &texts,
            markup: &[("details", &list)],
        };
        self.frame.page(&Page {
            title,
            content,
            ..Page::default()
        })
    }

    fn keys(&self) -> (&'static str, &'static str) {
        match self.status {
            401 => ("401.title", "401.text"),
            403 => ("403.title", "403.cross_site.text"),
            404 => ("404.title", "404.text"),
            405 => ("405.title", "405.text"),
            413 => ("413.title", "413.text"),
            429 => ("429.title", "429.text"),
            500 => ("500.title", "500.text"),
            502 => ("502.title", "502.text"),
            503 => ("503.title", "503.text"),
            508 => ("508.title", "508.text"),
            _ => ("400.title", "400.text"),
        }
    }
}
