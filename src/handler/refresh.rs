//! The refresh: when it is due, and what its answer means.
//!
//! The stage orders a refresh ([`RefreshOrder`]) and judges what came of it. Whether it goes through the session's
//! gate or straight to Auth is the shell's; how often it is sent is [`crate::auth_api::Attempts`]'. Nothing is
//! written here: a new session is verified and handed on as [`Refreshed::Renewed`].
//!
//! Only a terminal code of Auth ends a session ([`Refreshed::Ended`]). Whatever else goes wrong leaves it as it
//! stands.

use crate::auth_api::{self, RefreshReply, Unreachable};
use crate::memory::Memory;
use crate::refresh_order::{GATE_TIMEOUT, RefreshAnswer, RefreshOrder};
use crate::secret::Secret;
use crate::session::Session;
use crate::time::UnixTime;
use crate::token::{Claims, Token, VerifiedClaims};

use super::desk::Desk;
use super::effect::{Deferred, Effect, RefreshWait};
use super::observe::{self, Would};
use super::settled::Settled;
use super::verify::{self, Verdict};
use super::visit::{Outcome, Source, Stage, Visit};

/// What a new session must match: the user, the session, and an expiry that is not earlier.
#[derive(Debug)]
pub(super) struct Expected {
    user_id: String,
    session_id: Option<String>,
    expires_at: UnixTime,
    /// When the presented token was issued.
    issued_at: Option<UnixTime>,
    /// True if a good signature vouches for all of it.
    is_vouched: bool,
}

impl Expected {
    /// What a verified token says, alive or not.
    pub(super) fn of_claims(claims: &Claims) -> Self {
        Self {
            user_id: claims.user_id.clone(),
            session_id: claims.session_id.clone(),
            expires_at: claims.expires_at,
            issued_at: claims.issued_at,
            is_vouched: true,
        }
    }

    /// What a token says that nobody here can check. The answer has to match it all the same: whoever made the
    /// token up gets back nothing but a session that he described himself, with the refresh token that he sent.
    pub(super) fn of_unverified(token: &Token) -> Self {
        Self {
            user_id: token.claimed_subject().unwrap_or_default().to_owned(),
            session_id: token.claimed_session().map(str::to_owned),
            expires_at: token.claimed_expiry().unwrap_or_default(),
            issued_at: None,
            is_vouched: false,
        }
    }

    fn matches(&self, renewed: &Claims) -> bool {
        // Two refreshes within one second answer tokens of the same expiry.
        self.is_same_session(renewed) && renewed.expires_at >= self.expires_at
    }

    fn is_same_session(&self, renewed: &Claims) -> bool {
        renewed.user_id == self.user_id && renewed.session_id == self.session_id
    }
}

