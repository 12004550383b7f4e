//! The key that a token names: from memory, `SESSION_KV` or Auth, whichever has it first.
//!
//! The search is a loop over one question, [`look_up`], which looks at the memory and says what to do next. Each
//! effect (read KV, fetch, wait for another request's fetch) moves [`Looked`] one step on and the same question is
//! asked again. So the steps cannot be mixed up, and the loop ends: `Looked` only grows, and pauses are counted.
//!
//! Who may fetch, and how often, is decided by [`KeyCache`](crate::memory::KeyCache): sprayed key ids must not
//! become requests to Auth.

use crate::auth_api;
use crate::jwks::{CachedKeys, KeySet, VerificationKey};
use crate::token::Token;

use super::desk::Desk;
use super::effect::{AuthCall, Deferred, Effect};
use super::visit::{Stage, Visit};

/// Times a request looks again for a key set that another one fetches; each
/// pause is twice as long as the one before, 2.5 s in all.
const MAX_PAUSES: u32 = 7;
/// 20, 40, 80, … 1280 ms: a fetch takes some 100 ms, and a request that waits must not look much later than it is
/// done.
const FIRST_PAUSE_MS: u64 = 20;
/// A set this many times older than its fresh time is fetched anew before it vouches for another token.
///
/// Auth's set may be kept at the edge for one fresh time; what is two of them old may hold a key that was revoked.
const MAX_AGE_TTLS: u64 = 2;

/// What became of the search for a key.
#[derive(Debug)]
pub(super) enum Sought {
    /// The key, of the algorithm that the token names.
    Found(VerificationKey),
    /// The set holds the key, for another algorithm.
    Mismatched,
    /// The project publishes no key at all.
    NoKeys,
    /// The set, just fetched, does not hold the key: it may have been revoked.
    Unknown,
    /// No set could be had.
    Unreachable,
}

/// How far the search has come.
///
/// In the order in which they are tried; a later one is never followed by an earlier one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Looked {
    Memory,
    Stored,
    Network,
    NetworkFailed,
}

/// The next thing to do.
enum Next {
    End(Sought),
    Fetch,
    Pause,
    Read,
}

/// Finds the key of a token.
pub(super) async fn find(desk: &Desk, visit: &mut Visit, token: &Token) -> Sought {
    if let Some(pinned) = &visit.config.pinned_keys {
        return among(pinned, token);
    }
    let mut looked = Looked::Memory;
    let mut pauses = 0;
    loop {
        match look_up(desk, visit, token, looked, pauses) {
            Next::End(sought) => return sought,
            Next::Fetch => looked = fetch(desk, visit).await,
            Next::Pause => {
                pauses += 1;
                visit.wait(desk.now());
                let pause_ms = FIRST_PAUSE_MS << (pauses - 1);
                desk.ask(Effect::AwaitKeys, pause_ms).await;
                visit.spend(Stage::Keys, desk.now());
                looked = Looked::Stored;
            }
            Next::Read => {
                read(desk, visit).await;
                looked = Looked::Stored;
            }
        }
    }
}

/// Fetches the set for a token that Auth has just answered, whose key is not in it: true if a set came.
///
/// A refresh that Auth answered is the only copy of the session's next refresh token, so this fetch has a cool-down
/// of its own, which made-up tokens of strangers cannot use up.
///
/// A set that came is in memory afterwards, and the next look finds it there.
pub(super) async fn fetch_for_answer(desk: &Desk, visit: &mut Visit, token: &Token) -> bool {
    let now = desk.now();
    let kid = token.kid().unwrap_or_default();
    let is_pinned = visit.config.pinned_keys.is_some();
    if is_pinned || !desk.memory().keys.claim_answer_fetch(kid, now) {
        return false;
    }
    fetch(desk, visit).await == Looked::Network
}

/// Looks in a key set that nothing is fetched beside.
fn among(set: &KeySet, token: &Token) -> Sought {
    let kid = token.kid().unwrap_or_default();
    match set.find(kid, token.algorithm()) {
        Some(key) => Sought::Found(key.clone()),
        None if set.contains(kid) => Sought::Mismatched,
        None if set.is_empty() => Sought::NoKeys,
        None => Sought::Unknown,
    }
}

/// Asks for a background refetch where the set at hand is past its time.
///
/// Also asked where a verdict came from memory: a site whose visitors are all known would never learn of a revoked
/// key.
pub(super) fn want_fresh(desk: &Desk, visit: &Visit) {
    let now = desk.now();
    let mut memory = desk.memory();
    let ttl_seconds = visit.config.jwks_ttl_seconds;
    let held = memory.keys.held(now);
    if held.is_some_and(|keys| !keys.is_fresh(ttl_seconds, now))
        && memory.keys.claim_background_fetch(now)
    {
        desk.later(Deferred::RefetchKeys);
    }
}

