//! The Worker's own routes below `AUTH_PATH`: a site without a server signs people in and out with them.
//!
//! ```text
//! begin ─ method, origin ─┬─ GET  /session, POST /signout ─► the session's own way ─► settled
//!                         ├─ GET  /callback ──────────────► CallAuth ─┐
//!                         ├─ GET  /login ─► DrawRandom ─► Respond     │
//!                         ├─ GET  /confirm ─► Respond                 │
//!                         ├─ GET  /health ─► CheckHealth ─► Respond   │
//!                         ├─ PUT  /revocations/<id> ─► StoreRevocation │
//!                         └─ POST ─► ReadBody (─► DrawRandom) ─► CallAuth
//!                                                                     ▼
//!                             a session? verify its token ─► Respond with cookies
//! ```

mod callback;
mod confirm;
mod fields;
mod health;
mod mail;
mod oauth;
mod revocations;
mod session;
mod sign_in;

use crate::answer::Answer;
use crate::auth_api::{AuthReply, AuthRequest, Unreachable};
use crate::cookies::set_cookie;
use crate::memory::Memory;
use crate::pkce;
use crate::redirect;
use crate::time::UnixTime;

pub use fields::BodyError;
use fields::Fields;
pub use health::{CheckHealth, HealthReport, Reach};
pub use revocations::StoreRevocation;
pub(super) use session::settled;
pub(super) use sign_in::{SignIn, signed_in};

use super::settle::{Respond, Settled};
use super::visit::{Outcome, Stage, Visit};
use super::{Step, begin, guard};

/// Largest body that a route reads: a form of a few fields.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// A route of the Worker.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Route {
    Anonymous,
    Callback,
    Confirm,
    Health,
    Login,
    Otp,
    Recover,
    Revocations,
    Session,
    SignOut,
    SignUp,
}

impl Route {
    fn parse(path: &str) -> Option<Self> {
        match path {
            "/anonymous" => Some(Self::Anonymous),
            "/callback" => Some(Self::Callback),
            "/confirm" => Some(Self::Confirm),
            "/health" => Some(Self::Health),
            "/login" => Some(Self::Login),
            "/otp" => Some(Self::Otp),
            "/recover" => Some(Self::Recover),
            "/session" => Some(Self::Session),
            "/signout" => Some(Self::SignOut),
            "/signup" => Some(Self::SignUp),
            _ if path.starts_with("/revocations/") => Some(Self::Revocations),
            _ => None,
        }
    }

    /// The methods it takes. `HEAD` only where looking changes nothing: link
    /// checkers send it, and it must not use up a code.
    const fn allowed(self) -> &'static str {
        match self {
            Self::Anonymous | Self::Otp | Self::Recover | Self::SignOut | Self::SignUp => "POST",
            Self::Callback => "GET",
            Self::Confirm => "GET, HEAD, POST",
            Self::Health | Self::Session => "GET, HEAD",
            Self::Login => "GET, POST",
            Self::Revocations => "PUT",
        }
    }
}

/// What a request wants of a route.
#[derive(Debug)]
pub(super) struct Errand {
    pub(super) route: Route,
    /// The path below `AUTH_PATH`.
    path: String,
    /// The fields of the query, then those of the body.
    fields: Fields,
    /// Where a `next` that is the callback leads.
    goal: Option<String>,
    /// True if the client reads JSON: it sent JSON, or did not send a form.
    is_program: bool,
}

/// Begins a request below `AUTH_PATH`.
pub(super) fn begin_route(
    mut visit: Box<Visit>,
    path: &str,
    memory: &mut Memory,
    now: UnixTime,
) -> Step {
    let Some(route) = Route::parse(path) else {
        return refuse(visit, Answer::no_such_route(), "route_unknown", now);
    };
    let method = visit.head.method().to_owned();
    if !route.allowed().split(", ").any(|known| known == method) {
        let answer = Answer::method_not_allowed(route.allowed());
        return refuse(visit, answer, "method_not_allowed", now);
    }
    if method == "POST" && !is_same_site(&visit) {
        return refuse(visit, Answer::cross_site(), "cross_site", now);
    }
    let query = visit.head.query().unwrap_or_default();
    let mut errand = Errand {
        route,
        path: path.to_owned(),
        fields: Fields::from_form(query),
        goal: None,
        is_program: false,
    };
    errand.read_goal(&visit);
    if method == "POST" {
        return Step::ReadBody(ReadBody { visit, errand });
    }
    match route {
        Route::Callback => callback::begin(visit, errand, now),
        Route::Confirm => confirm::page(visit, &errand, now),
        Route::Health => Step::CheckHealth(CheckHealth::new(visit)),
        Route::Login => Step::DrawRandom(DrawRandom { visit, errand }),
        Route::Revocations => revocations::begin(visit, &errand, memory, now),
        Route::Session => {
            visit.errand = Some(errand);
            begin::read_session(visit, memory, now)
        }
        Route::Anonymous | Route::Otp | Route::Recover | Route::SignOut | Route::SignUp => refuse(
            visit,
            Answer::method_not_allowed("POST"),
            "method_not_allowed",
            now,
        ),
    }
}

