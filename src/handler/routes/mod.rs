//! The Worker's own routes below `AUTH_PATH`: a site without a server signs people in and out with them.
//!
//! ```text
//! serve ─ POST: of this site? read the body ─► the route, a short line of its own ─► leave
//! ```
//!
//! A route asks Auth, and where that begins a session, its token is verified like any other before a cookie is written.

mod callback;
mod confirm;
mod fields;
mod health;
mod mail;
mod oauth;
mod revoke;
mod session;
mod sign_in;
mod sign_out;

use crate::answer::Answer;
use crate::auth_api::{AuthReply, AuthRequest, Unreachable};
use crate::config::Config;
use crate::cookies::set_cookie;
use crate::pkce;
use crate::redirect;

pub use fields::BodyError;
use fields::Fields;
pub use health::{HealthReport, Reach};

use super::desk::{AuthCall, Desk, Effect};
use super::guard;
use super::leave::{self, Ending};
use super::settled::Settled;
use super::visit::{Outcome, Stage, Visit};

/// Largest body that a route reads: a form of a few fields.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// A route of the Worker, by its method and path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Route {
    Anonymous,
    Callback,
    Confirm,
    ConfirmPage,
    Health,
    Login,
    OAuth,
    Otp,
    Recover,
    Revocations,
    Session,
    SignOut,
    SignUp,
}

impl Route {
    /// `HEAD` only where looking changes nothing: link checkers send it, and it must not use up a code.
    fn find(method: &str, path: &str) -> Option<Self> {
        let route = match (method, path) {
            ("POST", "/anonymous") => Self::Anonymous,
            ("GET", "/callback") => Self::Callback,
            ("GET" | "HEAD", "/confirm") => Self::ConfirmPage,
            ("POST", "/confirm") => Self::Confirm,
            ("GET" | "HEAD", "/health") => Self::Health,
            ("GET", "/login") => Self::OAuth,
            ("POST", "/login") => Self::Login,
            ("POST", "/otp") => Self::Otp,
            ("POST", "/recover") => Self::Recover,
            ("GET" | "HEAD", "/session") => Self::Session,
            ("POST", "/signout") => Self::SignOut,
            ("POST", "/signup") => Self::SignUp,
            ("PUT", _) if path.starts_with("/revocations/") => Self::Revocations,
            _ => return None,
        };
        Some(route)
    }

    /// True where a code or a token stands in the address of the page, which the next one must not learn.
    const fn has_secret_address(self) -> bool {
        matches!(self, Self::Callback | Self::Confirm | Self::ConfirmPage)
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
        let route = Route::find(method, path)?;
        let names_provider = || {
            let query = Fields::from_form(query.unwrap_or_default());
            query.value("provider").is_some()
        };
        // Without a provider it is the site's own login page.
        let is_page = route == Route::OAuth && !names_provider();
        let is_off = route == Route::Revocations && !config.revocation;
        let is_taken = !is_page && !is_off;
        is_taken.then(|| Self {
            route,
            path: path.to_owned(),
        })
    }

    /// True if it is served while observing, too: it changes nothing of anybody's session.
    pub(super) const fn is_watched(&self) -> bool {
        matches!(self.route, Route::Health)
    }
}

/// What a request wants of a route.
#[derive(Debug)]
struct Errand {
    route: Route,
    path: String,
    /// The fields of the body; those of the query for a request without one.
    fields: Fields,
    /// Where a `next` that is the callback leads.
    goal: Option<String>,
    /// True if the client reads JSON: it sent JSON, or did not send a form.
    is_program: bool,
}

/// What a route answers.
struct Reply {
    answer: Answer,
    settled: Settled,
}

impl Reply {
    fn new(answer: Answer, reason: &'static str) -> Self {
        let settled = Settled::plain(Outcome::Anonymous, reason);
        Self { answer, settled }
    }
}

