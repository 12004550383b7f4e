//! The Worker's own answers in words, for whoever navigates.
//!
//! An answer is made for programs first ([`Answer`]); here it gets the site's looks, the visitor's language and the
//! way to sign in, where a person reads it. The pages themselves are [`crate::pages`].

use crate::answer::{Answer, Reader};
use crate::config::Pages;
use crate::pages::{Frame, Language, Site};

use super::settled::Settled;
use super::visit::Visit;

/// Who may know an account by its name: `email` first, since that is what people sign in with.
const ACCOUNT_CLAIMS: [&str; 2] = ["email", "phone"];

/// The answer as a page where a browser navigates.
///
/// The account's name is taken from verified claims alone; a page that nobody verified anything for names nobody.
pub(super) fn say(visit: &Visit, settled: &Settled, answer: Answer) -> Answer {
    if !answer.has_words() || !visit.is_navigation() {
        return answer;
    }
    let config = &visit.config;
    let site = site(&config.pages);
    let hosts = config.form_hosts();
    let sign_in = visit.way_back(visit.login(), None);
    let next = visit.wanted_page();
    let frame = Frame {
        site: &site,
        language: Language::accepted(visit.head.header("accept-language")),
        auth_path: config.auth_path.as_deref().unwrap_or_default(),
        sign_in: &sign_in,
        next: &next,
        form_hosts: &hosts,
        ..Frame::default()
    };
    let claims = settled.claims().and_then(|claims| claims.json());
    let named = |name: &str| {
        let account = claims.as_ref()?.get(name)?.as_str()?;
        (!account.is_empty()).then_some(account)
    };
    let reader = Reader {
        account: ACCOUNT_CLAIMS.into_iter().find_map(named),
        can_sign_out: config.auth_path.is_some(),
    };
    answer.in_words(frame, reader)
}

/// What `PAGES` says of the site.
pub(super) fn site(pages: &Pages) -> Site<'_> {
    Site {
        name: pages.name.as_deref().unwrap_or_default(),
        logo: pages.logo.as_deref(),
        color: pages.color.as_deref(),
        home: pages.home.as_deref(),
        texts: Some(&pages.texts),
    }
}
