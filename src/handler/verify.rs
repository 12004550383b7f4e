//! Verification: from a token to a verdict, by its signature or, where that cannot be checked here, by Auth's word.
//!
//! Whoever needs a token verified comes here: `present` for what a visitor sent, `refresh` and the routes for what
//! Auth answered. It decides nothing about cookies or rules; a [`Verdict`] says only how far the token is trusted.
//!
//! | the token | is verified by |
//! |---|---|
//! | seen before in this isolate | memory, until its expiry |
//! | ES256, RS256, EdDSA with a `kid` | the key of the set that `kid` names |
//! | HS256, and `SUPABASE_JWT_SECRET` is set | the secret |
//! | HS256 without it, no `kid`, or a project without keys | `GET /user`, kept for a minute |

use crate::auth_api::{self, UserReply};
use crate::jwks::SignatureAlgorithm;
use crate::time::UnixTime;
use crate::token::{GoodSignature, SignedClaims, Token, TokenError, Trust, VerifiedClaims};

use super::desk::Desk;
use super::effect::{AuthCall, Effect, KeyUnusable, SignatureCheck, SignatureKey};
use super::keys::{self, Sought};
use super::visit::{Stage, Visit};

/// A verdict that rests on Auth's word and not on a signature is kept no longer than this.
const ASKED_VERDICT_SECONDS: u64 = 60;

/// The result of a verification.
///
/// Of a session in cookies the last three decide nothing: a refresh, or the next request, may learn more.
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
    KeyUnknown(Box<Token>),
    /// Dead, and only Auth could have checked it.
    Uncheckable(Box<Token>),
    /// It cannot be decided now.
    Undecided(&'static str),
}

/// Verifies `raw`, from memory if it was seen before.
///
/// The key's own algorithm is used, and the token's `alg` is only compared with it (RFC 8725 3.1).
pub(super) async fn verify(desk: &Desk, visit: &mut Visit, raw: &str) -> Verdict {
    let fingerprint = desk.memory().fingerprint(raw);
    let known = desk.memory().verdicts.find(fingerprint, desk.now());
    if let Some(claims) = known {
        keys::want_fresh(desk, visit);
        return Verdict::Alive(claims);
    }
    visit.is_first_sight = true;
    let token = match Token::parse(raw) {
        Ok(token) => token,
        Err(error) => return Verdict::Failed(error),
    };
    match (token.algorithm(), visit.config.jwt_secret.clone()) {
        (SignatureAlgorithm::Hs256, Some(secret)) => {
            by_signature(desk, visit, token, SignatureKey::Secret(secret)).await
        }
        (SignatureAlgorithm::Hs256, None) => by_asking(desk, visit, token).await,
        _ if token.kid().is_none() => by_asking(desk, visit, token).await,
        _ => match keys::find(desk, visit, &token).await {
            Sought::Found(key) => by_signature(desk, visit, token, SignatureKey::Public(key)).await,
            Sought::Mismatched => Verdict::Failed(TokenError::AlgorithmNotAllowed),
            Sought::NoKeys => by_asking(desk, visit, token).await,
            Sought::Unknown => Verdict::KeyUnknown(Box::new(token)),
            Sought::Unreachable => Verdict::Undecided("keys_unreachable"),
        },
    }
}

/// Verifies the token of Auth's own answer; where its key is not known yet, with a set fetched for it.
///
/// Auth signs with a new key from one moment to the next, and the sets at hand may be ten minutes old.
pub(super) async fn verify_answer(desk: &Desk, visit: &mut Visit, access_token: &str) -> Verdict {
    let verdict = verify(desk, visit, access_token).await;
    if let Verdict::KeyUnknown(token) = &verdict
        && keys::fetch_for_answer(desk, visit, token).await
    {
        return verify(desk, visit, access_token).await;
    }
    verdict
}

/// The claims are looked at only once the signature is good: [`Token::check`] takes the proof.
async fn by_signature(desk: &Desk, visit: &mut Visit, token: Token, key: SignatureKey) -> Verdict {
    visit.wait(desk.now());
    let kid = match key {
        SignatureKey::Public(_) => token.kid().map(str::to_owned),
        SignatureKey::Secret(_) => None,
    };
    let check = SignatureCheck {
        key,
        signing_input: token.signing_input().to_owned(),
        signature: token.signature(),
    };
    let is_good = desk.ask(Effect::CheckSignature, check).await;
    visit.spend(Stage::Verify, desk.now());
    let verdict = match is_good.map(GoodSignature::from_check) {
        Ok(Some(signed)) => judge(visit, &token, signed, desk.now()),
        Ok(None) => Verdict::Failed(TokenError::SignatureMismatch),
        Err(KeyUnusable) => Verdict::Undecided("key_unusable"),
    };
    if let Verdict::Alive(claims) = &verdict {
        remember(desk, &token, claims, kid, claims.expires_at);
    }
    verdict
}

