//! One request from top to bottom.
//!
//! ```text
//! arrive ─ a loop, a path nobody can read ──────────────────────────► refuse
//!   │    ├ below AUTH_PATH ─────────────────────────────────────────► routes
//!   │    └ bypass ──────────────────────────────────────────────────► forward
//!   ▼
//! present   which session the visitor shows: bearer, cookies, twins
//!   ▼
//! refresh   where its token is about to run out, or has
//!   ▼
//! revocation, live   whether it was ended before its token
//!   ▼
//! guard ─ the rule is not met ──────────────────────────────────────► respond
//!   ▼
//! forward   the request to the origin, the answer to the browser
//! ```
//!
//! Only this file knows what comes after what. A stage says what it found and names no other stage.

use std::rc::Rc;

use crate::config::Config;
use crate::head::RequestHead;
use crate::token::{SignedClaims, VerifiedClaims};

use super::arrive::{self, Arrival};
use super::desk::Desk;
use super::ending::Ending;
use super::forward;
use super::guard::{self, Judgement};
use super::leave;
use super::live;
use super::observe::{self, Would};
use super::present::{self, Presented};
use super::refresh::{self, Expected};
use super::revocation;
use super::routes::table::RouteRequest;
use super::settled::Settled;
use super::visit::{Outcome, Visit};

/// How far the line leads.
///
/// A route is not served here, so that its code is neither run nor compiled for the pages of the site.
pub(super) enum Served {
    /// To its end.
    Ended(Box<Ending>),
    /// To a route of the Worker's own, which is a short line itself.
    Route(Box<Visit>, RouteRequest),
}

/// Serves a request.
pub(super) async fn serve(desk: &Desk, config: Rc<Config>, head: RequestHead) -> Served {
    let mut visit = Visit::new(config, head, desk.now());
    let is_observing = visit.config.is_observing();
    let ending = match arrive::arrive(&mut visit) {
        Arrival::Bypass => {
            let settled = Settled::plain(Outcome::Bypass, "bypass");
            observe::conclude(&mut visit, &settled, false);
            through(desk, visit, settled).await
        }
        Arrival::Refused(_, reason) if is_observing => {
            let settled = observe::pass(&mut visit, reason, Would::Refuse);
            through(desk, visit, settled).await
        }
        Arrival::Refused(answer, reason) => leave::refuse(desk, &visit, answer, reason),
        Arrival::Route(route) if is_observing && !route.is_watched() => {
            let settled = observe::pass(&mut visit, "own_route", Would::Serve);
            through(desk, visit, settled).await
        }
        Arrival::Route(route) => return Served::Route(Box::new(visit), route),
        Arrival::Site => site(desk, visit).await,
    };
    Served::Ended(Box::new(ending))
}

/// Serves a page of the site, to whom its rule lets have it.
async fn site(desk: &Desk, mut visit: Visit) -> Ending {
    let settled = session(desk, &mut visit).await;
    let settled = live::ask(desk, &mut visit, settled).await;
    let settled = mend(desk, &mut visit, settled).await;
    match guard::judge(desk, &mut visit, &settled) {
        judgement if visit.config.is_observing() => {
            let is_denied = matches!(judgement, Judgement::Answer(_));
            observe::conclude(&mut visit, &settled, is_denied);
            through(desk, visit, settled).await
        }
        Judgement::Answer(answer) => leave::respond(desk, visit, settled, answer).await,
        Judgement::Pass => through(desk, visit, settled).await,
    }
}

/// The way through the origin.
async fn through(desk: &Desk, mut visit: Visit, settled: Settled) -> Ending {
    match forward::send(desk, &mut visit, &settled).await {
        Ok(head) => {
            let settled = leave::recheck(desk, &visit, settled).await;
            forward::hand_back(desk, visit, &settled, &head)
        }
        Err(unreachable) => leave::without_origin(desk, visit, settled, unreachable).await,
    }
}

/// Whose request it is: what was presented, refreshed where that is due, and not revoked.
pub(super) async fn session(desk: &Desk, visit: &mut Visit) -> Settled {
    let settled = match present::present(desk, visit).await {
        Presented::Nothing => Settled::plain(Outcome::Anonymous, "no_session"),
        Presented::Alive(claims) if refresh::is_due(visit, &claims, desk.now()) => {
            renew_alive(desk, visit, claims).await
        }
        Presented::Alive(claims) => Settled::valid(claims, "token_valid"),
        Presented::Dead(claims) => renew_dead(desk, visit, &claims).await,
        Presented::Ended(outcome, reason) => Settled::plain(outcome, reason),
        Presented::Unknown(token) => {
            let expected = Expected::of_unverified(&token);
            let refreshed = refresh::refresh(desk, visit, expected, None, false).await;
            refreshed.settle(None)
        }
    };
    revocation::check(desk, visit, settled).await
}

/// The token goes on whatever comes of it: a failure of Auth costs the visitor nothing while it lives.
async fn renew_alive(desk: &Desk, visit: &mut Visit, claims: VerifiedClaims) -> Settled {
    let expected = Expected::of_claims(&claims);
    let gate_key = claims.session_id.clone();
    let refreshed = refresh::refresh(desk, visit, expected, gate_key, true).await;
    refreshed.settle(Some(claims))
}

/// Without an answer of Auth nothing is known of the session; its cookies stay, and a sign-out still knows whose it
/// was.
async fn renew_dead(desk: &Desk, visit: &mut Visit, claims: &SignedClaims) -> Settled {
    let expected = Expected::of_claims(claims.claims());
    let gate_key = claims.claims().session_id.clone();
    let refreshed = refresh::refresh(desk, visit, expected, gate_key, false).await;
    refreshed.settle(None).of_dead(claims.claims())
}

/// Tries once more with a fresh token where the rule asks for what the one at hand does not have yet: whoever has
/// just paid, enrolled a second factor or confirmed an address is not kept out for the rest of an hour.
async fn mend(desk: &Desk, visit: &mut Visit, settled: Settled) -> Settled {
    if !guard::may_be_mended(desk, visit, &settled) {
        return settled;
    }
    let Some(claims) = settled.claims().cloned() else {
        return settled;
    };
    let fresh = renew_alive(desk, visit, claims).await;
    let fresh = revocation::check(desk, visit, fresh).await;
    live::ask(desk, visit, fresh).await
}
