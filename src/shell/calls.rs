//! The calls to Auth of one refresh.
//!
//! Whoever waits is told when the time of an attempt is over; the call itself is read on. Auth may have rotated the
//! token by then, and an answer that comes late is worth more than another attempt.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use worker::Delay;

use crate::auth_api::{
    self, ANSWER_LIMIT_MS, Attempt, Attempts, AuthReply, AuthRequest, RefreshReply, Unreachable,
};
use crate::session::Session;

use super::auth;
use super::runtime::{now, within};

type Answer = Result<AuthReply, Unreachable>;

/// The calls of one refresh, all with the same refresh token.
pub(super) struct Calls {
    /// True once a call failed of which Auth may have done its part.
    is_lost: bool,
    open: Vec<Pin<Box<dyn Future<Output = Answer>>>>,
    request: AuthRequest,
}

/// What came of the attempts.
pub(super) struct Attempted {
    pub(super) reply: RefreshReply,
    /// True if Auth may have done its work although no answer arrived.
    pub(super) is_lost: bool,
}

/// What comes before a refresh token is sent once more behind the visitor's back.
pub(super) enum BeforeRepair {
    /// It is time for that.
    Due(Attempts),
    /// It is not to be sent again.
    Over,
    /// An open call brought the session.
    Renewed(Box<Session>),
}

impl Calls {
    pub(super) const fn new(request: AuthRequest) -> Self {
        Self {
            is_lost: false,
            open: Vec::new(),
            request,
        }
    }

    /// True while an answer may still come.
    const fn are_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// Calls as planned; `begun` tells meanwhile how many attempts were begun.
    pub(super) async fn attempt(&mut self, mut plan: Attempts, begun: &Cell<u32>) -> Attempted {
        let mut next = plan.first(now());
        loop {
            match next {
                Attempt::Done(reply) => {
                    let is_undecided = matches!(reply, RefreshReply::Unavailable { .. });
                    let is_lost = is_undecided && (self.is_lost || self.are_open());
                    return Attempted { reply, is_lost };
                }
                Attempt::Send {
                    pause_ms,
                    timeout_ms,
                } => {
                    sleep(pause_ms).await;
                    begun.set(begun.get() + 1);
                    let request = self.request.clone();
                    self.open.push(Box::pin(async move {
                        auth::send(&request, timeout_ms.max(ANSWER_LIMIT_MS)).await
                    }));
                    let reply = self.reply(timeout_ms).await;
                    next = plan.after(reply, now());
                }
            }
        }
    }

    /// What the open calls come to within so many milliseconds: the first answer that decides something, or else the last.
    async fn reply(&mut self, timeout_ms: u64) -> RefreshReply {
        let deadline = now().plus_millis(timeout_ms);
        loop {
            let answer = self.answer(now().millis_until(deadline)).await;
            let is_over = answer.is_none();
            let answer = answer.unwrap_or_else(|| {
                auth::note_health(None);
                Err(Unreachable::TimedOut)
            });
            let reply = auth_api::read_refresh_reply(&answer, now());
            // An attempt before this one may still bring what this one could not, and may be what used the token up.
            let may_change = match reply {
                RefreshReply::Unavailable { .. } => true,
                RefreshReply::Ended(code) => code == auth_api::ALREADY_USED,
                RefreshReply::Misconfigured(_)
                | RefreshReply::Renewed(_)
                | RefreshReply::Revoked => false,
            };
            if is_over || !may_change || !self.are_open() {
                return reply;
            }
        }
    }

    /// The session that an open call brings within so many milliseconds, if one does.
    pub(super) async fn renewed(&mut self, wait_ms: u64) -> Option<Box<Session>> {
        let deadline = now().plus_millis(wait_ms);
        while self.are_open() {
            let answer = self.answer(now().millis_until(deadline)).await?;
            let session = auth_api::read_refresh_reply(&answer, now()).into_session();
            if session.is_some() {
                return session;
            }
        }
        None
    }

    /// What the open calls bring before it is time for the plan to send the token once more.
    pub(super) async fn before_repair(&mut self, plan: Option<Attempts>) -> BeforeRepair {
        let Some(plan) = plan else {
            return BeforeRepair::Over;
        };
        let Some(pause_ms) = plan.pause_before_repair(self.are_open(), now()) else {
            return BeforeRepair::Over;
        };
        let until = now().plus_millis(pause_ms);
        if let Some(session) = self.renewed(pause_ms).await {
            return BeforeRepair::Renewed(session);
        }
        // Where the calls have failed earlier: what was in trouble may come right meanwhile.
        sleep(now().millis_until(until)).await;
        BeforeRepair::Due(plan)
    }

    /// The next answer of any open call; nothing if none comes in time.
    async fn answer(&mut self, wait_ms: u64) -> Option<Answer> {
        let next = poll_fn(|context| self.poll_answer(context));
        let answer = within(wait_ms, next).await?;
        self.is_lost |= auth_api::may_be_lost(&answer);
        Some(answer)
    }

    fn poll_answer(&mut self, context: &mut Context<'_>) -> Poll<Answer> {
        for at in 0..self.open.len() {
            if let Some(call) = self.open.get_mut(at)
                && let Poll::Ready(answer) = call.as_mut().poll(context)
            {
                drop(self.open.swap_remove(at));
                return Poll::Ready(answer);
            }
        }
        Poll::Pending
    }
}

async fn sleep(ms: u64) {
    if ms > 0 {
        Delay::from(Duration::from_millis(ms)).await;
    }
}
