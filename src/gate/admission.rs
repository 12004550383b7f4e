//! What a request presents to the gate, and how it is answered.

use crate::auth_api::RefreshReply;
use crate::session::Session;
use crate::time::UnixTime;
use crate::token;

use super::version;

/// What a refresh token is known by.
pub(super) type Digest = [u8; 32];

/// What a request presents: a refresh token and the times of its access token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Presented {
    /// How often Auth had rotated the session, by what the refresh token says; only of one that the gate knows it counts.
    pub(super) counter: Option<u64>,
    pub(super) digest: Digest,
    pub(super) expires_at: UnixTime,
    pub(super) is_first_version: bool,
    pub(super) issued_at: Option<UnixTime>,
    /// Of the session's id, if it is known.
    session: Option<Digest>,
}

/// What a lost answer held is kept this long for its visitor: of a token that it upgraded, Auth
/// takes the successor alone. The next refresh brings the usual time back.
const UNDELIVERED_SECONDS: u64 = 7 * 24 * 60 * 60;

/// How long the gate answers with a session, from when it got it.
///
/// ```
/// use edge_session::gate::Keep;
///
/// // `REFRESH_REPLAY_SECONDS`
/// let keep = Keep::from(30);
/// assert_eq!(keep.seconds(), 30);
/// assert_eq!(keep.undelivered().seconds(), 604_800);
/// assert_eq!(Keep::from(0).undelivered().seconds(), 0);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Keep {
    /// For whoever comes with a refresh token that it knows.
    known_seconds: u64,
    /// For whoever comes with no more than an older access token of the session.
    open_seconds: u64,
}

/// The replay time, in seconds, of an answer that was given out.
impl From<u64> for Keep {
    fn from(replay_seconds: u64) -> Self {
        Self {
            known_seconds: replay_seconds,
            open_seconds: replay_seconds,
        }
    }
}

impl Keep {
    /// The same of an answer that nobody may have got. A refresh token is asked for then: an access token is shown to others,
    /// so that longer than it has to be it is worth no session. Where nothing is replayed, nothing is kept.
    #[must_use]
    pub fn undelivered(self) -> Self {
        let known_seconds = match self.known_seconds {
            0 => 0,
            seconds => seconds.max(UNDELIVERED_SECONDS),
        };
        Self {
            known_seconds,
            ..self
        }
    }

    /// The longest that the session is kept, in seconds.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.known_seconds
    }

    pub(super) const fn open_seconds(self) -> u64 {
        self.open_seconds
    }
}

impl Presented {
    /// The times are those of the access token that came with the refresh token,
    /// and a good signature must vouch for them.
    #[must_use]
    pub fn new(refresh_token: &str, issued_at: Option<UnixTime>, expires_at: UnixTime) -> Self {
        Self {
            digest: token::digest(refresh_token),
            expires_at,
            counter: version::counter(refresh_token),
            is_first_version: version::is_first(refresh_token),
            issued_at,
            session: None,
        }
    }

    /// The same, for the session of this id.
    #[must_use]
    pub fn of_session(self, id: Option<&str>) -> Self {
        let session = id.map(token::digest);
        Self { session, ..self }
    }

    /// Whether a session of this id can be meant.
    pub(super) fn may_mean(&self, session_id: Option<&str>) -> bool {
        self.session.is_none() || self.session == session_id.map(token::digest)
    }
}

/// What happens to a request.
#[derive(Clone, Debug)]
#[must_use = "whoever is told to lead must refresh, or nobody does"]
pub enum Admission {
    /// Too many tokens that nobody knows came in the last minute: not decided now.
    Busy,
    /// A refresh is under way: wait for it to land.
    Join,
    /// Refresh at Auth, then call [`Family::land`](super::Family::land). The newest refresh token is
    /// named if it is to be sent in place of the presented one.
    Lead(Option<String>),
    /// Auth is about to replace the session's tokens: not decided now.
    Raising,
    /// Auth refused this token before, with this code.
    Refused(&'static str),
    /// The newest session, as it was answered before.
    Replay(Box<Session>),
    /// The session has ended.
    Revoked,
}

/// The result of a refresh, for everybody who waited for it.
#[derive(Clone, Debug)]
pub struct Landing {
    pub(super) presented: Presented,
    /// What Auth answered, classified.
    pub reply: RefreshReply,
}

impl Landing {
    /// True if the result also holds for `waiter`; else it has to be admitted again.
    ///
    /// The same token meets the same fate, and an Auth that could not decide
    /// would not decide for another token either. But the end of a token says
    /// nothing about one that may be newer.
    #[must_use]
    pub fn settles(&self, waiter: &Presented) -> bool {
        match self.reply {
            RefreshReply::Misconfigured(_) | RefreshReply::Unavailable { .. } => true,
            RefreshReply::Ended(_) | RefreshReply::Renewed(_) | RefreshReply::Revoked => {
                self.presented.digest == waiter.digest
            }
        }
    }
}
