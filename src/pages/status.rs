//! Pages that only say something: no access, and every error.

use super::frame::{Frame, with_parameter};
use super::marks::Outline;
use super::page::{Extras, Html};

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
        let mut content = Outline::new(&self.frame, include_str!("forbidden.html"));
        content.text("account", self.account);
        content.text("other", Some(&other));
        content.flag("sign_out", self.can_sign_out);
        self.frame.page("403.title", &content, &Extras::default())
    }
}

/// The texts of each status.
static KEYS: [(u16, &str, &str); 9] = [
    (401, "401.title", "401.text"),
    (403, "403.title", "403.cross_site.text"),
    (404, "404.title", "404.text"),
    (413, "413.title", "413.text"),
    (429, "429.title", "error.too_many"),
    (500, "500.title", "500.text"),
    (502, "502.title", "502.text"),
    (503, "503.title", "503.text"),
    (508, "500.title", "500.text"),
];

/// The page for an error, by its status.
#[derive(Clone, Debug)]
pub struct ErrorPage<'p> {
    /// What all pages have.
    pub frame: Frame<'p>,
    /// The status: 400, 401, 403 (a form of another site), 404, 413, 429, 500, 502, 503, 508; others read like 400.
    pub status: u16,
    /// What an operator has to know, in English.
    pub details: &'p [String],
}

impl ErrorPage<'_> {
    /// The page.
    pub fn html(&self) -> Html {
        let known = KEYS.iter().find(|(status, ..)| *status == self.status);
        let (_, title, text) = known.unwrap_or(&(400, "400.title", "400.text"));
        let mut details = String::new();
        for detail in self.details {
            let mut line = Outline::new(&self.frame, include_str!("detail.html"));
            line.text("detail", Some(detail));
            details.push_str(&line.fill());
        }
        let mut content = Outline::new(&self.frame, include_str!("error.html"));
        content.flag("sign_in", self.status == 401);
        content.text("text", Some(self.frame.text(text)));
        content.markup("details", details);
        self.frame.page(title, &content, &Extras::default())
    }
}
