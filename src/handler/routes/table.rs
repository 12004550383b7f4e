//! The Worker's own routes below `AUTH_PATH`, by method and path.
//!
//! It is the one list of what the Worker serves itself. A path below `AUTH_PATH` that is not in it is the site's
//! own, and falls under its rules like any other: the site may have pages of its own beside these.

use crate::config::Config;
use crate::head::RequestHead;
use crate::path::RequestPath;

use super::fields::Fields;

/// Where an origin finds the public key of the identity assertion.
const IDENTITY_KEYS: &str = "/.well-known/edge-session/jwks.json";

/// A route of the Worker, by its method and path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in super::super) enum Route {
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
    Page(Page),
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
    ///
    /// `OPTIONS` has no route: a preflight falls under the rules.
    fn find(method: &str, path: &str) -> Option<Self> {
        let route = match (method, path) {
            ("GET", "/callback") => Self::Callback,
            ("GET" | "HEAD", "/confirm") => Self::ConfirmPage,
            ("GET" | "HEAD", "/health") => Self::Health,
            ("GET" | "HEAD", "/session") => Self::Session,
            ("GET", "/sso") => Self::Sso,
            ("GET", "/token") => Self::Token,
            ("GET" | "HEAD", page) => Self::Page(Page::find(page)?),
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
    pub(in super::super) const fn has_secret_address(self) -> bool {
        matches!(
            self,
            Self::Callback | Self::Confirm | Self::ConfirmPage | Self::Fragment
        )
    }
}

/// A request that one of the routes takes.
#[derive(Debug)]
pub(in super::super) struct RouteRequest {
    pub(in super::super) route: Route,
    /// The path below `AUTH_PATH`.
    pub(in super::super) path: String,
}

impl RouteRequest {
    /// The route that takes a request, if one does. One slash at the end of the path is taken off.
    pub(in super::super) fn find(
        config: &Config,
        method: &str,
        query: Option<&str>,
        path: &str,
    ) -> Option<Self> {
        let path = path.strip_suffix('/').unwrap_or(path);
        let mut route = Route::find(method, path)?;
        if route == Route::Page(Page::Login) && method == "GET" {
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
    ///
    /// It is outside of `AUTH_PATH` and served without one, but only with a key: otherwise the path is the
    /// origin's.
    pub(in super::super) fn well_known(config: &Config, head: &RequestHead) -> Option<Self> {
        let is_asked_for = head.path() == IDENTITY_KEYS && head.is_read();
        (is_asked_for && config.identity_key.is_some()).then(|| Self {
            route: Route::IdentityKeys,
            path: String::new(),
        })
    }

    /// True if it is served while observing, too: it changes nothing of anybody's session.
    pub(in super::super) const fn is_watched(&self) -> bool {
        matches!(self.route, Route::Health)
    }
}

/// True for a request that is served while observing, before anything of the site is asked.
#[must_use]
pub fn is_served_while_observing(config: &Config, head: &RequestHead) -> bool {
    let path = RequestPath::new(head.path());
    let route = own_path(config, &path)
        .and_then(|rest| RouteRequest::find(config, head.method(), head.query(), rest));
    route.is_some_and(|route| route.is_watched())
}

/// A page below `AUTH_PATH`.
///
/// What is served here only with `ACCOUNT_PAGES`; the routes that their forms are sent to are served without it as
/// well.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in super::super) enum Page {
    Login,
    Mfa,
    Password,
    Recover,
    SignUp,
    Verify,
}

impl Page {
    pub(in super::super) fn find(path: &str) -> Option<Self> {
        let page = match path {
            "/login" => Self::Login,
            "/mfa" => Self::Mfa,
            "/password" => Self::Password,
            "/recover" => Self::Recover,
            "/signup" => Self::SignUp,
            "/verify" => Self::Verify,
            _ => return None,
        };
        Some(page)
    }

    /// The last part of the page's path.
    pub(in super::super) const fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Mfa => "mfa",
            Self::Password => "password",
            Self::Recover => "recover",
            Self::SignUp => "signup",
            Self::Verify => "verify",
        }
    }

    /// The page whose form is sent to a route; none but the login page where there are several.
    pub(in super::super) fn of(route: Route) -> Option<Self> {
        let pages = [
            (Route::Mfa, Self::Mfa),
            (Route::Password, Self::Password),
            (Route::Reauthenticate, Self::Password),
            (Route::Recover, Self::Recover),
            (Route::Resend, Self::Verify),
            (Route::SignUp, Self::SignUp),
            (Route::Verify, Self::Verify),
        ];
        let mut pages = pages.into_iter();
        pages.find_map(|(own, page)| (own == route).then_some(page))
    }
}

/// The part of the path below `AUTH_PATH`, if every form of the path lies there.
///
/// Doubt counts against the Worker: a path that an origin could take for another one goes to the origin, under its
/// rule.
pub(in super::super) fn own_path<'p>(config: &Config, path: &RequestPath<'p>) -> Option<&'p str> {
    let base = config.auth_path.as_deref()?;
    let below = |form: &str| {
        form.strip_prefix(base)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    if !path.all(below) {
        return None;
    }
    path.raw().strip_prefix(base)
}