/// Serves a route.
pub(super) async fn serve(desk: &Desk, mut visit: Visit, request: RouteRequest) -> Ending {
    let route = request.route;
    let reply = match take(desk, &visit, request).await {
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

async fn run(desk: &Desk, visit: &mut Visit, errand: Errand) -> Reply {
    match errand.route {
        Route::Anonymous | Route::Login => sign_in::sign_in(desk, visit, &errand).await,
        Route::Callback => callback::callback(desk, visit, &errand).await,
        Route::Confirm => confirm::confirm(desk, visit, &errand).await,
        Route::ConfirmPage => confirm::page(visit, &errand),
        Route::Health => health::health(desk).await,
        Route::OAuth => oauth::start(desk, visit, &errand).await,
        Route::Otp | Route::Recover | Route::SignUp => mail::send(desk, visit, &errand).await,
        Route::Revocations => revoke::revoke(desk, visit, &errand).await,
        Route::Session => session::session(desk, visit).await,
        Route::SignOut => sign_out::sign_out(desk, visit, &errand).await,
    }
}

/// Reads what is asked for, unless another site sent it.
async fn take(desk: &Desk, visit: &Visit, request: RouteRequest) -> Result<Errand, Reply> {
    let mut errand = Errand {
        route: request.route,
        path: request.path,
        fields: Fields::default(),
        goal: None,
        is_program: false,
    };
    if visit.head.method() == "POST" {
        if !is_same_site(visit) {
            return Err(Reply::new(Answer::cross_site(), "cross_site"));
        }
        let content_type = visit.head.header("content-type").unwrap_or_default();
        let body = desk.ask(Effect::ReadBody, ()).await;
        errand.fields = body
            .and_then(|body| Fields::from_body(content_type, &body))
            .map_err(|error| {
                let answer = Answer::bad_body(error.status(), &error.to_string());
                Reply::new(answer, error.code())
            })?;
        errand.is_program = !fields::is_form(content_type) && !guard::is_navigation(visit);
        errand.adopt_next(visit);
    } else {
        errand.fields = Fields::from_form(visit.head.query().unwrap_or_default());
    }
    errand.read_goal(visit);
    Ok(errand)
}

/// The rule against cross-site requests: the browser itself says where a form was sent from.
fn is_same_site(visit: &Visit) -> bool {
    let origin = visit.head.header("origin");
    origin.is_some_and(|origin| origin == visit.site_origin())
        || visit.head.header("sec-fetch-site") == Some("same-origin")
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

impl Errand {
    /// Where to go afterwards: only ever a path of this site.
    fn next(&self) -> &str {
        let next = redirect::safe_next(self.fields.value("next").unwrap_or("/"));
        // Mail templates name the address that Auth was given to come back to.
        // Without a code it leads nowhere, so its own goal counts.
        self.goal.as_deref().unwrap_or(next)
    }

    /// Looks behind a `next` that is the callback route.
    fn read_goal(&mut self, visit: &Visit) {
        let base = visit.config.auth_path.as_deref().unwrap_or_default();
        let next = self.fields.value("next").unwrap_or("/");
        let next = next.strip_prefix(&visit.site_origin()).unwrap_or(next);
        let (path, query) = next.split_once('?').unwrap_or((next, ""));
        if path == format!("{base}/callback") {
            let fields = Fields::from_form(query);
            let goal = redirect::safe_next(fields.value("next").unwrap_or("/"));
            self.goal = Some(goal.to_owned());
        }
    }

    /// Takes `next` from the form's own address, or from the login page's, where the form has none: a
    /// static page cannot copy it from there without a script.
    fn adopt_next(&mut self, visit: &Visit) {
        let query = Fields::from_form(visit.head.query().unwrap_or_default());
        self.fields.adopt("next", &query);
        let referer = guard::referer_path(visit);
        let Some((path, query)) = referer.as_deref().and_then(|page| page.split_once('?')) else {
            return;
        };
        if visit.config.login.is_at(&visit.site_origin(), path) {
            self.fields.adopt("next", &Fields::from_form(query));
        }
    }
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

    /// The `Location` of a path on the site.
    fn site_location(&self, path: &str) -> String {
        redirect::site_location(self.config.site_url.as_deref(), path)
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
