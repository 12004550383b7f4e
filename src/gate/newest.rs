//! The newest session that a gate knows of.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::session::Session;
use crate::time::UnixTime;
use crate::token::{self, Token};

use super::admission::{Digest, FIRST_VERSION_LENGTH, Presented};

/// Bytes of a session's id in a refresh token of the second version.
const ID_LENGTH: usize = 16;
/// Bytes behind its counter: an HMAC of 16 and a checksum of 4.
const SEAL_LENGTH: usize = 20;
/// Bytes of the longest counter.
const MAX_COUNTER_LENGTH: usize = 9;

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
            counter: counter(session.refresh_token()),
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

    /// Whether its refresh token is none of the first version.
    pub(super) fn is_second_version(&self) -> bool {
        self.session.refresh_token().len() != FIRST_VERSION_LENGTH
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

/// The counter of a refresh token of the second version: `00`, the session's id, an unsigned LEB128, the seal. Auth's own
/// answers are asked for it, never what a visitor sends: the seal is Auth's to check.
fn counter(refresh_token: &str) -> Option<u64> {
    let bytes = URL_SAFE_NO_PAD.decode(refresh_token).ok()?;
    let sealed = bytes.strip_prefix(&[0])?.get(ID_LENGTH..)?;
    let counter = sealed.get(..sealed.len().checked_sub(SEAL_LENGTH)?)?;
    let is_counter = (1..=MAX_COUNTER_LENGTH).contains(&counter.len());
    let digits = counter.iter().rev().map(|byte| u64::from(byte & 0x7f));
    is_counter.then(|| digits.fold(0, |sum, digit| sum << 7 | digit))
}
