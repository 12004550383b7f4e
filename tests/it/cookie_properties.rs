//! What holds for any cookie at all.

use cookie::Cookie;
use edge_session::cookies::chunks::{join, split, split_at};
use edge_session::cookies::encoding::{decode, percent_decode, percent_encode};
use edge_session::cookies::set_cookie::{
    CookieAttributes, SameSite, delete, set_cookie_name, write_session,
};
use edge_session::cookies::{
    Forwarding, SessionCookies, forward_header, is_family_name, is_session_name,
};
use edge_session::session::Session;
use proptest::prelude::*;
use std::borrow::Cow;

const KEY: &str = "sb-abc-auth-token";

/// Cookie headers that are about the session often enough to be of interest.
fn header() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        Just(KEY.to_owned()),
        (0..4_u8).prop_map(|index| format!("{KEY}.{index}")),
        Just(format!("{KEY}-user")),
        Just(format!("{KEY}-flow-abcdefgh-code-verifier.1")),
        "[a-c]{0,2}",
    ];
    let value = prop_oneof![
        "[a-c]{0,3}",
        "base64l?-[A-Za-z0-9_=% -]{0,12}",
        Just("%7B%22access_token%22%3A%22a%22%2C%22refresh_token%22%3A%22r%22%2C%22expires_at%22%3A1%7D".to_owned()),
        Just("base64-eyJhY2Nlc3NfdG9rZW4iOiJhIiwicmVmcmVzaF90b2tlbiI6InIiLCJleHBpcmVzX2F0IjoxfQ".to_owned()),
        any::<String>(),
    ];
    let separator =
        prop_oneof![6 => Just("; "), 1 => Just(";"), 1 => Just(", "), 1 => Just(";;  ")];
    let pair = (
        name,
        prop_oneof![8 => Just("="), 1 => Just(""), 1 => Just(" = ")],
        value,
        separator,
    );
    prop::collection::vec(pair, 0..8).prop_map(|pairs| {
        pairs
            .into_iter()
            .map(|(name, equals, value, end)| format!("{name}{equals}{value}{end}"))
            .collect()
    })
}

/// The cookies that are not the session's, by the plain rules of a `;`-separated header.
fn others(header: &str) -> Vec<&str> {
    let segments = header
        .split(';')
        .map(str::trim_start)
        .filter(|segment| !segment.trim().is_empty());
    segments
        .filter(|segment| !is_session_name(KEY, name(segment)))
        .collect()
}

