//! Which caches may keep an answer.

use edge_session::cache_control::{
    NO_STORE, PRIVATE, carries_session, explained, revalidate, with_session,
};
use edge_session::head::{HeaderEdit, Headers};

fn set(edits: &[HeaderEdit], wanted: &str) -> Option<String> {
    edits.iter().find_map(|edit| match edit {
        HeaderEdit::Set(name, value) if *name == wanted => Some(value.clone()),
        HeaderEdit::Append(..)
        | HeaderEdit::Remove(_)
        | HeaderEdit::Set(..)
        | HeaderEdit::SetNamed(..) => None,
    })
}

fn removed(edits: &[HeaderEdit]) -> Vec<&str> {
    edits
        .iter()
        .filter_map(|edit| match edit {
            HeaderEdit::Remove(name) => Some(name.as_str()),
            HeaderEdit::Append(..) | HeaderEdit::Set(..) | HeaderEdit::SetNamed(..) => None,
        })
        .collect()
}

const CDN: [&str; 9] = [
    "cdn-cache-control",
    "cloudflare-cdn-cache-control",
    "edge-control",
    "netlify-cdn-cache-control",
    "surrogate-control",
    "surrogate-key",
    "vercel-cdn-cache-control",
    "x-accel-expires",
    "any-cdn-cache-control",
];
const VALIDATORS: [&str; 3] = ["age", "etag", "last-modified"];

/// An answer with all the headers that speak to a CDN or let a cache ask again.
fn origin(cache_control: Option<&str>, vary: Option<&str>) -> Headers {
    let others = CDN.iter().chain(&VALIDATORS).map(|name| (*name, "x"));
    let cache_control = cache_control.map(|value| ("cache-control", value));
    let vary = vary.map(|value| ("vary", value));
    Headers::from_pairs(cache_control.into_iter().chain(vary).chain(others))
}

#[test]
fn what_is_not_there_is_not_removed() {
    let none = Headers::default();
    for edits in [
        carries_session(&none),
        with_session(&none),
        revalidate(&none),
    ] {
        assert!(removed(&edits).is_empty());
        assert!(set(&edits, "cache-control").is_some());
    }
}

#[test]
fn a_session_cookie_forbids_every_cache_and_every_validator() {
    let edits = carries_session(&origin(None, None));
    assert_eq!(set(&edits, "cache-control").as_deref(), Some(NO_STORE));
    assert_eq!(
        (
            set(&edits, "expires").as_deref(),
            set(&edits, "pragma").as_deref()
        ),
        (Some("0"), Some("no-cache"))
    );
    assert_eq!(removed(&edits), [&CDN[..], &VALIDATORS].concat());
}

#[test]
fn what_the_origin_marked_private_stays_as_it_is() {
    for marked in [
        "private",
        "no-store",
        "no-cache",
        "PRIVATE, max-age=5",
        "max-age=0,no-store",
        "public, no-cache",
    ] {
        let edits = with_session(&origin(Some(marked), None));
        assert_eq!(set(&edits, "cache-control"), None, "{marked}");
        assert_eq!(removed(&edits), CDN, "a CDN header would speak over it");
    }
}

#[test]
fn everything_else_becomes_private() {
    for cache_control in [
        None,
        Some(""),
        Some("public"),
        Some("max-age=60"),
        Some("private=\"set-cookie\""),
        Some("no-cache=\"x\""),
        Some("s-maxage=1"),
        Some("x-private"),
    ] {
        let edits = with_session(&origin(cache_control, None));
        assert_eq!(
            set(&edits, "cache-control").as_deref(),
            Some(PRIVATE),
            "{cache_control:?}"
        );
        assert_eq!(set(&edits, "vary").as_deref(), Some("Cookie"));
    }
}

#[test]
fn validators_stay_where_the_browser_may_keep_the_answer() {
    assert_eq!(removed(&revalidate(&origin(None, None))), CDN);
}

#[test]
fn no_transform_is_kept_whatever_else_is_said() {
    for (value, suffix) in [
        ("no-cache=\"x\", no-transform", ", no-transform"),
        ("public, NO-TRANSFORM", ", no-transform"),
        ("public, ext=\"a, no-transform\"", ""),
        ("public", ""),
    ] {
        let origin = origin(Some(value), None);
        for (edits, said) in [
            (carries_session(&origin), NO_STORE),
            (with_session(&origin), PRIVATE),
            (revalidate(&origin), PRIVATE),
            (explained(&origin).collect(), NO_STORE),
        ] {
            let expected = format!("{said}{suffix}");
            assert_eq!(set(&edits, "cache-control"), Some(expected), "{value}");
        }
    }
}

#[test]
fn vary_gains_cookie_once() {
    for (vary, expected) in [
        (None, Some("Cookie")),
        (Some(""), Some("Cookie")),
        (Some(" "), Some("Cookie")),
        (Some("Accept"), Some("Accept, Cookie")),
        (Some("Accept, Cookies"), Some("Accept, Cookies, Cookie")),
        (Some("cookie"), None),
        (Some("Accept,COOKIE"), None),
        (Some("*"), None),
    ] {
        for edits in [
            carries_session(&origin(None, vary)),
            revalidate(&origin(None, vary)),
            with_session(&origin(None, vary)),
        ] {
            assert_eq!(set(&edits, "vary").as_deref(), expected, "{vary:?}");
        }
    }
}

#[test]
fn a_word_inside_a_quoted_string_marks_nothing() {
    for value in [
        r#"public, ext="a, private, b""#,
        r#"max-age=9, ext="no-store""#,
        r#"ext="\", private, \"", max-age=9"#,
        r#"ext="never closed, no-store"#,
    ] {
        let edits = with_session(&origin(Some(value), None));
        assert_eq!(
            set(&edits, "cache-control").as_deref(),
            Some(PRIVATE),
            "{value}"
        );
    }
    for value in [r#"ext="a, b", private"#, r#"no-store, ext="\"""#] {
        assert_eq!(
            set(&with_session(&origin(Some(value), None)), "cache-control"),
            None,
            "{value}"
        );
    }
}
