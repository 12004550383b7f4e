//! What only the Worker's own routes need of the runtime: bodies, randomness, revocations, health.

use js_sys::Uint8Array;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use worker::Env;

use crate::auth_api;
use crate::handler::{
    BodyError, HealthReport, MAX_BODY_BYTES, Reach, RevocationNames, RevocationsFound,
};
use crate::jwks::CachedKeys;
use crate::pkce;
use crate::revocation::Revocation;
use crate::time::UnixTime;

use super::runtime::{Runtime, memory, now};
use super::{bindings, keys, kv, passage, refresh};

/// Bindings answer within some 10 ms, seldom 100.
const BINDING_TIMEOUT_MS: u32 = 1000;
/// An object, and a key, that are there for the health check alone.
const HEALTH_NAME: &str = "health";

/// Reads the body of a request up to the limit.
pub(super) async fn body(request: &web_sys::Request) -> Result<Vec<u8>, BodyError> {
    let named = request.headers().get("content-length").ok().flatten();
    let length = named.and_then(|length| length.parse::<usize>().ok());
    if length.is_some_and(|length| length > MAX_BODY_BYTES) {
        return Err(BodyError::TooLarge);
    }
    let limit = u32::try_from(MAX_BODY_BYTES).unwrap_or(u32::MAX);
    let read = JsFuture::from(passage::read_body(request, limit)).await;
    let read: Result<Uint8Array, JsValue> = read.map_err(|_| BodyError::Broken)?.dyn_into();
    read.map(|bytes| bytes.to_vec())
        .map_err(|_| BodyError::TooLarge)
}

/// Random bytes for one flow; none if the runtime has no source of them.
pub(super) fn random() -> Vec<u8> {
    let mut bytes = vec![0; pkce::RANDOM_BYTES];
    match getrandom::fill(&mut bytes) {
        Ok(()) => bytes,
        Err(_) => Vec::new(),
    }
}

/// The times that stand under the keys of a session and its user; `None` if KV fails or is not bound.
pub(super) async fn revocations(
    runtime: &Runtime,
    names: &RevocationNames,
) -> Option<RevocationsFound> {
    let store = kv::store(&runtime.env)?;
    let asked: Vec<&str> = names.session.iter().map(String::as_str).collect();
    let asked = [asked.as_slice(), &[names.user.as_str()]].concat();
    let (age, patience) = (Some(kv::CACHE_SECONDS), Some(kv::TIMEOUT_MS));
    let texts = kv::read(&store, &asked, age, patience).await?;
    let mut ends = texts
        .iter()
        .map(|text| text.as_deref().map(Revocation::from_stored));
    let user = ends.next_back()?;
    let session = ends.next().flatten();
    Some(RevocationsFound { session, user })
}

/// Stores a revocation; false if it could not be stored.
pub(super) async fn revoke(runtime: &Runtime, revocation: &Revocation) -> bool {
    let Some(store) = kv::store(&runtime.env) else {
        return false;
    };
    let (text, seconds) = (revocation.to_stored(), revocation.ttl_seconds());
    kv::write(
        &store,
        (revocation.name(), &text),
        seconds,
        Some(kv::TIMEOUT_MS),
    )
    .await
}

/// Asks the rate limit for each key; a limit that is not bound or does not answer keeps nobody out.
pub(super) async fn limit(env: &Env, keys: &[String]) -> bool {
    let Some(binding) = bindings::binding(env, "SIGN_IN_LIMIT") else {
        return true;
    };
    for key in keys {
        let Ok(asked) = passage::may_go_on(&binding, key, BINDING_TIMEOUT_MS) else {
            continue;
        };
        let may_go_on = JsFuture::from(asked).await;
        if may_go_on.is_ok_and(|may_go_on| may_go_on.as_bool() == Some(false)) {
            return false;
        }
    }
    true
}

/// Looks at the key set and the bindings.
pub(super) async fn health(runtime: &Runtime) -> HealthReport {
    HealthReport {
        keys: key_set(runtime).await,
        kv: kv(&runtime.env).await,
        gate: gate(&runtime.env).await,
    }
}

async fn key_set(runtime: &Runtime) -> Option<(usize, UnixTime)> {
    if let Some(pinned) = &runtime.config.pinned_keys {
        return Some((pinned.len(), now()));
    }
    let held = {
        let memory = memory();
        let memory = memory.borrow();
        let held = memory.keys.held(now());
        held.map(|keys| (keys.set.len(), keys.fetched_at))
    };
    if held.is_some() {
        return held;
    }
    if let Some(stored) = keys::read(runtime).await {
        return Some((stored.set.len(), stored.fetched_at));
    }
    // Anyone may ask for the health, so it must not reach Auth more often than visitors do.
    if !memory().borrow().keys.may_fetch(now()) {
        return None;
    }
    let request = auth_api::keys_request(&runtime.config);
    let timeout_ms = runtime.config.auth_timeout_ms;
    let Ok(set) = keys::fetch(runtime, &request, timeout_ms).await else {
        memory().borrow_mut().keys.note_failed_fetch(now());
        return None;
    };
    let found = (set.len(), now());
    let fetched = CachedKeys {
        set,
        fetched_at: now(),
    };
    memory().borrow_mut().store_keys(fetched);
    Some(found)
}

async fn kv(env: &Env) -> Reach {
    let Some(store) = kv::store(env) else {
        return Reach::Unbound;
    };
    let read = kv::read(&store, &[HEALTH_NAME], None, Some(kv::TIMEOUT_MS)).await;
    reach(read.is_some())
}

async fn gate(env: &Env) -> Reach {
    if bindings::binding(env, "REFRESH_GATE").is_none() {
        return Reach::Unbound;
    }
    let stub = bindings::gate(env, HEALTH_NAME);
    let asked = stub.and_then(|stub| stub.fetch_with_str(refresh::GATE_URL).ok());
    let Some(asked) = asked else {
        return Reach::Unreachable;
    };
    // It refuses what is no question about a session; that it answers is enough.
    let answer = JsFuture::from(passage::within(&asked, Some(BINDING_TIMEOUT_MS))).await;
    reach(answer.is_ok_and(|answer| !answer.is_undefined()))
}

const fn reach(answers: bool) -> Reach {
    if answers {
        Reach::Reachable
    } else {
        Reach::Unreachable
    }
}
