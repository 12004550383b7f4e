//! The cookies of sign-ins under way, however many there are.

use edge_session::cookies::encoding::Encoding;
use edge_session::pkce::{self, Changes, Flow, RANDOM_BYTES};
use serde_json::json;

const KEY: &str = "k";

fn flow() -> Flow {
    Flow::from_random(&[7; RANDOM_BYTES]).unwrap()
}

fn id(number: usize) -> String {
    format!("{number:08}")
}

fn slot(id: &str) -> String {
    format!("k-flow-{id}-code-verifier")
}

/// The index of these flows, as the client writes it.
fn index<I: AsRef<str>>(ids: &[I]) -> String {
    let ids: Vec<&str> = ids.iter().map(AsRef::as_ref).collect();
    let value = Encoding::Base64Url.encode(&json!(ids).to_string());
    format!("k-flows-code-verifier={value}")
}

fn slots(ids: &[String]) -> String {
    ids.iter().map(|id| format!("; {}=x", slot(id))).collect()
}

/// The ids that the index lists after a change.
fn listed(changes: &Changes) -> Vec<String> {
    let (_, value) = changes
        .set
        .iter()
        .find(|(name, _)| name == "k-flows-code-verifier")
        .unwrap();
    let decoded = edge_session::cookies::encoding::decode(value).unwrap();
    serde_json::from_str(&decoded.unwrap().text).unwrap()
}

#[test]
fn of_a_long_index_the_newest_sixteen_are_read() {
    let ids: Vec<String> = (0..5_800).map(id).collect();
    let header = index(&ids) + &slots(&ids);
    let changes = flow().cookies(&header, KEY, "", Encoding::Base64Url);
    let newest = &ids[5_784..];
    // Five are kept, the new one among them; of the others as many go as one answer may delete.
    let first: Vec<String> = ids[..64].iter().map(|id| slot(id)).collect();
    assert_eq!(changes.deleted, first);
    assert_eq!(listed(&changes)[..4], newest[12..]);
    assert_eq!(listed(&changes)[4], flow().id());

    let changes = pkce::forget(&header, KEY, Some(&id(5_799)), Encoding::Base64Url);
    assert_eq!(changes.deleted, [slot(&id(5_799))]);
    assert_eq!(listed(&changes), newest[..15]);
}

#[test]
fn slots_that_no_index_names_are_deleted_when_a_flow_begins() {
    let header =
        index(&[id(1)]) + &slots(&[id(1), id(7), id(8), id(7)]) + "; k-flow-short-code-verifier=x";
    let changes = flow().cookies(&header, KEY, "", Encoding::Base64Url);
    assert_eq!(changes.deleted, [slot(&id(7)), slot(&id(8))]);
    assert_eq!(listed(&changes)[0], id(1));
}

#[test]
fn raw_verifiers_stand_percent_encoded_on_the_wire() {
    let changes = flow().cookies("", KEY, "", Encoding::Raw);
    for (name, value) in &changes.set {
        assert!(
            value.starts_with("%22") || value.starts_with("%5B%22"),
            "{name}={value}"
        );
        let header = format!("{name}={value}");
        assert!(
            !value.contains('"')
                && pkce::verifier(&header, KEY, None).is_some() == (name == "k-code-verifier")
        );
    }
}

#[test]
fn an_id_that_is_listed_twice_is_one_flow() {
    let ids: Vec<String> = [1, 1, 2, 1, 3].map(id).to_vec();
    let header = index(&ids) + &slots(&[id(1), id(2), id(3)]);
    let changes = flow().cookies(&header, KEY, "", Encoding::Base64Url);
    assert!(changes.deleted.is_empty());
    assert_eq!(listed(&changes)[..3], [id(2), id(1), id(3)]);
}

#[test]
fn what_is_no_id_makes_no_name() {
    let ids = [
        "short",
        "with.a.dot.in.it",
        "with;semicolon",
        "",
        "a=b, k=x; Path",
    ];
    let changes = flow().cookies(&index(&ids), KEY, "", Encoding::Base64Url);
    assert_eq!(listed(&changes), [flow().id()]);
    for index in [
        "k-flows-code-verifier=[1,2]",
        "k-flows-code-verifier={",
        "k-flows-code-verifier=",
    ] {
        let changes = flow().cookies(index, KEY, "", Encoding::Base64Url);
        assert_eq!(listed(&changes), [flow().id()], "{index}");
    }
}

#[test]
fn only_slots_that_the_browser_has_are_deleted() {
    let ids: Vec<String> = (0..8).map(id).collect();
    let header = index(&ids) + &slots(&[id(0), id(2), id(7)]);
    let changes = flow().cookies(&header, KEY, "", Encoding::Base64Url);
    assert_eq!(changes.deleted, [slot(&id(0)), slot(&id(2))]);
}
