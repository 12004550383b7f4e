//! A key set: what is kept of it can verify what it says, and nothing else leaves.

use edge_session::jwks::{CachedKeys, KeySet, MAX_KEYS, MAX_SET_BYTES, SignatureAlgorithm};
use edge_session::time::UnixTime;
use serde_json::Value;

use super::site::decode;

/// The input is the body of an answer, and the text of a stored set.
pub fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Some(stored) = CachedKeys::from_stored(&text) {
        assert_eq!(CachedKeys::from_stored(&stored.to_stored()), Some(stored));
    }
    let Ok(set) = KeySet::parse(input) else {
        return;
    };
    assert!(input.len() <= MAX_SET_BYTES && set.len() <= MAX_KEYS);
    let cached = CachedKeys {
        set: set.clone(),
        fetched_at: UnixTime::from_seconds(1),
    };
    assert_eq!(CachedKeys::from_stored(&cached.to_stored()), Some(cached));
    let body: Value = serde_json::from_slice(input).unwrap();
    let listed = body["keys"].as_array().unwrap();
    let mut found = 0;
    for kid in listed.iter().filter_map(|key| key["kid"].as_str()) {
        for name in ["ES256", "RS256", "EdDSA"] {
            let algorithm = SignatureAlgorithm::from_name(name).unwrap();
            let Some(key) = set.find(kid, algorithm) else {
                continue;
            };
            found += 1;
            let public: Value = serde_json::from_str(key.jwk()).unwrap();
            let is_source = |candidate: &&Value| {
                candidate["kid"] == kid && may_verify(candidate, name, &public)
            };
            assert!(
                listed.iter().any(|candidate| is_source(&candidate)),
                "{public}"
            );
            assert!(
                members(&public)
                    .all(|name| "alg crv e kty n x y".split(' ').any(|known| known == name))
            );
        }
        assert!(set.find(kid, SignatureAlgorithm::Hs256).is_none());
    }
    assert!(found > 0 || set.is_empty());
}

fn members(key: &Value) -> impl Iterator<Item = &str> {
    key.as_object().unwrap().keys().map(String::as_str)
}

/// By RFC 7517 4 and RFC 7518 6: `listed` is a key for this algorithm, and `public` has its members.
fn may_verify(listed: &Value, algorithm: &str, public: &Value) -> bool {
    let is_for_signatures = listed
        .get("use")
        .is_none_or(|usage| usage.is_null() || usage == "sig");
    let verifies = listed.get("key_ops").is_none_or(|operations| {
        let names = |list: &Vec<Value>| list.iter().any(|operation| operation == "verify");
        operations.is_null() || operations.as_array().is_some_and(names)
    });
    let is_named = listed.get("alg").is_none_or(|alg| alg == algorithm);
    let (kind, curve, parts): (&str, Option<&str>, &[&str]) = match algorithm {
        "ES256" => ("EC", Some("P-256"), &["x", "y"]),
        "EdDSA" => ("OKP", Some("Ed25519"), &["x"]),
        _ => ("RSA", None, &["n", "e"]),
    };
    let is_kind = listed["kty"] == kind && curve.is_none_or(|curve| listed["crv"] == curve);
    let is_long = algorithm != "RS256"
        || listed["n"].as_str().and_then(decode).is_some_and(|n| {
            let significant = &n[n.iter().take_while(|byte| **byte == 0).count()..];
            significant.len() > 256 || significant.len() == 256 && significant[0] >= 0x80
        });
    is_for_signatures
        && verifies
        && is_named
        && is_kind
        && is_long
        && parts.iter().all(|part| listed[part] == public[part])
}
