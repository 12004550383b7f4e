//! The gate of one session: what each request for its refresh is answered.
//!
//! ```text
//!            admit                      land
//!  token ─► ├─ rotated or outlived ─► Replay: the newest session, no call to Auth
//!           ├─ a refresh is under way ─► Join ─► its result, or admit again
//!           └─ otherwise ─► Lead ─► Auth ─► newest session kept, token noted as rotated
//! ```
//!
//! Tokens that were rotated are kept as digests: whoever presents one holds it,
//! so the newest session goes to nobody who did not have the session before.
//! What is kept lives for the replay time, in the object's storage too.

mod message;

pub use message::{Ask, Message, Told};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::auth_api::RefreshReply;
use crate::session::Session;
use crate::time::UnixTime;
use crate::token::{self, Token};

/// Rotated refresh tokens that are remembered. Tabs of one browser lag by one or two.
pub const MAX_ROTATED: usize = 8;
/// Auth's code for a refresh token that is no longer the newest.
const ALREADY_USED: &str = "refresh_token_already_used";

type Digest = [u8; 32];

/// What a request presents: a refresh token and when its access token ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Presented {
    digest: Digest,
    expires_at: UnixTime,
}

impl Presented {
    /// `expires_at` is the expiry of the access token that came with the refresh token.
    #[must_use]
    pub fn new(refresh_token: &str, expires_at: UnixTime) -> Self {
        Self {
            digest: token::digest(refresh_token),
            expires_at,
        }
    }
}

/// What happens to a request.
#[derive(Clone, Debug)]
#[must_use = "whoever is told to lead must refresh, or nobody does"]
pub enum Admission {
    /// A refresh is under way: wait for it to land.
    Join,
    /// Refresh at Auth, then call [`Family::land`]. The newest refresh token is
    /// named if it is to be sent in place of the presented one.
    Lead(Option<String>),
    /// The newest session, as it was answered before.
    Replay(Box<Session>),
}

/// The result of a refresh, for everybody who waited for it.
#[derive(Clone, Debug)]
pub struct Landing {
    presented: Presented,
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
            RefreshReply::Ended(_) | RefreshReply::Renewed(_) => {
                self.presented.digest == waiter.digest
            }
        }
    }
}

/// The refresh tokens of one session, as far as the gate knows them.
#[derive(Debug, Default)]
pub struct Family {
    /// What was known before the newest session, in case that one proves to be bad.
    before: Option<Box<Before>>,
    flight: Option<Presented>,
    newest: Option<Newest>,
    /// Newest last. Each rotation prolongs the memory of all: the oldest is the most dangerous to send.
    rotated: Vec<Digest>,
    until: UnixTime,
    /// True once the newest token was sent without a usable answer: Auth may have rotated it.
    was_sent: bool,
}

#[derive(Debug)]
struct Before {
    newest: Newest,
    rotated: Vec<Digest>,
}

#[derive(Debug)]
struct Newest {
    digest: Digest,
    expires_at: UnixTime,
    session: Session,
}

impl Family {
    /// Decides about a request. After [`Admission::Lead`] a refresh counts as under way.
    pub fn admit(&mut self, presented: &Presented, now: UnixTime) -> Admission {
        self.expire(now);
        let mut substitute = None;
        if let Some(newest) = self
            .newest
            .as_ref()
            .filter(|_| self.knows(&presented.digest))
        {
            if newest.serves(presented, now) {
                return Admission::Replay(Box::new(newest.session.clone()));
            }
            // Two steps behind, a token would trip the reuse detection; the newest
            // will not. But its parent is sent itself: Auth answers it without
            // rotating, so that the browser never falls two steps behind by our doing.
            let is_parent = !self.was_sent && self.rotated.last() == Some(&presented.digest);
            substitute = (newest.digest != presented.digest && !is_parent)
                .then(|| newest.session.refresh_token().to_owned());
        }
        if self.flight.is_some() {
            return Admission::Join;
        }
        self.flight = Some(*presented);
        Admission::Lead(substitute)
    }

    /// Takes in Auth's answer to the refresh under way; `sent` is the refresh
    /// token that went to Auth. What the gate knows afterwards has to be stored
    /// before [`Family::finish`] lets anybody have the result.
    #[must_use]
    pub fn land(
        &mut self,
        sent: &str,
        reply: RefreshReply,
        replay_seconds: u64,
        now: UnixTime,
    ) -> Option<Landing> {
        let presented = self.flight?;
        let reply = match reply {
            RefreshReply::Renewed(session) => {
                self.renew(&session, [presented.digest, token::digest(sent)]);
                self.until = now.plus_seconds(replay_seconds);
                self.expire(now);
                RefreshReply::Renewed(session)
            }
            RefreshReply::Ended(code) => self.end(code, &presented, sent, now),
            RefreshReply::Misconfigured(_) => reply,
            RefreshReply::Unavailable { .. } => {
                self.was_sent |= self.is_newest(&token::digest(sent));
                reply
            }
        };
        Some(Landing { presented, reply })
    }

    /// Ends the refresh under way: the next request may lead.
    pub const fn finish(&mut self) {
        self.flight = None;
    }

