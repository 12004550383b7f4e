//! Auth's opinion of a token (`GET /user`): of one that cannot be checked here, or because the rule demands it.

use crate::auth_api::{self, AuthReply, AuthRequest, Unreachable, UserReply};
use crate::memory::Memory;
use crate::time::UnixTime;
use crate::token::{GoodSignature, TokenError};

use super::super::Step;
use super::super::settle::{self, Settled};
use super::super::visit::{Stage, Visit};
use super::{Check, Verdict};

/// A verdict that rests on Auth's word and not on a signature is kept no longer than this.
const ASKED_VERDICT_SECONDS: u64 = 60;

impl Check {
    pub(super) fn ask_user(mut self, memory: &mut Memory, now: UnixTime) -> Step {
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
pub(in crate::handler) fn ask_live(
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
