//! The refresh: when it is needed, what its answer means, and what stands if there is none.

use crate::auth_api::{self, AuthRequest, RefreshReply, Unreachable};
use crate::memory::Memory;
use crate::refresh_order::{GATE_TIMEOUT, RefreshAnswer, RefreshOrder};
use crate::session::Session;
use crate::time::UnixTime;
use crate::token::{Claims, Token, VerifiedClaims};

use super::Step;
use super::begin;
use super::observe::{self, Would};
use super::settle::{self, Settled};
use super::verify::{self, Purpose, Verdict};
use super::visit::{Outcome, Source, Stage, Visit};

/// What a new session must match: the user, the session, and an expiry that is not earlier.
#[derive(Debug)]
struct Expected {
    user_id: String,
    session_id: Option<String>,
    expires_at: UnixTime,
    issued_at: Option<UnixTime>,
}

impl Expected {
    fn of_claims(claims: &Claims) -> Self {
        Self {
            user_id: claims.user_id.clone(),
            session_id: claims.session_id.clone(),
            expires_at: claims.expires_at,
            issued_at: claims.issued_at,
        }
    }

    fn of_unverified(token: &Token) -> Self {
        Self {
            user_id: token.claimed_subject().unwrap_or_default().to_owned(),
            session_id: token.claimed_session().map(str::to_owned),
            expires_at: token.claimed_expiry().unwrap_or_default(),
            issued_at: None,
        }
    }

    fn matches(&self, renewed: &Claims) -> bool {
        self.is_same_session(renewed) && renewed.expires_at >= self.expires_at
    }

    fn is_same_session(&self, renewed: &Claims) -> bool {
        renewed.user_id == self.user_id && renewed.session_id == self.session_id
    }
}

/// A new session whose token is being verified.
#[derive(Debug)]
pub(super) struct Renewal {
    session: Box<Session>,
    expected: Expected,
    fallback: Option<VerifiedClaims>,
    /// The session whose gate handed it out, if one did.
    gate_key: Option<String>,
}

/// Decides what follows from the verdict on the presented token.
pub(super) fn assess(
    visit: Box<Visit>,
    verdict: Verdict,
    memory: &mut Memory,
    now: UnixTime,
) -> Step {
    let is_cookie = visit.source == Source::Cookies;
    match verdict {
        Verdict::Alive(claims) if is_cookie && is_near_expiry(&visit, &claims, now) => {
            let expected = Expected::of_claims(&claims);
            // A verified session: the gate may be keyed by it.
            let gate_key = claims.session_id.clone();
            request(visit, expected, gate_key, Some(claims), memory, now)
        }
        Verdict::Alive(claims) => {
            settle::settle(visit, Settled::valid(claims, "token_valid"), memory, now)
        }
        Verdict::Dead(signed) if is_cookie => {
            let expected = Expected::of_claims(signed.claims());
            let gate_key = signed.claims().session_id.clone();
            request(visit, expected, gate_key, None, memory, now)
        }
        Verdict::Dead(_) => end(visit, Outcome::Expired, "token_expired", memory, now),
        Verdict::Failed(error) => begin::try_next(visit, Some(error.code()), memory, now),
        open @ (Verdict::KeyUnknown(_) | Verdict::Uncheckable(_) | Verdict::Undecided(_))
            if begin::has_rivals(&visit) =>
        {
            begin::postpone(visit, open, memory, now)
        }
        Verdict::Gone(code) => end(visit, Outcome::Revoked, code, memory, now),
        Verdict::KeyUnknown(_) | Verdict::Uncheckable(_) if !is_cookie => {
            end(visit, Outcome::Invalid, "token_unknown_key", memory, now)
        }
        Verdict::KeyUnknown(token) => unknown_key(visit, &token, memory, now),
        // Only the shared secret makes tokens that cannot be checked here; anyone
        // can make up one of another algorithm that names no key.
        Verdict::Uncheckable(token) if !token.is_shared_secret() => {
            unknown_key(visit, &token, memory, now)
        }
        Verdict::Uncheckable(token) => {
            let expected = Expected::of_unverified(&token);
            request(visit, expected, None, None, memory, now)
        }
        Verdict::Undecided(code) => end(visit, Outcome::Unavailable, code, memory, now),
    }
}

