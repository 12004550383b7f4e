//! Where a redirect leads: never off the site, whatever a visitor or a page before named.
//!
//! The judge is the URL standard's parser, which is what browsers resolve a `Location` with.

use std::rc::Rc;

use edge_session::auth_api::Unreachable;
use edge_session::config::Config;
use edge_session::redirect::{Destination, RedirectHosts, Site, safe_next, site_location};
use url::Url;

use super::play::{play, values};
use super::site::guarded;

const SITE: &str = "https://site.example";

/// The input is `next`, and the path of a page that a visitor without a session asks for.
pub fn check(input: &[u8]) {
    let next = String::from_utf8_lossy(input);
    assert_eq!(safe_next(safe_next(&next)), safe_next(&next));
    for site in [None, Some(SITE)] {
        let location = site_location(site, &next);
        assert!(
            location.bytes().all(|byte| byte.is_ascii_graphic()),
            "{location:?}"
        );
        let landed = on_site(&location);
        // The parser drops last spaces; a `Location` keeps them.
        if !next.ends_with(' ') {
            assert_eq!(landed, on_site(safe_next(&next)), "{next:?}");
        }
        let path = if next.starts_with('/') {
            safe_next(&next)
        } else {
            "/"
        };
        if is_absolute(&next) {
            on_site(&login_location(site, &next));
        } else {
            assert_leads_back(&login_location(site, &next), path);
        }
    }
    denied(&next);
}

/// A denied visitor is sent to the login page, and from there back to where he wanted to go.
fn denied(path: &str) {
    thread_local! {
        static CONFIG: Rc<Config> = guarded(&[]);
    }
    // The runtime hands out a URL that this parser wrote, without a fragment.
    let Ok(mut url) = Url::parse(&format!("{SITE}/{}", path.trim_start_matches('/'))) else {
        return;
    };
    assert_eq!(url.origin().ascii_serialization(), SITE);
    url.set_fragment(None);
    let url = String::from(url);
    let headers = [("accept", "text/html"), ("sec-fetch-mode", "navigate")];
    let played = CONFIG.with(|config| play(config, &url, &headers, &Err(Unreachable::Network)));
    let answer = played.answer();
    if answer.is_none_or(|answer| answer.status() != 303) {
        return;
    }
    let location = values(answer.unwrap(), "location")[0];
    assert_leads_back(location, safe_next(&url[SITE.len()..]));
}

fn login_location(site: Option<&str>, next: &str) -> String {
    let login = Destination::parse("/login").expect("a path");
    let from = Site {
        origin: SITE,
        is_configured: site.is_some(),
        hosts: &RedirectHosts::default(),
        login: &login,
    };
    from.send_to(&login, next, None)
}

fn assert_leads_back(location: &str, next: &str) {
    let login = on_site(location);
    assert_eq!(login.path(), "/login");
    assert_eq!(login.fragment(), None);
    let named: Vec<String> = login
        .query_pairs()
        .map(|(_, value)| value.into_owned())
        .collect();
    if next.starts_with("/login") {
        // The login page's own pages are never led back to.
        assert!(
            named.len() == 1 && !named[0].starts_with("/login"),
            "{named:?}"
        );
    } else {
        assert_eq!(named, [next]);
    }
    on_site(&named[0]);
}

/// An absolute URL of the site becomes its path, so what it leads back to is not what was asked for.
fn is_absolute(next: &str) -> bool {
    next.get(..4)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("http"))
}

/// Where a browser on a page of the site goes.
fn on_site(location: &str) -> Url {
    let base = Url::parse(&format!("{SITE}/deep/page?a=b")).unwrap();
    let landed = base.join(location).expect("a URL");
    assert_eq!(landed.origin(), base.origin(), "{location:?}");
    assert_eq!((landed.username(), landed.password()), ("", None));
    landed
}
