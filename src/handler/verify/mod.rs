//! Verification: from a token to a verdict, asking for keys, a signature check or Auth's opinion.

use crate::auth_api::{self, AuthRequest};
use crate::jwks::{CachedKeys, KeySet, KeysError, SignatureAlgorithm, VerificationKey};
use crate::memory::Memory;
use crate::secret::Secret;
use crate::time::UnixTime;
use crate::token::{GoodSignature, SignedClaims, Token, TokenError, Trust, VerifiedClaims};

use super::Step;
use super::refresh::{self, Renewal};
use super::routes::{self, SignIn};
use super::visit::{Stage, Visit};

mod ask_user;

pub use ask_user::AskUser;
pub(super) use ask_user::ask_live;

/// What a token is verified for.
#[derive(Debug)]
pub(super) enum Purpose {
    /// The visitor presented it.
    Presented,
    /// Auth began a session with it.
    SignedIn(Box<SignIn>),
    /// Auth answered a refresh with it.
    Renewed(Renewal),
}

/// The result of a verification.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Trusted now.
    Alive(VerifiedClaims),
    /// Everything holds but the expiry.
    Dead(SignedClaims),
    /// Not trusted.
    Failed(TokenError),
    /// Auth says that the session or its user is gone.
    Gone(&'static str),
    /// The key set, just fetched, does not hold the key: it may have been revoked.
    KeyUnknown(Token),
    /// Dead, and only Auth could have checked it.
    Uncheckable(Token),
    /// It cannot be decided now.
    Undecided(&'static str),
}

#[derive(Debug)]
struct Check {
    visit: Box<Visit>,
    purpose: Purpose,
    token: Token,
    /// Times it looked again for a key set that another request fetches.
    pauses: u32,
}

/// Times a request looks again for a key set that another one fetches; each
/// pause is twice as long as the one before, 2.5 s in all.
const MAX_PAUSES: u32 = 7;
const FIRST_PAUSE_MS: u64 = 20;

/// How far the search for a key has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Looked {
    Memory,
    Stored,
    Network,
    NetworkFailed,
}

/// Verifies `raw`, from memory if it was seen before.
pub(super) fn verify(
    visit: Box<Visit>,
    purpose: Purpose,
    raw: &str,
    memory: &mut Memory,
    now: UnixTime,
) -> Step {
    let fingerprint = memory.fingerprint(raw);
    if let Some(claims) = memory.verdict(fingerprint, now) {
        if matches!(purpose, Purpose::Presented) {
            visit.make_known(fingerprint, memory);
        }
        return conclude(visit, purpose, Verdict::Alive(claims), memory, now);
    }
    let token = match Token::parse(raw) {
        Ok(token) => token,
        Err(error) => return conclude(visit, purpose, Verdict::Failed(error), memory, now),
    };
    let check = Check {
        visit,
        purpose,
        token,
        pauses: 0,
    };
    match (check.token.algorithm(), &check.visit.config.jwt_secret) {
        (SignatureAlgorithm::Hs256, Some(secret)) => {
            let key = SignatureKey::Secret(secret.clone());
            check.signature(key, None, now)
        }
        (SignatureAlgorithm::Hs256, None) => check.ask_user(memory, now),
        _ if check.token.kid().is_none() => check.ask_user(memory, now),
        _ => check.look_up(Looked::Memory, memory, now),
    }
}

fn conclude(
    visit: Box<Visit>,
    purpose: Purpose,
    verdict: Verdict,
    memory: &mut Memory,
    now: UnixTime,
) -> Step {
    match purpose {
        Purpose::Presented => refresh::assess(visit, verdict, memory, now),
        Purpose::SignedIn(sign_in) => routes::signed_in(visit, *sign_in, &verdict, now),
        Purpose::Renewed(renewal) => refresh::renewed(visit, renewal, &verdict, memory, now),
    }
}

impl Check {
    fn conclude(self, verdict: Verdict, memory: &mut Memory, now: UnixTime) -> Step {
        conclude(self.visit, self.purpose, verdict, memory, now)
    }

