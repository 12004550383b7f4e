//! What an isolate remembers, and for how long.

use std::rc::Rc;

use edge_session::fingerprint::{Fingerprint, FingerprintKey};
use edge_session::memory::Memory;
use edge_session::time::UnixTime;
use edge_session::token::{GoodSignature, Token, Trust, VerifiedClaims};
use serde_json::json;

use crate::scenario::{cached, memory};
use crate::tokens::{ISSUER, NOW, Signer, claims, encode, key_set_json};

fn now() -> UnixTime {
    UnixTime::from_seconds(NOW)
}

fn at(seconds: u64) -> UnixTime {
    now().plus_seconds(seconds)
}

/// Claims whose payload is about `weight` bytes long, without the cost of a signature.
fn claims_of(weight: usize) -> VerifiedClaims {
    let payload = claims(&json!({"padding": "x".repeat(weight * 3 / 4)})).to_string();
    let raw = format!(
        "{}.{}.AAAA",
        encode(Signer::Es256.header().to_string()),
        encode(payload)
    );
    let token = Token::parse(&raw).unwrap();
    let (issuers, audiences) = ([ISSUER.to_owned()], ["authenticated".to_owned()]);
    let trust = Trust {
        issuers: &issuers,
        audiences: &audiences,
        clock_skew_seconds: 5,
    };
    let signed = token
        .check(GoodSignature::from_check(true).unwrap(), trust, now())
        .unwrap();
    signed.alive(5, now()).unwrap()
}

/// The fingerprint of a made-up token.
fn token(index: u32) -> Fingerprint {
    memory().fingerprint(&index.to_string())
}

fn with_verdict(kid: Option<&str>) -> Memory {
    let mut memory = memory();
    memory.verdicts.remember(token(1), claims_of(10), kid.map(str::to_owned), at(100));
    memory
}

#[test]
fn a_verdict_holds_until_its_time() {
    let mut memory = with_verdict(None);
    assert!(memory.verdicts.find(token(1), at(99)).is_some());
    assert!(memory.verdicts.find(token(2), now()).is_none());
    assert!(memory.verdicts.find(token(1), at(100)).is_none());
    assert_eq!(
        (memory.verdicts.len(), memory.verdicts.bytes()),
        (0, 0),
        "what has run out is released"
    );
}

#[test]
fn a_verdict_leaves_with_its_key_and_only_then() {
    for (kid, stays) in [(Some("kid-es"), true), (Some("gone"), false), (None, true)] {
        let mut memory = with_verdict(kid);
        memory.store_keys(cached(&key_set_json(), now(), 0));
        assert_eq!(memory.verdicts.find(token(1), now()).is_some(), stays, "{kid:?}");
    }
}

#[test]
fn a_forgotten_verdict_takes_its_weight_along() {
    let mut memory = with_verdict(None);
    memory.verdicts.remember(token(1), claims_of(10), None, at(100));
    assert_eq!(memory.verdicts.len(), 1, "the same token counts once");
    memory.verdicts.forget(token(1));
    memory.verdicts.forget(token(1));
    assert_eq!((memory.verdicts.len(), memory.verdicts.bytes()), (0, 0));
}

#[test]
fn verdicts_are_bounded_in_bytes_and_the_least_used_goes_first() {
    let mut memory = memory();
    let claims = claims_of(12_000);
    for index in 0..2000 {
        memory.verdicts.remember(token(index), claims.clone(), None, at(100));
        let _ = memory.verdicts.find(token(0), now());
    }
    assert!((12_000..13_000).contains(&claims.weight()));
    let (count, bytes) = (memory.verdicts.len(), memory.verdicts.bytes());
    assert!(
        count < 2000 && bytes <= 8 * 1024 * 1024,
        "{count} verdicts, {bytes} bytes"
    );
    assert!(bytes > 7 * 1024 * 1024);
    assert!(
        memory.verdicts.find(token(0), now()).is_some(),
        "used all the time"
    );
    assert!(memory.verdicts.find(token(1), now()).is_none());
}

#[test]
fn an_older_key_set_never_replaces_a_newer_one() {
    let mut memory = memory();
    memory.store_keys(cached(&key_set_json(), now(), 10));
    memory.store_keys(cached(&json!({"keys": []}), now(), 20));
    assert_eq!(memory.keys.held(now()).unwrap().set.len(), 3);
    memory.store_keys(cached(&json!({"keys": []}), now(), 5));
    assert!(memory.keys.held(now()).unwrap().set.is_empty());
}

#[test]
fn a_background_fetch_is_claimed_once() {
    let mut memory = memory();
    assert!(memory.keys.claim_background_fetch(now()));
    assert!(!memory.keys.claim_background_fetch(now()));
    memory.keys.note_failed_fetch(at(1));
    assert!(
        !memory.keys.claim_background_fetch(at(2)),
        "it just failed"
    );
    assert!(memory.keys.claim_background_fetch(at(6)));
}

#[test]
fn an_endless_kid_forces_no_fetch_and_is_not_kept() {
    let mut memory = memory();
    let kid = "k".repeat(129);
    assert!(!memory.keys.claim_forced_fetch(&kid, now()));
    assert!(memory.keys.claim_forced_fetch(&kid[1..], now()));
}

#[test]
fn unknown_kids_are_bounded_in_number() {
    let mut memory = memory();
    for index in 0..600 {
        memory.keys.note_unknown_kid(&index.to_string(), now());
    }
    assert!(
        memory.keys.claim_forced_fetch("0", now()),
        "the oldest is forgotten"
    );
    assert!(
        !memory.keys.claim_forced_fetch("599", at(60)),
        "the newest is not"
    );
}

