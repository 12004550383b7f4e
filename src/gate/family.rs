//! The refresh tokens of one session, as far as its gate knows them, and its end.

use crate::auth_api::{ALREADY_USED, RefreshReply};
use crate::session::Session;
use crate::time::UnixTime;
use crate::token;

use super::admission::{Admission, Digest, Keep, Landing, Presented};
use super::newest::Newest;
use super::strangers::Strangers;
use super::version;

/// Rotated refresh tokens that are remembered. Tabs of one browser lag by one or two.
pub const MAX_ROTATED: usize = 8;
/// Auth's codes for anything that is no refresh token of a session that it knows.
const UNKNOWN_TO_AUTH: [&str; 2] = ["refresh_token_not_found", "validation_failed"];
/// The longest that an access token lives, in milliseconds: Supabase issues none for longer than a week.
pub const MAX_LIFE_MS: u64 = 7 * 24 * 60 * 60 * 1000;
/// A token that was issued a moment before the end must not outlive the memory of it.
const MIN_LIFE_MS: u64 = 60_000;

/// What a gate knows of its session.
#[derive(Debug, Default)]
pub struct Family {
    /// What was known before the newest session, in case that one proves to be bad.
    before: Option<Box<Before>>,
    pub(super) ended: Option<Ended>,
    flight: Option<Presented>,
    /// True if what has to be stored is no longer what is stored.
    is_changed: bool,
    pub(super) newest: Option<Newest>,
    /// Until when an older access token of the session is enough to be answered with the newest one.
    pub(super) open_until: UnixTime,
    /// Until when Auth may be replacing the session's tokens at a route's request.
    raised_until: UnixTime,
    /// Newest last. Each rotation prolongs the memory of all: the oldest is the most dangerous to send.
    pub(super) rotated: Vec<Digest>,
    strangers: Strangers,
    pub(super) until: UnixTime,
    /// True where the token before the newest must not be sent in its place: Auth may have rotated the newest one, sent without a
    /// usable answer; or that token is not known.
    pub(super) was_sent: bool,
}

#[derive(Debug)]
struct Before {
    newest: Newest,
    rotated: Vec<Digest>,
}

/// That the session has ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    pub(super) until: UnixTime,
    /// Only tokens issued until then have ended; `None` for all.
    pub(super) up_to: Option<UnixTime>,
}

impl Ended {
    fn covers(&self, issued_at: Option<UnixTime>) -> bool {
        match (self.up_to, issued_at) {
            (Some(up_to), Some(issued_at)) => issued_at <= up_to,
            (None, _) | (_, None) => true,
        }
    }
}

impl Family {
    /// Decides about a request. After [`Admission::Lead`] a refresh counts as under way.
    pub fn admit(&mut self, presented: &Presented, now: UnixTime) -> Admission {
        self.expire(now);
        if self.is_ended(presented.issued_at) {
            return Admission::Revoked;
        }
        let is_known = self.knows(&presented.digest);
        if let Some(code) = self.strangers.refusal(&presented.digest)
            && !is_known
        {
            return Admission::Refused(code);
        }
        let mut substitute = None;
        if let Some(newest) = &self.newest
            && (is_known || (self.is_open(now) && newest.outdates(presented)))
        {
            if newest.serves(presented, now) {
                return Admission::Replay(Box::new(newest.session.clone()));
            }
            // Two steps behind, a token would trip the reuse detection; the newest
            // will not. But its parent is sent itself: Auth answers it without
            // rotating, so that the browser never falls two steps behind by our doing.
            // Not where Auth upgraded the token: that one is the parent of nothing.
            let is_parent = !self.was_sent
                && newest.is_child_of(presented)
                && self.rotated.last() == Some(&presented.digest);
            substitute = (newest.digest != presented.digest && !is_parent)
                .then(|| newest.session.refresh_token().to_owned());
        }
        if self.flight.is_some() {
            return Admission::Join;
        }
        if now < self.raised_until {
            return Admission::Raising;
        }
        let is_stranger = !is_known && substitute.is_none();
        if is_stranger && !self.strangers.claim(presented.digest, now) {
            return Admission::Busy;
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
        keep: impl Into<Keep>,
        now: UnixTime,
    ) -> Option<Landing> {
        let presented = self.flight?;
        let sent = token::digest(sent);
        let reply = match reply {
            // Signed out while Auth was asked: whatever it said, nobody gets it.
            _ if self.is_ended(presented.issued_at) => RefreshReply::Revoked,
            RefreshReply::Renewed(session) => {
                let newest = Newest::new(*session);
                self.strangers.release(&presented.digest);
                // Mixed up with somebody else's at Auth or on the way: whoever asked has to see it, nobody else does.
                if !presented.may_mean(newest.session_id.as_deref()) {
                    self.note_loss(&sent);
                    let reply = RefreshReply::Renewed(Box::new(newest.session));
                    return Some(Landing { presented, reply });
                }
                let used = [presented.digest, sent];
                let keep = kept(keep.into(), newest.upgraded(&presented));
                RefreshReply::Renewed(self.renew(newest, &used, keep, now))
            }
            RefreshReply::Ended(code) => self.refused(code, &presented, sent, now),
            RefreshReply::Misconfigured(_) | RefreshReply::Revoked => reply,
            RefreshReply::Unavailable { .. } => {
                self.note_loss(&sent);
                reply
            }
        };
        Some(Landing { presented, reply })
    }

    /// Notes that a refresh token went to Auth and no usable answer came.
    fn note_loss(&mut self, sent: &Digest) {
        let may_be_rotated = !self.was_sent && self.is_newest(sent);
        self.was_sent |= may_be_rotated;
        self.is_changed |= may_be_rotated;
    }

    /// Ends the refresh under way: the next request may lead.
    pub const fn finish(&mut self) {
        self.flight = None;
    }

    /// Takes off once more with the refresh token of a lost answer, unless somebody else did or
    /// has an answer by now.
    pub fn try_again(&mut self, presented: &Presented, now: UnixTime) -> bool {
        self.expire(now);
        let is_busy = self.is_busy() || now < self.raised_until;
        let is_over = self.is_ended(presented.issued_at) || is_busy;
        // A session that the gate held before may end in the same second as the presented one, which it never saw.
        let is_used = self.rotated.contains(&presented.digest);
        let is_answered = self
            .newest
            .as_ref()
            .is_some_and(|newest| is_used && newest.serves(presented, now));
        if is_over || is_answered {
            return false;
        }
        self.flight = Some(*presented);
        true
    }

    /// True while a refresh is under way.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        self.flight.is_some()
    }

