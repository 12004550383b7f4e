//! What every page of the routes is framed by.
//!
//! Both the pages of `ACCOUNT_PAGES` and the pages that a route shows without them (a confirmation, a refusal) come
//! from here, so that all of them look alike.

use crate::pages::{Frame, Html, Language, Notes};

use super::super::visit::Visit;
use super::super::words;

/// What a page has to tell.
///
/// Codes, never sentences: the page has the words for those that it knows, in the visitor's language.
#[derive(Default)]
pub(super) struct Told<'t> {
    pub(super) error: Option<&'t str>,
    pub(super) is_sent: bool,
    pub(super) message: Option<&'t str>,
    pub(super) reason: Option<&'t str>,
}

/// Renders a page for this visitor: his language, the site's looks, and where he wants to go. `render` is behind a
/// pointer, so that the frame is there once and not once for each page.
pub(super) fn framed(
    visit: &Visit,
    next: &str,
    told: &Told<'_>,
    render: &dyn Fn(Frame<'_>) -> Html,
) -> Html {
    let config = &visit.config;
    let hosts = config.form_hosts();
    let site_url = config.site_url.as_deref();
    let origin = visit.site_origin();
    let sign_in = if next == "/" {
        config.login.location(site_url, &[])
    } else {
        visit.site(&origin).send_to(&config.login, next, None)
    };
    let site = words::site(&config.pages);
    let is_turned = config.turnstile.secret_key.is_some();
    render(Frame {
        site: &site,
        language: Language::accepted(visit.head.header("accept-language")),
        auth_path: config.auth_path.as_deref().unwrap_or_default(),
        sign_in: &sign_in,
        next,
        notes: Notes {
            error: told.error,
            is_sent: told.is_sent,
            message: told.message,
            reason: told.reason,
        },
        turnstile_site_key: config.turnstile.site_key.as_deref().filter(|_| is_turned),
        form_hosts: &hosts,
    })
}
