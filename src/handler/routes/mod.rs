//! The Worker's own routes below `AUTH_PATH`: a site without a server signs people in and out with them.
//!
//! ```text
//! serve ─ POST: of this site? read the body ─ protect ─► the route, a short line of its own ─► leave
//! ```
//!
//! A route asks Auth, and where that begins a session, its token is verified like any other before a cookie is written.

mod account;
mod callback;
mod confirm;
mod errand;
mod fields;
mod fragment;
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
mod verify_code;

use crate::answer::Answer;
use crate::auth_api::{AuthReply, AuthRequest, Unreachable};
use crate::config::Config;
use crate::cookies::set_cookie;
use crate::head::RequestHead;
use crate::path::RequestPath;
use crate::pkce;

use errand::Errand;
pub use fields::BodyError;
use fields::Fields;
pub use health::{HealthReport, Reach};
use reply::Reply;

use super::desk::{AuthCall, Desk, Effect};
use super::leave::{self, Ending};
use super::visit::{Stage, Visit};

/// Largest body that a route reads: a form of a few fields.
pub const MAX_BODY_BYTES: usize = 64 * 1024;
/// Where an origin finds the public key of the identity assertion.
const IDENTITY_KEYS: &str = "/.well-known/edge-session/jwks.json";

/// A route of the Worker, by its method and path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Route {
    Anonymous,
    Callback,
    Confirm,
    ConfirmPage,
    Fragment,
    Health,
    IdentityKeys,
    Login,
    Mfa,
    OAuth,
    Otp,
    Page(account::Page),
    Passkey,
    PasskeyOptions,
    Password,
    Reauthenticate,
    Recover,
    Resend,
    Revocations,
    Session,
    SignOut,
    SignUp,
    Sso,
    Token,
    Verify,
}

impl Route {
    /// `HEAD` only where looking changes nothing: link checkers send it, and it must not use up a code.
    fn find(method: &str, path: &str) -> Option<Self> {
        let route = match (method, path) {
            ("GET", "/callback") => Self::Callback,
            ("GET" | "HEAD", "/confirm") => Self::ConfirmPage,
            ("GET" | "HEAD", "/health") => Self::Health,
            ("GET" | "HEAD", "/session") => Self::Session,
            ("GET", "/sso") => Self::Sso,
            ("GET", "/token") => Self::Token,
            ("GET" | "HEAD", page) => Self::Page(account::Page::find(page)?),
            ("POST", path) => Self::post(path)?,
            ("PUT", _) if path.starts_with("/revocations/") => Self::Revocations,
            _ => return None,
        };
        Some(route)
    }

    fn post(path: &str) -> Option<Self> {
        let route = match path {
            "/anonymous" => Self::Anonymous,
            "/confirm" => Self::Confirm,
            "/fragment" => Self::Fragment,
            "/login" => Self::Login,
            "/mfa" => Self::Mfa,
            "/otp" => Self::Otp,
            "/passkey" => Self::Passkey,
            "/passkey/options" => Self::PasskeyOptions,
            "/password" => Self::Password,
            "/reauthenticate" => Self::Reauthenticate,
            "/recover" => Self::Recover,
            "/resend" => Self::Resend,
            "/signout" => Self::SignOut,
            "/signup" => Self::SignUp,
            "/verify" => Self::Verify,
            _ => return None,
        };
        Some(route)
    }

    /// True where a code or a token stands in the address of the page, which the next one must not learn.
    const fn has_secret_address(self) -> bool {
        matches!(
            self,
            Self::Callback | Self::Confirm | Self::ConfirmPage | Self::Fragment
        )
    }
}

/// A request that one of the routes takes.
#[derive(Debug)]
pub(super) struct RouteRequest {
    route: Route,
    /// The path below `AUTH_PATH`.
    path: String,
}

impl RouteRequest {
    /// The route that takes a request, if one does. One slash at the end of the path is taken off.
    pub(super) fn find(
        config: &Config,
        method: &str,
        query: Option<&str>,
        path: &str,
    ) -> Option<Self> {
        let path = path.strip_suffix('/').unwrap_or(path);
        let mut route = Route::find(method, path)?;
        if route == Route::Page(account::Page::Login) && method == "GET" {
            let query = Fields::from_form(query.unwrap_or_default());
            if query.value("provider").is_some() {
                route = Route::OAuth;
            }
        }
        // Without pages of the Worker they are the site's own.
        let is_page_off = matches!(route, Route::Page(_)) && !config.account_pages;
        let is_off = route == Route::Revocations && !config.revocation;
        let is_taken = !is_page_off && !is_off;
        is_taken.then(|| Self {
            route,
            path: path.to_owned(),
        })
    }

