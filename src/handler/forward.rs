//! The way through the origin: edits to the request, then edits to its answer.

use crate::answer::{Answer, Medium};
use crate::cache_control;
use crate::config::{Config, HttpUrl};
use crate::cookies::{self, Forwarding, set_cookie};
use crate::head::{HeaderEdit, Headers, RequestHead};
use crate::identity;
use crate::overrides;
use crate::record::RequestRecord;
use crate::rules::Cache;
use crate::time::UnixTime;

use super::explain;
use super::guard;
use super::observe;
use super::settle::{self, Settled};
use super::visit::{Outcome, Source, Visit};

/// What the origin is sent: the visitor's request with these changes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OriginRequest {
    /// Another URL, if `ORIGIN_URL` is set.
    pub url: Option<String>,
    /// Changes to the headers; what none names stays as it came.
    pub edits: Vec<HeaderEdit>,
    /// True if Cloudflare's cache must neither answer nor store (a session is involved).
    pub bypass_cache: bool,
}

/// What is read of the origin's answer.
#[derive(Clone, Debug, Default)]
pub struct ResponseHead {
    /// The status code.
    pub status: u16,
    /// The headers, as far as [`Forward::reads`] says that they matter.
    pub headers: Headers,
}

/// Which headers of the origin's answer matter to a request. Each one that is read costs CPU.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reads {
    /// `Set-Cookie`, and those of [`cache_control::names_read`].
    CacheHeaders,
    /// `Set-Cookie`, and the others too if there is one.
    Cookies,
    /// None.
    Nothing,
}

/// The origin did not answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OriginUnreachable;

/// What leaves for the visitor.
#[derive(Debug)]
pub enum Outgoing {
    /// An answer of the Worker itself.
    Answer(Answer),
    /// The origin's answer with these changes; without any it passes as it is.
    Origin(Vec<HeaderEdit>),
}

/// Sends the request on.
#[derive(Debug)]
pub struct Forward {
    visit: Box<Visit>,
    settled: Settled,
    request: OriginRequest,
    sent: UnixTime,
}

impl Forward {
    pub(super) fn new(visit: Box<Visit>, settled: Settled, now: UnixTime) -> Self {
        let request = if visit.config.is_observing() {
            observe::untouched(&visit.config, &visit.head)
        } else {
            origin_request(&visit, &settled, now)
        };
        Self {
            visit,
            settled,
            request,
            sent: now,
        }
    }

    /// What to send.
    #[must_use]
    pub const fn request(&self) -> &OriginRequest {
        &self.request
    }

    /// Which headers of the origin's answer [`Self::finish`] needs.
    #[must_use]
    pub fn reads(&self) -> Reads {
        let visit = &self.visit;
        if visit.is_explained || visit.config.is_observing() {
            Reads::CacheHeaders
        } else if self.settled.outcome() == Outcome::Bypass {
            Reads::Nothing
        } else if visit.has_session() || visit.rule().cache == Cache::Shared {
            Reads::CacheHeaders
        } else {
            Reads::Cookies
        }
    }

    /// True if only the head of the origin's answer may leave: a preflight passed a guard that its sender would not pass.
    ///
    /// Browsers read nothing but the head, and an origin that does not look at the method answers with the page.
    #[must_use]
    pub fn is_head_only(&self) -> bool {
        guard::passes_as_preflight(&self.visit, &self.settled)
    }

    /// What leaves for the visitor once the origin answered, and the line to log.
    #[must_use]
    pub fn finish(
        self,
        answer: Result<ResponseHead, OriginUnreachable>,
        now: UnixTime,
    ) -> (Outgoing, RequestRecord) {
        let Self {
            mut visit,
            settled,
            sent,
            ..
        } = self;
        visit.record.ms.origin = now.millis_since(sent);
        let Ok(head) = answer else {
            visit.alarm();
            let is_navigation = guard::is_navigation(&visit);
            let medium = if is_navigation {
                Medium::Html
            } else {
                Medium::Json
            };
            let answer = Answer::origin_unreachable(medium);
            let (answer, record) = settle::finish(&visit, &settled, answer, now);
            return (Outgoing::Answer(answer), record);
        };
        if visit.config.is_observing() {
            let is_family_set = origin_speaks(&visit, &head);
            let record = observe::record(&visit, &settled, head.status, is_family_set, now);
            let edits = explain::edits(&visit, &record, &head.headers);
            return (Outgoing::Origin(edits), record);
        }
        let mut record = std::mem::take(&mut visit.record);
        let mut edits = response_edits(&visit, &settled, &head, &mut record);
        let cookies = record.cookies;
        settled.write_record(&mut record, cookies, head.status);
        record.ms.total = now.millis_since(visit.started);
        if visit.config.server_timing {
            edits.push(HeaderEdit::Append("server-timing", record.server_timing()));
        }
        edits.extend(explain::edits(&visit, &record, &head.headers));
        (Outgoing::Origin(edits), record)
    }
}

