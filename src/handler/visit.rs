//! What is known of one request while it is decided.
//!
//! A [`Visit`] is made by the line from the request's head and handed from stage to stage. It holds what was sent,
//! what was decided so far, and the record that becomes the log line; it never holds what a stage found out about
//! the session, which is [`Settled`](super::settled::Settled).

use std::cell::OnceCell;
use std::rc::Rc;

use crate::config::Config;
use crate::cookies::set_cookie::CookieAttributes;
use crate::cookies::{self, Candidate, SessionCookies};
use crate::head::RequestHead;
use crate::memory::Memory;
use crate::record::{Level, RequestRecord};
use crate::redirect::Site;
use crate::rules::Rule;
use crate::session::Session;
use crate::time::UnixTime;
use crate::token::VerifiedClaims;

use super::explain;

/// What a request turned out to be: the word in logs and `Server-Timing`.
///
/// The origin gets it as `X-Session-Outcome`. `expired`, `invalid` and `revoked` delete the session's cookies, the
/// others keep them; the page of a rule without `require` is served with any of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// No session was sent.
    Anonymous,
    /// The rule forwards untouched.
    Bypass,
    /// The session is dead for good.
    Expired,
    /// What was sent is malformed, forged or not for this site.
    Invalid,
    /// The session was renewed at Auth.
    Refreshed,
    /// The session was ended although its token is alive.
    Revoked,
    /// It cannot be decided now.
    Unavailable,
    /// The token is good.
    Valid,
}

impl Outcome {
    /// The outcome's word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Bypass => "bypass",
            Self::Expired => "expired",
            Self::Invalid => "invalid",
            Self::Refreshed => "refreshed",
            Self::Revoked => "revoked",
            Self::Unavailable => "unavailable",
            Self::Valid => "valid",
        }
    }
}

/// Where the token came from.
///
/// Only a session of the cookies is refreshed and written; with `Nothing` the origin's cache headers stand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Source {
    Bearer,
    Cookies,
    Nothing,
}

/// The stages that time is counted for.
///
/// They are the members of `ms` in the log line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stage {
    Auth,
    Keys,
    Verify,
}

/// One request on its way.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) config: Rc<Config>,
    /// The session's cookies, read when they are first asked for.
    cookies: OnceCell<Option<SessionCookies>>,
    /// Whether the answer says why.
    pub(super) is_explained: bool,
    pub(super) head: RequestHead,
    /// The login path and `AUTH_PATH` are never denied.
    pub(super) is_exempt: bool,
    /// A preflight passed a guard that its sender would not pass: no more than the head of the answer may leave.
    pub(super) is_head_only: bool,
    /// The `Cookie` header was seen before: it holds one session in its usual form, so nothing of it is due.
    pub(super) is_known: bool,
    /// The cookies beside a good bearer token hold a session of the same user.
    pub(super) is_cookie_vouched: bool,
    /// A token of this request was verified and not remembered.
    pub(super) is_first_sight: bool,
    /// Which reading of the cookies is used.
    pub(super) chosen: Option<usize>,
    pub(super) record: RequestRecord,
    pub(super) rule: Option<usize>,
    /// The rule whose `cors` holds for the Worker's own answers, its routes' too.
    pub(super) cors_rule: Option<usize>,
    pub(super) source: Source,
    pub(super) started: UnixTime,
    waiting_since: UnixTime,
}

impl Visit {
    /// The clock starts here: `ms.total` counts from `now`.
    pub(super) fn new(config: Rc<Config>, head: RequestHead, now: UnixTime) -> Self {
        let record = RequestRecord {
            gate: "none",
            keys: "none",
            ray: head.header("cf-ray").map(str::to_owned),
            ..RequestRecord::default()
        };
        Self {
            is_explained: explain::is_asked_for(&config, &head),
            config,
            cookies: OnceCell::new(),
            head,
            is_exempt: false,
            is_head_only: false,
            is_known: false,
            is_cookie_vouched: false,
            is_first_sight: false,
            chosen: None,
            record,
            rule: None,
            cors_rule: None,
            source: Source::Nothing,
            started: now,
            waiting_since: now,
        }
    }

    /// What holds for this request: the rule that matched, or the one where none does.
    pub(super) fn rule(&self) -> &Rule {
        self.config.rules.rule(self.rule)
    }

    /// The origins whose scripts may read what the Worker itself answers.
    pub(super) fn cors(&self) -> &[String] {
        &self.config.rules.rule(self.cors_rule).cors
    }

    /// The session's cookies, if the request has any.
    pub(super) fn cookies(&self) -> Option<&SessionCookies> {
        let read = || {
            let header = self.head.header("cookie")?;
            SessionCookies::read(header, &self.config.storage_key)
        };
        self.cookies.get_or_init(read).as_ref()
    }

