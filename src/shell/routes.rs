//! What only the Worker's own routes need of the runtime: bodies, randomness, revocations, health.

use std::time::Duration;

use futures_util::future::{Either, select};
use js_sys::{Function, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use worker::{Delay, Env};

use crate::auth_api;
use crate::handler::{
    BodyError, HealthReport, MAX_BODY_BYTES, Reach, RevocationNames, RevocationsFound,
};
use crate::jwks::CachedKeys;
use crate::pkce;
use crate::revocation::{Ends, Revocation};
use crate::time::UnixTime;

use super::kv::Kv;
use super::runtime::{Runtime, memory, now};
use super::{bindings, keys, passage, refresh};

/// Bindings answer within some 10 ms, seldom 100.
const BINDING_TIMEOUT_MS: u64 = 1000;
/// KV's shortest time for a cached read.
const KV_CACHE_SECONDS: u64 = 60;
/// An object that exists for the health check alone.
const HEALTH_OBJECT: &str = "health";

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
    let store = Kv::bound(&runtime.env)?;
    let read = Box::pin(async {
        let session = match &names.session {
            Some(name) => read(&store, name).await?,
            None => None,
        };
        let user = read(&store, &names.user).await?;
        Some(RevocationsFound { session, user })
    });
    within(read).await?
}

async fn read(store: &Kv, name: &str) -> Option<Option<Ends>> {
    let text = store.get(name, Some(KV_CACHE_SECONDS)).await;
    let text = text.ok()?;
    Some(text.as_deref().map(Revocation::from_stored))
}

/// Stores a revocation; false if it could not be stored.
pub(super) async fn revoke(runtime: &Runtime, revocation: &Revocation) -> bool {
    let Some(store) = Kv::bound(&runtime.env) else {
        return false;
    };
    let (name, value) = (revocation.name(), revocation.to_stored());
    let put = Box::pin(store.put(name, &value, revocation.ttl_seconds()));
    within(put).await.is_some_and(|stored| stored.is_ok())
}

/// Asks the rate limit for each key; a limit that is not bound or does not answer keeps nobody out.
pub(super) async fn limit(env: &Env, keys: &[String]) -> bool {
    let Some(binding) = bindings::binding(env, "SIGN_IN_LIMIT") else {
        return true;
    };
    for key in keys {
        let asked = Box::pin(may_go_on(&binding, key));
        if matches!(within(asked).await, Some(Ok(false))) {
            return false;
        }
    }
    true
}

async fn may_go_on(binding: &JsValue, key: &str) -> Result<bool, JsValue> {
    let question = Object::new();
    Reflect::set(&question, &"key".into(), &key.into())?;
    let limit: Function = Reflect::get(binding, &"limit".into())?.dyn_into()?;
    let promise: Promise = limit.call1(binding, &question)?.dyn_into()?;
    let outcome = JsFuture::from(promise).await?;
    Ok(Reflect::get(&outcome, &"success".into())?.is_truthy())
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
    let Some(store) = Kv::bound(env) else {
        return Reach::Unbound;
    };
    let get = Box::pin(store.get("health", None));
    reach(within(get).await.is_some_and(|text| text.is_ok()))
}

async fn gate(env: &Env) -> Reach {
    if bindings::binding(env, "REFRESH_GATE").is_none() {
        return Reach::Unbound;
    }
    let stub = bindings::gate(env, HEALTH_OBJECT);
    let asked = stub.and_then(|stub| stub.fetch_with_str(refresh::GATE_URL).ok());
    let Some(asked) = asked else {
        return Reach::Unreachable;
    };
    // It refuses what is no question about a session; that it answers is enough.
    let answer = JsFuture::from(asked);
    reach(within(answer).await.is_some_and(|answer| answer.is_ok()))
}

const fn reach(answers: bool) -> Reach {
    if answers {
        Reach::Reachable
    } else {
        Reach::Unreachable
    }
}

/// The result, unless it takes too long.
async fn within<T>(work: impl Future<Output = T> + Unpin) -> Option<T> {
    let deadline = Delay::from(Duration::from_millis(BINDING_TIMEOUT_MS));
    match select(work, deadline).await {
        Either::Left((result, _)) => Some(result),
        Either::Right(((), _)) => None,
    }
}