/// The token's own expiry counts, never the cookie's `expires_at`, which anyone can write.
fn is_near_expiry(visit: &Visit, claims: &Claims, now: UnixTime) -> bool {
    let margin = visit.config.refresh_margin_seconds;
    claims.expires_at <= now || claims.expires_at < now.plus_seconds(margin)
}

/// A key may be unknown because it was revoked: then only a refresh helps. But
/// anyone can make up key ids, so few of these reach Auth.
fn unknown_key(visit: Box<Visit>, token: &Token, memory: &mut Memory, now: UnixTime) -> Step {
    if !memory.claim_unknown_key_refresh(now) {
        return end(
            visit,
            Outcome::Unavailable,
            "token_unknown_key",
            memory,
            now,
        );
    }
    let expected = Expected::of_unverified(token);
    request(visit, expected, None, None, memory, now)
}

fn end(
    visit: Box<Visit>,
    outcome: Outcome,
    reason: &'static str,
    memory: &mut Memory,
    now: UnixTime,
) -> Step {
    settle::settle(visit, Settled::plain(outcome, reason), memory, now)
}

fn request(
    mut visit: Box<Visit>,
    expected: Expected,
    gate_key: Option<String>,
    fallback: Option<VerifiedClaims>,
    memory: &mut Memory,
    now: UnixTime,
) -> Step {
    if visit.config.is_observing() {
        // Auth would rotate the token, and the browser would be left with the old one.
        visit.record.would = Some(Would::Refresh.word());
        return stand(visit, fallback, observe::REFRESH_DUE, memory, now);
    }
    if !memory.may_refresh(fallback.is_some(), now) {
        return stand(visit, fallback, "auth_breaker_open", memory, now);
    }
    let Some(refresh_token) = visit
        .session()
        .map(|session| session.refresh_token().to_owned())
    else {
        return end(visit, Outcome::Invalid, "cookie_malformed", memory, now);
    };
    visit.wait(now);
    let client_ip = visit.head.header("cf-connecting-ip").map(str::to_owned);
    let budget_ms = visit.auth_budget_ms();
    let order = RefreshOrder {
        budget_ms,
        client_ip,
        expires_at: expected.expires_at,
        is_alive: fallback.is_some(),
        issued_at: expected.issued_at,
        refresh_token,
        session_id: gate_key,
    };
    Step::RefreshSession(RefreshSession {
        visit,
        order,
        expected,
        fallback,
    })
}

/// Waits for a refresh.
#[derive(Debug)]
pub struct RefreshSession {
    visit: Box<Visit>,
    order: RefreshOrder,
    expected: Expected,
    fallback: Option<VerifiedClaims>,
}

impl RefreshSession {
    /// What to do.
    #[must_use]
    pub const fn order(&self) -> &RefreshOrder {
        &self.order
    }

    /// The request that an attempt sends.
    #[must_use]
    pub fn request(&self) -> AuthRequest {
        auth_api::refresh_request(
            &self.visit.config,
            &self.order.refresh_token,
            self.order.client_ip.as_deref(),
        )
    }

    /// Continues with the answer.
    pub fn resume(self, answer: RefreshAnswer, memory: &mut Memory, now: UnixTime) -> Step {
        let Self {
            mut visit,
            order,
            expected,
            fallback,
        } = self;
        visit.spend(Stage::Auth, now);
        visit.count_auth_calls(answer.auth_calls);
        visit.record.gate = answer.gate.word();
        note_health(&answer, visit.config.secret_key.is_none(), memory, now);
        match answer.reply {
            RefreshReply::Renewed(session) => {
                let raw = session.access_token().to_owned();
                let renewal = Renewal {
                    session,
                    expected,
                    fallback,
                    gate_key: order.session_id.filter(|_| answer.gate.has_answered()),
                };
                verify::verify(visit, Purpose::Renewed(renewal), &raw, memory, now)
            }
            RefreshReply::Ended(code) => end(visit, Outcome::Expired, code, memory, now),
            RefreshReply::Misconfigured(code) => {
                visit.alarm();
                stand(visit, fallback, code, memory, now)
            }
            RefreshReply::Revoked => end(visit, Outcome::Revoked, "signed_out", memory, now),
            RefreshReply::Unavailable { code, .. } => stand(visit, fallback, code, memory, now),
        }
    }
}

