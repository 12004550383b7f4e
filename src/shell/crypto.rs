//! Signatures by the runtime's WebCrypto.
//!
//! A check costs 54 µs there against 1,150 µs for the same curve in wasm.

use std::cell::RefCell;
use std::collections::HashMap;

use js_sys::{Array, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Crypto, CryptoKey, SubtleCrypto};

use crate::config::Config;
use crate::handler::{KeyUnusable, SignatureCheck, SignatureKey};
use crate::jwks::SignatureAlgorithm;

use super::passage;

/// Imported keys that are kept; a project has a handful at a time.
const MAX_IMPORTED_KEYS: usize = 64;

thread_local! {
    /// Imported keys by their JWK: an import costs as much as a check.
    static IMPORTED: RefCell<HashMap<String, (CryptoKey, Object)>> = RefCell::default();
    /// The key of `IDENTITY_PRIVATE_KEY`, which never changes.
    static SIGNING: RefCell<Option<CryptoKey>> = const { RefCell::new(None) };
}

/// The ES256 signature of `input` by `IDENTITY_PRIVATE_KEY` (RFC 7518 3.4: both numbers, 64 bytes, as WebCrypto has
/// them); none if the runtime takes no such key.
pub(super) async fn sign(config: &Config, input: &str) -> Option<Vec<u8>> {
    let key = config.identity_key.as_ref()?;
    sign_with(key.private_jwk().expose(), input).await.ok()
}

async fn sign_with(jwk: &str, input: &str) -> Result<Vec<u8>, JsValue> {
    let subtle = subtle()?;
    let algorithm = parameters(SignatureAlgorithm::Es256)?;
    let held = SIGNING.with_borrow(Clone::clone);
    let key = match held {
        Some(key) => key,
        None => {
            let data: Object = js_sys::JSON::parse(jwk)?.unchecked_into();
            let usages = Array::of1(&JsValue::from_str("sign"));
            let promise =
                subtle.import_key_with_object("jwk", &data, &algorithm, false, &usages)?;
            let key: CryptoKey = JsFuture::from(promise).await?.unchecked_into();
            SIGNING.set(Some(key.clone()));
            key
        }
    };
    let input = Uint8Array::from(input.as_bytes());
    let promise = subtle.sign_with_object_and_buffer_source(&algorithm, &key, &input)?;
    Ok(Uint8Array::new(&JsFuture::from(promise).await?).to_vec())
}

/// Begins the check of a signature whose key is at hand: nothing else has to be waited for.
pub(super) fn begin(asked: &SignatureCheck) -> Option<Promise> {
    let SignatureKey::Public(key) = asked.key() else {
        return None;
    };
    let input = asked.signing_input().as_bytes();
    IMPORTED.with_borrow(|held| {
        let (key, algorithm) = held.get(key.jwk())?;
        passage::check(algorithm, key, asked.signature(), input).ok()
    })
}

/// True if the signature is the key's; an error of the runtime over the
/// signature makes it no good one.
pub(super) async fn verify(asked: &SignatureCheck) -> Result<bool, KeyUnusable> {
    let held = load(asked.key()).await.map_err(|_| KeyUnusable)?;
    let is_good = check(held, asked.signature(), asked.signing_input()).await;
    Ok(is_good.unwrap_or(false))
}

/// The key as the runtime holds it, with the algorithm's parameters.
async fn load(key: &SignatureKey) -> Result<(SubtleCrypto, Object, CryptoKey), JsValue> {
    let subtle = subtle()?;
    let (algorithm, crypto_key) = match key {
        SignatureKey::Public(key) => {
            let algorithm = parameters(key.algorithm())?;
            let crypto_key = import(&subtle, key.jwk(), &algorithm).await?;
            (algorithm, crypto_key)
        }
        SignatureKey::Secret(secret) => {
            let algorithm = parameters(SignatureAlgorithm::Hs256)?;
            let raw = Uint8Array::from(secret.expose().as_bytes());
            let crypto_key = import_raw(&subtle, &raw, &algorithm).await?;
            (algorithm, crypto_key)
        }
    };
    Ok((subtle, algorithm, crypto_key))
}

async fn check(
    (subtle, algorithm, key): (SubtleCrypto, Object, CryptoKey),
    signature: &[u8],
    input: &str,
) -> Result<bool, JsValue> {
    let signature = Uint8Array::from(signature);
    let input = Uint8Array::from(input.as_bytes());
    let promise = subtle.verify_with_object_and_buffer_source_and_buffer_source(
        &algorithm, &key, &signature, &input,
    )?;
    Ok(JsFuture::from(promise).await?.is_truthy())
}

fn subtle() -> Result<SubtleCrypto, JsValue> {
    let crypto = Reflect::get(&js_sys::global(), &JsValue::from_str("crypto"))?;
    Ok(crypto.unchecked_into::<Crypto>().subtle())
}

/// The algorithm's parameters for import and check (Web Cryptography API 18.2).
fn parameters(algorithm: SignatureAlgorithm) -> Result<Object, JsValue> {
    let members: &[(&str, &str)] = match algorithm {
        SignatureAlgorithm::Es256 => &[
            ("name", "ECDSA"),
            ("namedCurve", "P-256"),
            ("hash", "SHA-256"),
        ],
        SignatureAlgorithm::EdDsa => &[("name", "Ed25519")],
        SignatureAlgorithm::Hs256 => &[("name", "HMAC"), ("hash", "SHA-256")],
        SignatureAlgorithm::Rs256 => &[("name", "RSASSA-PKCS1-v1_5"), ("hash", "SHA-256")],
    };
    let parameters = Object::new();
    for (name, value) in members {
        Reflect::set(
            &parameters,
            &JsValue::from_str(name),
            &JsValue::from_str(value),
        )?;
    }
    Ok(parameters)
}

async fn import(
    subtle: &SubtleCrypto,
    jwk: &str,
    algorithm: &Object,
) -> Result<CryptoKey, JsValue> {
    let held = IMPORTED.with_borrow(|held| held.get(jwk).map(|(key, _)| key.clone()));
    if let Some(key) = held {
        return Ok(key);
    }
    let data: Object = js_sys::JSON::parse(jwk)?.unchecked_into();
    let usages = Array::of1(&JsValue::from_str("verify"));
    let promise = subtle.import_key_with_object("jwk", &data, algorithm, false, &usages)?;
    let key: CryptoKey = JsFuture::from(promise).await?.unchecked_into();
    IMPORTED.with_borrow_mut(|held| {
        if held.len() >= MAX_IMPORTED_KEYS {
            held.clear();
        }
        held.insert(jwk.to_owned(), (key.clone(), algorithm.clone()));
    });
    Ok(key)
}

async fn import_raw(
    subtle: &SubtleCrypto,
    raw: &Uint8Array,
    algorithm: &Object,
) -> Result<CryptoKey, JsValue> {
    let usages = Array::of1(&JsValue::from_str("verify"));
    let promise = subtle.import_key_with_object("raw", raw, algorithm, false, &usages)?;
    Ok(JsFuture::from(promise).await?.unchecked_into())
}
