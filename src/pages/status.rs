//! Pages that only say something: no access, and every error.

use askama::Template;

use super::frame::{Frame, with_parameter};
use super::page::{Extras, Html, Step};

/// The page for an account that may not see what it asked for.
#[derive(Clone, Debug, Template)]
#[template(path = "forbidden.html")]
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
        self.frame
            .page(self.frame.text("403.title"), self, &Extras::default())
    }

    /// The sign-in page, which would send who is signed in straight back without the reason.
    fn to_other_account(&self) -> String {
        with_parameter(self.frame.sign_in_address(), "reason", "sign_in_again")
    }

    fn account_text(&self) -> Option<String> {
        let account = self.account.filter(|account| !account.is_empty())?;
        Some(self.frame.filled("403.account", "account", account))
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
        let sign_in = (
            self.frame.text("sign_in.title"),
            self.frame.sign_in_address(),
        );
        let step = Step {
            text: self.frame.text(text),
            way: (self.status == 401).then_some(sign_in),
            details: self.details,
            ..Step::default()
        };
        step.page(&self.frame, title)
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