    /// Finds the key, or asks for the next place to look.
    fn look_up(mut self, looked: Looked, memory: &mut Memory, now: UnixTime) -> Step {
        let kid = self.token.kid().unwrap_or_default().to_owned();
        let Some(cached) = memory.keys(now) else {
            return self.look_further(looked, memory, now);
        };
        // A renewed token is verified after the presented one: the record names the farther way.
        if looked == Looked::Memory && self.visit.record.keys == "none" {
            self.visit.record.keys = "memory";
        }
        let is_fresh = cached.is_fresh(self.visit.config.jwks_ttl_seconds, now);
        let is_empty = cached.set.is_empty();
        let is_listed = cached.set.contains(&kid);
        let key = cached.set.find(&kid, self.token.algorithm()).cloned();
        if !is_fresh && looked != Looked::Network {
            self.visit.record.keys = "stale";
            memory.want_background_fetch(now);
        }
        if is_empty {
            return self.ask_user(memory, now);
        }
        if let Some(key) = key {
            return self.signature(SignatureKey::Public(key), Some(kid), now);
        }
        if is_listed {
            let verdict = Verdict::Failed(TokenError::AlgorithmNotAllowed);
            return self.conclude(verdict, memory, now);
        }
        self.unknown_kid(&kid, looked, memory, now)
    }

    fn look_further(self, looked: Looked, memory: &mut Memory, now: UnixTime) -> Step {
        match looked {
            Looked::Memory => self.read_keys(now),
            Looked::Stored if memory.is_fetching(now) && self.pauses < MAX_PAUSES => {
                self.pause(now)
            }
            Looked::Stored if memory.may_fetch(now) => {
                memory.claim_fetch(now);
                self.fetch_keys(now)
            }
            Looked::Stored | Looked::Network | Looked::NetworkFailed => {
                self.conclude(Verdict::Undecided("keys_unreachable"), memory, now)
            }
        }
    }

    fn unknown_kid(self, kid: &str, looked: Looked, memory: &mut Memory, now: UnixTime) -> Step {
        match looked {
            Looked::Memory | Looked::Stored if memory.is_fetching(now) => {
                // Whether the key is really unknown is being found out.
                if self.pauses < MAX_PAUSES {
                    return self.pause(now);
                }
                let verdict = Verdict::Undecided("keys_unreachable");
                return self.conclude(verdict, memory, now);
            }
            Looked::Memory | Looked::Stored if memory.claim_forced_fetch(kid, now) => {
                memory.claim_fetch(now);
                return self.fetch_keys(now);
            }
            Looked::NetworkFailed => {
                return self.conclude(Verdict::Undecided("keys_unreachable"), memory, now);
            }
            Looked::Network => memory.note_unknown_kid(kid, now),
            Looked::Memory | Looked::Stored => {}
        }
        let verdict = Verdict::KeyUnknown(self.token.clone());
        self.conclude(verdict, memory, now)
    }

    fn read_keys(mut self, now: UnixTime) -> Step {
        self.visit.wait(now);
        Step::ReadKeys(ReadKeys(self))
    }

    fn pause(mut self, now: UnixTime) -> Step {
        self.visit.wait(now);
        self.pauses += 1;
        Step::AwaitKeys(AwaitKeys(self))
    }

    fn fetch_keys(mut self, now: UnixTime) -> Step {
        self.visit.wait(now);
        self.visit.count_auth_calls(1);
        Step::FetchKeys(FetchKeys(self))
    }

    fn signature(mut self, key: SignatureKey, kid: Option<String>, now: UnixTime) -> Step {
        self.visit.wait(now);
        Step::CheckSignature(CheckSignature {
            check: self,
            key,
            kid,
        })
    }

    /// The verdict on a token whose signature, or whose bearer, is known to be good.
    fn signed(&self, signed: GoodSignature, now: UnixTime) -> Verdict {
        let config = &self.visit.config;
        let trust = Trust {
            issuers: &config.issuers,
            audiences: &config.audiences,
            clock_skew_seconds: config.clock_skew_seconds,
        };
        match self.token.check(signed, trust, now) {
            Err(error) => Verdict::Failed(error),
            Ok(claims) => claims
                .alive(config.clock_skew_seconds, now)
                .map_or(Verdict::Dead(claims), Verdict::Alive),
        }
    }
}

