//! Redirects stay on the site.

use edge_session::redirect::{Destination, RedirectHosts, Site, safe_next, site_location};
use proptest::prelude::*;
use url::Url;

#[test]
fn a_path_of_the_site_is_kept() {
    for next in [
        "/",
        "/shop",
        "/shop?a=1&b=//x",
        "/a//b",
        "/a\\b",
        "/%5cevil.example",
        "/%2f/evil",
        "/@evil",
        "/:80",
        "/é#x",
    ] {
        assert_eq!(safe_next(next), next);
    }
}

#[test]
fn anything_else_becomes_the_root() {
    for next in [
        "",
        "evil.example",
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "\\\\evil",
        "/\t/evil.example",
        "/\n/evil",
        "/a\r\nSet-Cookie: x=1",
        "/\u{0}",
        "/a\u{7f}",
        "/a\u{85}",
        " /a",
        "?a",
        "#a",
        "javascript:alert(1)",
    ] {
        assert_eq!(safe_next(next), "/", "{next:?}");
    }
}

const ORIGIN: &str = "https://site.example";

/// What `work` makes of a site with this login page and these hosts.
fn on_site<T>(login: &str, hosts: &[&str], work: impl FnOnce(Site<'_>, &Destination) -> T) -> T {
    let login = Destination::parse(login).unwrap();
    let hosts = RedirectHosts::parse(hosts.iter().copied()).unwrap();
    let site = Site {
        origin: ORIGIN,
        is_configured: false,
        hosts: &hosts,
        login: &login,
    };
    work(site, &login)
}

fn login_location(login: &str, next: &str, reason: Option<&str>) -> String {
    on_site(login, &[], |site, page| site.send_to(page, next, reason))
}

#[test]
fn the_login_page_gets_the_way_back() {
    for (login, next, reason, expected) in [
        ("/login", "/a?b=c&d", None, "/login?next=%2Fa%3Fb%3Dc%26d"),
        ("/login", "//evil", None, "/login?next=%2F"),
        ("/in?tab=1", "/a", None, "/in?tab=1&next=%2Fa"),
        ("/in?", "/a", None, "/in?next=%2Fa"),
        (
            "/login",
            "/a",
            Some("sign_in_again"),
            "/login?next=%2Fa&reason=sign_in_again",
        ),
        (
            "https://id.example.com/in?app=1",
            "/a",
            None,
            "https://id.example.com/in?app=1&next=https%3A%2F%2Fsite.example%2Fa",
        ),
        (
            "https://site.example/in",
            "/a",
            None,
            "https://site.example/in?next=%2Fa",
        ),
    ] {
        assert_eq!(login_location(login, next, reason), expected);
    }
    let configured = on_site("/login", &[], |site, page| {
        Site {
            is_configured: true,
            ..site
        }
        .send_to(page, "/a", None)
    });
    assert_eq!(configured, "https://site.example/login?next=%2Fa");
    assert_eq!(
        site_location(Some("https://x.example"), "/é b"),
        "https://x.example/%C3%A9%20b"
    );
}

#[test]
fn the_login_page_is_never_led_back_to() {
    for (next, expected) in [
        ("/login", "/"),
        ("/login/de", "/"),
        ("/login/de?next=%2Fmembers", "/members"),
        ("/login?next=%2Flogin%3Fnext%3D%2Fa", "/"),
        ("/login?next=https%3A%2F%2Fevil.example", "/"),
        ("https://site.example/login/de", "/"),
        ("/members", "/members"),
    ] {
        let query: String = form_urlencoded::byte_serialize(expected.as_bytes()).collect();
        assert_eq!(
            login_location("/login", next, None),
            format!("/login?next={query}"),
            "{next}"
        );
    }
    // A login page at the root is the root alone, not the whole site.
    assert_eq!(login_location("/", "/a", None), "/?next=%2Fa");
    // Neither is the page that a visitor is sent to in its place.
    let mfa = Destination::parse("/mfa").unwrap();
    let location = on_site("/login", &[], |site, _| {
        site.send_to(&mfa, "/mfa?next=/x", None)
    });
    assert_eq!(location, "/mfa?next=%2Fx");
    // A page that is only called alike is a page like any other.
    let location = on_site("/login", &[], |site, _| {
        site.send_to(&mfa, "/mfa-area?tab=1", None)
    });
    assert_eq!(location, "/mfa?next=%2Fmfa-area%3Ftab%3D1");
}

#[test]
fn an_absolute_next_leads_to_the_site_and_to_the_hosts_that_are_named() {
    let hosts = ["app.example.com", "*.example.org", "dev.example.com:8443"];
    for (next, expected) in [
        ("https://site.example/a?b#c", "/a?b#c"),
        ("HTTPS://SITE.example:443/a", "/a"),
        ("https://site.example", "/"),
        ("https://site.example//evil.example", "/"),
        ("https://site.example/%2f/evil", "/%2f/evil"),
        ("https://app.example.com/x", "https://app.example.com/x"),
        ("https://APP.example.com", "https://app.example.com/"),
        ("https://a.b.example.org/", "https://a.b.example.org/"),
        (
            "https://dev.example.com:8443/",
            "https://dev.example.com:8443/",
        ),
        // Other schemes, ports and hosts.
        ("http://site.example/a", "/"),
        ("http://app.example.com/x", "/"),
        ("https://app.example.com:8443/", "/"),
        ("https://dev.example.com/", "/"),
        ("https://example.org/", "/"),
        ("https://.example.org/", "/"),
        ("https://evilexample.org/", "/"),
        ("https://app.example.com.evil.example/", "/"),
        ("ftp://app.example.com/", "/"),
        ("javascript:https://app.example.com", "/"),
        // What parsers read differently.
        ("https:app.example.com", "/"),
        ("https:/app.example.com", "/"),
        ("https:///app.example.com", "/"),
        ("https://app.example.com@evil.example/", "/"),
        ("https://evil.example@app.example.com/", "/"),
        ("https://@app.example.com/", "/"),
        ("https://a@b@app.example.com/", "/"),
        ("https://evil.example\\@app.example.com/", "/"),
        ("https://evil.example\\.app.example.com/", "/"),
        ("https://app.example.com\t.evil.example/", "/"),
        ("https://app.example.com\n", "/"),
        (" https://app.example.com/", "/"),
        ("https://app.example.com /", "/"),
        ("https://app.example.com%2f.evil.example/", "/"),
        ("https://\u{ff41}pp.example.com/", "/"),
        ("https://APP.\u{fc}xample.com/", "/"),
        ("https://%41pp.example.com/", "/"),
        ("//app.example.com/", "/"),
        ("\\\\app.example.com", "/"),
        ("app.example.com", "/"),
        ("", "/"),
    ] {
        let found = on_site("/login", &hosts, |site, _| site.next(next).into_owned());
        assert_eq!(found, expected, "{next:?}");
    }
}

#[test]
fn a_host_is_named_without_scheme_and_path() {
    for host in [
        "https://a.example",
        "a.example/x",
        "a b",
        "",
        "*",
        "*.",
        "a@b",
        "a?",
        "é.example",
        "a.example:443",
    ] {
        assert!(RedirectHosts::parse([host]).is_none(), "{host:?}");
    }
    let hosts = RedirectHosts::parse(["A.example", "*.b.example", "[::1]:80"]).unwrap();
    assert!(hosts.iter().eq(["a.example", "*.b.example", "[::1]:80"]));
}

#[test]
fn a_destination_is_one_place() {
    for text in [
        "/",
        "/a",
        "/a?b=c%20d",
        "https://id.example/in",
        "http://localhost:3000/?a",
    ] {
        assert!(Destination::parse(text).is_some(), "{text:?}");
    }
    for text in [
        "",
        "a",
        "//a",
        "/\\a",
        "/a#b",
        "/a//b",
        "/a/../b",
        "/%61",
        "/é",
        "/a?b#c",
        "/a?\"",
        "https://a/#x",
        "https://u@a/",
        "https:a",
        "ftp://a/",
        "javascript:1",
        "/a\n",
    ] {
        assert!(Destination::parse(text).is_none(), "{text:?}");
    }
    let page = Destination::parse("/in?x").unwrap();
    assert!(page.is_at(ORIGIN, "/in/") && page.is_at(ORIGIN, "/in") && !page.is_at(ORIGIN, "/inn"));
    let own = Destination::parse("https://site.example/in").unwrap();
    assert!(own.is_at(ORIGIN, "/in") && !own.is_at("https://other.example", "/in"));
}

proptest! {
    #[test]
    fn no_next_leaves_the_site(next in r"(https?://)?[/\\\t\n .:@%#?a-c25fFcC]{0,12}|\PC*") {
        let base = Url::parse("https://site.example/deep/page").unwrap();
        let landed = base.join(&site_location(None, &next)).unwrap();
        prop_assert_eq!(landed.origin(), base.origin());
        let location = on_site("/login", &[], |site, _| site.next_location(&next));
        prop_assert_eq!(base.join(&location).unwrap().origin(), base.origin());
        let login = base.join(&login_location("/login", &next, None)).unwrap();
        let back: String = login.query_pairs().find(|(name, _)| name == "next").unwrap().1.into_owned();
        let safe = on_site("/login", &[], |site, _| site.next(&next).into_owned());
        prop_assert!(back == safe || safe.starts_with("/login"));
    }
}
