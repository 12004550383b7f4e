//! What a request wants of a route: its fields, and where to go afterwards.
//!
//! [`take`] is the door of every route: the request is moved to the host of `SITE_URL` if need be, a POST has to
//! come from this site, the body is read and its fields are taken out. Behind it a route knows nothing of bodies
//! and media types.

use crate::answer::{Answer, Medium};
use crate::json::json;
use crate::pages::ErrorPage;

use super::super::body::BodyError;
use super::super::desk::Desk;
use super::super::effect::Effect;
use super::super::visit::Visit;
use super::fields::{self, Fields};
use super::frame::{self, Told};
use super::reply::Reply;
use super::table::{Page, Route, RouteRequest};

/// What a request wants of a route.
///
/// A route reads it and does not change it, but for `is_vouched`, which `protect` sets.
#[derive(Debug)]
pub(super) struct Errand {
    pub(super) route: Route,
    pub(super) path: String,
    /// The fields of the body; those of the query for a request without one.
    pub(super) fields: Fields,
    /// Where to go afterwards: a path of this site, or an address of `REDIRECT_HOSTS`.
    pub(super) next: String,
    /// True if the client reads JSON: it sent JSON, or did not send a form.
    pub(super) is_program: bool,
    /// True if Turnstile says that a person sent it.
    pub(super) is_vouched: bool,
}

/// Reads what is asked for, unless another site sent it.
///
/// # Errors
/// What is answered in place of the route: 308 to the other host, 403 to another site's form, 400 or 413 to a body
/// that cannot be read.
pub(super) async fn take(
    desk: &Desk,
    visit: &Visit,
    request: RouteRequest,
) -> Result<Errand, Reply> {
    if let Some(location) = canonical_location(visit, request.route) {
        let answer = Answer::permanent_redirect(location);
        return Err(Reply::new(answer, "other_host"));
    }
    let mut errand = Errand {
        route: request.route,
        path: request.path,
        fields: Fields::default(),
        next: String::new(),
        is_program: false,
        is_vouched: false,
    };
    let query = Fields::from_form(visit.head.query().unwrap_or_default());
    if visit.head.method() == "POST" {
        if !is_same_site(visit) {
            return Err(refused(visit, 403, "cross_site"));
        }
        let content_type = visit.head.header("content-type").unwrap_or_default();
        let body = desk.ask(Effect::ReadBody, ()).await;
        errand.fields = body
            .and_then(|body| Fields::from_body(content_type, &body))
            .map_err(|error: BodyError| refused(visit, error.status(), error.code()))?;
        errand.is_program = fields::is_json(content_type)
            || (!fields::is_form(content_type) && !visit.is_navigation());
        errand.adopt_next(visit, &query);
    } else {
        errand.fields = query;
    }
    errand.read_next(visit);
    Ok(errand)
}

/// The rule against cross-site requests: the browser itself says where a form was sent from.
///
/// `Origin` is on every POST of a browser (Fetch 3.2). One that a privacy extension took off leaves
/// `Sec-Fetch-Site`; without both nothing is known, and the request is refused: a program can send either.
pub(super) fn is_same_site(visit: &Visit) -> bool {
    let origin = visit.head.header("origin");
    origin.is_some_and(|origin| origin == visit.site_origin())
        || visit.head.header("sec-fetch-site") == Some("same-origin")
}

/// What is answered before anything of the request was read.
fn refused(visit: &Visit, status: u16, code: &'static str) -> Reply {
    let answer = match visit.medium() {
        Medium::Html => {
            let html = frame::framed(visit, "/", &Told::default(), &|frame| {
                let details = &[];
                ErrorPage {
                    frame,
                    status,
                    details,
                }
                .html()
            });
            Answer::page(status, html)
        }
        Medium::Json => Answer::json(status, &json!({ "error": code })),
    };
    Reply::new(answer, code)
}

/// The same address on the host of `SITE_URL`, for a visitor on the one right above or below it: a verifier that is
/// set here would not come back there.
fn canonical_location(visit: &Visit, route: Route) -> Option<String> {
    let site = visit.config.site_url.as_deref()?;
    if !visit.head.is_read() || route == Route::IdentityKeys {
        return None;
    }
    let authority = site.split_once("://").map_or(site, |(_, rest)| rest);
    let own = authority.split(':').next().unwrap_or_default();
    let host = visit.head.host();
    let is_child = |child: &str, parent: &str| {
        let label = child
            .strip_suffix(parent)
            .and_then(|rest| rest.strip_suffix('.'));
        label.is_some_and(|label| !label.is_empty() && !label.contains('.'))
    };
    let is_covered = |host| visit.config.cookie.domain_at(host).is_some();
    let is_neighbour = is_child(host, own) || is_child(own, host);
    (is_neighbour && !(is_covered(host) && is_covered(own)))
        .then(|| format!("{site}{}", visit.head.path_and_query()))
}

/// Members of the query of the page that sets a password: what it asks for beside the new one.
pub(super) const ASKS_CURRENT: &str = "asks_current";
pub(super) const ASKS_CODE: &str = "asks_code";