    /// Notes that Auth may be replacing the session's tokens for so long at a route's request: until [`Family::learn`] brings
    /// the new ones, those of before are not sent. Not after a refusal either, which the Worker need not tell: its visitor's
    /// token was fit for some time.
    pub fn raise(&mut self, for_ms: u64, now: UnixTime) {
        self.raised_until = now.plus_millis(for_ms);
    }

    /// Takes over a session that changed at Auth without the gate: a second factor rotates the
    /// refresh token `used`. False if the session has ended, so that nobody may have it.
    pub fn learn(
        &mut self,
        session: Session,
        used: &str,
        keep: impl Into<Keep>,
        now: UnixTime,
    ) -> bool {
        self.raised_until = UnixTime::default();
        let newest = Newest::new(session);
        if self.is_ended(newest.issued_at) {
            return false;
        }
        let is_upgrade = version::is_first(used) && newest.is_second_version();
        let keep = kept(keep.into(), is_upgrade);
        self.renew(newest, &[token::digest(used)], keep, now);
        true
    }

    /// Takes over an answer to what was presented that came when nobody waited any more; `sent` went to Auth.
    pub fn land_late(
        &mut self,
        presented: &Presented,
        sent: &str,
        session: Session,
        keep: impl Into<Keep>,
        now: UnixTime,
    ) {
        let newest = Newest::new(session);
        let is_own = presented.may_mean(newest.session_id.as_deref());
        if is_own && !self.is_ended(newest.issued_at) {
            let used = [presented.digest, token::digest(sent)];
            self.renew(newest, &used, keep.into().undelivered(), now);
        }
    }

    /// Ends the session: its tokens are forgotten, and nobody is answered with it for `life_ms`,
    /// the longest that one of its access tokens can live from now on.
    pub fn end(&mut self, life_ms: u64, now: UnixTime) {
        self.end_up_to(None, life_ms, now);
    }

    /// Whether the session has ended for a token issued then.
    #[must_use]
    pub fn is_ended(&self, issued_at: Option<UnixTime>) -> bool {
        self.ended.is_some_and(|ended| ended.covers(issued_at))
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
        self.is_changed = true;
        true
    }

    /// Forgets what has been kept long enough; tells when that is due next.
    pub fn expire(&mut self, now: UnixTime) -> Option<UnixTime> {
        if now >= self.until {
            self.forget();
        }
        self.ended = self.ended.filter(|ended| now < ended.until);
        let kept = self.newest.as_ref().map(|_| self.until);
        let ended = self.ended.map(|ended| ended.until);
        kept.into_iter().chain(ended).min()
    }

    /// Whether there is something new to store: true once for each change.
    pub const fn take_change(&mut self) -> bool {
        std::mem::replace(&mut self.is_changed, false)
    }

