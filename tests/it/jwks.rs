//! Key sets: which keys count, and how long a set is used.

use edge_session::jwks::{
    CachedKeys, KeySet, KeysError, MAX_KEYS, MAX_SET_BYTES, SignatureAlgorithm,
};
use edge_session::time::UnixTime;
use serde_json::{Value, json};

use crate::scenario::cached;
use crate::tokens::{NOW, encode, key_set_json, public_jwk};

fn parse(keys: &Value) -> KeySet {
    KeySet::parse(json!({"keys": keys}).to_string().as_bytes()).unwrap()
}

fn now() -> UnixTime {
    UnixTime::from_seconds(NOW)
}

/// True if the test key `name` with these members can verify anything.
fn counts(name: &str, changes: &Value) -> bool {
    let mut members = json!({"kid": "a"});
    for (member, value) in changes.as_object().unwrap() {
        members[member] = value.clone();
    }
    !parse(&json!([public_jwk(name, &members)])).is_empty()
}

#[test]
fn each_kind_of_key_serves_its_one_algorithm() {
    let set = KeySet::parse(key_set_json().to_string().as_bytes()).unwrap();
    assert_eq!(set.len(), 3);
    for (kid, algorithm) in [
        ("kid-es", SignatureAlgorithm::Es256),
        ("kid-rs", SignatureAlgorithm::Rs256),
        ("kid-ed", SignatureAlgorithm::EdDsa),
    ] {
        assert_eq!(set.find(kid, algorithm).unwrap().algorithm(), algorithm);
    }
    assert!(set.find("kid-es", SignatureAlgorithm::Rs256).is_none());
    assert!(set.contains("kid-es") && !set.contains("kid"));
}

#[test]
fn a_key_without_alg_counts_by_its_kind_alone() {
    assert!(
        counts("es256", &json!({})) && counts("eddsa", &json!({})) && counts("rs256", &json!({}))
    );
}

#[test]
fn members_that_disagree_disqualify_a_key() {
    for changes in [
        json!({"alg": "RS256"}),
        json!({"alg": "ES384"}),
        json!({"alg": 1}),
        json!({"use": "enc"}),
        json!({"key_ops": ["sign"]}),
        json!({"key_ops": []}),
        json!({"crv": "P-384"}),
        json!({"crv": "secp256k1"}),
        json!({"kty": "RSA"}),
        json!({"kty": "oct", "k": "c2VjcmV0"}),
        json!({"kid": ""}),
        json!({"kid": 1}),
    ] {
        assert!(!counts("es256", &changes), "{changes}");
    }
    assert!(!counts("es384", &json!({})));
    assert!(!counts("rs256", &json!({"alg": "PS256"})));
    assert!(!counts("eddsa", &json!({"crv": "X25519"})));
}

#[test]
fn a_key_without_kid_is_of_no_use() {
    assert!(parse(&json!([public_jwk("es256", &json!({}))])).is_empty());
}

#[test]
fn rsa_keys_below_2048_bits_are_skipped() {
    assert!(!counts("rsa1024", &json!({})));
    let padded = format!(
        "AAAA{}",
        public_jwk("rsa1024", &json!({}))["n"].as_str().unwrap()
    );
    let long = format!("{}{padded}", "A".repeat(512));
    assert!(
        !counts("rsa1024", &json!({"n": long})),
        "leading zeros add no strength"
    );
    // 256 bytes are 2048 bits, and 2047 without the first bit.
    let of_first_byte = |first: u8| {
        let mut modulus = [0xff_u8; 256];
        modulus[0] = first;
        counts("rs256", &json!({"n": encode(modulus)}))
    };
    assert!(of_first_byte(0x80) && !of_first_byte(0x7f));
}

#[test]
fn an_unknown_key_does_not_spoil_the_set() {
    let good = public_jwk("es256", &json!({"kid": "good"}));
    let set = parse(&json!([{"kty": "AKP", "alg": "ML-DSA-44"}, 1, null, "x", [], {}, good]));
    assert_eq!(set.len(), 1);
}

