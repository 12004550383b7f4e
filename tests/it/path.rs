//! The forms of a path.

use edge_session::head::{Headers, RequestHead};
use edge_session::path::RequestPath;
use proptest::prelude::*;

fn forms(raw: &str) -> Vec<String> {
    RequestPath::new(raw).forms().map(str::to_owned).collect()
}

#[test]
fn an_everyday_path_has_one_form() {
    for raw in [
        "/",
        "/admin",
        "/a/b.html",
        "/a/~b=1/d,e",
        "/.well-known/x",
        "/a/...",
        "/a..b",
    ] {
        assert_eq!(forms(raw), [raw]);
    }
}

#[test]
fn every_reading_of_a_path_is_among_its_forms() {
    for (raw, reading) in [
        ("/%61dmin", "/admin"),
        ("//admin", "/admin"),
        ("/x/../admin", "/admin"),
        ("/x/%2e%2E/admin", "/admin"),
        ("/x/..%2fadmin", "/admin"),
        ("/admin%2fx", "/admin/x"),
        ("/admin\\x", "/admin/x"),
        ("/admin%5cx", "/admin/x"),
        ("/%5c%2e%2e\\admin", "/admin"),
        ("/../../admin", "/admin"),
        ("/./admin/.", "/admin/"),
        ("/admin/x/..", "/admin/"),
        // The order matters: duplicate slashes first, dots first, dots before decoding, decoding alone.
        ("/a//../admin", "/admin"),
        ("/a//../admin", "/a/admin"),
        ("/a%2fb/../admin", "/admin"),
        ("/a%2fb/../admin", "/a/admin"),
        ("/x/%2e%2e/a%2fb", "/a%2fb"),
        ("/%61dmin/../x", "/admin/../x"),
        ("/caf%C3%A9", "/café"),
        // What follows two slashes is a host to some; slashes and backslashes count alike.
        ("//any/admin", "/admin"),
        ("////any:80/admin", "/admin"),
        ("/\\any/admin", "/admin"),
        ("/%2fany/%61dmin", "/admin"),
        ("//admin", "/"),
        // Parsed as a URL once more, a path loses its tabs, its line breaks and its last spaces.
        ("/ad%09min", "/admin"),
        ("/%0aadmin%0D%0a", "/admin"),
        ("/x/..%09/admin", "/admin"),
        ("/%09/any/admin", "/admin"),
        ("/admin%20", "/admin"),
        // Parameters belong to a segment, before and after its dots are looked at.
        ("/admin;v=1/x", "/admin/x"),
        ("/x/..;/admin", "/admin"),
        ("/x/..%3bv=1/admin", "/admin"),
        // A decoded path may end early.
        ("/admin%00.png", "/admin"),
        ("/admin%3f.png", "/admin"),
        ("/admin%23.png", "/admin"),
        ("/a%23b%00c", "/a#b"),
        ("/a%00b%3fc", "/a\0b"),
    ] {
        assert!(
            forms(raw).contains(&reading.to_owned()),
            "{raw} read as {reading}: {:?}",
            forms(raw)
        );
    }
}

#[test]
fn a_path_is_decoded_once() {
    assert_eq!(forms("/%2561dmin"), ["/%2561dmin", "/%61dmin"]);
}

#[test]
fn a_long_path_may_have_fewer_forms() {
    // Sixteen bytes in more than ten ways, once and a thousand times over.
    let unit = "/a//../%5c;b%2fc";
    assert!(RequestPath::new(unit).forms().count() > 10);
    let long = unit.repeat(1000);
    assert!(RequestPath::new(&long).is_ambiguous());
    // What a browser sends is long in one or two forms only.
    let escaped = "/caf%C3%A9".repeat(1600);
    assert_eq!(RequestPath::new(&escaped).forms().count(), 2);
}

#[test]
fn a_path_has_no_other_forms_than_its_readings() {
    assert_eq!(forms("/abc/x/../y"), ["/abc/x/../y", "/abc/y"]);
    assert_eq!(
        forms("/abc/%2Ex/../y"),
        ["/abc/%2Ex/../y", "/abc/y", "/abc/.x/../y"]
    );
    assert_eq!(forms("/a.b//.."), ["/a.b//..", "/a.b/..", "/a.b/", "/"]);
}

#[test]
fn a_path_has_128_readings_at_most() {
    // As it came, decoded, and each of them in all the ways of its slashes and marks: 128 readings, and 129.
    for raw in ["/%09/;b/./%23%00//\\", "//%09%5c%61/\\%3b//."] {
        assert!(RequestPath::new(raw).forms().count() > 120);
    }
    for raw in ["/%09/.//;b%09/.%5c\\", "/%2f\\//;b/.%09//%2e"] {
        assert!(RequestPath::new(raw).is_ambiguous());
    }
}

#[test]
fn all_readings_of_a_path_fill_32_kib_at_most() {
    let padded = |length: usize| format!("{:x<length$}", "/a/../");
    // As it came and without dots, and both decoded.
    assert!(!RequestPath::new(&padded(8 * 1024)).is_ambiguous());
    assert!(RequestPath::new(&padded(8 * 1024 + 1)).is_ambiguous());
}

