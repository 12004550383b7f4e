//! Routes for who is signed in: his session as it stands now.
//!
//! The session is that of the line: refreshed if it was due, looked up if revocations are on. Whatever the route
//! then does, a session renewed on the way has to reach the browser, so each answer here carries its `Settled`.

use crate::secret::Secret;
use crate::session::Session;

use super::super::desk::Desk;
use super::super::effect::{Effect, Raising};
use super::super::line;
use super::super::settled::Settled;
use super::super::visit::{Outcome, Stage, Visit};
use super::ask::{begin_call, call_auth};
use super::errand::Errand;
use super::failure::Failure;
use super::reply::Reply;
use crate::auth_api::{AuthReply, AuthRequest};
use crate::sign_in_api;
use crate::token::VerifiedClaims;
use serde_json::Value;

/// Who asks, by his verified session.
pub(super) struct Member {
    pub(super) claims: VerifiedClaims,
    pub(super) settled: Settled,
    pub(super) access_token: String,
    /// The refresh token of the session, unless a bearer token came alone.
    pub(super) refresh_token: Option<String>,
}

impl Member {
    /// The visitor, if he has a verified session.
    ///
    /// # Errors
    /// 401 without a verified session, 503 where that cannot be decided now.
    pub(super) async fn find(
        desk: &Desk,
        visit: &mut Visit,
        errand: &Errand,
    ) -> Result<Self, Reply> {
        let settled = line::session(desk, visit).await;
        let is_undecided = settled.outcome() == Outcome::Unavailable;
        let token = settled.access_token(visit).map(str::to_owned);
        let (Some(claims), Some(access_token), false) =
            (settled.claims().cloned(), token, is_undecided)
        else {
            let failure = if is_undecided {
                Failure::new(503, "unavailable")
            } else {
                Failure::new(401, "unauthorized")
            };
            let answer = failure.answer(visit, errand);
            return Err(Reply { answer, settled });
        };
        let renewed = settled.renewed().or_else(|| visit.session());
        let refresh_token = renewed.map(Session::refresh_token).map(str::to_owned);
        Ok(Self {
            claims,
            settled,
            access_token,
            refresh_token,
        })
    }

    /// Asks Auth for something in the visitor's name.
    ///
    /// `what` is the method and the path below the Auth base.
    ///
    /// # Errors
    /// What [`Failure::of_auth`] makes of the answer.
    pub(super) async fn ask(
        &self,
        desk: &Desk,
        visit: &mut Visit,
        what: (&'static str, &str),
        body: Option<&Value>,
    ) -> Result<AuthReply, Failure> {
        let request = self.request(visit, what, body);
        Failure::of_auth(call_auth(desk, visit, request).await)
    }

    /// Asks Auth for something that replaces the tokens of the session: an answer that comes too late is kept for the next
    /// request. A bearer token alone names no refresh token that could be asked with.
    ///
    /// # Errors
    /// Those of [`Self::ask`].
    pub(super) async fn raise(
        &self,
        desk: &Desk,
        visit: &mut Visit,
        what: (&'static str, &str),
        body: Option<&Value>,
    ) -> Result<AuthReply, Failure> {
        let (Some(session_id), Some(used)) = (&self.claims.session_id, &self.refresh_token) else {
            return self.ask(desk, visit, what, body).await;
        };
        let request = self.request(visit, what, body);
        let raising = Raising {
            call: begin_call(desk, visit, request),
            expires_at: self.claims.expires_at,
            session_id: session_id.clone(),
            used: Secret::new(used),
        };
        let answer = desk.ask(Effect::RaiseSession, Box::new(raising)).await;
        visit.spend(Stage::Auth, desk.now());
        Failure::of_auth(answer)
    }

    fn request(
        &self,
        visit: &Visit,
        what: (&'static str, &str),
        body: Option<&Value>,
    ) -> AuthRequest {
        let ip = visit.client_ip();
        sign_in_api::as_user(&visit.config, what, body, &self.access_token, ip)
    }

    /// The answer to what went wrong; a session that was renewed on the way is written all the same.
    pub(super) fn failed(self, visit: &Visit, errand: &Errand, failure: &Failure) -> Reply {
        let answer = failure.answer(visit, errand);
        let settled = self.settled;
        Reply { answer, settled }
    }
}
