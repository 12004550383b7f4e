//! Where a visitor is and where he is sent: pages are for people, and whoever is sent away comes back.
//!
//! What a `next` may hold is decided by [`crate::redirect`]; here is decided which page it is.

use crate::answer::Medium;
use crate::redirect::Destination;

use super::visit::Visit;

impl Visit {
    /// True if a person is looking at the answer.
    pub(super) fn is_navigation(&self) -> bool {
        self.head.is_navigation()
    }

    /// What the client can read: a page where a browser navigates.
    pub(super) fn medium(&self) -> Medium {
        if self.is_navigation() {
            Medium::Html
        } else {
            Medium::Json
        }
    }

    /// The page that the visitor wants in the end.
    pub(super) fn wanted_page(&self) -> String {
        if self.head.is_read() {
            return self.head.path_and_query().to_owned();
        }
        // A form's target is no page to come back to; the page it stood on is.
        self.referer_path().unwrap_or_else(|| "/".to_owned())
    }

    /// Where the rule sends whoever has to sign in.
    pub(super) fn login(&self) -> &Destination {
        self.rule().login.as_ref().unwrap_or(&self.config.login)
    }

    /// The address of a page that leads back here afterwards.
    ///
    /// `reason` tells the page why the visitor is here although he is signed in, such as `sign_in_again`.
    pub(super) fn way_back(&self, page: &Destination, reason: Option<&str>) -> String {
        let next = self.wanted_page();
        let origin = self.site_origin();
        self.site(&origin).send_to(page, &next, reason)
    }

    /// The path and query of the page of this site that the request was sent from.
    ///
    /// `None` for a page of another site, and where the browser sent only its origin or nothing
    /// (`Referrer-Policy`).
    pub(super) fn referer_path(&self) -> Option<String> {
        let referer = self.head.header("referer")?;
        let rest = referer.strip_prefix(&self.site_origin())?;
        let path = rest.split(['#']).next().unwrap_or_default();
        path.starts_with('/').then(|| path.to_owned())
    }
}
