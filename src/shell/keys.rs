//! The key set: `SESSION_KV`, the network, and the refetch in the background.

use crate::auth_api::{self, AuthRequest, Unreachable};
use crate::jwks::{CachedKeys, KeySet, KeysError, MAX_STALE_SECONDS};

use super::runtime::{Runtime, memory, now};
use super::{auth, kv};

/// The stored key set, if there is one.
pub(super) async fn read(runtime: &Runtime) -> Option<CachedKeys> {
    let store = kv::store(&runtime.env)?;
    let name = CachedKeys::storage_name(&runtime.config.jwks_url);
    let (age, patience) = (Some(kv::CACHE_SECONDS), Some(kv::TIMEOUT_MS));
    let texts = kv::read(&store, &[&name], age, patience).await?;
    CachedKeys::from_stored(texts.first()?.as_deref()?)
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
    let handle = runtime.share();
    runtime.later(async move {
        let runtime = handle;
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
    let Some(store) = kv::store(&runtime.env) else {
        return;
    };
    let name = CachedKeys::storage_name(&runtime.config.jwks_url);
    runtime.later(async move {
        let texts = kv::read(&store, &[&name], None, None).await;
        let stored = texts.and_then(|texts| CachedKeys::from_stored(texts.first()?.as_deref()?));
        if !keys.is_worth_storing(stored.as_ref()) {
            return;
        }
        // A failed write costs the next isolate a fetch; nothing depends on it.
        kv::write(&store, (&name, &keys.to_stored()), MAX_STALE_SECONDS, None).await;
    });
}