    /// The one route that does not lie below `AUTH_PATH`: RFC 8615 puts it where every origin finds it.
    pub(super) fn well_known(config: &Config, head: &RequestHead) -> Option<Self> {
        let is_asked_for = head.path() == IDENTITY_KEYS && head.is_read();
        (is_asked_for && config.identity_key.is_some()).then(|| Self {
            route: Route::IdentityKeys,
            path: String::new(),
        })
    }

    /// True if it is served while observing, too: it changes nothing of anybody's session.
    pub(super) const fn is_watched(&self) -> bool {
        matches!(self.route, Route::Health)
    }
}

/// True for a request that is served while observing, before anything of the site is asked.
#[must_use]
pub fn is_served_while_observing(config: &Config, head: &RequestHead) -> bool {
    let path = RequestPath::new(head.path());
    let route = super::arrive::own_path(config, &path)
        .and_then(|rest| RouteRequest::find(config, head.method(), head.query(), rest));
    route.is_some_and(|route| route.is_watched())
}

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

/// Sends a request to Auth.
async fn call_auth(
    desk: &Desk,
    visit: &mut Visit,
    request: AuthRequest,
) -> Result<AuthReply, Unreachable> {
    visit.wait(desk.now());
    visit.count_auth_calls(1);
    let timeout_ms = visit.auth_budget_ms();
    let call = AuthCall {
        request,
        timeout_ms,
    };
    let answer = desk.ask(Effect::CallAuth, call).await;
    visit.spend(Stage::Auth, desk.now());
    answer
}

/// A flow that nobody can guess.
async fn draw_flow(desk: &Desk) -> Result<pkce::Flow, Reply> {
    let random = desk.ask(Effect::DrawRandom, ()).await;
    pkce::Flow::from_random(&random).ok_or_else(|| {
        let answer = Answer::unavailable(crate::answer::Medium::Json, "no_randomness");
        Reply::new(answer, "no_randomness")
    })
}

/// Waits until as much time has passed as a whole number of steps: how long Auth took, which it takes longer for
/// where there is an account, cannot be read from the answer.
async fn even_out(desk: &Desk, visit: &Visit, step_ms: u64) {
    let passed = desk.now().millis_since(visit.started);
    let rest = step_ms - passed % step_ms;
    desk.ask(Effect::Pause, rest).await;
}

impl Visit {
    /// The `Set-Cookie` lines of changes to the verifiers.
    fn verifier_lines(&self, changes: &pkce::Changes) -> Vec<String> {
        let settings = &self.config.cookie;
        let attributes = settings.verifier_attributes(self.head.host(), self.is_secure());
        set_cookie::write_session(&changes.set, &changes.deleted, &attributes, None)
    }

    /// The login page, which says what went wrong.
    fn login_with(&self, name: &str, value: &str) -> String {
        let site = self.config.site_url.as_deref();
        self.config.login.location(site, &[(name, value)])
    }

    /// The address of one of the Worker's own routes or pages, with these fields in its query.
    fn own_location(&self, route: &str, fields: &[(&str, &str)]) -> String {
        let base = self.config.auth_path.as_deref().unwrap_or_default();
        let origin = self.site_origin();
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let mark = if query.is_empty() { "" } else { "?" };
        self.site(&origin)
            .location(&format!("{base}/{route}{mark}{query}"))
    }

    /// The `Location` of a `next`.
    fn next_location(&self, next: &str) -> String {
        let origin = self.site_origin();
        self.site(&origin).next_location(next)
    }

    /// Where Auth sends a flow back to.
    fn callback_url(&self, flow: &pkce::Flow, next: &str) -> String {
        let base = self.config.auth_path.as_deref().unwrap_or_default();
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("next", next)
            .append_pair("sb_flow_id", flow.id())
            .finish();
        format!("{}{base}/callback?{query}", self.site_origin())
    }
}