/// Waits for the key set that `SESSION_KV` holds.
#[derive(Debug)]
pub struct ReadKeys(Check);

impl ReadKeys {
    /// Continues with what was stored, or nothing (no binding, no entry, an error).
    pub fn resume(self, stored: Option<CachedKeys>, memory: &mut Memory, now: UnixTime) -> Step {
        let mut check = self.0;
        check.visit.spend(Stage::Keys, now);
        if let Some(stored) = stored {
            check.visit.record.keys = "kv";
            memory.store_keys(stored);
        }
        check.look_up(Looked::Stored, memory, now)
    }
}

/// Waits a moment for the key set that another request of the isolate fetches.
#[derive(Debug)]
pub struct AwaitKeys(Check);

impl AwaitKeys {
    /// How long to wait before looking again.
    #[must_use]
    pub const fn pause_ms(&self) -> u64 {
        FIRST_PAUSE_MS << (self.0.pauses.saturating_sub(1))
    }

    /// Looks again.
    pub fn resume(self, memory: &mut Memory, now: UnixTime) -> Step {
        let mut check = self.0;
        check.visit.spend(Stage::Keys, now);
        check.look_up(Looked::Stored, memory, now)
    }
}

/// Waits for the key set of Auth.
#[derive(Debug)]
pub struct FetchKeys(Check);

impl FetchKeys {
    /// The request to send.
    #[must_use]
    pub fn request(&self) -> AuthRequest {
        auth_api::keys_request(&self.0.visit.config)
    }

    /// How long it may take.
    #[must_use]
    pub fn timeout_ms(&self) -> u64 {
        self.0.visit.auth_budget_ms()
    }

    /// Continues with the key set, or the reason why there is none.
    pub fn resume(
        self,
        fetched: Result<KeySet, KeysError>,
        memory: &mut Memory,
        now: UnixTime,
    ) -> Step {
        let mut check = self.0;
        check.visit.spend(Stage::Keys, now);
        let looked = if let Ok(set) = fetched {
            check.visit.record.keys = "network";
            memory.store_keys(CachedKeys {
                set,
                fetched_at: now,
            });
            Looked::Network
        } else {
            memory.note_failed_fetch(now);
            Looked::NetworkFailed
        };
        check.look_up(looked, memory, now)
    }
}

/// The key a signature is checked with.
#[derive(Clone, Debug)]
pub enum SignatureKey {
    /// A key of the key set.
    Public(VerificationKey),
    /// The project's shared secret, for HS256.
    Secret(Secret),
}

/// The runtime cannot import the key: its parts are no point of the curve, or no RSA key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeyUnusable;

/// Waits for a signature check.
#[derive(Debug)]
pub struct CheckSignature {
    check: Check,
    key: SignatureKey,
    kid: Option<String>,
}

impl CheckSignature {
    /// The key. Its algorithm is the one to use; the token agreed to it before.
    #[must_use]
    pub const fn key(&self) -> &SignatureKey {
        &self.key
    }

    /// The signed bytes.
    #[must_use]
    pub fn signing_input(&self) -> &str {
        self.check.token.signing_input()
    }

    /// The signature's bytes.
    #[must_use]
    pub fn signature(&self) -> Vec<u8> {
        self.check.token.signature()
    }

    /// Continues with the runtime's answer: whether the signature is good.
    ///
    /// A key that is none says nothing about who signed, so the session is kept.
    pub fn resume(
        self,
        is_good: Result<bool, KeyUnusable>,
        memory: &mut Memory,
        now: UnixTime,
    ) -> Step {
        let mut check = self.check;
        check.visit.spend(Stage::Verify, now);
        let verdict = match is_good.map(GoodSignature::from_check) {
            Ok(Some(signed)) => check.signed(signed, now),
            Ok(None) => Verdict::Failed(TokenError::SignatureMismatch),
            Err(KeyUnusable) => Verdict::Undecided("key_unusable"),
        };
        if let Verdict::Alive(claims) = &verdict {
            let token = memory.fingerprint(check.token.raw());
            memory.remember(token, claims.clone(), self.kid, claims.expires_at);
        }
        check.conclude(verdict, memory, now)
    }
}
