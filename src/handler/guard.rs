//! The guard: who may pass under the rule, and what everyone else is answered.

use crate::answer::{Answer, Medium};
use crate::overrides;
use crate::redirect;
use crate::rules::{OnDenied, Requirement, Shortfall};

use super::desk::Desk;
use super::settled::Settled;
use super::visit::{Outcome, Source, Visit};

enum Denial {
    Forbidden(Shortfall),
    Unauthorized,
    Unavailable,
}

/// Whether the request may pass.
#[derive(Debug)]
pub(super) enum Judgement {
    /// It is answered with this instead.
    Answer(Answer),
    /// It may.
    Pass,
}

/// Judges a request by its rule; the record names what was missed.
pub(super) fn judge(visit: &mut Visit, settled: &Settled) -> Judgement {
    let Some(requirement) = visit.rule().require.as_ref() else {
        return Judgement::Pass;
    };
    if visit.is_exempt || is_preflight(visit) {
        return Judgement::Pass;
    }
    let Err(denial) = check(requirement, settled) else {
        return Judgement::Pass;
    };
    visit.record.denied = Some(match denial {
        Denial::Forbidden(shortfall) => shortfall.code(),
        Denial::Unauthorized => "session",
        Denial::Unavailable => "decision",
    });
    Judgement::Answer(answer(visit, settled, &denial))
}

/// A token younger than this is as good as a fresh one: what it lacks, Auth did not know a moment ago.
const FRESH_TOKEN_MS: u64 = 10_000;

/// True if a fresh token may have what the rule asks for and this one does not, and it is this session's turn to try.
pub(super) fn may_be_mended(desk: &Desk, visit: &Visit, settled: &Settled) -> bool {
    let (Some(requirement), Some(claims)) = (visit.rule().require.as_ref(), settled.claims()) else {
        return false;
    };
    if settled.outcome() != Outcome::Valid || visit.source != Source::Cookies || visit.is_exempt {
        return false;
    }
    if !matches!(check(requirement, settled), Err(Denial::Forbidden(_))) {
        return false;
    }
    let now = desk.now();
    let is_young = claims
        .issued_at
        .is_some_and(|issued_at| now.millis_since(issued_at) < FRESH_TOKEN_MS);
    let session_id = claims.session_id.as_deref().unwrap_or(&claims.user_id);
    !is_young && !is_preflight(visit) && desk.memory().retries.claim(session_id, now)
}

/// True if the rule is not met and the request passes all the same, as a preflight.
pub(super) fn passes_as_preflight(visit: &Visit, settled: &Settled) -> bool {
    let requirement = visit.rule().require.as_ref();
    !visit.is_exempt
        && requirement.is_some_and(|requirement| check(requirement, settled).is_err())
        && is_preflight(visit)
}

fn check(requirement: &Requirement, settled: &Settled) -> Result<(), Denial> {
    if settled.outcome() == Outcome::Unavailable {
        return Err(Denial::Unavailable);
    }
    let claims = settled.claims().ok_or(Denial::Unauthorized)?;
    let aal = claims.aal.as_deref().unwrap_or_default();
    requirement
        .check(&claims.role, aal, claims.is_anonymous, || claims.json())
        .map_err(Denial::Forbidden)
}

/// A CORS preflight carries no credentials, so it cannot be judged (Fetch 3.2.2). Browsers never put a header of the page
/// into one, so a request that names another method or path for itself is none.
fn is_preflight(visit: &Visit) -> bool {
    let head = &visit.head;
    head.method() == "OPTIONS"
        && head.header("origin").is_some()
        && head.header("access-control-request-method").is_some()
        && overrides::methods(head.headers()).next().is_none()
        && overrides::paths(head.headers()).next().is_none()
}

fn answer(visit: &Visit, settled: &Settled, denial: &Denial) -> Answer {
    let is_navigation = match visit.rule().on_denied {
        OnDenied::Auto => is_navigation(visit),
        OnDenied::Redirect => true,
        OnDenied::Status => false,
    };
    let medium = if is_navigation {
        Medium::Html
    } else {
        Medium::Json
    };
    match denial {
        Denial::Forbidden(shortfall) => Answer::forbidden(medium, shortfall.code()),
        Denial::Unauthorized if is_navigation => Answer::see_other(login_location(visit)),
        Denial::Unauthorized => Answer::unauthorized(settled.outcome().word()),
        Denial::Unavailable => Answer::unavailable(medium, settled.reason()),
    }
}

/// True if a person is looking at the answer. Browsers say so themselves
/// (Fetch Metadata); without that header the method and `Accept` tell.
pub(super) fn is_navigation(visit: &Visit) -> bool {
    let head = &visit.head;
    head.header("sec-fetch-mode").map_or_else(
        || {
            head.is_read()
                && head
                    .header("accept")
                    .is_some_and(|accept| accept.contains("text/html"))
        },
        |mode| mode.eq_ignore_ascii_case("navigate"),
    )
}

fn login_location(visit: &Visit) -> String {
    let config = &visit.config;
    let next = if visit.head.is_read() {
        visit.head.path_and_query().to_owned()
    } else {
        // A form's target is no page to come back to; the page it stood on is.
        referer_path(visit).unwrap_or_else(|| "/".to_owned())
    };
    redirect::login_location(config.site_url.as_deref(), &config.login_path, &next)
}

pub(super) fn referer_path(visit: &Visit) -> Option<String> {
    let referer = visit.head.header("referer")?;
    let rest = referer.strip_prefix(&visit.site_origin())?;
    let path = rest.split(['#']).next().unwrap_or_default();
    path.starts_with('/').then(|| path.to_owned())
}