#[test]
fn a_private_member_never_gets_into_a_key() {
    let set = parse(&json!([public_jwk(
        "es256",
        &json!({"kid": "a", "d": "c2VjcmV0"})
    )]));
    let kept = CachedKeys {
        set,
        fetched_at: now(),
    }
    .to_stored();
    assert!(!kept.contains("c2VjcmV0") && !kept.contains("\"d\""));
}

#[test]
fn what_is_no_key_set_is_an_error() {
    for body in ["", "{", "[]", "{}", "null", r#"{"keys":{}}"#, "<html>"] {
        assert_eq!(
            KeySet::parse(body.as_bytes()),
            Err(KeysError::Malformed),
            "{body}"
        );
    }
    assert!(KeySet::parse(br#"{"keys":[]}"#).unwrap().is_empty());
}

#[test]
fn size_and_number_are_bounded() {
    let spaces = format!(r#"{{"keys":[]{}}}"#, " ".repeat(MAX_SET_BYTES));
    assert_eq!(KeySet::parse(spaces.as_bytes()), Err(KeysError::TooLarge));
    let full = format!("{{{}\"keys\":[]}}", " ".repeat(MAX_SET_BYTES - 11));
    assert_eq!(full.len(), MAX_SET_BYTES);
    assert!(KeySet::parse(full.as_bytes()).is_ok());
    let keys: Vec<Value> = (0..MAX_KEYS + 5)
        .map(|index| public_jwk("eddsa", &json!({"kid": index.to_string()})))
        .collect();
    assert_eq!(parse(&json!(keys)).len(), MAX_KEYS);
}

#[test]
fn each_error_says_what_was_found_instead_of_a_key_set() {
    for (error, part) in [
        (KeysError::Malformed, "something else"),
        (KeysError::Status(404), "404"),
        (KeysError::TooLarge, "65536"),
        (KeysError::Unreachable, "no answer"),
    ] {
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn the_order_of_keys_does_not_matter() {
    let (one, two) = (
        public_jwk("es256", &json!({"kid": "1"})),
        public_jwk("eddsa", &json!({"kid": "2"})),
    );
    assert_eq!(parse(&json!([one, two])), parse(&json!([two, one])));
}

#[test]
fn what_is_stored_is_read_back() {
    let keys = cached(&key_set_json(), now(), 5);
    assert_eq!(CachedKeys::from_stored(&keys.to_stored()), Some(keys));
    for broken in [
        "",
        "{}",
        r#"{"fetched_at":-1,"keys":[]}"#,
        r#"{"fetched_at":1}"#,
    ] {
        assert_eq!(CachedKeys::from_stored(broken), None, "{broken}");
    }
}

#[test]
fn two_projects_never_share_a_stored_set() {
    let name = CachedKeys::storage_name;
    assert_ne!(
        name("https://a.example/auth/v1/.well-known/jwks.json"),
        name("https://a.example/b/auth/v1/.well-known/jwks.json")
    );
}

#[test]
fn a_set_is_fresh_for_the_ttl_and_usable_for_a_day() {
    let aged = |seconds| cached(&key_set_json(), now(), seconds);
    assert!(aged(599).is_fresh(600, now()) && !aged(600).is_fresh(600, now()));
    let day = 24 * 60 * 60;
    assert!(aged(day - 1).is_usable(now()) && !aged(day).is_usable(now()));
}

#[test]
fn a_set_is_stored_when_it_changed_or_is_half_way_to_its_expiry() {
    let new = cached(&key_set_json(), now(), 0);
    let half_day = 12 * 60 * 60;
    assert!(new.is_worth_storing(None));
    assert!(new.is_worth_storing(Some(&cached(&json!({"keys": []}), now(), 1))));
    assert!(!new.is_worth_storing(Some(&cached(&key_set_json(), now(), half_day - 1))));
    assert!(new.is_worth_storing(Some(&cached(&key_set_json(), now(), half_day))));
}
