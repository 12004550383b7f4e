//! The way through the origin: edits to the request, then edits to its answer.

use crate::answer::Answer;
use crate::cache_control;
use crate::config::{Config, HttpUrl};
use crate::cookies::{self, Forwarding, Member, set_cookie};
use crate::head::{HeaderEdit, Headers, RequestHead};
use crate::identity;
use crate::overrides;
use crate::record::RequestRecord;
use crate::rules::Cache;
use crate::time::UnixTime;
use crate::token::{self, ClaimedIssuer};

use super::desk::{Desk, Effect};
use super::explain;
use super::guard;
use super::leave::{self, Ending, Outgoing};
use super::observe;
use super::settled::Settled;
use super::visit::{Outcome, Source, Visit};

/// What the origin is sent: the visitor's request with these changes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OriginRequest {
    /// Another URL, if `ORIGIN_URL` is set.
    pub url: Option<String>,
    /// Changes to the headers; what none names stays as it came.
    pub edits: Vec<HeaderEdit>,
    /// True if Cloudflare's cache must neither answer nor store (a session is involved).
    pub bypass_cache: bool,
}

/// One passage through the origin.
#[derive(Clone, Debug)]
pub struct Passage {
    /// What to send.
    pub request: OriginRequest,
    /// Which headers of the answer are needed.
    pub reads: Reads,
    /// True if only the head of the origin's answer may leave: a preflight passed a guard that its sender would not pass.
    ///
    /// Browsers read nothing but the head, and an origin that does not look at the method answers with the page.
    pub is_head_only: bool,
}

/// The head of the origin's answer.
#[derive(Clone, Debug, Default)]
pub struct ResponseHead {
    /// The status code.
    pub status: u16,
    /// The headers, as far as [`Passage::reads`] says that they matter.
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

/// Sends the request on and hands the origin's answer back.
pub(super) async fn forward(desk: &Desk, mut visit: Visit, settled: Settled) -> Ending {
    let request = if visit.config.is_observing() {
        observe::untouched(&visit.config, &visit.head)
    } else {
        origin_request(&visit, &settled, desk.now())
    };
    let passage = Passage {
        request,
        reads: reads(&visit, &settled),
        is_head_only: guard::passes_as_preflight(&visit, &settled),
    };
    let sent = desk.now();
    let answer = desk.ask(Effect::Forward, passage).await;
    visit.record.ms.origin = desk.now().millis_since(sent);
    match answer {
        Err(OriginUnreachable) => {
            visit.alarm();
            let answer = Answer::origin_unreachable(guard::medium(&visit));
            leave::respond(desk, visit, settled, answer).await
        }
        Ok(head) if visit.config.is_observing() => observed(desk, &visit, &settled, &head),
        Ok(head) => {
            let settled = leave::recheck(desk, settled).await;
            hand_back(desk, visit, &settled, &head)
        }
    }
}

fn reads(visit: &Visit, settled: &Settled) -> Reads {
    if visit.is_explained || visit.config.is_observing() {
        Reads::CacheHeaders
    } else if settled.outcome() == Outcome::Bypass {
        Reads::Nothing
    } else if visit.has_session() || visit.rule().cache == Cache::Shared {
        Reads::CacheHeaders
    } else {
        Reads::Cookies
    }
}

fn hand_back(desk: &Desk, mut visit: Visit, settled: &Settled, head: &ResponseHead) -> Ending {
    let mut record = std::mem::take(&mut visit.record);
    let mut edits = response_edits(&visit, settled, head, &mut record);
    let cookies = record.cookies;
    settled.write_record(&mut record, cookies, head.status);
    record.ms.total = desk.now().millis_since(visit.started);
    if visit.config.server_timing {
        edits.push(HeaderEdit::Append("server-timing", record.server_timing()));
    }
    edits.extend(explain::edits(&visit, &record, &head.headers));
    Ending {
        outgoing: Outgoing::Origin(edits),
        record,
    }
}

fn observed(desk: &Desk, visit: &Visit, settled: &Settled, head: &ResponseHead) -> Ending {
    let is_family_set = spoken(visit, head) == Spoken::Session;
    let record = observe::record(visit, settled, head.status, is_family_set, desk.now());
    let edits = explain::edits(visit, &record, &head.headers);
    Ending {
        outgoing: Outgoing::Origin(edits),
        record,
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
    let trusted = settled.trusted_chunks(visit);
    let is_disguised = !visit.is_known && cookies::has_disguised_session(header, key);
    let forwarding = if !visit.config.forward_cookies {
        Forwarding::DropFamily
    } else if visit.source != Source::Cookies {
        let has_unverified = visit.cookies().is_some() && !visit.is_cookie_vouched;
        if !is_disguised && !has_unverified {
            return None;
        }
        Forwarding::DropSession
    } else if settled.claims().is_none() || settled.outcome() == Outcome::Unavailable {
        // An origin with its own client would start a refresh of its own.
        Forwarding::DropSession
    } else if let Some(chunks) = due.as_ref().or(trusted.as_ref()) {
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

/// The change to `Authorization`, if `FORWARD_BEARER` asks for one: the origin may trust every JWT that it finds there.
fn bearer_edit(visit: &Visit, settled: &Settled) -> Option<HeaderEdit> {
    if !visit.config.forward_bearer {
        return None;
    }
    let verified = settled.access_token(visit);
    if let Some(token) = verified.filter(|_| settled.outcome() != Outcome::Unavailable) {
        return Some(HeaderEdit::Set("authorization", format!("Bearer {token}")));
    }
    let sent = visit.head.header("authorization")?;
    let is_token = sent
        .split([' ', ','])
        .any(|part| token::claimed_issuer(part) != ClaimedIssuer::NoToken);
    is_token.then(|| HeaderEdit::Remove("authorization".to_owned()))
}

/// What the origin's answer sets or deletes of the session's family.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Spoken {
    /// Nothing.
    Nothing,
    /// A code verifier alone: a flow begins.
    Verifier,
    /// The session itself.
    Session,
}

fn spoken(visit: &Visit, head: &ResponseHead) -> Spoken {
    let key = &visit.config.storage_key;
    let mut spoken = Spoken::Nothing;
    for line in head.headers.values("set-cookie") {
        let name = set_cookie::set_cookie_name(line);
        match name.and_then(|name| cookies::member(key, name)) {
            Some(Member::Session | Member::User) => return Spoken::Session,
            Some(Member::Verifier) => spoken = Spoken::Verifier,
            None => {}
        }
    }
    spoken
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
    let spoken = spoken(visit, head);
    // The origin speaks last: what it wrote itself is newer than what is due here.
    let due = if spoken == Spoken::Session {
        Vec::new()
    } else {
        settled.set_cookies(visit)
    };
    record.cookies = due.len();
    let rule = visit.rule();
    let mut edits = if spoken != Spoken::Nothing || !due.is_empty() {
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
