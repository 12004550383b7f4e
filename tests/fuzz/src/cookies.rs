//! A `Cookie` header, read, forwarded and written.
//!
//! - Reading the same header twice gives the same.
//! - What is dropped leaves no session, what is kept is what was read, what replaces it is read back.
//! - Cookies of others stay byte for byte.
//! - A session that was read is read again from the cookies that carry it.

use std::collections::BTreeSet;

use edge_session::cookies::chunks::{MAX_CHUNK_BYTES, MAX_CHUNKS, split_at};
use edge_session::cookies::encoding::{percent_decode, percent_encode};
use edge_session::cookies::{
    Candidate, Forwarding, SessionCookies, family_names, forward_header, is_family_name,
    is_session_name,
};
use edge_session::session::{Format, Session};

use super::site::{KEY, NOW};

/// The input is the header.
pub fn check(input: &[u8]) {
    // What no header can hold (RFC 9110 5.5).
    let header = String::from_utf8_lossy(input).replace(['\0', '\r', '\n'], "");
    let read = SessionCookies::read(&header, KEY);
    drops(&header);
    splits(&header);
    let names = family_names(&header, KEY, 4);
    assert!(names.len() <= 4 && names.iter().all(|name| is_family_name(KEY, name)));
    let Some(read) = read else { return };
    let again = SessionCookies::read(&header, KEY).expect("the same header");
    assert!(
        read.candidates
            .iter()
            .map(parts)
            .eq(again.candidates.iter().map(parts))
    );
    let distinct: BTreeSet<&String> = read.names.iter().collect();
    assert_eq!(distinct.len(), read.names.len());
    assert!(read.names.iter().all(|name| is_session_name(KEY, name)));
    assert!((1..=4).contains(&read.candidates.len()));
    for candidate in &read.candidates {
        keeps(&header, candidate);
        if let Ok(session) = &candidate.session {
            comes_back(&header, session);
        }
    }
}

fn parts(candidate: &Candidate) -> (&[(String, usize)], Option<&Session>) {
    (&candidate.parts, candidate.session.as_ref().ok())
}

fn drops(header: &str) {
    let session = forward_header(header, KEY, &Forwarding::DropSession).unwrap_or_default();
    assert!(SessionCookies::read(&session, KEY).is_none(), "{session:?}");
    assert!(
        names(&session).all(|name| !is_session_name(KEY, name)),
        "{session:?}"
    );
    assert_others_stay(header, &session);
    let family = forward_header(header, KEY, &Forwarding::DropFamily).unwrap_or_default();
    assert!(
        names(&family).all(|name| !is_family_name(KEY, name)),
        "{family:?}"
    );
    assert!(
        family_names(&family, KEY, usize::MAX).is_empty(),
        "{family:?}"
    );
    let again = forward_header(&family, KEY, &Forwarding::DropFamily).unwrap_or_default();
    assert_eq!(family, again);
}

fn keeps(header: &str, candidate: &Candidate) {
    let kept =
        forward_header(header, KEY, &Forwarding::Keep(candidate)).expect("a session is left");
    let again = SessionCookies::read(&kept, KEY).expect("the session is kept");
    assert!(!again.duplicated, "{kept:?}");
    assert_eq!(again.candidates[0].session, candidate.session, "{kept:?}");
    assert_others_stay(header, &kept);
}

/// Written to cookies and read again, alone and among what else was sent, a session is the same.
fn comes_back(header: &str, session: &Session) {
    assert!(!session.access_token().is_empty() && !session.refresh_token().is_empty());
    let session = match session.members().contains_key("expires_at") {
        true => session.clone(),
        false => session.clone().with_expiry(NOW, NOW),
    };
    let shape = Format {
        foreign: false,
        with_user: session.has_user(),
        ..session.format()
    };
    let cookies = session.to_cookies(KEY, shape);
    for (name, value) in &cookies {
        assert!(is_session_name(KEY, name));
        assert!(
            value.len() <= MAX_CHUNK_BYTES && value.bytes().all(is_cookie_octet),
            "{value:?}"
        );
    }
    if cookies.len() > MAX_CHUNKS {
        return;
    }
    let replaced = forward_header(header, KEY, &Forwarding::Replace(&cookies)).expect("a session");
    assert_others_stay(header, &replaced);
    let alone: Vec<String> = cookies
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    for header in [alone.join("; "), replaced] {
        let back = SessionCookies::read(&header, KEY).expect("the session");
        assert!(!back.duplicated, "{header:?}");
        let back = back.candidates[0]
            .session
            .as_ref()
            .expect("a session again");
        assert_eq!(back.members(), session.members(), "{header:?}");
        assert_eq!(back.format(), shape);
    }
}

/// Cutting a value loses nothing, and no piece is too long, unless it is one character.
fn splits(value: &str) {
    let limit = 12 + value.len() % 40;
    let chunks = split_at("k", value, limit);
    let whole: String = chunks.iter().map(|(_, chunk)| chunk.as_str()).collect();
    assert_eq!(whole, value);
    for (_, chunk) in &chunks {
        let wire = percent_encode(chunk);
        assert!(wire.len() <= limit && wire.bytes().all(is_cookie_octet));
        assert_eq!(percent_decode(&wire), chunk.as_str());
    }
}

/// The names of a header by the plain rule: `;` separates, `=` ends a name (RFC 6265 5.4). They are taken as bare as
/// the most generous reader takes them, for which JavaScript's `trim` stands. U+FFFD is what the runtime makes of bytes
/// that are no UTF-8, and these may be white space for somebody.
fn names(header: &str) -> impl Iterator<Item = &str> {
    header.split(';').map(name)
}

fn name(segment: &str) -> &str {
    let (name, _) = segment.split_once('=').unwrap_or_default();
    name.trim_matches(|character: char| {
        character.is_whitespace() || matches!(character, '\u{feff}' | '\u{fffd}')
    })
}

/// Where header lines were joined, `, ` may end a cookie: only other headers are compared.
fn assert_others_stay(header: &str, forwarded: &str) {
    let others = |header: &str| -> Vec<String> {
        let segments = header
            .split(';')
            .map(|segment| segment.trim_start_matches([' ', '\t']));
        segments
            .filter(|segment| !segment.is_empty() && !is_session_name(KEY, name(segment)))
            .map(str::to_owned)
            .collect()
    };
    if !header.contains(", ") {
        assert_eq!(others(forwarded), others(header));
    }
}

/// RFC 6265 4.1.1.
fn is_cookie_octet(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e)
}
