//! The cookies of sign-ins under way: the index of flows, its slots, and what is written and deleted.
//!
//! - At most sixteen ids of the index are read; what is deleted is in the browser, each name once, and of the family.
//! - What is written are cookies of the family; a browser that took them finds the new flow, by its id and without.
//! - Once its verifier was used, a flow is forgotten, and no other one is.

use std::collections::BTreeSet;

use edge_session::cookies::encoding::Encoding;
use edge_session::cookies::{MAX_NAMES_DELETED, Member, family_names, member, value};
use edge_session::pkce::{self, Changes, Flow, RANDOM_BYTES};

use super::site::KEY;

/// The input is the id that comes back, and the header.
pub fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (id, header) = text.split_once('\n').unwrap_or(("", &text));
    // What no header can hold (RFC 9110 5.5).
    let header = header.replace(['\0', '\r', '\n'], "");
    begins(&header);
    ends(&header, (!id.is_empty()).then_some(id));
    let names = family_names(&header, KEY, MAX_NAMES_DELETED);
    assert!(names.len() <= MAX_NAMES_DELETED);
    is_each_once(&names);
}

fn begins(header: &str) {
    let flow = Flow::from_random(&[0x5a; RANDOM_BYTES]).expect("enough bytes");
    for encoding in [Encoding::Base64Url, Encoding::Raw] {
        let changes = flow.cookies(header, KEY, "/recovery", encoding);
        assert!(changes.deleted.len() <= MAX_NAMES_DELETED, "{changes:?}");
        assert!(
            changes
                .deleted
                .iter()
                .all(|name| value(header, KEY, name).is_some())
        );
        are_verifiers(&changes);
        if header.contains(", ") {
            continue;
        }
        let jar = after(header, &changes);
        let by_id = pkce::verifier(&jar, KEY, Some(flow.id()));
        assert!(by_id.is_some(), "{jar:?}");
        assert_eq!(by_id, pkce::verifier(&jar, KEY, None));
        let used = pkce::forget(&jar, KEY, Some(flow.id()), encoding);
        let jar = after(&jar, &used);
        assert_eq!(pkce::verifier(&jar, KEY, Some(flow.id())), None, "{jar:?}");
    }
}

fn ends(header: &str, id: Option<&str>) {
    let verifier = pkce::verifier(header, KEY, id);
    assert_ne!(verifier.as_deref(), Some(""));
    let changes = pkce::forget(header, KEY, id, Encoding::Base64Url);
    assert!(changes.deleted.len() <= 3, "{changes:?}");
    are_verifiers(&changes);
    // Where header lines were joined, `, ` ends a cookie of the session, which the plain rule does not know.
    if !header.contains(", ") {
        let jar = after(header, &changes);
        assert_eq!(pkce::verifier(&jar, KEY, id), None, "{jar:?}");
    }
}

fn are_verifiers(changes: &Changes) {
    is_each_once(&changes.deleted);
    let set = changes.set.iter().map(|(name, _)| name);
    for name in changes.deleted.iter().chain(set) {
        assert_eq!(member(KEY, name), Some(Member::Verifier), "{name}");
    }
}

fn is_each_once(names: &[String]) {
    let distinct: BTreeSet<&String> = names.iter().collect();
    assert_eq!(distinct.len(), names.len());
}

/// The header of a browser that had `header` and took the changes: by the plain rule that `;` separates and `=` ends a
/// name, new cookies last.
fn after(header: &str, changes: &Changes) -> String {
    let set = changes.set.iter();
    let replaced: Vec<&str> = changes
        .deleted
        .iter()
        .map(String::as_str)
        .chain(set.clone().map(|(name, _)| name.as_str()))
        .collect();
    let name = |segment: &str| {
        segment
            .split_once('=')
            .map(|(name, _)| name.trim_matches([' ', '\t']).to_owned())
    };
    let kept = header
        .split(';')
        .filter(|segment| name(segment).is_none_or(|name| !replaced.contains(&name.as_str())))
        .map(str::to_owned);
    let new = set.map(|(name, value)| {
        let value = edge_session::cookies::encoding::percent_encode(value);
        format!("{name}={value}")
    });
    kept.chain(new).collect::<Vec<_>>().join(";")
}
