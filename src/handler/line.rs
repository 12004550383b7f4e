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

use std::pin::Pin;
use std::rc::Rc;

use crate::config::Config;
use crate::head::RequestHead;
use crate::token::{SignedClaims, VerifiedClaims};

use super::arrive::{self, Arrival};
use super::desk::Desk;
use super::forward;
use super::guard::{self, Judgement};
use super::leave::{self, Ending};
use super::live;
use super::observe::{self, Would};
use super::present::{self, Presented};
use super::refresh::{self, Expected};
use super::revocation;
use super::routes::{self, RouteRequest};
use super::settled::Settled;
use super::visit::{Outcome, Visit};

/// Serves a request.
pub(super) async fn serve(desk: Rc<Desk>, config: Rc<Config>, head: RequestHead) -> Ending {
    let desk = &*desk;
    let mut visit = Visit::new(config, head, desk.now());
    match arrive::arrive(&mut visit) {
        Arrival::Bypass => {
            let settled = Settled::plain(Outcome::Bypass, "bypass");
            observe::conclude(&mut visit, &settled, false);
            return forward::forward(desk, visit, settled).await;
        }
        Arrival::Refused(answer, reason) if visit.config.is_observing() => {
            drop(answer);
            let settled = observe::pass(&mut visit, reason, Would::Refuse);
            return forward::forward(desk, visit, settled).await;
        }
        Arrival::Refused(answer, reason) => return leave::refuse(desk, &visit, answer, reason),
        Arrival::Route(route) if visit.config.is_observing() && !route.is_watched() => {
            let settled = observe::pass(&mut visit, "own_route", Would::Serve);
            return forward::forward(desk, visit, settled).await;
        }
        Arrival::Route(route) => return aside(desk, visit, route).await,
        Arrival::Site => {}
    }
    let settled = session(desk, &mut visit).await;
    let settled = live::ask(desk, &mut visit, settled).await;
    let settled = mend(desk, &mut visit, settled).await;
    match guard::judge(desk, &mut visit, &settled) {
        judgement if visit.config.is_observing() => {
            let is_denied = matches!(judgement, Judgement::Answer(_));
            observe::conclude(&mut visit, &settled, is_denied);
            forward::forward(desk, visit, settled).await
        }
        Judgement::Answer(answer) => leave::respond(desk, visit, settled, answer).await,
        Judgement::Pass => forward::forward(desk, visit, settled).await,
    }
}

/// The Worker's own routes, behind a pointer: whoever asks for a page of the site neither runs nor compiles them.
#[inline(never)]
fn aside(
    desk: &Desk,
    visit: Visit,
    route: RouteRequest,
) -> Pin<Box<dyn Future<Output = Ending> + '_>> {
    Box::pin(routes::serve(desk, visit, route))
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

async fn renew_alive(desk: &Desk, visit: &mut Visit, claims: VerifiedClaims) -> Settled {
    let expected = Expected::of_claims(&claims);
    let gate_key = claims.session_id.clone();
    let refreshed = refresh::refresh(desk, visit, expected, gate_key, true).await;
    refreshed.settle(Some(claims))
}

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