#[test]
fn a_percent_sign_without_two_hexadecimal_digits_stands_for_itself() {
    for raw in ["/%", "/%4", "/%zz", "/50%-off", "/%+1"] {
        assert_eq!(forms(raw), [raw]);
    }
    assert_eq!(forms("/%zz%61"), ["/%zz%61", "/%zza"]);
}

#[test]
fn bytes_that_are_no_utf8_are_read_with_replacements_and_as_latin1() {
    assert_eq!(
        forms("/caf%E9/"),
        ["/caf%E9/", "/caf\u{fffd}/", "/caf\u{e9}/"]
    );
    assert!(forms("/%ff/../%61dmin").contains(&"/admin".to_owned()));
    assert!(forms("/x%c0%ae/../../admin").contains(&"/admin".to_owned()));
}

#[test]
fn letters_have_one_case_whatever_their_way_to_it() {
    let path = RequestPath::new("/ADM\u{131}N/\u{17f}\u{212a}\u{c9}%41");
    let folded: Vec<&str> = path.folded_forms().collect();
    assert_eq!(folded[0], "/admin/sk\u{e9}%41");
    assert_eq!(folded.len(), path.forms().count());
}

/// Paths of which each part can be read in several ways.
const WORST: [&str; 7] = [
    "/0//%5c;%3f/..,",
    "/a//../%5c;b%2fc",
    "%2f%2e%2e",
    "//",
    "/..",
    "%ff%C3%",
    ";a\\b%09 ",
];

#[test]
fn finding_the_forms_of_the_worst_path_is_bounded_and_grows_no_faster_than_the_path() {
    for shape in WORST {
        for kib in [8, 16, 32, 64, 128] {
            let length = kib * 1024;
            let raw = format!("/{}", shape.repeat(length / shape.len() + 1));
            let path = RequestPath::new(&raw);
            // One round of ten steps on the raw path, or as many rounds as their results fit the bound.
            let bound = 10 * raw.len() + 10 * 32 * 1024;
            assert!(
                path.work() <= bound,
                "{shape}: {} bytes read for {}",
                path.work(),
                raw.len()
            );
        }
    }
}

proptest! {
    #[test]
    fn no_string_panics(raw in any::<String>()) {
        let path = RequestPath::new(&raw);
        prop_assert_eq!(path.forms().next(), Some(raw.as_str()));
    }

    #[test]
    fn hostile_paths_stay_within_the_bound(
        parts in prop::collection::vec(
            prop::sample::select(vec!["/", "\\", "%2f", "%5c", ".", "..", "%2e", "a", "%61", "%252e", "//"]), 0..14),
    ) {
        let raw = format!("/{}", parts.concat());
        let path = RequestPath::new(&raw);
        let forms: Vec<&str> = path.forms().collect();
        let mut distinct = forms.clone();
        distinct.sort_unstable();
        distinct.dedup();
        prop_assert_eq!(distinct.len(), forms.len());
        prop_assert!(forms.len() <= 128);
    }
}

fn is_plain(url: &str) -> bool {
    RequestHead::new("GET".to_owned(), url.to_owned(), Headers::default()).has_plain_url()
}

#[test]
fn usual_urls_are_plain() {
    for url in [
        "https://example.com/",
        "https://shop.example.co.uk/list?page=2&sort=price,asc",
        "http://127.0.0.1:8787/page",
        "http://localhost:3000//double//slash",
        "https://example.com/a%20b/%C3%BC?q=%26",
    ] {
        assert!(is_plain(url), "{url}");
    }
}

#[test]
fn what_parses_to_another_url_is_not_plain() {
    for url in [
        "https://example.com",
        "https://example.com/a/../b",
        "https://example.com/a/%2e%2E/b",
        "https://example.com/.well-known",
        "https://example.com/a\\b",
        "https://example.com/a?b='c'",
        "https://example.com/#part",
        "https://example.com:443/",
        "https://example.com:0800/",
        "https://example.com:/",
        "https://EXAMPLE.com/",
        "https://user@example.com/",
        "https://xn--zz.example/",
        "http://127.1/",
        "http://0x7f.0.0.1/",
        "http://127.0.0.01/",
        "http://[::1]/",
        "https://example.com/\u{e9}",
    ] {
        assert!(!is_plain(url), "{url}");
    }
}

proptest! {
    #[test]
    fn a_plain_url_parses_to_itself(
        host in "(xn--|0x)?[a-zA-Z0-9.:@%-]{1,12}",
        rest in r#"/[a-z0-9/.%2eE?&='"<>\\#;:@!$ {}^`|~*()+,_-]{0,16}"#,
    ) {
        let url = format!("https://{host}{rest}");
        if is_plain(&url) {
            let parsed = url::Url::parse(&url).map(String::from);
            prop_assert_eq!(parsed.as_deref().ok(), Some(url.as_str()));
        }
    }
}
