//! Pages behind a mailed link: one whose token only the press of a button uses up, and one whose tokens stand in the
//! fragment.

use askama::Template;

use super::frame::Frame;
use super::page::{Extras, Html, Step};
use super::parts::Field;

/// Takes the tokens out of the address, names their account, and puts them into the form.
const FRAGMENT_SCRIPT: &str = include_str!("fragment.js");

/// The page with one button that posts a mailed token.
#[derive(Clone, Debug)]
pub struct Confirm<'p> {
    /// What all pages have.
    pub frame: Frame<'p>,
    /// The token.
    pub token_hash: &'p str,
    /// Auth's `type`.
    pub kind: &'p str,
}

impl Confirm<'_> {
    /// The page.
    pub fn html(&self) -> Html {
        let (title, text) = self.keys();
        // An action without a query of its own would send the token in the address again.
        let fields = vec![
            Field::hidden("token_hash", self.token_hash),
            Field::hidden("type", self.kind),
        ];
        let step = Step {
            text: self.frame.text(text),
            form: Some(self.frame.form("confirm", fields, "continue")),
            ..Step::default()
        };
        step.page(&self.frame, title)
    }

    fn keys(&self) -> (&'static str, &'static str) {
        match self.kind {
            "recovery" => ("confirm.recovery.title", "confirm.recovery.text"),
            "email_change" => ("confirm.email_change.title", "confirm.email_change.text"),
            "invite" => ("confirm.invite.title", "confirm.invite.text"),
            _ => ("confirm.title", "confirm.text"),
        }
    }
}

/// The page that `/callback` shows where neither a code nor an error came.
#[derive(Clone, Debug, Template)]
#[template(path = "fragment.html")]
pub struct Fragment<'p> {
    /// What all pages have.
    pub frame: Frame<'p>,
}

impl Fragment<'_> {
    /// The page.
    pub fn html(&self) -> Html {
        self.frame.page(
            self.frame.text("fragment.title"),
            self,
            &Extras {
                script: Some(FRAGMENT_SCRIPT),
                refresh: None,
            },
        )
    }
}