    /// Forgets an answer that turned out not to be trustworthy, so that nobody else gets it.
    pub fn reject(&mut self, refresh_token: &str) -> bool {
        if !self.is_newest(&token::digest(refresh_token)) {
            return false;
        }
        match self.before.take() {
            Some(before) => {
                self.newest = Some(before.newest);
                self.rotated = before.rotated;
                self.was_sent = true;
            }
            None => self.forget(),
        }
        true
    }

    /// Forgets what has been kept long enough; tells until when the rest is kept.
    pub fn expire(&mut self, now: UnixTime) -> Option<UnixTime> {
        if now >= self.until {
            self.forget();
        }
        self.newest.as_ref().map(|_| self.until)
    }

    /// What has to outlive the object's memory; `None` if there is nothing.
    #[must_use]
    pub fn to_stored(&self) -> Option<String> {
        let newest = self.newest.as_ref()?;
        let rotated: Vec<String> = self
            .rotated
            .iter()
            .map(|digest| URL_SAFE_NO_PAD.encode(digest))
            .collect();
        let stored = json!({
            "newest": newest.session.members(),
            "rotated": rotated,
            "until": self.until.millis(),
            "was_sent": self.was_sent,
        });
        Some(stored.to_string())
    }

    /// Reads what [`Self::to_stored`] wrote; whatever cannot be read counts as nothing known.
    #[must_use]
    pub fn from_stored(text: &str, now: UnixTime) -> Self {
        let mut family = Self::try_from_stored(text, now).unwrap_or_default();
        family.expire(now);
        family
    }

    fn try_from_stored(text: &str, now: UnixTime) -> Option<Self> {
        let stored: Value = serde_json::from_str(text).ok()?;
        let session = read_session(&stored.get("newest")?.to_string(), now)?;
        let rotated = stored.get("rotated")?.as_array()?.iter();
        Some(Self {
            before: None,
            flight: None,
            newest: Some(Newest::new(session)),
            rotated: rotated.map(read_digest).collect::<Option<_>>()?,
            until: UnixTime::from_millis(stored.get("until")?.as_u64()?),
            // Without it the parent of a token that Auth may have rotated would be sent: two steps behind by then.
            was_sent: stored.get("was_sent").and_then(Value::as_bool) == Some(true),
        })
    }

    /// Whether this token proves to belong to the session: it is the newest one or was rotated.
    fn knows(&self, digest: &Digest) -> bool {
        self.is_newest(digest) || self.rotated.contains(digest)
    }

    fn is_newest(&self, digest: &Digest) -> bool {
        self.newest
            .as_ref()
            .is_some_and(|newest| newest.digest == *digest)
    }

    /// Takes over a new session; `used` and the token that was newest are rotated now.
    fn renew(&mut self, session: &Session, used: [Digest; 2]) {
        let newest = Newest::new(session.clone());
        let last = self.newest.take();
        let outdated = last.as_ref().map(|newest| newest.digest);
        let rotated = self.rotated.clone();
        self.before = last.map(|newest| Box::new(Before { newest, rotated }));
        self.was_sent = false;
        for digest in outdated.into_iter().chain(used) {
            self.rotated.retain(|rotated| *rotated != digest);
            self.rotated.push(digest);
        }
        self.rotated.retain(|rotated| *rotated != newest.digest);
        let surplus = self.rotated.len().saturating_sub(MAX_ROTATED);
        self.rotated.drain(..surplus);
        self.newest = Some(newest);
    }

    /// A dead token is believed dead, unless a newer one of its session is known to live.
    fn end(
        &mut self,
        code: &'static str,
        presented: &Presented,
        sent: &str,
        now: UnixTime,
    ) -> RefreshReply {
        let sent = token::digest(sent);
        let newer = self
            .newest
            .as_ref()
            .filter(|newest| newest.digest != sent && newest.serves(presented, now));
        match newer {
            Some(newest) if code == ALREADY_USED => {
                RefreshReply::Renewed(Box::new(newest.session.clone()))
            }
            Some(_) | None => {
                // A token that the gate never saw may be made up: its end proves nothing.
                if self.knows(&sent) {
                    self.forget();
                }
                RefreshReply::Ended(code)
            }
        }
    }

    fn forget(&mut self) {
        self.before = None;
        self.newest = None;
        self.rotated.clear();
        self.was_sent = false;
    }
}

impl Newest {
    fn new(session: Session) -> Self {
        // A token that cannot be read never serves, and the Worker will not trust it either.
        let token = Token::parse(session.access_token()).ok();
        let expires_at = token.and_then(|token| token.claimed_expiry());
        Self {
            digest: token::digest(session.refresh_token()),
            expires_at: expires_at.unwrap_or_default(),
            session,
        }
    }

    /// Whether this session is what the presenter needs: alive, and living longer than its own.
    fn serves(&self, presented: &Presented, now: UnixTime) -> bool {
        self.expires_at > now && self.expires_at > presented.expires_at
    }
}

fn read_digest(value: &Value) -> Option<Digest> {
    let digest = URL_SAFE_NO_PAD.decode(value.as_str()?).ok()?;
    digest.try_into().ok()
}

fn read_session(text: &str, now: UnixTime) -> Option<Session> {
    Session::from_token_response(text.as_bytes(), now.seconds()).ok()
}
