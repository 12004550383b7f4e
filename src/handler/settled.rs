//! What a request turned out to be, and the cookies that are due to it.
//!
//! It is what the stages hand to each other once a session was presented, and what both ends of the line read: the
//! outcome and its reason for the log, the verified claims for rules and identity, and the cookies to write or to
//! delete. A stage that changes its mind makes a new one; none is changed in place.

use std::cell::OnceCell;

use crate::cookies::set_cookie;
use crate::record::RequestRecord;
use crate::session::{Format, Session};
use crate::token::{Claims, VerifiedClaims};

use super::visit::{Outcome, Source, Visit};

/// What a request turned out to be.
///
/// Claims are there only for an outcome that trusts them, or for `unavailable` after a session was renewed on the
/// way.
#[derive(Debug)]
pub(super) struct Settled {
    outcome: Outcome,
    reason: &'static str,
    claims: Option<VerifiedClaims>,
    /// Those of a dead token with a good signature, of which Auth could not be asked: nobody is trusted by them.
    dead: Option<Box<Claims>>,
    renewed: Option<Box<Session>>,
    /// The cookies that are due, made when they are first asked for: origin, browser and the reading of the origin's
    /// answer all ask.
    chunks: OnceCell<Option<Vec<(String, String)>>>,
    /// Nothing is written of the session and nothing deleted: somebody else may have signed in meanwhile.
    is_withheld: bool,
}

impl Settled {
    /// An outcome without a verified session.
    pub(super) const fn plain(outcome: Outcome, reason: &'static str) -> Self {
        Self {
            outcome,
            reason,
            claims: None,
            dead: None,
            renewed: None,
            chunks: OnceCell::new(),
            is_withheld: false,
        }
    }

    /// A verified session that stays as it is.
    pub(super) fn valid(claims: VerifiedClaims, reason: &'static str) -> Self {
        Self {
            claims: Some(claims),
            ..Self::plain(Outcome::Valid, reason)
        }
    }

    /// A verified new session.
    pub(super) fn refreshed(claims: VerifiedClaims, session: Box<Session>) -> Self {
        Self {
            claims: Some(claims),
            renewed: Some(session),
            ..Self::plain(Outcome::Refreshed, "token_renewed")
        }
    }

    /// The same session, of which nobody can say now whether it lives: a renewed one still reaches the browser.
    pub(super) fn undecided(self, reason: &'static str) -> Self {
        if self.renewed.is_none() {
            return Self::plain(Outcome::Unavailable, reason);
        }
        Self {
            outcome: Outcome::Unavailable,
            reason,
            ..self
        }
    }

    /// The same, of a session whose dead token had these claims.
    pub(super) fn of_dead(self, claims: &Claims) -> Self {
        let is_undecided = self.outcome == Outcome::Unavailable;
        Self {
            dead: is_undecided.then(|| Box::new(claims.clone())),
            ..self
        }
    }

    /// Whose session it is, or was while its token lived: what a sign-out ends.
    pub(super) fn last_claims(&self) -> Option<&Claims> {
        self.claims.as_deref().or(self.dead.as_deref())
    }

    /// The new session to be written, if there is one.
    pub(super) fn renewed(&self) -> Option<&Session> {
        self.renewed.as_deref()
    }

    /// The same, of which no cookie leaves.
    pub(super) fn withheld(self) -> Self {
        Self {
            is_withheld: true,
            ..self
        }
    }

