//! The first decisions: loops, paths, rules.

use std::rc::Rc;

use crate::answer::Answer;
use crate::config::Config;
use crate::identity;
use crate::overrides;
use crate::path::RequestPath;

use super::routes::RouteRequest;
use super::visit::Visit;

/// What kind of request it is.
#[derive(Debug)]
pub(super) enum Arrival {
    /// The rule forwards it untouched.
    Bypass,
    /// No origin should get it.
    Refused(Answer, &'static str),
    /// One of the Worker's own routes.
    Route(RouteRequest),
    /// A page of the site.
    Site,
}

/// Looks at a request before anything is read of its session.
pub(super) fn arrive(visit: &mut Visit) -> Arrival {
    if visit.head.header(identity::HOP_HEADER).is_some() {
        return Arrival::Refused(Answer::loop_detected(), "loop");
    }
    if !visit.head.has_plain_authority() {
        return Arrival::Refused(Answer::bad_request("Host"), "host_malformed");
    }
    let config = Rc::clone(&visit.config);
    let raw_path = visit.head.path().to_owned();
    let Ok(path) = RequestPath::parse(&raw_path) else {
        return Arrival::Refused(Answer::bad_path(), "path_undecodable");
    };
    if let Some(rest) = own_path(&config, &path)
        && let Some(route) = RouteRequest::find(&config, visit.head.method(), visit.head.query(), rest)
    {
        return Arrival::Route(route);
    }
    if leaves_origin(&config, &path) {
        return Arrival::Refused(Answer::path_outside(), "path_outside");
    }
    let Ok(path) =
        overrides::paths(visit.head.headers()).try_fold(path, |path, other| path.or(&other))
    else {
        return Arrival::Refused(Answer::bad_path(), "path_undecodable");
    };
    let mut methods = vec![visit.head.method()];
    methods.extend(overrides::methods(visit.head.headers()));
    let (index, rule) = config.rules.find(&methods, visit.head.authority(), &path);
    visit.rule = index;
    visit.record.rule = index;
    if rule.bypass {
        return Arrival::Bypass;
    }
    visit.is_exempt = is_exempt(&config, &path);
    Arrival::Site
}

/// True if an origin could take the path for one that is not below the path of `ORIGIN_URL`.
fn leaves_origin(config: &Config, path: &RequestPath<'_>) -> bool {
    let prefix = config
        .origin_url
        .as_ref()
        .map_or("", |origin| origin.path().trim_end_matches('/'));
    if prefix.is_empty() || path.forms().nth(1).is_none() {
        return false;
    }
    let joined = format!("{prefix}{}", path.raw());
    let (Ok(prefix), Ok(joined)) = (RequestPath::parse(prefix), RequestPath::parse(&joined)) else {
        return true;
    };
    let is_below = |form: &str| {
        prefix
            .forms()
            .filter_map(|prefix| form.strip_prefix(prefix))
            .any(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    !joined.forms().all(is_below)
}

/// True where no rule may deny: the login page, which would otherwise redirect
/// to itself, and the Worker's own routes. Every form of the path must agree.
fn is_exempt(config: &Config, path: &RequestPath<'_>) -> bool {
    // Sites that add or drop the last slash would send a visitor round for ever.
    let is_login =
        |form: &str| form.trim_end_matches('/') == config.login_path.trim_end_matches('/');
    path.forms().all(is_login)
}

/// The part of the path below `AUTH_PATH`, if every form of the path lies there.
fn own_path<'p>(config: &Config, path: &RequestPath<'p>) -> Option<&'p str> {
    let base = config.auth_path.as_deref()?;
    let below = |form: &str| {
        form.strip_prefix(base)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    if !path.forms().all(below) {
        return None;
    }
    path.raw().strip_prefix(base)
}
