//! `MODE=observe`: every decision is made and logged, and none is carried out.
//!
//! The request goes to the origin, and the answer to the visitor, as if the
//! Worker were not there, save that nobody can pass off a header as the Worker's
//! or the operator's. A refresh is never begun: Auth would rotate the
//! token, and without new cookies the browser would lose its session.

use crate::record::RequestRecord;
use crate::time::UnixTime;

use super::settled::Settled;
use super::visit::{Outcome, Visit};

/// Why a session stands as it is although its token is about to run out, or has.
pub(super) const REFRESH_DUE: &str = "refresh_due";

/// What enforcing would do with a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Would {
    /// Delete the session's cookies.
    Delete,
    /// Answer with a redirect to the login, 401, 403 or 503.
    Deny,
    /// Send the request on, its session as it came.
    Forward,
    /// Refresh the session at Auth.
    Refresh,
    /// Answer 400 or 508: no rule is even looked at.
    Refuse,
    /// Answer as a route below `AUTH_PATH`.
    Serve,
    /// Write the session's cookies anew, with the same tokens.
    Write,
}

impl Would {
    /// The word in the log line.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::Deny => "deny",
            Self::Forward => "forward",
            Self::Refresh => "refresh",
            Self::Refuse => "refuse",
            Self::Serve => "serve",
            Self::Write => "write",
        }
    }
}

/// What a request turns out to be whose session is of no interest.
pub(super) fn pass(visit: &mut Visit, reason: &'static str, would: Would) -> Settled {
    visit.record.would = Some(would.word());
    Settled::plain(Outcome::Bypass, reason)
}

/// Notes what enforcing would have done with a settled session. A refresh that is due stands in the record already.
///
/// Of several things that enforcing would do the one that the visitor would notice most counts: deny before delete
/// before write; a refresh that is due was noted when it was due.
pub(super) fn conclude(visit: &mut Visit, settled: &Settled, is_denied: bool) {
    if !visit.config.is_observing() {
        return;
    }
    // What a dead session may see is known only once it is renewed.
    let is_undecided = settled.outcome() == Outcome::Unavailable && settled.reason() == REFRESH_DUE;
    if is_undecided {
        visit.record.denied = None;
    }
    let has_cookies_due = !settled.cookies_due(visit).is_empty();
    visit.record.would_delete =
        is_denied && !is_undecided && settled.is_deleted(visit) && has_cookies_due;
    let would = if is_denied && !is_undecided {
        Some(Would::Deny)
    } else if settled.is_deleted(visit) && has_cookies_due {
        Some(Would::Delete)
    } else if visit.record.would.is_some() {
        None
    } else if has_cookies_due {
        Some(Would::Write)
    } else {
        Some(Would::Forward)
    };
    visit.record.would = would.map(Would::word).or(visit.record.would);
}

/// The line to log. The origin speaks last: cookies that it set itself would have replaced the Worker's.
///
/// The status is the origin's: while observing there is no other.
pub(super) fn record(
    visit: &Visit,
    settled: &Settled,
    status: u16,
    is_family_set: bool,
    now: UnixTime,
) -> RequestRecord {
    let mut record = visit.record.clone();
    settled.write_record(&mut record, 0, status);
    record.ms.total = now.millis_since(visit.started);
    let is_cookie_work = [Would::Delete.word(), Would::Write.word()].map(Some);
    record.would_delete &= !is_family_set;
    if is_family_set && is_cookie_work.contains(&record.would) {
        record.would = Some(Would::Forward.word());
    }
    record
}