/// What became of a refresh.
#[derive(Debug)]
pub(super) enum Refreshed {
    /// The session is gone at Auth: the code says why.
    Ended(&'static str),
    /// The cookies hold no refresh token at all.
    Malformed,
    /// A new session, its token verified.
    Renewed(VerifiedClaims, Box<Session>),
    /// The session was ended while its token was alive.
    Revoked,
    /// Nothing came of it: what was there before stands as it is.
    Stands(&'static str),
}

impl Refreshed {
    /// What the request turns out to be by it. Without an answer of Auth an alive token, the `fallback`, goes on, and of
    /// a dead one nothing can be said.
    pub(super) fn settle(self, fallback: Option<VerifiedClaims>) -> Settled {
        match self {
            Self::Ended(code) => Settled::plain(Outcome::Expired, code),
            Self::Malformed => Settled::plain(Outcome::Invalid, "cookie_malformed"),
            Self::Renewed(claims, session) => Settled::refreshed(claims, session),
            Self::Revoked => Settled::plain(Outcome::Revoked, "signed_out"),
            Self::Stands(reason) => match fallback {
                Some(claims) => Settled::valid(claims, reason),
                None => Settled::plain(Outcome::Unavailable, reason),
            },
        }
    }
}

/// True if the session of an alive token is to be refreshed now. The token's own expiry counts, never the cookie's
/// `expires_at`, which anyone can write; and never in the first half of its life: tokens that live
/// shorter than the margin would be refreshed on every request.
pub(super) fn is_due(visit: &Visit, claims: &Claims, now: UnixTime) -> bool {
    if visit.source != Source::Cookies {
        return false;
    }
    let margin = visit.config.refresh_margin_seconds;
    let is_near = claims.expires_at < now.plus_seconds(margin) || claims.expires_at <= now;
    let is_young = claims.issued_at.is_some_and(|issued_at| {
        let life_ms = claims.expires_at.millis_since(issued_at);
        now.millis_since(issued_at) < life_ms / 2
    });
    is_near && !is_young
}

/// Refreshes the session of the cookies. A `gate_key` is the id of a session that a good signature vouches for.
///
/// In this order: observing refreshes nothing, the breaker keeps requests from an Auth that hangs, a session
/// without a refresh token has nothing to send, and one that nobody vouches for has a small budget.
pub(super) async fn refresh(
    desk: &Desk,
    visit: &mut Visit,
    expected: Expected,
    gate_key: Option<String>,
    is_alive: bool,
) -> Refreshed {
    if visit.config.is_observing() {
        // Auth would rotate the token, and the browser would be left with the old one.
        visit.record.would = Some(Would::Refresh.word());
        return Refreshed::Stands(observe::REFRESH_DUE);
    }
    if !desk.memory().breaker.may_pass(is_alive, desk.now()) {
        return Refreshed::Stands("auth_breaker_open");
    }
    let Some(refresh_token) = visit
        .session()
        .map(|session| session.refresh_token().to_owned())
    else {
        return Refreshed::Malformed;
    };
    if !expected.is_vouched && !claim_attempt(desk, visit, &refresh_token) {
        return Refreshed::Stands("token_unknown_key");
    }
    visit.wait(desk.now());
    let order = RefreshOrder {
        budget_ms: visit.auth_budget_ms(),
        client_ip: visit.client_ip().map(str::to_owned),
        expires_at: expected.expires_at,
        is_alive,
        issued_at: expected.issued_at,
        refresh_token,
        session_id: gate_key,
    };
    let client_ip = order.client_ip.as_deref();
    let request = auth_api::refresh_request(&visit.config, &order.refresh_token, client_ip);
    let wait = RefreshWait::new(order.clone(), request);
    let answer = desk.ask(Effect::RefreshSession, Box::new(wait)).await;
    visit.spend(Stage::Auth, desk.now());
    visit.count_auth_calls(answer.auth_calls);
    visit.record.gate = answer.gate.word();
    let is_shared_limit = visit.config.secret_key.is_none();
    // What a stranger made up and Auth refused says nothing of Auth.
    if expected.is_vouched {
        note_health(&answer, is_shared_limit, &mut desk.memory(), desk.now());
    }
    match answer.reply {
        RefreshReply::Renewed(session) => {
            let rejected_by = order.session_id.filter(|_| answer.gate.has_answered());
            accept(desk, visit, &expected, session, rejected_by).await
        }
        RefreshReply::Ended(code) => Refreshed::Ended(code),
        RefreshReply::Misconfigured(code) => {
            visit.alarm();
            Refreshed::Stands(code)
        }
        RefreshReply::Revoked => Refreshed::Revoked,
        RefreshReply::Unavailable { code, .. } => Refreshed::Stands(code),
    }
}

/// Claims one of the few attempts for sessions that nobody here can check.
fn claim_attempt(desk: &Desk, visit: &Visit, refresh_token: &str) -> bool {
    let mut memory = desk.memory();
    let client_ip = visit.client_ip();
    memory.budgets.claim(refresh_token, client_ip, desk.now())
}

/// Verifies Auth's answer: only a token of the same user and session, living as long, is ever written.
async fn accept(
    desk: &Desk,
    visit: &mut Visit,
    expected: &Expected,
    session: Box<Session>,
    gate_key: Option<String>,
) -> Refreshed {
    let is_bad = match verify::verify_answer(desk, visit, session.access_token()).await {
        Verdict::Alive(claims) if expected.matches(&claims) => {
            return Refreshed::Renewed(claims, session);
        }
        // One whose key is not known yet may still prove to be good.
        Verdict::Undecided(code) => return Refreshed::Stands(code),
        Verdict::Alive(claims) => !expected.is_same_session(&claims),
        Verdict::Failed(_) => true,
        Verdict::Dead(_) | Verdict::Gone(_) | Verdict::KeyUnknown(_) | Verdict::Uncheckable(_) => {
            false
        }
    };
    if let (true, Some(session_id)) = (is_bad, gate_key) {
        desk.later(Deferred::RejectAnswer {
            session_id,
            refresh_token: Secret::new(session.refresh_token()),
        });
    }
    visit.alarm();
    Refreshed::Stands("auth_answer_not_trusted")
}

/// Tells the breaker how Auth is.
///
/// An answer that the gate handed on counts once, for the request that sent it
/// to Auth: fifty requests of one session are no fifty time-outs. But whoever
/// was held in vain keeps others with an alive token from being held, too.
///
/// A refusal by the rate limit concerns everyone only if `is_shared_limit`: with
/// the secret key it is the visitor's own.
///
/// | the answer | the breaker learns |
/// |---|---|
/// | no answer in time, and this request sent it | a time-out |
/// | no answer in time, and another one sent it | a wait in vain |
/// | 429 on the limit that all visitors share | a refusal |
/// | any other that this request sent | that Auth answers |
fn note_health(answer: &RefreshAnswer, is_shared_limit: bool, memory: &mut Memory, now: UnixTime) {
    let code = match &answer.reply {
        RefreshReply::Unavailable { code, .. } => *code,
        RefreshReply::Ended(_)
        | RefreshReply::Misconfigured(_)
        | RefreshReply::Renewed(_)
        | RefreshReply::Revoked => "",
    };
    let is_slow = code == Unreachable::TimedOut.code() || code == GATE_TIMEOUT;
    let is_refused = code == "auth_rate_limited";
    match (answer.auth_calls > 0, is_slow) {
        (true, false) if is_refused && is_shared_limit => memory.breaker.note_refusal(now),
        (true, true) => memory.breaker.note_timeout(now),
        // Quick failures are no hang: whoever asks next learns as quickly.
        (true, false) => memory.breaker.note_answer(),
        (false, true) => memory.breaker.note_wait(now),
        (false, false) => {}
    }
}