/// The rule against cross-site requests: the browser itself says where a form was sent from.
fn is_same_site(visit: &Visit) -> bool {
    let origin = visit.head.header("origin");
    origin.is_some_and(|origin| origin == visit.site_origin())
        || visit.head.header("sec-fetch-site") == Some("same-origin")
}

/// Waits for the body of a `POST`.
#[derive(Debug)]
pub struct ReadBody {
    visit: Box<Visit>,
    errand: Errand,
}

impl ReadBody {
    /// Continues with the body, at most [`MAX_BODY_BYTES`].
    pub fn resume(
        self,
        body: Result<Vec<u8>, BodyError>,
        memory: &mut Memory,
        now: UnixTime,
    ) -> Step {
        let Self {
            mut visit,
            mut errand,
        } = self;
        let content_type = visit.head.header("content-type").unwrap_or_default();
        let read = body.and_then(|body| errand.fields.extend(content_type, &body));
        if let Err(error) = read {
            return refuse(
                visit,
                Answer::bad_body(error.status(), &error.to_string()),
                error.code(),
                now,
            );
        }
        let is_form = content_type.starts_with("application/x-www-form-urlencoded");
        errand.is_program = !is_form && !guard::is_navigation(&visit);
        errand.adopt_next(&visit);
        errand.read_goal(&visit);
        match errand.route {
            Route::Anonymous | Route::Login => sign_in::begin(visit, errand, now),
            Route::Confirm => confirm::begin(visit, errand, now),
            Route::Otp | Route::Recover | Route::SignUp => {
                Step::DrawRandom(DrawRandom { visit, errand })
            }
            Route::SignOut => {
                visit.errand = Some(errand);
                begin::read_session(visit, memory, now)
            }
            Route::Callback | Route::Health | Route::Revocations | Route::Session => refuse(
                visit,
                Answer::method_not_allowed("GET"),
                "method_not_allowed",
                now,
            ),
        }
    }
}

/// Waits for [`pkce::RANDOM_BYTES`] random bytes.
#[derive(Debug)]
pub struct DrawRandom {
    visit: Box<Visit>,
    errand: Errand,
}

impl DrawRandom {
    /// Continues with the bytes; with fewer there is no flow that nobody can guess.
    pub fn resume(self, random: &[u8], now: UnixTime) -> Step {
        let Self { visit, errand } = self;
        let Some(flow) = pkce::Flow::from_random(random) else {
            let answer = Answer::unavailable(crate::answer::Medium::Json, "no_randomness");
            return refuse(visit, answer, "no_randomness", now);
        };
        if errand.route == Route::Login {
            oauth::start(visit, &errand, &flow, now)
        } else {
            mail::send(visit, errand, &flow, now)
        }
    }
}

/// Waits for an answer of Auth to a route's request.
#[derive(Debug)]
pub struct CallAuth {
    visit: Box<Visit>,
    errand: Errand,
    request: AuthRequest,
    after: After,
}

/// What follows from Auth's answer.
#[derive(Debug)]
enum After {
    /// It may hold a session.
    SignIn(pkce::Changes),
    /// A mail was asked for.
    Mail(pkce::Changes),
    /// The session was ended.
    SignOut(Box<Settled>),
}

impl CallAuth {
    fn step(
        mut visit: Box<Visit>,
        errand: Errand,
        request: AuthRequest,
        after: After,
        now: UnixTime,
    ) -> Step {
        visit.wait(now);
        visit.count_auth_calls(1);
        Step::CallAuth(Box::new(Self {
            visit,
            errand,
            request,
            after,
        }))
    }

    /// The request to send.
    #[must_use]
    pub const fn request(&self) -> &AuthRequest {
        &self.request
    }

    /// How long it may take.
    #[must_use]
    pub fn timeout_ms(&self) -> u64 {
        self.visit.auth_budget_ms()
    }

    /// Continues with Auth's answer.
    pub fn resume(
        self,
        answer: &Result<AuthReply, Unreachable>,
        memory: &mut Memory,
        now: UnixTime,
    ) -> Step {
        let Self {
            mut visit,
            errand,
            after,
            ..
        } = self;
        visit.spend(Stage::Auth, now);
        match after {
            After::SignIn(changes) => {
                sign_in::answered(visit, errand, changes, answer, memory, now)
            }
            After::Mail(changes) => mail::answered(visit, errand, changes, answer, memory, now),
            After::SignOut(settled) => {
                session::signed_out(visit, &errand, *settled, answer, memory, now)
            }
        }
    }
}

fn refuse(visit: Box<Visit>, answer: Answer, reason: &'static str, now: UnixTime) -> Step {
    Step::Respond(Respond::own(visit, Outcome::Anonymous, answer, reason, now))
}

fn respond(visit: Box<Visit>, answer: Answer, reason: &'static str, now: UnixTime) -> Step {
    Step::Respond(Respond::own(visit, Outcome::Anonymous, answer, reason, now))
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

    /// Takes `next` from the login page's own address where the form has none: a
    /// static page cannot copy it from there without a script.
    fn adopt_next(&mut self, visit: &Visit) {
        if self.fields.value("next").is_some() {
            return;
        }
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
        let attributes = self.config.cookie.attributes(self.is_secure());
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

    fn client_ip(&self) -> Option<&str> {
        self.head.header("cf-connecting-ip")
    }
}
