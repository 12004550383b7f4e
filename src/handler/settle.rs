//! The end of deciding: live check, guard, and the cookies that are due.

use std::rc::Rc;

use crate::answer::Answer;
use crate::auth_api::UserReply;
use crate::cookies::set_cookie::{self, CookieAttributes};
use crate::identity::EXPLANATION_HEADER;
use crate::memory::Memory;
use crate::record::RequestRecord;
use crate::rules::Verify;
use crate::session::{Format, Session};
use crate::time::UnixTime;
use crate::token::VerifiedClaims;

use super::forward::Forward;
use super::visit::{Outcome, Source, Visit};
use super::{Step, guard, observe, revocation, routes, verify};

/// What a request turned out to be.
#[derive(Debug)]
pub(super) struct Settled {
    outcome: Outcome,
    reason: &'static str,
    claims: Option<VerifiedClaims>,
    renewed: Option<Box<Session>>,
    is_asked: bool,
    is_revocation_checked: bool,
}

impl Settled {
    /// An outcome without a verified session.
    pub(super) const fn plain(outcome: Outcome, reason: &'static str) -> Self {
        Self {
            outcome,
            reason,
            claims: None,
            renewed: None,
            is_asked: false,
            is_revocation_checked: false,
        }
    }

    /// A verified session that stays as it is.
    pub(super) const fn valid(claims: VerifiedClaims, reason: &'static str) -> Self {
        Self {
            outcome: Outcome::Valid,
            reason,
            claims: Some(claims),
            renewed: None,
            is_asked: false,
            is_revocation_checked: false,
        }
    }

    /// A verified new session.
    pub(super) const fn refreshed(claims: VerifiedClaims, session: Box<Session>) -> Self {
        Self {
            outcome: Outcome::Refreshed,
            reason: "token_renewed",
            claims: Some(claims),
            renewed: Some(session),
            is_asked: false,
            is_revocation_checked: false,
        }
    }

    pub(super) const fn note_revocation_checked(&mut self) {
        self.is_revocation_checked = true;
    }

    pub(super) const fn outcome(&self) -> Outcome {
        self.outcome
    }

    pub(super) const fn reason(&self) -> &'static str {
        self.reason
    }

    pub(super) const fn claims(&self) -> Option<&VerifiedClaims> {
        self.claims.as_ref()
    }

    pub(super) fn user_id(&self) -> Option<&str> {
        self.claims.as_ref().map(|claims| claims.user_id.as_str())
    }

    /// The access token that is good now.
    pub(super) fn access_token<'a>(&'a self, visit: &'a Visit) -> Option<&'a str> {
        self.claims.as_ref()?;
        match (&self.renewed, visit.source) {
            (Some(session), _) => Some(session.access_token()),
            (None, Source::Cookies) => visit.session().map(Session::access_token),
            (None, Source::Bearer) => visit
                .head
                .header("authorization")
                .and_then(super::begin::bearer_token),
            (None, Source::Nothing) => None,
        }
    }

    /// The session's cookies as they have to be written anew: after a refresh,
    /// from a format that today's clients cannot read, or to heal a duplicate.
    pub(super) fn chunks_due(&self, visit: &Visit) -> Option<Vec<(String, String)>> {
        let claims = self.claims.as_ref()?;
        if visit.is_known && self.renewed.is_none() {
            return None;
        }
        let old = visit.session()?;
        let key = &visit.config.storage_key;
        if let Some(renewed) = &self.renewed {
            return Some(renewed.to_cookies(key, old.format()));
        }
        if old.format().foreign {
            let format = Format {
                encoding: visit.config.cookie.encoding,
                ..old.format()
            };
            let expires_at = claims.expires_at.seconds();
            let session = old.clone().with_expiry(expires_at, visit.started.seconds());
            return Some(session.to_cookies(key, format));
        }
        visit
            .is_duplicated()
            .then(|| old.to_cookies(key, old.format()))
    }

    /// True if the session's cookies have to be deleted.
    pub(super) const fn is_deleted(&self) -> bool {
        matches!(
            self.outcome,
            Outcome::Expired | Outcome::Invalid | Outcome::Revoked
        )
    }

    /// The `Set-Cookie` lines that leave: those due, except while observing.
    pub(super) fn set_cookies(&self, visit: &Visit) -> Vec<String> {
        if visit.config.is_observing() {
            return Vec::new();
        }
        self.cookies_due(visit)
    }

    /// The `Set-Cookie` lines that are due on whatever leaves.
    pub(super) fn cookies_due(&self, visit: &Visit) -> Vec<String> {
        let chunks = self.chunks_due(visit);
        if chunks.is_none() && !self.is_deleted() {
            return Vec::new();
        }
        let attributes = visit.cookie_attributes();
        let twin_domain = visit.twin_domain();
        let names = visit.session_names();
        match chunks {
            _ if self.is_deleted() => set_cookie::delete(names, &attributes, twin_domain),
            Some(chunks) => set_cookie::write_session(&chunks, names, &attributes, twin_domain),
            None => Vec::new(),
        }
    }
}

