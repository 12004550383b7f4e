//! `SESSION_KV`: texts under names.

use js_sys::Array;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use worker::Env;

use super::{bindings, passage};

/// KV answers within some 10 ms, seldom 100; a visitor is not kept longer for it.
pub(super) const TIMEOUT_MS: u32 = 1000;
/// A read may be this old: the shortest time that KV accepts.
pub(super) const CACHE_SECONDS: u32 = 60;

/// The store, if it is bound.
pub(super) fn store(env: &Env) -> Option<JsValue> {
    bindings::binding(env, "SESSION_KV")
}

/// The texts under these names, read one after the other within one time; `None` if KV fails or takes longer.
pub(super) async fn read(
    store: &JsValue,
    names: &[&str],
    cache_seconds: Option<u32>,
    timeout_ms: Option<u32>,
) -> Option<Vec<Option<String>>> {
    let names: Array = names.iter().map(|name| JsValue::from_str(name)).collect();
    let read = passage::read_texts(store, &names, cache_seconds, timeout_ms).ok()?;
    let texts: Array = JsFuture::from(read).await.ok()?.dyn_into().ok()?;
    Some(texts.iter().map(|text| text.as_string()).collect())
}

/// Stores a text for so many seconds; false if KV fails or takes longer.
pub(super) async fn write(
    store: &JsValue,
    (name, text): (&str, &str),
    seconds: u64,
    timeout_ms: Option<u32>,
) -> bool {
    match passage::write_text(store, name, text, seconds as f64, timeout_ms) {
        Ok(written) => JsFuture::from(written)
            .await
            .is_ok_and(|is_written| is_written.is_truthy()),
        Err(_) => false,
    }
}
