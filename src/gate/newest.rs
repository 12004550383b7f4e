//! The newest session that a gate knows of.

use crate::session::Session;
use crate::time::UnixTime;
use crate::token::{self, Token};

use super::admission::{Digest, Presented};
use super::version;

#[derive(Debug)]
pub(super) struct Newest {
    /// How often Auth has rotated the session, if its refresh token says so.
    counter: Option<u64>,
    pub(super) digest: Digest,
    pub(super) expires_at: UnixTime,
    pub(super) issued_at: Option<UnixTime>,
    pub(super) session: Session,
    /// As its access token claims: an answer of somebody else's session overtakes nothing.
    pub(super) session_id: Option<String>,
}

impl Newest {
    pub(super) fn new(session: Session) -> Self {
        // A token that cannot be read never serves, and the Worker will not trust it either.
        let token = Token::parse(session.access_token()).ok();
        let expires_at = token.as_ref().and_then(Token::claimed_expiry);
        Self {
            digest: token::digest(session.refresh_token()),
            expires_at: expires_at.unwrap_or_default(),
            counter: version::counter(session.refresh_token()),
            issued_at: token.as_ref().and_then(Token::claimed_issue),
            session_id: token
                .as_ref()
                .and_then(Token::claimed_session)
                .map(str::to_owned),
            session,
        }
    }

    /// Whether this session is what the presenter needs: alive, and ending no earlier than its
    /// own. Of this very session, only one that ends later; else it would never be refreshed.
    pub(super) fn serves(&self, presented: &Presented, now: UnixTime) -> bool {
        let is_enough = if self.digest == presented.digest {
            self.expires_at > presented.expires_at
        } else {
            self.expires_at >= presented.expires_at
        };
        self.expires_at > now && is_enough
    }

    /// Whether Auth turned from the first version of refresh tokens to the second in between.
    pub(super) fn upgraded(&self, presented: &Presented) -> bool {
        presented.is_first_version && self.is_second_version()
    }

    /// Whether the presented refresh token, which is the one before this session's, is its parent, which Auth answers with
    /// this session. A second factor leaves one count out, and Auth would end the session over it.
    pub(super) fn is_child_of(&self, presented: &Presented) -> bool {
        match (self.counter, presented.counter) {
            (Some(own), Some(before)) => own == before.saturating_add(1),
            (None, _) | (_, None) => !self.upgraded(presented),
        }
    }

    /// Whether its refresh token is none of the first version.
    pub(super) fn is_second_version(&self) -> bool {
        !version::is_first(self.session.refresh_token())
    }

    /// Whether the presenter comes with an older access token of the session.
    pub(super) fn outdates(&self, presented: &Presented) -> bool {
        match (self.issued_at, presented.issued_at) {
            (Some(newest), Some(presented)) => presented < newest,
            (None, _) | (_, None) => presented.expires_at < self.expires_at,
        }
    }

    /// Whether Auth made this session later than the other: by the second, and within one by the counter. Auth never goes
    /// back to tokens without one.
    pub(super) fn is_newer_than(&self, other: &Self) -> bool {
        let made = |newest: &Self| Some((newest.issued_at?, newest.counter));
        made(other).is_some_and(|other| made(self) > Some(other))
    }
}
