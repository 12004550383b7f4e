//! One rule: which requests it is for, and what holds for them.
//!
//! The fields of a rule fall in two halves: which requests it is for (`path`, `hosts`, `methods`, all of which must
//! match) and what holds for those. `matches` is the first half and knows the one thing that the
//! second half changes in it: a rule with `require` guards, so doubt speaks for it.

use super::glob::{HostGlob, PathGlob};
use super::requirement::Requirement;
use crate::overrides::ANY_METHOD;
use crate::path::RequestPath;
use crate::redirect::Destination;

/// One rule: which requests it is for, and what holds for them.
///
/// The default is what holds where no rule matches.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rule {
    /// Forward untouched.
    pub bypass: bool,
    /// What a session must be to pass; `None` lets everyone pass.
    pub require: Option<Requirement>,
    /// Whether the Auth server is asked on every request.
    pub verify: Verify,
    /// Whether the page is the same for everyone who may see it.
    pub cache: Cache,
    /// How a visitor who may not pass is answered.
    pub on_denied: OnDenied,
    /// What the rule is called in the log.
    pub name: Option<String>,
    /// Which credentials count.
    pub credentials: Credentials,
    /// Where a navigation without a session is sent instead of `LOGIN_PATH`.
    pub login: Option<Destination>,
    /// Where a navigation is sent whose session falls short.
    pub forbidden: Option<Destination>,
    /// Where a navigation with a verified session is sent.
    pub signed_in: Option<Destination>,
    /// The origins whose scripts may read the Worker's own answers.
    pub cors: Vec<String>,
    pub(super) paths: Paths,
    pub(super) excluded_paths: Paths,
    pub(super) hosts: Vec<HostGlob>,
    pub(super) methods: Vec<String>,
}

/// Globs over the path, as a guard reads them and as everything else does.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Paths {
    exact: Vec<PathGlob>,
    guarding: Vec<PathGlob>,
}

/// Which credentials of a request count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Credentials {
    /// A session in cookies, or else a bearer token.
    #[default]
    Any,
    /// Bearer tokens alone.
    Bearer,
    /// Sessions in cookies alone.
    Cookie,
}

/// How a session is verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// Locally, and at `GET /user` on every request as well.
    Live,
    /// Locally.
    #[default]
    Local,
}

/// Who may share a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cache {
    /// Nobody: it may be about the visitor.
    #[default]
    Private,
    /// Everyone who may see the page.
    Shared,
}

/// How a visitor who may not pass is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDenied {
    /// A navigation is redirected, everything else gets a status.
    #[default]
    Auto,
    /// Always redirected to the login page.
    Redirect,
    /// Always a status.
    Status,
}

impl Rule {
    /// `methods` is the request's own and every other one that an origin could take for it ([`crate::overrides`]).
    pub(super) fn matches(&self, methods: &[&str], host: &str, path: &RequestPath<'_>) -> bool {
        self.matches_methods(methods)
            && (self.hosts.is_empty() || self.hosts.iter().any(|glob| glob.matches(host)))
            && self.matches_path(path)
    }

    /// `HEAD` is a `GET` whose body is left out (RFC 9110 9.3.2), so a rule for the one is for the other.
    fn matches_methods(&self, methods: &[&str]) -> bool {
        let includes = |method: &&str| {
            self.methods.iter().any(|wanted| {
                wanted.eq_ignore_ascii_case(method)
                    || (wanted.eq_ignore_ascii_case("GET") && method.eq_ignore_ascii_case("HEAD"))
            })
        };
        let is_any = |method: &&str| *method == ANY_METHOD;
        self.methods.is_empty()
            || if self.require.is_some() {
                methods
                    .iter()
                    .any(|method| is_any(method) || includes(method))
            } else {
                methods.iter().all(includes)
            }
    }

    /// An ambiguous path matches every guard, and no rule that does not guard.
    fn matches_path(&self, path: &RequestPath<'_>) -> bool {
        let is_included = |holds: bool| self.paths.is_empty() || holds;
        if self.require.is_some() {
            return (path.is_ambiguous()
                || is_included(path.folded_forms().any(|form| self.paths.guard(form))))
                && !path.all(|form| self.excluded_paths.name(form));
        }
        path.all(|form| is_included(self.paths.name(form)))
            && !path
                .folded_forms()
                .any(|form| self.excluded_paths.guard(form))
    }
}

impl Paths {
    /// Both readings of the glob are kept: whether the rule guards is known only once all of it is read.
    pub(super) fn add(&mut self, glob: &str) {
        self.exact.extend(PathGlob::readings(glob));
        self.guarding.extend(PathGlob::guarding(glob));
    }

    fn is_empty(&self) -> bool {
        self.exact.is_empty()
    }

    /// True if a glob matches the form letter by letter.
    fn name(&self, form: &str) -> bool {
        self.exact.iter().any(|glob| glob.matches(form))
    }

    /// True if a glob matches the form, which has its letters in one case, for a guard.
    fn guard(&self, form: &str) -> bool {
        self.guarding.iter().any(|glob| glob.matches(form))
    }
}
