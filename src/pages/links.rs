//! Pages behind a mailed link: one whose token only the press of a button uses up, and one whose tokens stand in the
//! fragment.

use super::frame::Frame;
use super::marks::Outline;
use super::page::{Extras, Html};

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
        // Its form names its action, since one without would send the token in the address again.
        let mut content = Outline::new(&self.frame, include_str!("confirm.html"));
        content.text("kind", Some(self.kind));
        content.text("text", Some(self.frame.text(text)));
        content.text("token_hash", Some(self.token_hash));
        self.frame.page(title, &content, &Extras::default())
    }

    fn keys(&self) -> (&'static str, &'static str) {
        match self.kind {
            "recovery" => ("confirm.recovery.title", "confirm.recovery.text"),
            "email_change" => ("confirm.email_change.title", "confirm.email_change.text"),
            "invite" => ("confirm.invite.title", "confirm.text"),
            _ => ("sign_in.title", "confirm.text"),
        }
    }
}

/// The page that `/callback` shows where neither a code nor an error came.
#[derive(Clone, Debug)]
pub struct Fragment<'p> {
    /// What all pages have.
    pub frame: Frame<'p>,
}

impl Fragment<'_> {
    /// The page.
    pub fn html(&self) -> Html {
        let content = Outline::new(&self.frame, include_str!("fragment.html"));
        let extras = Extras {
            script: Some(FRAGMENT_SCRIPT),
            refresh: None,
        };
        self.frame.page("fragment.title", &content, &extras)
    }
}
