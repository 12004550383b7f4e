//! The guard: who may pass under the rule, and what everyone else is answered.
//!
//! It is the last stage before the origin. It knows the settled session and the rule, and answers; it refreshes
//! nothing and deletes nothing: cookies that are due leave with its answer like with any other.
//!
//! What a rule asks for is checked by [`crate::rules::Requirement::check`]; here is decided what becomes of it.

use crate::answer::Answer;
use crate::overrides;
use crate::rules::{OnDenied, Presented, Requirement, Shortfall};
use crate::time::UnixTime;

use super::desk::Desk;
use super::settled::Settled;
use super::visit::{Outcome, Source, Visit};

/// A token younger than this is as good as a fresh one: what it lacks, Auth did not know a moment ago.
const FRESH_TOKEN_MS: u64 = 10_000;
/// What a page is told that a visitor is sent to who has to sign in although he is signed in.
const SIGN_IN_AGAIN: &str = "sign_in_again";

/// Whether the request may pass.
#[derive(Debug)]
pub(super) enum Judgement {
    /// It is answered with this instead.
    Answer(Answer),
    /// It may.
    Pass,
}

/// Why the request may not pass, by what can be done about it: nothing here, sign in, try again later.
enum Denial {
    Forbidden(Shortfall),
    Unauthorized,
    Unavailable,
}

/// Judges a request by its rule; the record names what was missed.
///
/// A visitor who is sent away because he *is* signed in (`signed_in`) is no denial and has no `denied` in the
/// record.
pub(super) fn judge(desk: &Desk, visit: &mut Visit, settled: &Settled) -> Judgement {
    if let Some(location) = signed_in_location(visit, settled) {
        return Judgement::Answer(Answer::see_other(location));
    }
    let Some(requirement) = visit.rule().require.as_ref() else {
        return Judgement::Pass;
    };
    if visit.is_exempt {
        return Judgement::Pass;
    }
    let Err(denial) = check(requirement, settled, desk.now()) else {
        return Judgement::Pass;
    };
    if is_preflight(visit) {
        visit.is_head_only = true;
        return Judgement::Pass;
    }
    visit.record.denied = Some(match denial {
        Denial::Forbidden(shortfall) => shortfall.code(),
        Denial::Unauthorized => "session",
        Denial::Unavailable => "decision",
    });
    Judgement::Answer(answer(visit, settled, &denial))
}

/// Where a rule sends visitors who are signed in: from a login page, say, to their own.
///
/// Only navigations are sent on: a script that asks for the page wants the page. Where the session cannot be
/// decided now, the login page is shown rather than a circle of redirects begun.
fn signed_in_location(visit: &Visit, settled: &Settled) -> Option<String> {
    let page = visit.rule().signed_in.as_ref()?;
    let is_verified = settled.claims().is_some() && settled.outcome() != Outcome::Unavailable;
    if !is_verified || !visit.is_navigation() || asks_to_sign_in_again(visit) {
        return None;
    }
    let origin = visit.site_origin();
    if page.is_at(&origin, visit.head.path()) {
        return None;
    }
    Some(page.location(visit.config.site_url.as_deref(), &[]))
}

/// True if the visitor was sent here to sign in once more.
fn asks_to_sign_in_again(visit: &Visit) -> bool {
    let query = visit.head.query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes())
        .any(|(name, value)| name == "reason" && value == SIGN_IN_AGAIN)
}

/// True if a fresh token may have what the rule asks for and this one does not, and it is this session's turn to try.
///
/// The claim is taken last, when everything else speaks for a refresh: it lasts ten seconds for the session.
pub(super) fn may_be_mended(desk: &Desk, visit: &Visit, settled: &Settled) -> bool {
    let (Some(requirement), Some(claims)) = (visit.rule().require.as_ref(), settled.claims())
    else {
        return false;
    };
    let is_own = settled.outcome() == Outcome::Valid && visit.source == Source::Cookies;
    if !is_own || visit.is_exempt || is_preflight(visit) || visit.config.is_observing() {
        return false;
    }
    let now = desk.now();
    let is_mendable = match check(requirement, settled, now) {
        Err(Denial::Forbidden(shortfall)) => match shortfall {
            Shortfall::Aal
            | Shortfall::Absent
            | Shortfall::Anonymous
            | Shortfall::Claim
            | Shortfall::Role => true,
            // A fresh token says the same of these.
            Shortfall::Client | Shortfall::SignInAgain => false,
        },
        Err(Denial::Unauthorized | Denial::Unavailable) | Ok(()) => false,
    };
    let is_young = claims
        .issued_at
        .is_some_and(|issued_at| now.millis_since(issued_at) < FRESH_TOKEN_MS);
    let session_id = claims.session_id.as_deref().unwrap_or(&claims.user_id);
    is_mendable && !is_young && desk.memory().retries.claim(session_id, now)
}

/// # Errors
/// Why it may not pass; without a decision about the session nothing is said of the rule.
fn check(requirement: &Requirement, settled: &Settled, now: UnixTime) -> Result<(), Denial> {
    if settled.outcome() == Outcome::Unavailable {
        return Err(Denial::Unavailable);
    }
    let claims = settled.claims().ok_or(Denial::Unauthorized)?;
    let presented = Presented {
        role: &claims.role,
        aal: claims.aal.as_deref().unwrap_or_default(),
        is_anonymous: claims.is_anonymous,
        client_id: claims.client_id.as_deref(),
        now: now.seconds(),
    };
    requirement
        .check(presented, || claims.json())
        .map_err(Denial::Forbidden)
}

/// A CORS preflight carries no credentials, so it cannot be judged (Fetch 3.2.2). Browsers never put a header of the page
/// into one, so a request that names another method or path for itself is none.
fn is_preflight(visit: &Visit) -> bool {
    let head = &visit.head;
    head.method() == "OPTIONS"
        && head.header("origin").is_some()
        && head.header("access-control-request-method").is_some()
        && !overrides::asks_for_another(head)
}

/// What somebody is answered who may not pass.
fn answer(visit: &Visit, settled: &Settled, denial: &Denial) -> Answer {
    let is_navigation = visit.is_navigation();
    let medium = visit.medium();
    let is_sent_on = match visit.rule().on_denied {
        OnDenied::Auto => is_navigation,
        OnDenied::Redirect => true,
        OnDenied::Status => false,
    };
    let rule = visit.rule();
    let login = visit.login();
    match denial {
        Denial::Unauthorized if is_sent_on => Answer::see_other(visit.way_back(login, None)),
        Denial::Unauthorized => Answer::unauthorized(medium, settled.outcome().word()),
        Denial::Forbidden(Shortfall::SignInAgain) if is_sent_on => {
            Answer::see_other(visit.way_back(login, Some(SIGN_IN_AGAIN)))
        }
        Denial::Forbidden(Shortfall::SignInAgain) => Answer::unauthorized(medium, SIGN_IN_AGAIN),
        Denial::Forbidden(shortfall) => {
            let mfa = visit.config.mfa.as_ref();
            let mfa = mfa.filter(|_| matches!(shortfall, Shortfall::Aal));
            match mfa.or(rule.forbidden.as_ref()).filter(|_| is_sent_on) {
                Some(page) => Answer::see_other(visit.way_back(page, None)),
                None => Answer::forbidden(medium, shortfall.code()),
            }
        }
        Denial::Unavailable => Answer::unavailable(medium, settled.reason()),
    }
}