/// Auth's opinion of a token that cannot be checked here (`GET /user`).
///
/// Auth answers for dead tokens and forged ones alike, so it is not asked about one that has run out.
async fn by_asking(desk: &Desk, visit: &mut Visit, token: Token) -> Verdict {
    let skew = visit.config.clock_skew_seconds;
    let expiry = token.claimed_expiry();
    if expiry.is_none_or(|expiry| expiry.plus_seconds(skew) <= desk.now()) {
        return Verdict::Uncheckable(Box::new(token));
    }
    let answer = ask_user(desk, visit, token.raw()).await;
    let now = desk.now();
    let subject = token.claimed_subject().unwrap_or_default();
    let verdict = match auth_api::read_user_reply(&answer, subject) {
        UserReply::Gone(code) => Verdict::Gone(code),
        UserReply::Rejected if is_running_out(visit, &token, now) => {
            Verdict::Uncheckable(Box::new(token.clone()))
        }
        UserReply::Rejected => Verdict::Failed(TokenError::Rejected),
        UserReply::Unavailable(code) => Verdict::Undecided(code),
        UserReply::WrongUser => Verdict::Failed(TokenError::SubjectMismatch),
        // Auth checked the signature, so its word stands for the check.
        UserReply::Live => GoodSignature::from_check(true)
            .map_or(Verdict::Failed(TokenError::SignatureMismatch), |signed| {
                judge(visit, &token, signed, now)
            }),
    };
    if let Verdict::Alive(claims) = &verdict {
        let until = now.plus_seconds(ASKED_VERDICT_SECONDS);
        remember(desk, &token, claims, None, until.min(claims.expires_at));
    }
    verdict
}

/// Asks Auth about the bearer of a token.
///
/// It counts for the budget of this request, and as a call to Auth in its record.
pub(super) async fn ask_user(
    desk: &Desk,
    visit: &mut Visit,
    access_token: &str,
) -> Result<auth_api::AuthReply, auth_api::Unreachable> {
    visit.wait(desk.now());
    visit.count_auth_calls(1);
    let call = AuthCall {
        request: auth_api::user_request(&visit.config, access_token),
        timeout_ms: visit.auth_budget_ms(),
    };
    let answer = desk.ask(Effect::AskUser, call).await;
    visit.spend(Stage::Auth, desk.now());
    answer
}

/// True near the expiry, where Auth may refuse a token for its age alone: it
/// knows no leeway, and its clock is another.
fn is_running_out(visit: &Visit, token: &Token, now: UnixTime) -> bool {
    let config = &visit.config;
    let margin = config.refresh_margin_seconds.max(config.clock_skew_seconds);
    let expiry = token.claimed_expiry();
    expiry.is_some_and(|expiry| expiry < now.plus_seconds(margin))
}

/// The verdict on a token whose signature, or whose bearer, is known to be good.
fn judge(visit: &Visit, token: &Token, signed: GoodSignature, now: UnixTime) -> Verdict {
    let config = &visit.config;
    let trust = Trust {
        issuers: &config.issuers,
        is_issuer_optional: !config.issuer_is_set,
        audiences: &config.audiences,
        clock_skew_seconds: config.clock_skew_seconds,
    };
    match token.check(signed, trust, now) {
        Err(error) => Verdict::Failed(error),
        Ok(claims) => claims
            .alive(config.clock_skew_seconds, now)
            .map_or(Verdict::Dead(claims), Verdict::Alive),
    }
}

/// Never past the token's expiry, so that memory cannot keep a session alive. `kid` ties the verdict to its key: it
/// goes when the key leaves the set.
fn remember(
    desk: &Desk,
    token: &Token,
    claims: &VerifiedClaims,
    kid: Option<String>,
    until: UnixTime,
) {
    let mut memory = desk.memory();
    let fingerprint = memory.fingerprint(token.raw());
    memory
        .verdicts
        .remember(fingerprint, claims.clone(), kid, until);
}
