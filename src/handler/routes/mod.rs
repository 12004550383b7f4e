//! The Worker's own routes below `AUTH_PATH`: a site without a server signs people in and out with them.
//!
//! ```text
//! serve ─ POST: of this site? read the body ─ protect ─► the route, a short line of its own ─► leave
//! ```
//!
//! A route asks Auth, and where that begins a session, its token is verified like any other before a cookie is written.
//!
//! | who may | routes |
//! |---|---|
//! | anybody | `/login`, `/sso`, `/callback`, `/confirm`, `/verify`, `/otp`, `/signup`, `/recover`, `/resend`, `/anonymous`, `/fragment`, `/passkey`, `/signout`, `/session`, `/health` |
//! | who is signed in | `/mfa`, `/password`, `/reauthenticate`, `/token` |
//! | operators | `/revocations/<session id>` |
//!
//! Every request ends in one [`Reply`], and the same end of the line as a page of the site, so a due refresh is
//! written whatever the route was.

mod account;
mod addresses;
mod ask;
mod callback;
mod confirm;
mod errand;
mod failure;
mod fields;
mod fragment;
mod frame;
mod health;
mod mail;
mod member;
mod mfa;
mod multipart;
mod oauth;
mod passkey;
mod password;
mod protect;
mod reply;
mod revoke;
mod session;
mod sign_in;
mod sign_out;
pub(super) mod table;
mod verify_code;

use errand::Errand;
use reply::Reply;
use table::{Route, RouteRequest};

use super::desk::Desk;
use super::ending::Ending;
use super::leave;
use super::visit::Visit;

/// Serves a route.
pub(super) async fn serve(desk: &Desk, mut visit: Visit, request: RouteRequest) -> Ending {
    let route = request.route;
    let reply = match errand::take(desk, &visit, request).await {
        Ok(errand) => run(desk, &mut visit, errand).await,
        Err(refusal) => refusal,
    };
    let answer = if route.has_secret_address() {
        reply.answer.without_referrer()
    } else {
        reply.answer
    };
    leave::respond(desk, visit, reply.settled, answer).await
}

/// A new route is a variant of [`Route`], its method and path in `table`, an arm here and a file of its own.
async fn run(desk: &Desk, visit: &mut Visit, mut errand: Errand) -> Reply {
    if let Err(refusal) = protect::admit(desk, visit, &mut errand).await {
        return refusal;
    }
    match errand.route {
        Route::Anonymous | Route::Login => sign_in::sign_in(desk, visit, &errand).await,
        Route::Callback => callback::callback(desk, visit, &errand).await,
        Route::Confirm => confirm::confirm(desk, visit, &errand).await,
        Route::ConfirmPage => confirm::page(visit, &errand),
        Route::Fragment => fragment::take_over(desk, visit, &errand).await,
        Route::Health => health::health(desk, visit).await,
        Route::IdentityKeys => session::identity_keys(visit),
        Route::Mfa => mfa::step_up(desk, visit, &errand).await,
        Route::OAuth => oauth::start(desk, visit, &errand).await,
        Route::Otp | Route::Recover | Route::Resend | Route::SignUp => {
            mail::send(desk, visit, &errand).await
        }
        Route::Page(page) => account::show(desk, visit, &errand, page).await,
        Route::Passkey => passkey::sign_in(desk, visit, &errand).await,
        Route::PasskeyOptions => passkey::options(desk, visit, &errand).await,
        Route::Password => password::change(desk, visit, &errand).await,
        Route::Reauthenticate => password::reauthenticate(desk, visit, &errand).await,
        Route::Revocations => revoke::revoke(desk, visit, &errand).await,
        Route::Session => session::session(desk, visit).await,
        Route::SignOut => sign_out::sign_out(desk, visit, &errand).await,
        Route::Sso => oauth::start_sso(desk, visit, &errand).await,
        Route::Token => session::token(desk, visit).await,
        Route::Verify => verify_code::verify(desk, visit, &errand).await,
    }
}