/// Settles a request: asks Auth where the rule wants it live, then guards, then forwards.
pub(super) fn settle(
    mut visit: Box<Visit>,
    settled: Settled,
    memory: &mut Memory,
    now: UnixTime,
) -> Step {
    if visit.config.revocation && settled.claims.is_some() && !settled.is_revocation_checked {
        return revocation::check(visit, settled, memory, now);
    }
    if let Some(errand) = visit.errand.take() {
        return routes::settled(visit, errand, settled, memory, now);
    }
    if visit.rule().verify == Verify::Live && !settled.is_asked {
        let access_token = settled.access_token(&visit).map(str::to_owned);
        if let Some(access_token) = access_token {
            return verify::ask_live(visit, settled, &access_token, now);
        }
    }
    let denial = guard::denial(&mut visit, &settled);
    if visit.config.is_observing() {
        return observe::conclude(visit, settled, denial.is_some(), now);
    }
    match denial {
        Some(answer) => Step::Respond(Box::new(Respond {
            visit,
            settled,
            answer,
            now,
        })),
        None => Step::Forward(Box::new(Forward::new(visit, settled, now))),
    }
}

/// Continues after Auth was asked about a verified session.
pub(super) fn settle_live(
    visit: Box<Visit>,
    mut settled: Settled,
    reply: UserReply,
    memory: &mut Memory,
    now: UnixTime,
) -> Step {
    settled.is_asked = true;
    let (outcome, reason) = match reply {
        UserReply::Live => return settle(visit, settled, memory, now),
        UserReply::Gone(code) => (Outcome::Revoked, code),
        // Auth no longer accepts a token that its own key signed: the key was just
        // revoked, or the token ran out on the way. The session may well live on.
        UserReply::Rejected => (Outcome::Unavailable, "token_rejected"),
        UserReply::Unavailable(code) => (Outcome::Unavailable, code),
        UserReply::WrongUser => (Outcome::Invalid, "token_subject"),
    };
    if let Some(access_token) = settled.access_token(&visit) {
        memory.forget(memory.fingerprint(access_token));
    }
    // A session that was just renewed must reach the browser even though the
    // page is refused: its old refresh token is used up.
    if outcome == Outcome::Unavailable && settled.renewed.is_some() {
        settled.outcome = outcome;
        settled.reason = reason;
        return settle(visit, settled, memory, now);
    }
    settle(visit, Settled::plain(outcome, reason), memory, now)
}

/// Answers without the origin.
#[derive(Debug)]
pub struct Respond {
    visit: Box<Visit>,
    settled: Settled,
    answer: Answer,
    now: UnixTime,
}

impl Respond {
    /// Refuses a request before anything was read of its session.
    pub(super) fn refuse(
        visit: Box<Visit>,
        answer: Answer,
        reason: &'static str,
        now: UnixTime,
    ) -> Box<Self> {
        let settled = Settled::plain(Outcome::Bypass, reason);
        Box::new(Self {
            visit,
            settled,
            answer,
            now,
        })
    }

    /// An answer of a route that brings its own cookies.
    pub(super) fn own(
        visit: Box<Visit>,
        outcome: Outcome,
        answer: Answer,
        reason: &'static str,
        now: UnixTime,
    ) -> Box<Self> {
        Self::settled(visit, Settled::plain(outcome, reason), answer, now)
    }

    /// An answer to a visitor whose session is settled, with the cookies due to it.
    pub(super) fn settled(
        visit: Box<Visit>,
        settled: Settled,
        answer: Answer,
        now: UnixTime,
    ) -> Box<Self> {
        Box::new(Self {
            visit,
            settled,
            answer,
            now,
        })
    }

    /// Marks the record, and replaces the answer if there is another one.
    pub(super) fn alarm(&mut self, answer: Option<Answer>) {
        self.visit.alarm();
        if let Some(answer) = answer {
            self.answer = answer;
        }
    }

    /// Notes when the answer was ready.
    pub(super) const fn note_time(&mut self, now: UnixTime) {
        self.now = now;
    }

    /// The answer with the cookies that are due, and the line to log.
    #[must_use]
    pub fn finish(self) -> (Answer, RequestRecord) {
        let Self {
            visit,
            settled,
            answer,
            now,
        } = self;
        finish(&visit, &settled, answer, now)
    }
}

/// Completes an answer of the Worker itself.
pub(super) fn finish(
    visit: &Visit,
    settled: &Settled,
    answer: Answer,
    now: UnixTime,
) -> (Answer, RequestRecord) {
    let cookies = settled.set_cookies(visit);
    let mut record = visit.record.clone();
    settled.write_record(&mut record, cookies.len(), answer.status());
    record.ms.total = now.millis_since(visit.started);
    let mut answer = answer.with_cookies(cookies);
    if visit.config.server_timing {
        answer = answer.with_header("server-timing", record.server_timing());
    }
    if visit.is_explained {
        answer = answer.with_header(EXPLANATION_HEADER, record.explanation());
    }
    (answer, record)
}

impl Settled {
    pub(super) fn write_record(&self, record: &mut RequestRecord, cookies: usize, status: u16) {
        record.outcome = self.outcome.word();
        record.reason = self.reason;
        record.cookies = cookies;
        record.status = status;
    }
}

impl Visit {
    /// True if cookies of this request's site may be marked `Secure`.
    pub(super) fn is_secure(&self) -> bool {
        self.site_origin().starts_with("https:")
    }

    /// The attributes of the session's cookies on what leaves.
    pub(super) fn cookie_attributes(&self) -> CookieAttributes {
        let settings = &self.config.cookie;
        CookieAttributes {
            has_twins: self.is_duplicated(),
            ..settings.attributes(self.head.host(), self.is_secure())
        }
    }

    /// The site's public origin.
    pub(super) fn site_origin(&self) -> String {
        let config = Rc::clone(&self.config);
        config
            .site_url
            .clone()
            .unwrap_or_else(|| self.head.origin())
    }
}
