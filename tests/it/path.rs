//! The forms of a path.

use edge_session::path::{PathError, RequestPath};
use proptest::prelude::*;

fn forms(raw: &str) -> Vec<String> {
    RequestPath::parse(raw)
        .unwrap()
        .forms()
        .map(str::to_owned)
        .collect()
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
    assert!(RequestPath::parse(unit).unwrap().forms().count() > 10);
    let long = unit.repeat(1000);
    assert_eq!(
        RequestPath::parse(&long).unwrap_err(),
        PathError::TooAmbiguous
    );
    // What a browser sends is long in one or two forms only.
    let escaped = "/caf%C3%A9".repeat(1600);
    assert_eq!(RequestPath::parse(&escaped).unwrap().forms().count(), 2);
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
        assert!(RequestPath::parse(raw).unwrap().forms().count() > 120);
    }
    for raw in ["/%09/.//;b%09/.%5c\\", "/%2f\\//;b/.%09//%2e"] {
        assert_eq!(
            RequestPath::parse(raw).unwrap_err(),
            PathError::TooAmbiguous
        );
    }
}

#[test]
fn all_readings_of_a_path_fill_128_kib_at_most() {
    let padded = |length: usize| format!("{:x<length$}", "/a/../");
    // As it came and without dots, and both decoded.
    assert!(RequestPath::parse(&padded(32 * 1024)).is_ok());
    assert_eq!(
        RequestPath::parse(&padded(32 * 1024 + 1)).unwrap_err(),
        PathError::TooAmbiguous
    );
}

#[test]
fn each_error_says_what_is_wrong_with_the_path() {
    for (raw, part) in [
        ("/%zz", "hexadecimal"),
        ("/%ff", "UTF-8"),
        ("/%09/.//;b%09/.%5c\\", "too many ways"),
    ] {
        let error = RequestPath::parse(raw).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn another_path_adds_its_forms() {
    let path = RequestPath::parse("/a")
        .unwrap()
        .or("/x/../%61dmin")
        .unwrap();
    let forms: Vec<&str> = path.forms().collect();
    assert_eq!(forms[0], "/a");
    assert!(forms.contains(&"/x/../%61dmin") && forms.contains(&"/admin"));
    assert_eq!(
        RequestPath::parse("/a")
            .unwrap()
            .or("/a")
            .unwrap()
            .forms()
            .count(),
        1
    );
    assert!(RequestPath::parse("/a").unwrap().or("/%zz").is_err());
}

#[test]
fn what_cannot_be_decoded_is_an_error() {
    for raw in ["/%", "/%4", "/%zz", "/100%", "/%+1", "/%e2%82%2", "/é%"] {
        assert_eq!(
            RequestPath::parse(raw).unwrap_err(),
            PathError::BadEscape,
            "{raw}"
        );
    }
    for raw in ["/%ff", "/%c0%af", "/%e2%82", "/%e2%82/../%ac"] {
        assert_eq!(
            RequestPath::parse(raw).unwrap_err(),
            PathError::NotUtf8,
            "{raw}"
        );
    }
}

proptest! {
    #[test]
    fn no_string_panics(raw in any::<String>()) {
        if let Ok(path) = RequestPath::parse(&raw) {
            prop_assert_eq!(path.forms().next(), Some(raw.as_str()));
        }
    }

    #[test]
    fn hostile_paths_stay_within_the_bound(
        parts in prop::collection::vec(
            prop::sample::select(vec!["/", "\\", "%2f", "%5c", ".", "..", "%2e", "a", "%61", "%252e", "//"]), 0..14),
    ) {
        let raw = format!("/{}", parts.concat());
        match RequestPath::parse(&raw) {
            Ok(path) => {
                let forms: Vec<&str> = path.forms().collect();
                let mut distinct = forms.clone();
                distinct.sort_unstable();
                distinct.dedup();
                prop_assert_eq!(distinct.len(), forms.len());
                prop_assert!(forms.len() <= 128);
            }
            Err(error) => prop_assert_eq!(error, PathError::TooAmbiguous),
        }
    }
}