    /// Whether an older access token of the session is enough.
    fn is_open(&self, now: UnixTime) -> bool {
        now < self.open_until
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

    /// Takes over a new session; `used` and the token that was newest are rotated now. Tells which
    /// session is the newest: while Auth was asked, a second factor may have brought a newer one.
    fn renew(
        &mut self,
        newest: Newest,
        used: &[Digest],
        keep: Keep,
        now: UnixTime,
    ) -> Box<Session> {
        let last = self.newest.take();
        let until = now.plus_seconds(keep.seconds());
        let open_until = now.plus_seconds(keep.open_seconds());
        // Where the newest token of before was not used, nobody can say which one is the parent of this.
        let is_unused = |last: &Newest| !used.contains(&last.digest);
        let is_gap = last
            .as_ref()
            .is_some_and(|last| is_unused(last) && last.digest != newest.digest);
        self.is_changed = true;
        if let Some(last) = last {
            let is_overtaken = last.is_newer_than(&newest) && last.session_id == newest.session_id;
            if last.expires_at > now && is_overtaken && is_unused(&last) {
                self.until = self.until.max(until);
                self.open_until = self.open_until.max(open_until);
                self.rotate(used.iter().copied().chain([newest.digest]), &last.digest);
                let session = Box::new(last.session.clone());
                self.newest = Some(last);
                self.expire(now);
                return session;
            }
            let rotated = self.rotated.clone();
            self.rotate([last.digest], &newest.digest);
            self.before = Some(Box::new(Before {
                newest: last,
                rotated,
            }));
        } else {
            self.before = None;
        }
        (self.until, self.open_until) = (until, open_until);
        self.was_sent = is_gap;
        self.rotate(used.iter().copied(), &newest.digest);
        let session = Box::new(newest.session.clone());
        self.newest = Some(newest);
        self.expire(now);
        session
    }

    fn rotate(&mut self, used: impl IntoIterator<Item = Digest>, newest: &Digest) {
        for digest in used {
            self.rotated.retain(|rotated| *rotated != digest);
            self.rotated.push(digest);
        }
        self.rotated.retain(|rotated| rotated != newest);
        let surplus = self.rotated.len().saturating_sub(MAX_ROTATED);
        self.rotated.drain(..surplus);
    }

    /// A dead token is believed dead, unless a newer one of its session is known to live.
    fn refused(
        &mut self,
        code: &'static str,
        presented: &Presented,
        sent: Digest,
        now: UnixTime,
    ) -> RefreshReply {
        let is_known = self.knows(&sent);
        let newest = self.newest.as_ref();
        let is_answered = is_known || self.is_open(now);
        if let Some(newer) = newest.filter(|newest| {
            let is_older = code == ALREADY_USED && newest.digest != sent;
            is_older && is_answered && newest.serves(presented, now)
        }) {
            return RefreshReply::Renewed(Box::new(newer.session.clone()));
        }
        if !is_known && UNKNOWN_TO_AUTH.contains(&code) {
            // A token that the gate never saw may be made up: its end proves nothing.
            self.strangers.refuse(sent, code);
            return RefreshReply::Ended(code);
        }
        // A token that Auth upgraded to its second version ends so while the session lives on, and one that the gate never
        // saw may be somebody else's, beside an old access token: who comes with a later one may ask again, and Auth says.
        let up_to = newest
            .filter(|newest| newest.digest == sent)
            .and_then(|newest| newest.issued_at)
            .max(presented.issued_at)
            .filter(|_| code == ALREADY_USED || !is_known);
        self.end_up_to(up_to, presented.life_ms(), now);
        RefreshReply::Ended(code)
    }

    fn end_up_to(&mut self, up_to: Option<UnixTime>, life_ms: u64, now: UnixTime) {
        let until = now.plus_millis(life_ms.clamp(MIN_LIFE_MS, MAX_LIFE_MS));
        let before = self.ended;
        self.ended = Some(Ended {
            until: before.map_or(until, |ended| until.max(ended.until)),
            // An end of all tokens is never taken back.
            up_to: match before {
                Some(ended) => up_to.and_then(|up_to| Some(up_to.max(ended.up_to?))),
                None => up_to,
            },
        });
        // What has not ended serves on: nobody's token can have the gate forget another.
        let newest = self.newest.as_ref();
        if newest.is_none_or(|newest| self.is_ended(newest.issued_at)) {
            self.forget();
        }
        self.strangers.forget();
        self.is_changed = true;
    }

    fn forget(&mut self) {
        self.before = None;
        self.newest = None;
        self.rotated.clear();
        self.was_sent = false;
    }
}

/// Of a token that was upgraded, Auth takes the successor alone: one whose answer reached nobody is needed for longer.
fn kept(keep: Keep, is_upgrade: bool) -> Keep {
    if is_upgrade { keep.undelivered() } else { keep }
}

impl Presented {
    /// The longest that an access token of the session can live from now on: a whole life, since
    /// a younger one may be under way.
    fn life_ms(&self) -> u64 {
        self.issued_at.map_or(MAX_LIFE_MS, |issued_at| {
            self.expires_at.millis_since(issued_at)
        })
    }
}