#[test]
fn one_hang_opens_the_breaker_for_alive_sessions_at_once() {
    let mut memory = memory();
    memory.breaker.note_timeout(now());
    assert!(!memory.breaker.may_pass(true, at(2)));
    assert!(
        memory.breaker.may_pass(false, at(2)),
        "a dead one has nothing to lose"
    );
}

#[test]
fn whoever_waited_in_vain_opens_it_for_alive_sessions_alone() {
    let mut memory = memory();
    for _ in 0..10 {
        memory.breaker.note_wait(now());
    }
    assert!(!memory.breaker.may_pass(true, at(2)) && memory.breaker.may_pass(false, at(2)));
}

#[test]
fn after_the_pause_one_probe_passes() {
    let mut memory = memory();
    memory.breaker.note_timeout(now());
    assert!(memory.breaker.may_pass(true, at(3)));
    assert!(
        !memory.breaker.may_pass(true, at(3)),
        "the others wait for its result"
    );
    memory.breaker.note_answer();
    assert!(memory.breaker.may_pass(true, at(3)) && memory.breaker.may_pass(true, at(3)));
}

#[test]
fn four_hangs_in_a_row_keep_dead_sessions_away_too() {
    let mut memory = memory();
    for _ in 0..3 {
        memory.breaker.note_timeout(now());
    }
    assert!(memory.breaker.may_pass(false, at(2)));
    memory.breaker.note_timeout(now());
    assert!(!memory.breaker.may_pass(false, at(2)));
    assert!(memory.breaker.may_pass(false, at(3)) && !memory.breaker.may_pass(false, at(3)));
}

#[test]
fn an_answer_starts_the_count_anew() {
    let mut memory = memory();
    for _ in 0..3 {
        memory.breaker.note_timeout(now());
    }
    memory.breaker.note_answer();
    memory.breaker.note_timeout(now());
    assert!(memory.breaker.may_pass(false, at(2)));
}

#[test]
fn one_request_fetches_while_the_others_look_again() {
    let mut memory = memory();
    assert!(memory.keys.claim_fetch(now()) && !memory.keys.claim_fetch(at(1)));
    assert!(
        memory.keys.is_fetching(at(1)) && !memory.keys.is_fetching(at(2)),
        "its visitor may have hung up"
    );
    assert!(memory.keys.claim_fetch(at(2)));
    memory.keys.note_failed_fetch(at(2));
    assert!(!memory.keys.is_fetching(at(2)));
    assert!(memory.keys.claim_fetch(at(2)));
    memory.store_keys(cached(&key_set_json(), at(2), 0));
    assert!(!memory.keys.is_fetching(at(2)));
}

#[test]
fn memory_holds_fingerprints_and_no_tokens() {
    let mut memory = with_verdict(Some("kid-es"));
    let cookies = memory.fingerprint(&Signer::Es256.header().to_string());
    memory.known_cookies.note(cookies, token(1));
    let shared = Rc::new(memory);
    let printed = format!("{shared:?}");
    assert!(!printed.contains(&encode(Signer::Es256.header().to_string())));
}

#[test]
fn a_fingerprint_tells_texts_apart_and_differs_by_key() {
    let key = FingerprintKey::new([1; 16]);
    assert_eq!(key.fingerprint("a"), key.fingerprint("a"));
    assert_ne!(key.fingerprint("a"), key.fingerprint("b"));
    assert_ne!(key.fingerprint("a"), key.fingerprint("a\0"));
    let other = FingerprintKey::new([2; 16]);
    assert_ne!(key.fingerprint("a"), other.fingerprint("a"));
    assert!(!format!("{key:?}").contains('1'), "the key stays secret");
}

/// The first vector of the authors for 128 bits of output: key 00…0f, empty input.
#[test]
fn the_fingerprint_is_that_of_the_paper() {
    let key: [u8; 16] = std::array::from_fn(|index| index as u8);
    let expected = u128::from_le_bytes([
        0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02,
        0x93,
    ]);
    let found = format!("{:?}", FingerprintKey::new(key).fingerprint(""));
    assert_eq!(found, format!("Fingerprint({expected})"));
}

#[test]
fn a_known_header_has_the_verdict_of_its_token_and_no_longer() {
    let mut memory = with_verdict(None);
    let cookies = memory.fingerprint("sb=…");
    assert!(memory.known_verdict(cookies, now()).is_none());
    memory.known_cookies.note(cookies, token(1));
    assert!(memory.known_verdict(cookies, now()).is_some());
    assert!(
        memory.known_verdict(cookies, at(100)).is_none(),
        "it ran out"
    );
    let mut memory = with_verdict(None);
    memory.known_cookies.note(cookies, token(1));
    memory.verdicts.forget(token(1));
    assert!(memory.known_verdict(cookies, now()).is_none());
    memory.known_cookies.note(cookies, token(2));
    assert!(memory.known_verdict(cookies, now()).is_none(), "no verdict");
}

#[test]
fn known_headers_are_bounded_in_number() {
    let mut memory = with_verdict(None);
    for index in 0..20_000 {
        memory.known_cookies.note(token(index), token(1));
    }
    assert!(memory.known_verdict(token(0), now()).is_none());
    assert!(memory.known_verdict(token(19_999), now()).is_some());
}
