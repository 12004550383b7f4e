//! The first decisions: loops, paths, rules.
//!
//! Nothing of the session is read yet. In this order: a request that goes round in a circle, a `Host` that names no
//! host, the one route outside of `AUTH_PATH`, the rule, the routes below `AUTH_PATH`, a path that could lead out
//! of `ORIGIN_URL`, a bypass. The rule is looked for before the routes, since its `cors` holds for their answers
//! too; nothing else of a rule does.

use std::rc::Rc;

use crate::answer::Answer;
use crate::config::Config;
use crate::identity;
use crate::overrides;
use crate::path::RequestPath;
use crate::record::Place;

use super::routes::table::{self, RouteRequest};
use super::visit::Visit;

/// The route below `AUTH_PATH` whose answer no other origin reads, whatever a rule says.
///
/// An origin of `cors` may read the Worker's answers with the visitor's credentials: it would get his access token.
const TOKEN_PATH: &str = "/token";

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
///
/// It writes down what was decided: `rule`, `cors_rule` and `is_exempt` of the visit, and the rule in its record.
pub(super) fn arrive(visit: &mut Visit) -> Arrival {
    let config = Rc::clone(&visit.config);
    if config.log_path {
        visit.record.place = Some(Place {
            method: visit.head.method().to_owned(),
            host: visit.head.authority().to_owned(),
            path: visit.head.path().to_owned(),
        });
    }
    if identity::is_loop(visit.head.headers()) {
        visit.alarm();
        return Arrival::Refused(Answer::loop_detected(), "loop");
    }
    if !visit.head.has_plain_authority() {
        return Arrival::Refused(Answer::bad_request("Host"), "host_malformed");
    }
    if let Some(route) = RouteRequest::well_known(&config, &visit.head) {
        return Arrival::Route(route);
    }
    let raw_path = visit.head.path().to_owned();
    let path = RequestPath::new(&raw_path);
    let methods = overrides::methods(&visit.head);
    let methods: Vec<&str> = methods.iter().map(AsRef::as_ref).collect();
    let (index, rule) = config.rules.find(&methods, visit.head.authority(), &path);
    if let Some(rest) = table::own_path(&config, &path)
        && let Some(route) =
            RouteRequest::find(&config, visit.head.method(), visit.head.query(), rest)
    {
        // A token is for scripts of the site alone.
        visit.cors_rule = index.filter(|_| rest.trim_end_matches('/') != TOKEN_PATH);
        return Arrival::Route(route);
    }
    visit.cors_rule = index;
    if leaves_origin(&config, &path) {
        return Arrival::Refused(Answer::path_outside(), "path_outside");
    }
    visit.rule = index;
    visit.record.rule = index;
    visit.record.rule_name.clone_from(&rule.name);
    if rule.bypass {
        return Arrival::Bypass;
    }
    visit.is_exempt = rule.require.is_some() && config.is_exempt(rule, &visit.site_origin(), &path);
    Arrival::Site
}

/// True if an origin could take the path for one that is not below the path of `ORIGIN_URL`.
///
/// The prefix is what the operator promised the origin's neighbours, so every reading of the joined path has to lie
/// below one of the prefix's. A path of one reading cannot leave: it is put behind the prefix as it is.
fn leaves_origin(config: &Config, path: &RequestPath<'_>) -> bool {
    let prefix = config
        .origin_url
        .as_ref()
        .map_or("", |origin| origin.path().trim_end_matches('/'));
    if prefix.is_empty() || (!path.is_ambiguous() && path.forms().nth(1).is_none()) {
        return false;
    }
    let joined = format!("{prefix}{}", path.raw());
    let (prefix, joined) = (RequestPath::new(prefix), RequestPath::new(&joined));
    let is_below = |form: &str| {
        prefix
            .forms()
            .filter_map(|prefix| form.strip_prefix(prefix))
            .any(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    !joined.all(is_below)
}