    /// The verdict on the session of a `Cookie` header that was seen before: nothing of it is decoded.
    pub(super) fn recognise(
        &mut self,
        memory: &mut Memory,
        now: UnixTime,
    ) -> Option<VerifiedClaims> {
        let header = self.head.header("cookie")?;
        let claims = memory.known_verdict(memory.fingerprint(header), now)?;
        self.is_known = true;
        self.source = Source::Cookies;
        self.chosen = Some(0);
        Some(claims)
    }

    /// Remembers that the `Cookie` header holds this token, if it holds one session and all of it can stay as it is.
    pub(super) fn make_known(&self, raw: &str, user_id: &str, memory: &mut Memory) {
        let is_plain = self.chosen == Some(0)
            && !self.is_duplicated()
            && self.session().is_some_and(|session| {
                !session.format().foreign && session.has_trusted_user(user_id)
            });
        let key = &self.config.storage_key;
        let is_plain = |header: &&str| is_plain && !cookies::has_disguised_session(header, key);
        if let Some(header) = self.head.header("cookie").filter(is_plain) {
            let token = memory.fingerprint(raw);
            memory.known_cookies.note(memory.fingerprint(header), token);
        }
    }

    /// True if a name of the session comes more than once.
    pub(super) fn is_duplicated(&self) -> bool {
        !self.is_known && self.cookies().is_some_and(|cookies| cookies.duplicated)
    }

    /// The session's names in the request, as many as one response deletes.
    pub(super) fn session_names(&self) -> &[String] {
        let Some(cookies) = self.cookies() else {
            return &[];
        };
        let count = cookies.names.len().min(cookies::MAX_NAMES_DELETED);
        cookies.names.get(..count).unwrap_or_default()
    }

    /// The host whose `Domain=<host>` twins have to go: without a configured
    /// domain, duplicates can stem from there.
    ///
    /// No browser takes `Domain=localhost` or that of an address, so those have no twins.
    pub(super) fn twin_domain(&self) -> Option<&str> {
        let host = self.head.host();
        (self.is_duplicated() && self.config.cookie.domain_at(host).is_none())
            .then_some(host)
            .filter(|host| host.contains('.') && !host.ends_with(|end: char| end.is_ascii_digit()))
    }

    /// The reading of the cookies that is used.
    pub(super) fn candidate(&self) -> Option<&Candidate> {
        self.cookies()?.candidates.get(self.chosen?)
    }

    /// The session that is used, if one could be read.
    pub(super) fn session(&self) -> Option<&Session> {
        self.candidate()?.session.as_ref().ok()
    }

    /// The access token of the reading that is used.
    pub(super) fn access_token(&self) -> Option<String> {
        let session = self.session()?;
        Some(session.access_token().to_owned())
    }

    /// The visitor's address, as Cloudflare names it.
    ///
    /// Cloudflare sets it and takes off what the client sent under its name; `None` only in tests and on other
    /// platforms.
    pub(super) fn client_ip(&self) -> Option<&str> {
        self.head.header("cf-connecting-ip")
    }

    /// The site's public origin.
    pub(super) fn site_origin(&self) -> String {
        let site = self.config.site_url.clone();
        site.unwrap_or_else(|| self.head.origin())
    }

    /// The site that a redirect starts from, and what it is called.
    pub(super) fn site<'s>(&'s self, origin: &'s str) -> Site<'s> {
        self.config.site(origin)
    }

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

    /// True if the visitor sent a session of any kind, even an unreadable one.
    pub(super) fn has_session(&self) -> bool {
        self.source != Source::Nothing
    }

    /// Starts waiting for an effect.
    pub(super) const fn wait(&mut self, now: UnixTime) {
        self.waiting_since = now;
    }

    /// Ends the wait and counts its time.
    pub(super) fn spend(&mut self, stage: Stage, now: UnixTime) {
        let waited = now.millis_since(self.waiting_since);
        let ms = &mut self.record.ms;
        let total = match stage {
            Stage::Auth => &mut ms.auth,
            Stage::Keys => &mut ms.keys,
            Stage::Verify => &mut ms.verify,
        };
        *total = total.saturating_add(waited);
    }

    /// What is left of the time that Auth may take in this request, in milliseconds.
    ///
    /// All stages share it: a request that waited for keys has less time left for its refresh.
    pub(super) fn auth_budget_ms(&self) -> u64 {
        let ms = &self.record.ms;
        self.config
            .auth_timeout_ms
            .saturating_sub(ms.auth.saturating_add(ms.keys))
    }

    /// Counts a call to Auth.
    pub(super) const fn count_auth_calls(&mut self, calls: u32) {
        self.record.auth_calls = self.record.auth_calls.saturating_add(calls);
    }

    /// Marks the record as one that the operator must see.
    pub(super) const fn alarm(&mut self) {
        self.record.level = Level::Error;
    }
}