/// A set at hand that is past its time still answers, while it is fetched anew behind the visitor's back; only one
/// that is [`MAX_AGE_TTLS`] old is fetched first.
fn look_up(desk: &Desk, visit: &mut Visit, token: &Token, looked: Looked, pauses: u32) -> Next {
    let kid = token.kid().unwrap_or_default();
    let now = desk.now();
    let ttl_seconds = visit.config.jwks_ttl_seconds;
    let memory = desk.memory();
    let Some(cached) = memory.keys.held(now) else {
        drop(memory);
        return look_further(desk, looked, pauses);
    };
    // A renewed token is verified after the presented one: the record names the farther way.
    if looked == Looked::Memory && visit.record.keys == "none" {
        visit.record.keys = "memory";
    }
    let is_fresh = cached.is_fresh(ttl_seconds, now);
    let is_outdated = !cached.is_fresh(ttl_seconds.saturating_mul(MAX_AGE_TTLS), now);
    let is_empty = cached.set.is_empty();
    let is_listed = cached.set.contains(kid);
    let key = cached.set.find(kid, token.algorithm()).cloned();
    drop(memory);
    if is_outdated && matches!(looked, Looked::Memory | Looked::Stored) {
        // A key may have been revoked since; only if nobody can say so does the old set serve on.
        match look_further(desk, looked, pauses) {
            Next::End(_) => {}
            further @ (Next::Fetch | Next::Pause | Next::Read) => return further,
        }
    }
    if !is_fresh && looked != Looked::Network {
        visit.record.keys = "stale";
        want_fresh(desk, visit);
    }
    match key {
        _ if is_empty => Next::End(Sought::NoKeys),
        Some(key) => Next::End(Sought::Found(key)),
        None if is_listed => Next::End(Sought::Mismatched),
        None => unknown_kid(desk, kid, looked, pauses),
    }
}

/// What to do where the memory is of no use: the next farther place, or a wait for whoever is there already.
fn look_further(desk: &Desk, looked: Looked, pauses: u32) -> Next {
    let now = desk.now();
    let mut memory = desk.memory();
    match looked {
        Looked::Memory => Next::Read,
        Looked::Stored if memory.keys.is_fetching(now) && pauses < MAX_PAUSES => Next::Pause,
        Looked::Stored if memory.keys.may_fetch(now) => {
            memory.keys.claim_fetch(now);
            Next::Fetch
        }
        Looked::Stored | Looked::Network | Looked::NetworkFailed => Next::End(Sought::Unreachable),
    }
}

/// A set is at hand and does not hold the key. It may be newer than the set, so once in a while this is worth a
/// fetch; after one that shows nothing, the id is remembered as unknown.
fn unknown_kid(desk: &Desk, kid: &str, looked: Looked, pauses: u32) -> Next {
    let now = desk.now();
    let mut memory = desk.memory();
    match looked {
        // Whether the key is really unknown is being found out.
        Looked::Memory | Looked::Stored if memory.keys.is_fetching(now) => {
            return if pauses < MAX_PAUSES {
                Next::Pause
            } else {
                Next::End(Sought::Unreachable)
            };
        }
        Looked::Memory | Looked::Stored if memory.keys.claim_forced_fetch(kid, now) => {
            memory.keys.claim_fetch(now);
            return Next::Fetch;
        }
        Looked::NetworkFailed => return Next::End(Sought::Unreachable),
        Looked::Network => memory.keys.note_unknown_kid(kid, now),
        Looked::Memory | Looked::Stored => {}
    }
    Next::End(Sought::Unknown)
}

/// An entry of `SESSION_KV` may be older than what the isolate holds; [`Memory::store_keys`](crate::memory::Memory)
/// keeps the newer.
async fn read(desk: &Desk, visit: &mut Visit) {
    visit.wait(desk.now());
    let stored = desk.ask(Effect::ReadKeys, ()).await;
    visit.spend(Stage::Keys, desk.now());
    if let Some(stored) = stored {
        visit.record.keys = "kv";
        desk.memory().store_keys(stored);
    }
}

async fn fetch(desk: &Desk, visit: &mut Visit) -> Looked {
    visit.wait(desk.now());
    visit.count_auth_calls(1);
    let call = AuthCall {
        request: auth_api::keys_request(&visit.config),
        timeout_ms: visit.auth_budget_ms(),
    };
    let fetched = desk.ask(Effect::FetchKeys, call).await;
    visit.spend(Stage::Keys, desk.now());
    let now = desk.now();
    let Ok(set) = fetched else {
        desk.memory().keys.note_failed_fetch(now);
        return Looked::NetworkFailed;
    };
    visit.record.keys = "network";
    desk.memory().store_keys(CachedKeys {
        set,
        fetched_at: now,
    });
    Looked::Network
}
