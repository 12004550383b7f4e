//! Verification: from a token to a verdict, asking for keys, a signature check or Auth's opinion.

use crate::auth_api::{self, AuthReply, AuthRequest, Unreachable, UserReply};
use crate::jwks::{CachedKeys, KeySet, KeysError, SignatureAlgorithm, VerificationKey};
use crate::memory::Memory;
use crate::secret::Secret;
use crate::time::UnixTime;
use crate::token::{GoodSignature, SignedClaims, Token, TokenError, Trust, VerifiedClaims};

use super::Step;
use super::refresh::{self, Renewal};
use super::routes::{self, SignIn};
use super::settle::{self, Settled};
use super::visit::{Stage, Visit};

/// A verdict that rests on Auth's word and not on a signature is kept no longer than this.
const ASKED_VERDICT_SECONDS: u64 = 60;

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

    fn ask_user(mut self, memory: &mut Memory, now: UnixTime) -> Step {
        let skew = self.visit.config.clock_skew_seconds;
        let expiry = self.token.claimed_expiry();
        if expiry.is_none_or(|expiry| expiry.plus_seconds(skew) <= now) {
            let verdict = Verdict::Uncheckable(self.token.clone());
            return self.conclude(verdict, memory, now);
        }
        self.visit.wait(now);
        self.visit.count_auth_calls(1);
        let request = auth_api::user_request(&self.visit.config, self.token.raw());
        Step::AskUser(AskUser {
            request,
            then: Then::Verify(Box::new(self)),
        })
    }

    /// True near the expiry, where Auth may refuse a token for its age alone: it
    /// knows no leeway, and its clock is another.
    fn is_running_out(&self, now: UnixTime) -> bool {
        let config = &self.visit.config;
        let margin = config.refresh_margin_seconds.max(config.clock_skew_seconds);
        let expiry = self.token.claimed_expiry();
        expiry.is_some_and(|expiry| expiry < now.plus_seconds(margin))
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

    /// Continues with the runtime's answer; an error of the runtime counts as a bad signature.
    pub fn resume(self, is_good: bool, memory: &mut Memory, now: UnixTime) -> Step {
        let mut check = self.check;
        check.visit.spend(Stage::Verify, now);
        let verdict = GoodSignature::from_check(is_good)
            .map_or(Verdict::Failed(TokenError::SignatureMismatch), |signed| {
                check.signed(signed, now)
            });
        if let Verdict::Alive(claims) = &verdict {
            let token = memory.fingerprint(check.token.raw());
            memory.remember(token, claims.clone(), self.kid, claims.expires_at);
        }
        check.conclude(verdict, memory, now)
    }
}

/// Waits for Auth's opinion of a token (`GET /user`).
#[derive(Debug)]
pub struct AskUser {
    request: AuthRequest,
    then: Then,
}

#[derive(Debug)]
enum Then {
    /// The token cannot be checked otherwise.
    Verify(Box<Check>),
    /// The rule demands it although the token is verified.
    Live(Box<Visit>, Settled),
}

/// Asks Auth about a session that is verified already (`verify: "live"`).
pub(super) fn ask_live(
    mut visit: Box<Visit>,
    settled: Settled,
    access_token: &str,
    now: UnixTime,
) -> Step {
    visit.wait(now);
    visit.count_auth_calls(1);
    let request = auth_api::user_request(&visit.config, access_token);
    Step::AskUser(AskUser {
        request,
        then: Then::Live(visit, settled),
    })
}

impl AskUser {
    /// The request to send.
    #[must_use]
    pub const fn request(&self) -> &AuthRequest {
        &self.request
    }

    /// How long it may take.
    #[must_use]
    pub fn timeout_ms(&self) -> u64 {
        match &self.then {
            Then::Verify(check) => check.visit.auth_budget_ms(),
            Then::Live(visit, _) => visit.auth_budget_ms(),
        }
    }

    /// Continues with Auth's answer.
    pub fn resume(
        self,
        answer: &Result<AuthReply, Unreachable>,
        memory: &mut Memory,
        now: UnixTime,
    ) -> Step {
        match self.then {
            Then::Verify(check) => asked(*check, answer, memory, now),
            Then::Live(mut visit, settled) => {
                visit.spend(Stage::Auth, now);
                let subject = settled.user_id().unwrap_or_default();
                let reply = auth_api::read_user_reply(answer, subject);
                settle::settle_live(visit, settled, reply, memory, now)
            }
        }
    }
}

fn asked(
    mut check: Check,
    answer: &Result<AuthReply, Unreachable>,
    memory: &mut Memory,
    now: UnixTime,
) -> Step {
    check.visit.spend(Stage::Auth, now);
    let subject = check.token.claimed_subject().unwrap_or_default();
    let verdict = match auth_api::read_user_reply(answer, subject) {
        UserReply::Gone(code) => Verdict::Gone(code),
        UserReply::Rejected if check.is_running_out(now) => {
            Verdict::Uncheckable(check.token.clone())
        }
        UserReply::Rejected => Verdict::Failed(TokenError::Rejected),
        UserReply::Unavailable(code) => Verdict::Undecided(code),
        UserReply::WrongUser => Verdict::Failed(TokenError::SubjectMismatch),
        // Auth checked the signature, so its word stands for the check.
        UserReply::Live => GoodSignature::from_check(true)
            .map_or(Verdict::Failed(TokenError::SignatureMismatch), |signed| {
                check.signed(signed, now)
            }),
    };
    if let Verdict::Alive(claims) = &verdict {
        let until = now
            .plus_seconds(ASKED_VERDICT_SECONDS)
            .min(claims.expires_at);
        let token = memory.fingerprint(check.token.raw());
        memory.remember(token, claims.clone(), None, until);
    }
    check.conclude(verdict, memory, now)
}
