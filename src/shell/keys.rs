//! The key set: `SESSION_KV`, the network, and the refetch in the background.

use std::time::Duration;

use futures_util::future::{Either, select};
use worker::Delay;

use crate::auth_api::{self, AuthRequest, Unreachable};
use crate::jwks::{CachedKeys, KeySet, KeysError, MAX_STALE_SECONDS};

use super::auth;
use super::kv::Kv;
use super::runtime::{Runtime, memory, now};

/// KV answers within some 10 ms, seldom 100; a visitor is not kept longer for it.
const KV_TIMEOUT_MS: u64 = 1000;
/// A read may be this old: the shortest time that KV accepts.
const KV_CACHE_SECONDS: u64 = 60;

/// The stored key set, if there is one.
pub(super) async fn read(runtime: &Runtime) -> Option<CachedKeys> {
    let store = Kv::bound(&runtime.env)?;
    let name = CachedKeys::storage_name(&runtime.config.jwks_url);
    let text = Box::pin(store.get(&name, Some(KV_CACHE_SECONDS)));
    let deadline = Delay::from(Duration::from_millis(KV_TIMEOUT_MS));
    match select(text, deadline).await {
        Either::Left((text, _)) => CachedKeys::from_stored(&text.ok()??),
        Either::Right(((), _)) => None,
    }
}

/// Fetches the key set from Auth, and stores it later if that is worth a write.
pub(super) async fn fetch(
    runtime: &Runtime,
    request: &AuthRequest,
    timeout_ms: u64,
) -> Result<KeySet, KeysError> {
    let reply = auth::send(request, timeout_ms)
        .await
        .map_err(|reason| match reason {
            Unreachable::TooLarge => KeysError::TooLarge,
            Unreachable::Network | Unreachable::TimedOut => KeysError::Unreachable,
        })?;
    if reply.status != 200 {
        return Err(KeysError::Status(reply.status));
    }
    let set = KeySet::parse(&reply.body)?;
    store_later(
        runtime,
        CachedKeys {
            set: set.clone(),
            fetched_at: now(),
        },
    );
    Ok(set)
}

/// Refetches a stale key set while it still serves.
pub(super) fn refetch_later(runtime: &Runtime) {
    let runtime = runtime.share();
    let context = std::rc::Rc::clone(&runtime.context);
    context.wait_until(async move {
        let request = auth_api::keys_request(&runtime.config);
        let timeout_ms = runtime.config.auth_timeout_ms;
        let fetched = fetch(&runtime, &request, timeout_ms).await;
        let memory = memory();
        let mut memory = memory.borrow_mut();
        match fetched {
            Ok(set) => memory.store_keys(CachedKeys {
                set,
                fetched_at: now(),
            }),
            Err(_) => memory.keys.note_failed_fetch(now()),
        }
    });
}

fn store_later(runtime: &Runtime, keys: CachedKeys) {
    let Some(store) = Kv::bound(&runtime.env) else {
        return;
    };
    let name = CachedKeys::storage_name(&runtime.config.jwks_url);
    runtime.context.wait_until(async move {
        let stored = store.get(&name, None).await.ok().flatten();
        let stored = stored.as_deref().and_then(CachedKeys::from_stored);
        if !keys.is_worth_storing(stored.as_ref()) {
            return;
        }
        // A failed write costs the next isolate a fetch; nothing depends on it.
        drop(store.put(&name, &keys.to_stored(), MAX_STALE_SECONDS).await);
    });
}