fn name(segment: &str) -> &str {
    segment
        .split_once('=')
        .map_or("", |(name, _)| name)
        .trim_matches([' ', '\t'])
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn split_then_join_is_identity(value in any::<String>(), repeat in 1..400_usize, limit in 12..60_usize) {
        for chunks in [split_at("k", &value, limit), split("k", &value.repeat(repeat.min(60_000 / value.len().max(1))))] {
            if chunks.len() > 32 { continue; }
            let whole: String = chunks.iter().map(|(_, chunk)| chunk.as_str()).collect();
            let joined = join(chunks.iter().map(|(_, chunk)| Cow::Borrowed(chunk.as_str()))).unwrap();
            prop_assert_eq!(joined.as_ref(), whole);
        }
        let whole: String = split_at("k", &value, limit).into_iter().map(|(_, chunk)| chunk).collect();
        prop_assert_eq!(whole, value);
    }

    #[test]
    fn chunks_fit_and_are_as_long_as_they_can_be(value in any::<String>(), limit in 12..60_usize) {
        let chunks: Vec<_> = split_at("k", &value, limit).into_iter().map(|(_, chunk)| chunk).collect();
        for (chunk, next) in chunks.iter().zip(chunks.iter().skip(1)) {
            let first: String = next.chars().take(1).collect();
            let length = percent_encode(chunk).len();
            prop_assert!(length <= limit);
            prop_assert!(length + percent_encode(&first).len() > limit);
        }
    }

    #[test]
    fn percent_decoding_undoes_encoding(value in any::<String>()) {
        let wire = percent_encode(&value);
        let decoded = percent_decode(&wire);
        prop_assert_eq!(decoded.as_ref(), value.as_str());
    }

    #[test]
    fn any_value_is_read_without_panic(value in any::<String>(), prefix in "(base64l?-|base64l-[0-9a-z]{0,3}-|)") {
        let value = format!("{prefix}{value}");
        let _ = decode(&value);
        let _ = Session::from_cookie(&value);
        let _ = Session::from_token_response(value.as_bytes(), 0);
        let _ = set_cookie_name(&value);
    }

    #[test]
    fn any_token_response_is_read_without_panic(body in prop::collection::vec(any::<u8>(), 0..200), now in any::<u64>()) {
        let _ = Session::from_token_response(&body, now);
    }

    #[test]
    fn any_header_is_read_and_forwarded_without_panic(header in any::<String>(), key in "[a-z]{1,2}") {
        let read = SessionCookies::read(&header, &key);
        for candidate in read.iter().flat_map(|read| &read.candidates) {
            let _ = forward_header(&header, &key, &Forwarding::Keep(candidate));
        }
        let _ = forward_header(&header, &key, &Forwarding::DropFamily);
    }

    #[test]
    fn forwarding_keeps_other_cookies_byte_for_byte(header in header().prop_filter("one line", |h| !h.contains(", "))) {
        let new = [(format!("{KEY}.0"), "new".to_owned())];
        let dropped = forward_header(&header, KEY, &Forwarding::DropSession);
        prop_assert_eq!(others(dropped.as_deref().unwrap_or("")), others(&header));
        let replaced = forward_header(&header, KEY, &Forwarding::Replace(&new)).unwrap();
        prop_assert_eq!(others(&replaced), others(&header));
        let added = format!("{KEY}.0=new");
        prop_assert!(replaced.ends_with(&added));
        for candidate in SessionCookies::read(&header, KEY).iter().flat_map(|read| &read.candidates) {
            let kept = forward_header(&header, KEY, &Forwarding::Keep(candidate)).unwrap();
            prop_assert_eq!(others(&kept), others(&header));
        }
    }

    #[test]
    fn no_session_cookie_survives_dropping(header in header()) {
        let dropped = forward_header(&header, KEY, &Forwarding::DropSession).unwrap_or_default();
        prop_assert!(SessionCookies::read(&dropped, KEY).is_none());
        prop_assert!(dropped.split(';').all(|segment| !is_session_name(KEY, name(segment))));
        let bare = forward_header(&header, KEY, &Forwarding::DropFamily).unwrap_or_default();
        prop_assert!(bare.split(';').all(|segment| !is_family_name(KEY, name(segment))));
        let again = forward_header(&bare, KEY, &Forwarding::DropFamily).unwrap_or_default();
        prop_assert_eq!(bare, again);
    }

    #[test]
    fn what_is_kept_is_what_was_read(header in header()) {
        let Some(read) = SessionCookies::read(&header, KEY) else { return Ok(()) };
        for candidate in &read.candidates {
            let kept = forward_header(&header, KEY, &Forwarding::Keep(candidate)).unwrap();
            let again = SessionCookies::read(&kept, KEY).unwrap();
            prop_assert!(!again.duplicated);
            prop_assert_eq!(&again.candidates[0].session, &candidate.session);
        }
    }

    #[test]
    fn written_lines_are_what_a_browser_parses(
        values in prop::collection::vec("[A-Za-z0-9%_.-]{1,20}", 1..5),
        present in prop::collection::vec(0..9_u8, 0..5),
        domain in prop::option::of("[a-z]{1,8}\\.com"),
        (http_only, secure, partitioned, site, seconds) in (any::<bool>(), any::<bool>(), any::<bool>(), 0..3_u8, prop::option::of(1..40_000_000_u32)),
    ) {
        let same_site = [SameSite::Lax, SameSite::None, SameSite::Strict][usize::from(site)];
        // The configuration has the one only with the other.
        let secure = secure || partitioned;
        let attributes = CookieAttributes { domain: domain.clone(), has_twins: false, http_only, max_age_seconds: seconds, partitioned, path: "/app".into(), same_site, secure };
        let chunks: Vec<_> = values.into_iter().enumerate().map(|(n, v)| (format!("{KEY}.{n}"), v)).collect();
        let present: Vec<_> = present.iter().map(|n| format!("{KEY}.{n}")).collect();
        let lines = write_session(&chunks, &present, &attributes, Some("www.example.org"));
        let parsed: Vec<_> = lines.iter().map(|line| Cookie::parse(line.as_str()).unwrap()).collect();

        let sets: Vec<_> = parsed.iter().filter(|cookie| !cookie.value().is_empty()).collect();
        let pairs: Vec<_> = sets.iter().map(|c| (c.name().to_owned(), c.value().to_owned())).collect();
        prop_assert_eq!(&pairs, &chunks);
        prop_assert!(parsed[..parsed.len() - sets.len()].iter().all(|cookie| cookie.value().is_empty()));
        for cookie in &sets {
            prop_assert_eq!(cookie.domain(), domain.as_deref());
            prop_assert_eq!(cookie.max_age().map(|age| age.whole_seconds()), seconds.map(i64::from));
        }
        for (cookie, line) in parsed.iter().zip(&lines) {
            prop_assert_eq!(cookie.path(), Some("/app"));
            prop_assert_eq!(cookie.http_only().unwrap_or(false), http_only);
            prop_assert_eq!(cookie.secure().unwrap_or(false), secure);
            prop_assert_eq!(cookie.same_site(), Some(same_site));
            prop_assert_eq!(cookie.partitioned().unwrap_or(false), partitioned);
            prop_assert_eq!(set_cookie_name(line), Some(cookie.name()));
            prop_assert!(!cookie.value().is_empty() || cookie.max_age().unwrap().is_zero());
        }
        // Nothing deletes a cookie at the scope at which it is then set.
        for deleted in parsed.iter().filter(|cookie| cookie.value().is_empty()) {
            prop_assert!(!sets.iter().any(|set| set.name() == deleted.name() && set.domain() == deleted.domain()));
        }
        prop_assert!(delete(&present, &attributes, None).iter().all(|line| line.contains("=; Max-Age=0;")));
    }
}
