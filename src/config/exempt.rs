//! What no rule denies, so that no redirect leads round in a circle.
//!
//! A rule for `/*` guards the login page too, and nobody could sign in. So the pages that the configuration and the
//! rule itself send visitors to are never denied; what the Worker serves below `AUTH_PATH` never gets as far as a
//! rule.

use super::Config;
use crate::path::RequestPath;
use crate::redirect::{Destination, Site};
use crate::rules::Rule;

impl Config {
    /// True for the pages that visitors are sent to, and for what the Worker serves itself. Every form of the path must
    /// agree; `origin` is that of the site.
    ///
    /// The other way round would be a hole: a path that only one reading takes for the login page is guarded.
    #[must_use]
    pub fn is_exempt(&self, rule: &Rule, origin: &str, path: &RequestPath<'_>) -> bool {
        let pages = [
            Some(&self.login),
            self.mfa.as_ref(),
            rule.login.as_ref(),
            rule.forbidden.as_ref(),
        ];
        let is_page = |page: &Destination| path.all(|form| page.is_at(origin, form));
        pages.into_iter().flatten().any(is_page)
    }

    /// The hosts of other sites that a form of the Worker's own may end on: those that `next` may name, and those of the pages
    /// that visitors are sent to.
    #[must_use]
    pub fn form_hosts(&self) -> Vec<String> {
        let pages = [Some(&self.login), self.mfa.as_ref()].into_iter().flatten();
        let pages = pages.filter_map(Destination::https_authority);
        let hosts = self.redirect_hosts.iter().map(str::to_owned);
        hosts.chain(pages).collect()
    }

    /// The site for redirects; `origin` is `SITE_URL`, or that of the request.
    #[must_use]
    pub const fn site<'s>(&'s self, origin: &'s str) -> Site<'s> {
        Site {
            origin,
            is_configured: self.site_url.is_some(),
            hosts: &self.redirect_hosts,
            login: &self.login,
        }
    }
}
