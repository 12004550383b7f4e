//! The way through the origin: edits to the request, then edits to its answer.

use crate::answer::Answer;
use crate::cache_control;
use crate::cookies::{self, Member, set_cookie};
use crate::head::{HeaderEdit, Headers};
use crate::location;
use crate::record::{self, RequestRecord};
use crate::rules::Cache;

use super::desk::{Desk, Effect};
use super::explain;
use super::guard;
use super::leave::{self, Ending, Outgoing};
use super::observe;
use super::origin_request::{self, OriginRequest};
use super::settled::Settled;
use super::visit::{Outcome, Visit};

/// One passage through the origin.
#[derive(Clone, Debug)]
pub struct Passage {
    /// What to send.
    pub request: OriginRequest,
    /// Which headers of the answer are needed.
    pub reads: Reads,
    /// True if those of [`location::HEADERS`] are needed too: `ORIGIN_URL` has a name that visitors do not know.
    pub reads_location: bool,
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
    /// All: whatever speaks to a cache has to go, under any name.
    All,
    /// `Set-Cookie`, and those of [`cache_control::names_read`].
    CacheHeaders,
    /// `Set-Cookie`, and the others too if there is one.
    Cookies,
    /// None.
    Nothing,
}

/// The origin did not answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OriginUnreachable {
    cause: String,
}

impl OriginUnreachable {
    /// Takes the runtime's words for it; what could be a secret of the request is left out of them.
    #[must_use]
    pub fn new(words: &str) -> Self {
        Self {
            cause: record::plain_words(words),
        }
    }
}

/// Sends the request on and hands the origin's answer back.
pub(super) async fn forward(desk: &Desk, mut visit: Visit, settled: Settled) -> Ending {
    let is_observing = visit.config.is_observing();
    let request = if is_observing {
        origin_request::untouched(&visit.config, &visit.head)
    } else {
        origin_request::origin_request(desk, &mut visit, &settled).await
    };
    let passage = Passage {
        request,
        reads: reads(&visit, &settled),
        reads_location: visit.config.origin_url.is_some() && !is_observing,
        is_head_only: guard::passes_as_preflight(&visit, &settled),
    };
    let sent = desk.now();
    let answer = desk.ask(Effect::Forward, passage).await;
    visit.record.ms.origin = desk.now().millis_since(sent);
    match answer {
        Err(OriginUnreachable { cause }) => {
            visit.alarm();
            visit.record.origin_error = Some(cause);
            let answer = Answer::origin_unreachable();
            leave::respond(desk, visit, settled, answer).await
        }
        Ok(head) if is_observing => observed(desk, &visit, &settled, &head),
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
    } else if settled.has_cookies_due(visit) {
        Reads::All
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
