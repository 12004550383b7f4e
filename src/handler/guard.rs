//! The guard: who may pass under the rule, and what everyone else is answered.

use crate::answer::{Answer, Medium};
use crate::overrides;
use crate::rules::{OnDenied, Presented, Requirement, Shortfall};
use crate::time::UnixTime;

use super::settle::Settled;
use super::visit::{Outcome, Visit};

enum Denial {
    Forbidden(Shortfall),
    Unauthorized,
    Unavailable,
}

/// The refusal, if the rule is not met; the record names what was missed.
pub(super) fn denial(visit: &mut Visit, settled: &Settled) -> Option<Answer> {
    let requirement = visit.rule().require.as_ref()?;
    if visit.is_exempt || is_preflight(visit) {
        return None;
    }
    let denial = check(requirement, settled, visit.started).err()?;
    visit.record.denied = Some(match denial {
        Denial::Forbidden(shortfall) => shortfall.code(),
        Denial::Unauthorized => "session",
        Denial::Unavailable => "decision",
    });
    Some(answer(visit, settled, &denial))
}

/// True if the rule is not met and the request passes all the same, as a preflight.
pub(super) fn passes_as_preflight(visit: &Visit, settled: &Settled) -> bool {
    let requirement = visit.rule().require.as_ref();
    !visit.is_exempt
        && requirement
            .is_some_and(|requirement| check(requirement, settled, visit.started).is_err())
        && is_preflight(visit)
}

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
    config
        .site(&visit.site_origin())
        .send_to(&config.login, &next, None)
}

pub(super) fn referer_path(visit: &Visit) -> Option<String> {
    let referer = visit.head.header("referer")?;
    let rest = referer.strip_prefix(&visit.site_origin())?;
    let path = rest.split(['#']).next().unwrap_or_default();
    path.starts_with('/').then(|| path.to_owned())
}
