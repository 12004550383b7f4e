//! The way through the origin: edits to the request, then edits to its answer.
//!
//! [`send`] asks the origin for the head of its answer, [`hand_back`] says what of it is changed. Between the two
//! stands `leave::recheck`. The bodies of both directions are the shell's; they pass by as streams.

use crate::cache_control;
use crate::cookies::{self, Member, set_cookie};
use crate::head::HeaderEdit;
use crate::location;
use crate::record::RequestRecord;
use crate::rules::Cache;

use super::desk::Desk;
use super::effect::Effect;
use super::ending::{Ending, Outgoing};
use super::explain;
use super::observe;
use super::origin_request;
use super::passage::{OriginUnreachable, Passage, Reads, ResponseHead};
use super::settled::Settled;
use super::visit::{Outcome, Visit};

/// Sends the request on: the head of the origin's answer.
pub(super) async fn send(
    desk: &Desk,
    visit: &mut Visit,
    settled: &Settled,
) -> Result<ResponseHead, OriginUnreachable> {
    let is_observing = visit.config.is_observing();
    let request = if is_observing {
        origin_request::untouched(&visit.config, &visit.head)
    } else {
        origin_request::origin_request(desk, visit, settled).await
    };
    let passage = Passage {
        request,
        reads: reads(visit, settled),
        reads_location: visit.config.origin_url.is_some() && !is_observing,
        is_head_only: visit.is_head_only && !is_observing,
    };
    let sent = desk.now();
    let answer = desk.ask(Effect::Forward, passage).await;
    visit.record.ms.origin = desk.now().millis_since(sent);
    answer
}

/// The fewer headers are read, the cheaper the request: each crosses from JavaScript. All are needed only where a
/// session is written, since any header of the answer could then tell a cache to keep it.
fn reads(visit: &Visit, settled: &Settled) -> Reads {
    if visit.is_explained || visit.config.is_observing() {
        Reads::CacheHeaders
    } else if settled.outcome() == Outcome::Bypass {
        Reads::Nothing
    } else if settled.has_cookies_due(visit) {
        Reads::All
    } else if visit.has_session() || visit.rule().cache == Cache::Shared {
        Reads::CacheHeaders
    } else {
        Reads::Cookies
    }
}

/// Hands the origin's answer back.
pub(super) fn hand_back(
    desk: &Desk,
    mut visit: Visit,
    settled: &Settled,
    head: &ResponseHead,
) -> Ending {
    if visit.config.is_observing() {
        return observed(desk, &visit, settled, head);
    }
    let mut record = std::mem::take(&mut visit.record);
    let mut edits = response_edits(&visit, settled, head, &mut record);
    let cookies = record.cookies;
    settled.write_record(&mut record, cookies, head.status);
    record.ms.total = desk.now().millis_since(visit.started);
    if visit.config.server_timing {
        edits.push(HeaderEdit::Append("server-timing", record.server_timing()));
    }
    if visit.is_explained {
        edits.extend(explain::edits(&record, &head.headers));
    }
    Ending {
        outgoing: Outgoing::Origin(edits),
        record,
    }
}

fn observed(desk: &Desk, visit: &Visit, settled: &Settled, head: &ResponseHead) -> Ending {
    let is_family_set = spoken(visit, head) == Spoken::Session;
    let record = observe::record(visit, settled, head.status, is_family_set, desk.now());
    let edits = visit
        .is_explained
        .then(|| explain::edits(&record, &head.headers));
    Ending {
        outgoing: Outgoing::Origin(edits.unwrap_or_default()),
        record,
    }
}

/// What the origin's answer sets or deletes of the session's family.
///
/// Clients write the verifier when a flow begins; a session that is due at the same time is written all the same.
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

/// In this order: addresses, then caches, then cookies. A bypass gets the first alone.
fn response_edits(
    visit: &Visit,
    settled: &Settled,
    head: &ResponseHead,
    record: &mut RequestRecord,
) -> Vec<HeaderEdit> {
    let mut edits = location_edits(visit, head);
    if settled.outcome() == Outcome::Bypass {
        return edits;
    }
    let spoken = spoken(visit, head);
    // The origin speaks last: what it wrote itself is newer than what is due here.
    let due = if spoken == Spoken::Session {
        Vec::new()
    } else {
        settled.set_cookies(visit)
    };
    record.cookies = due.len();
    edits.extend(if spoken != Spoken::Nothing || !due.is_empty() {
        cache_control::carries_session(&head.headers)
    } else {
        cache_edits(visit, head)
    });
    edits.extend(
        due.into_iter()
            .map(|line| HeaderEdit::Append("set-cookie", line)),
    );
    edits
}

/// What caches are told of an answer that carries no session.
fn cache_edits(visit: &Visit, head: &ResponseHead) -> Vec<HeaderEdit> {
    let rule = visit.rule();
    if rule.cache != Cache::Shared {
        return if visit.has_session() {
            cache_control::with_session(&head.headers)
        } else {
            Vec::new()
        };
    }
    if rule.require.is_some() {
        cache_control::revalidate(&head.headers)
    } else if origin_request::has_shared_cookie(visit) {
        // What this cookie shows is not for everyone.
        cache_control::with_session(&head.headers)
    } else {
        Vec::new()
    }
}

/// Visitors cannot follow an address by which only the Worker calls the site.
fn location_edits(visit: &Visit, head: &ResponseHead) -> Vec<HeaderEdit> {
    let Some(origin) = &visit.config.origin_url else {
        return Vec::new();
    };
    let site = visit.site_origin();
    let names = location::Names {
        site: &site,
        host: origin.authority(),
        path: origin.path(),
    };
    let moved = |name: &'static str| {
        let address = head.headers.value(name)?;
        Some(HeaderEdit::Set(name, location::on_site(names, address)?))
    };
    location::HEADERS.into_iter().filter_map(moved).collect()
}