/// Tells the breaker how Auth is.
///
/// An answer that the gate handed on counts once, for the request that sent it
/// to Auth: fifty requests of one session are no fifty time-outs. But whoever
/// was held in vain keeps others with an alive token from being held, too.
///
/// A refusal by the rate limit concerns everyone only if `is_shared_limit`: with
/// the secret key it is the visitor's own.
fn note_health(answer: &RefreshAnswer, is_shared_limit: bool, memory: &mut Memory, now: UnixTime) {
    let is_slow = match &answer.reply {
        RefreshReply::Unavailable { code, .. } => {
            *code == Unreachable::TimedOut.code() || *code == GATE_TIMEOUT
        }
        RefreshReply::Ended(_)
        | RefreshReply::Misconfigured(_)
        | RefreshReply::Renewed(_)
        | RefreshReply::Revoked => false,
    };
    let is_refused = matches!(
        answer.reply,
        RefreshReply::Unavailable {
            code: "auth_rate_limited",
            ..
        }
    );
    match (answer.auth_calls > 0, is_slow) {
        (true, false) if is_refused && is_shared_limit => memory.note_auth_refusal(now),
        (true, true) => memory.note_auth_timeout(now),
        // Quick failures are no hang: whoever asks next learns as quickly.
        (true, false) => memory.note_auth_answer(),
        (false, true) => memory.note_auth_wait(now),
        (false, false) => {}
    }
}

/// Without an answer an alive token goes on; for a dead one nothing can be decided.
fn stand(
    visit: Box<Visit>,
    fallback: Option<VerifiedClaims>,
    reason: &'static str,
    memory: &mut Memory,
    now: UnixTime,
) -> Step {
    let settled = fallback.map_or_else(
        || Settled::plain(Outcome::Unavailable, reason),
        |claims| Settled::valid(claims, reason),
    );
    settle::settle(visit, settled, memory, now)
}

/// Decides what follows from the verdict on Auth's answer: only a verified
/// token of the same user and session, ending no earlier, is ever written.
pub(super) fn renewed(
    mut visit: Box<Visit>,
    renewal: Renewal,
    verdict: &Verdict,
    memory: &mut Memory,
    now: UnixTime,
) -> Step {
    if let Verdict::Alive(claims) = verdict
        && renewal.expected.matches(claims)
    {
        let settled = Settled::refreshed(claims.clone(), renewal.session);
        return settle::settle(visit, settled, memory, now);
    }
    reject(&renewal, verdict, memory);
    let reason = match verdict {
        Verdict::Undecided(code) => code,
        Verdict::Alive(_)
        | Verdict::Dead(_)
        | Verdict::Failed(_)
        | Verdict::Gone(_)
        | Verdict::KeyUnknown(_)
        | Verdict::Uncheckable(_) => {
            visit.alarm();
            "auth_answer_not_trusted"
        }
    };
    stand(visit, renewal.fallback, reason, memory, now)
}

/// Has the gate forget an answer that no request can use; the next one asks
/// Auth again. One whose key is not known yet may still prove to be good.
fn reject(renewal: &Renewal, verdict: &Verdict, memory: &mut Memory) {
    let is_bad = match verdict {
        Verdict::Alive(claims) => !renewal.expected.is_same_session(claims),
        Verdict::Failed(_) => true,
        Verdict::Dead(_)
        | Verdict::Gone(_)
        | Verdict::KeyUnknown(_)
        | Verdict::Uncheckable(_)
        | Verdict::Undecided(_) => false,
    };
    if let (true, Some(session_id)) = (is_bad, &renewal.gate_key) {
        memory.want_rejection(session_id, renewal.session.refresh_token());
    }
}
