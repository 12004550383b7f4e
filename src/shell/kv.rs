//! `SESSION_KV`: texts by name, some with a time after which nobody needs them.
//!
//! Called as it is, since the `worker` crate's own types for it read every answer by serde, which is 4 KB gzip.

use js_sys::{Object, Promise, Reflect};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use worker::Env;

use super::bindings;

#[wasm_bindgen]
extern "C" {
    /// Cloudflare's `KVNamespace`.
    type Namespace;

    #[wasm_bindgen(method, catch)]
    fn get(this: &Namespace, name: &str, options: &Object) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn put(this: &Namespace, name: &str, value: &str, options: &Object)
    -> Result<Promise, JsValue>;
}

/// The store, if one is bound.
pub(super) struct Kv(Namespace);

impl Kv {
    pub(super) fn bound(env: &Env) -> Option<Self> {
        let bound = bindings::binding(env, "SESSION_KV")?;
        Some(Self(bound.unchecked_into()))
    }

    /// The text of a name. Cloudflare may answer from the cache of its location for `cache_ttl` seconds, a minute if none
    /// are named.
    pub(super) async fn get(
        &self,
        name: &str,
        cache_ttl: Option<u64>,
    ) -> Result<Option<String>, JsValue> {
        let options = Object::new();
        if let Some(seconds) = cache_ttl {
            set_seconds(&options, "cacheTtl", seconds)?;
        }
        let found = JsFuture::from(self.0.get(name, &options)?).await?;
        Ok(found.as_string())
    }

    /// Stores a text for so many seconds.
    pub(super) async fn put(&self, name: &str, value: &str, ttl: u64) -> Result<(), JsValue> {
        let options = Object::new();
        set_seconds(&options, "expirationTtl", ttl)?;
        JsFuture::from(self.0.put(name, value, &options)?).await?;
        Ok(())
    }
}

fn set_seconds(options: &Object, name: &str, seconds: u64) -> Result<(), JsValue> {
    Reflect::set(options, &name.into(), &(seconds as f64).into())?;
    Ok(())
}