impl Errand {
    /// Reads `next`. Mail templates name the address that Auth was given to come back to; without a code the callback
    /// leads nowhere, so its own `next` counts.
    fn read_next(&mut self, visit: &Visit) {
        let origin = visit.site_origin();
        let site = visit.site(&origin);
        let base = visit.config.auth_path.as_deref().unwrap_or_default();
        let next = site.next(self.fields.value("next").unwrap_or("/"));
        let (path, query) = next.split_once('?').unwrap_or((&next, ""));
        self.next = if path == format!("{base}/callback") {
            let fields = Fields::from_form(query);
            site.next(fields.value("next").unwrap_or("/")).into_owned()
        } else {
            next.into_owned()
        };
    }

    /// Takes `next` from the form's own address, or from the login page's, where the form has none: a
    /// static page cannot copy it from there without a script.
    fn adopt_next(&mut self, visit: &Visit, query: &Fields) {
        self.fields.adopt("next", query);
        let referer = visit.referer_path();
        let Some((path, query)) = referer.as_deref().and_then(|page| page.split_once('?')) else {
            return;
        };
        if visit.config.login.is_at(&visit.site_origin(), path) {
            self.fields.adopt("next", &Fields::from_form(query));
        }
    }

    /// The e-mail address, or without one the phone number.
    pub(super) fn address(&self) -> Option<(&'static str, &str)> {
        let named = |name| Some((name, self.fields.value(name)?));
        named("email").or_else(|| named("phone"))
    }

    /// The visitor's address where Auth may count him by it, since Turnstile vouches for him.
    pub(super) fn checked_ip<'v>(&self, visit: &'v Visit) -> Option<&'v str> {
        visit.client_ip().filter(|_| self.is_vouched)
    }

    /// Where an answer to a form leads that is not yet done: the page it came from, with what there is to say.
    pub(super) fn back(&self, visit: &Visit, said: &[(&str, &str)]) -> String {
        let mut fields = said.to_vec();
        if self.next != "/" && visit.head.method() == "POST" {
            fields.push(("next", &self.next));
        }
        let site = visit.config.site_url.as_deref();
        let login = &visit.config.login;
        let page = self.page(visit);
        let page = page.filter(|page| !login.is_at(&visit.site_origin(), page));
        let Some(page) = page else {
            return login.location(site, &fields);
        };
        let is_challenge = fields.iter().any(|(name, _)| *name == "challenge_id");
        let is_password = matches!(self.route, Route::Password | Route::Reauthenticate);
        let is_own = self.is_own_page(visit, &page);
        if is_own && is_password {
            // This page knows whose password it is, but not what it had asked for already: Auth names one thing at a
            // time, and a project may want the current password and a code.
            for (field, asks) in [("current_password", ASKS_CURRENT), ("nonce", ASKS_CODE)] {
                fields.extend(self.fields.has(field).then_some((asks, "1")));
            }
        } else if is_own && !is_challenge {
            for name in ["type", "email", "phone", "factor_id", "challenge_id"] {
                fields.extend(self.fields.value(name).map(|value| (name, value)));
            }
        }
        crate::redirect::Destination::Site(page).location(site, &fields)
    }

    /// The page of the site that a form came from. The Worker's own pages tell no more than their origin, and of
    /// them each has its route.
    ///
    /// Only its path: the query holds what was told the last time.
    fn page(&self, visit: &Visit) -> Option<String> {
        if matches!(
            self.route,
            Route::Callback | Route::Confirm | Route::Fragment | Route::OAuth | Route::Sso
        ) {
            return None;
        }
        let referer = visit.referer_path();
        let path = referer.as_deref().and_then(|page| page.split('?').next());
        let path = path.filter(|path| *path == crate::redirect::safe_next(path));
        match path {
            Some(path) if path != "/" || !visit.config.account_pages => Some(path.to_owned()),
            Some(_) | None if visit.config.account_pages => {
                let page = Page::of(self.route)?;
                let base = visit.config.auth_path.as_deref().unwrap_or_default();
                Some(format!("{base}/{}", page.name()))
            }
            Some(_) | None => None,
        }
    }

    /// Without `ACCOUNT_PAGES` those addresses are the site's own pages, of which nothing is known.
    fn is_own_page(&self, visit: &Visit, page: &str) -> bool {
        let base = visit.config.auth_path.as_deref().unwrap_or_default();
        let own = page.strip_prefix(base);
        visit.config.account_pages && own.is_some_and(|page| Page::find(page).is_some())
    }

    /// True if the form stood on one of the Worker's own pages, which know the next step.
    pub(super) fn came_from_own_page(&self, visit: &Visit) -> bool {
        match self.page(visit) {
            Some(page) => self.is_own_page(visit, &page),
            None => {
                let origin = visit.site_origin();
                let login = visit.config.login.path_on(&origin);
                login.is_some_and(|page| self.is_own_page(visit, page))
            }
        }
    }
}