fn origin_request(visit: &Visit, settled: &Settled, now: UnixTime) -> OriginRequest {
    let mut edits = identity::strip(visit.head.headers());
    edits.extend(overrides::removals(visit.head.headers()));
    edits.push(HeaderEdit::Set(identity::HOP_HEADER, "1".to_owned()));
    let url = origin_url(&visit.config, &visit.head);
    if url.is_some() {
        edits.push(HeaderEdit::Set(
            "x-forwarded-host",
            visit.head.authority().to_owned(),
        ));
        edits.push(HeaderEdit::Set(
            "x-forwarded-proto",
            visit.head.scheme().to_owned(),
        ));
    }
    let is_shared = visit.rule().cache == Cache::Shared;
    if settled.outcome() == Outcome::Bypass {
        // Nothing of the session is read or written.
    } else if is_shared {
        // The page is the same for everyone, so it must be asked for as by nobody.
        edits.push(HeaderEdit::Remove("cookie".to_owned()));
        edits.push(HeaderEdit::Remove("authorization".to_owned()));
    } else {
        edits.extend(cookie_edit(visit, settled));
        edits.extend(bearer_edit(visit, settled));
        let host = origin_host(visit);
        let outcome = settled.outcome().word();
        edits.extend(identity::edits(
            &visit.config,
            settled.claims(),
            outcome,
            &host,
            now,
        ));
    }
    OriginRequest {
        url,
        edits,
        bypass_cache: !is_shared && visit.has_session(),
    }
}

/// Where the request goes, if `ORIGIN_URL` says another place.
pub(super) fn origin_url(config: &Config, head: &RequestHead) -> Option<String> {
    let base = config.origin_url.as_ref()?.as_str().trim_end_matches('/');
    Some(format!("{base}{}", head.path_and_query()))
}

/// The host, with its port, that the request is for at the origin.
fn origin_host(visit: &Visit) -> String {
    let origin = visit.config.origin_url.as_ref();
    origin
        .map_or_else(|| visit.head.authority(), HttpUrl::authority)
        .to_owned()
}

/// The change to `Cookie`, if any.
fn cookie_edit(visit: &Visit, settled: &Settled) -> Option<HeaderEdit> {
    let header = visit.head.header("cookie")?;
    let key = &visit.config.storage_key;
    let due = settled.chunks_due(visit);
    let is_disguised = !visit.is_known && cookies::has_disguised_session(header, key);
    let forwarding = if !visit.config.forward_cookies {
        Forwarding::DropFamily
    } else if visit.source != Source::Cookies {
        if !is_disguised {
            return None;
        }
        Forwarding::DropSession
    } else if settled.claims().is_none() || settled.outcome() == Outcome::Unavailable {
        // An origin with its own client would start a refresh of its own.
        Forwarding::DropSession
    } else if let Some(chunks) = &due {
        Forwarding::Replace(chunks)
    } else if visit.is_duplicated() || is_disguised {
        Forwarding::Keep(visit.candidate()?)
    } else {
        return None;
    };
    let rewritten = cookies::forward_header(header, key, &forwarding);
    Some(rewritten.map_or_else(
        || HeaderEdit::Remove("cookie".to_owned()),
        |value| HeaderEdit::Set("cookie", value),
    ))
}

fn bearer_edit(visit: &Visit, settled: &Settled) -> Option<HeaderEdit> {
    if !visit.config.forward_bearer || visit.head.header("authorization").is_some() {
        return None;
    }
    if settled.outcome() == Outcome::Unavailable {
        return None;
    }
    let token = settled.access_token(visit)?;
    Some(HeaderEdit::Set("authorization", format!("Bearer {token}")))
}

/// True if the origin sets or deletes a cookie of the session's family itself.
fn origin_speaks(visit: &Visit, head: &ResponseHead) -> bool {
    let key = &visit.config.storage_key;
    head.headers.values("set-cookie").any(|line| {
        set_cookie::set_cookie_name(line).is_some_and(|name| cookies::is_family_name(key, name))
    })
}

fn response_edits(
    visit: &Visit,
    settled: &Settled,
    head: &ResponseHead,
    record: &mut RequestRecord,
) -> Vec<HeaderEdit> {
    if settled.outcome() == Outcome::Bypass {
        return Vec::new();
    }
    let origin_speaks = origin_speaks(visit, head);
    // The origin speaks last: what it wrote itself is newer than what is due here.
    let due = if origin_speaks {
        Vec::new()
    } else {
        settled.set_cookies(visit)
    };
    record.cookies = due.len();
    let rule = visit.rule();
    let mut edits = if origin_speaks || !due.is_empty() {
        cache_control::carries_session(&head.headers)
    } else if rule.cache == Cache::Shared {
        let is_guarded = rule.require.is_some();
        if is_guarded {
            cache_control::revalidate(&head.headers)
        } else {
            Vec::new()
        }
    } else if visit.has_session() {
        cache_control::with_session(&head.headers)
    } else {
        Vec::new()
    };
    edits.extend(
        due.into_iter()
            .map(|line| HeaderEdit::Append("set-cookie", line)),
    );
    edits
}