    /// What the request turned out to be, for the log and the origin.
    pub(super) const fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// The code of why, one of [`crate::reason::all`].
    pub(super) const fn reason(&self) -> &'static str {
        self.reason
    }

    /// Whose session it is. An `unavailable` outcome may have them and still proves nothing: see `identity`'s
    /// `proven`.
    pub(super) const fn claims(&self) -> Option<&VerifiedClaims> {
        self.claims.as_ref()
    }

    /// The access token that is good now.
    pub(super) fn access_token<'a>(&'a self, visit: &'a Visit) -> Option<&'a str> {
        self.claims.as_ref()?;
        match (&self.renewed, visit.source) {
            (Some(session), _) => Some(session.access_token()),
            (None, Source::Cookies) => visit.session().map(Session::access_token),
            (None, Source::Bearer) => visit.head.bearer_token(),
            (None, Source::Nothing) => None,
        }
    }

    /// The session's cookies as they have to be written anew: after a refresh,
    /// from a format that today's clients cannot read, or to heal a duplicate.
    pub(super) fn chunks_due(&self, visit: &Visit) -> Option<&[(String, String)]> {
        let chunks = self.chunks.get_or_init(|| self.written(visit));
        chunks.as_deref()
    }

    fn written(&self, visit: &Visit) -> Option<Vec<(String, String)>> {
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
            let trusted = old.with_trusted_user(&claims.user_id).into_owned();
            let session = trusted.with_expiry(expires_at, visit.started.seconds());
            return Some(session.to_cookies(key, format));
        }
        let is_due = visit.is_duplicated() || self.is_renewal_due(visit);
        is_due.then(|| {
            let trusted = old.with_trusted_user(&claims.user_id);
            trusted.to_cookies(key, old.format())
        })
    }

    /// The session for the origin where its cookies carry a `user` that is not the token's: nobody signs that member, and
    /// `getSession()` at the origin believes it.
    pub(super) fn trusted_chunks(&self, visit: &Visit) -> Option<Vec<(String, String)>> {
        let claims = self.claims.as_ref().filter(|_| !visit.is_known)?;
        let session = visit.session()?;
        if session.has_trusted_user(&claims.user_id) {
            return None;
        }
        let trusted = session.with_trusted_user(&claims.user_id);
        Some(trusted.to_cookies(&visit.config.storage_key, session.format()))
    }

    /// True if the cookies of an unchanged session are written anew, since browsers keep those that a script wrote for
    /// seven days only (`COOKIE_RENEW`).
    fn is_renewal_due(&self, visit: &Visit) -> bool {
        visit.config.cookie.renew
            && visit.is_first_sight
            && visit.source == Source::Cookies
            && self.outcome == Outcome::Valid
            && visit.is_navigation()
    }

    /// True if the session's cookies have to be deleted. What a bearer token comes to says nothing of the cookies beside it.
    pub(super) const fn is_deleted(&self, visit: &Visit) -> bool {
        matches!(visit.source, Source::Cookies | Source::Nothing)
            && matches!(
                self.outcome,
                Outcome::Expired | Outcome::Invalid | Outcome::Revoked
            )
    }

    /// True if there are cookies that leave.
    pub(super) fn has_cookies_due(&self, visit: &Visit) -> bool {
        !self.is_withheld && (self.is_deleted(visit) || self.chunks_due(visit).is_some())
    }

    /// The `Set-Cookie` lines that leave: those due, except while observing.
    pub(super) fn set_cookies(&self, visit: &Visit) -> Vec<String> {
        if visit.config.is_observing() || self.is_withheld {
            return Vec::new();
        }
        self.cookies_due(visit)
    }

    /// The `Set-Cookie` lines that are due on whatever leaves.
    pub(super) fn cookies_due(&self, visit: &Visit) -> Vec<String> {
        let chunks = self.chunks_due(visit);
        if chunks.is_none() && !self.is_deleted(visit) {
            return Vec::new();
        }
        let attributes = visit.cookie_attributes();
        let twin_domain = visit.twin_domain();
        let names = visit.session_names();
        match chunks {
            _ if self.is_deleted(visit) => set_cookie::delete(names, &attributes, twin_domain),
            Some(chunks) => set_cookie::write_session(chunks, names, &attributes, twin_domain),
            None => Vec::new(),
        }
    }

    /// `cookies` is the number of `Set-Cookie` lines of the Worker's own, `status` that of what leaves.
    pub(super) fn write_record(&self, record: &mut RequestRecord, cookies: usize, status: u16) {
        record.outcome = self.outcome.word();
        record.reason = self.reason;
        record.cookies = cookies;
        record.status = status;
    }
}
