//! Redirects stay on the site.

use edge_session::redirect::{login_location, safe_next, site_location};
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

#[test]
fn the_login_page_gets_the_way_back() {
    assert_eq!(
        login_location(None, "/login", "/a?b=c&d"),
        "/login?next=%2Fa%3Fb%3Dc%26d"
    );
    assert_eq!(
        login_location(Some("https://x.example"), "/in", "//evil"),
        "https://x.example/in?next=%2F"
    );
    assert_eq!(
        site_location(Some("https://x.example"), "/é b"),
        "https://x.example/%C3%A9%20b"
    );
}

proptest! {
    #[test]
    fn no_next_leaves_the_site(next in r"[/\\\t\n .:@%#?a-c25fFcC]{0,12}|\PC*") {
        let base = Url::parse("https://site.example/deep/page").unwrap();
        let landed = base.join(&site_location(None, &next)).unwrap();
        prop_assert_eq!(landed.origin(), base.origin());
        let login = base.join(&login_location(None, "/login", &next)).unwrap();
        let back: String = login.query_pairs().find(|(name, _)| name == "next").unwrap().1.into_owned();
        prop_assert_eq!(back.as_str(), safe_next(&next));
    }
}
