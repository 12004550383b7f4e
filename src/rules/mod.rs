//! Rules: what holds for which requests.
//!
//! The first rule that matches holds. A path can be read in several ways, and an origin may read it in any of them, so a
//! doubt is decided for the guard: a rule with `require` holds as soon as one reading matches, whatever the case of its
//! letters, every other rule only if all do. What a rule excludes (`!…`) is judged the other way round: a guard leaves out
//! what every reading says so of, another rule what any does. Methods are judged as paths are.

mod glob;
mod parse;
mod requirement;

pub(crate) use parse::is_json_pointer;
pub use requirement::{Aal, Clients, Presented, Requirement, Shortfall};

use crate::overrides::ANY_METHOD;
use crate::path::RequestPath;
use crate::redirect::Destination;
use glob::{HostGlob, PathGlob};

/// What the guides' middleware matcher leaves out, and the folders of the other build tools: files that are the same for everyone.
const STATIC_FILES: [&str; 14] = [
    "/_next/static/*",
    "/_next/image*",
    "/_app/immutable/*",
    "/_astro/*",
    "/_nuxt/*",
    "/assets/*",
    "/build/*",
    "/favicon.ico",
    "*.svg",
    "*.png",
    "*.jpg",
    "*.jpeg",
    "*.gif",
    "*.webp",
];

/// The list of rules, in the order in which they are tried.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    list: Vec<Rule>,
    /// The rule of a request that no other matches.
    otherwise: Rule,
}

/// One rule: which requests it is for, and what holds for them.
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
    paths: Paths,
    excluded_paths: Paths,
    hosts: Vec<HostGlob>,
    methods: Vec<String>,
}

/// Globs over the path, as a guard reads them and as everything else does.
#[derive(Clone, Debug, Default, PartialEq)]
struct Paths {
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

impl Rules {
    /// Reads the JSON of `RULES`.
    ///
    /// # Errors
    /// Every mistake found, each beginning with its position, such as `[2].requier`, and none quoting a value.
    pub fn parse(json: &str) -> Result<Self, Vec<String>> {
        parse::rules(json).map(Self::from)
    }

    /// The rule for a request and its index in `RULES`; no index where none matches.
    ///
    /// `methods` is the request's method and whatever else an origin could take for it.
    pub fn find(
        &self,
        methods: &[&str],
        host: &str,
        path: &RequestPath<'_>,
    ) -> (Option<usize>, &Rule) {
        let found = self
            .list
            .iter()
            .enumerate()
            .find(|(_, rule)| rule.matches(methods, host, path));
        match found {
            Some((index, rule)) => (Some(index), rule),
            None => (None, &self.otherwise),
        }
    }

    /// The rule with this index in `RULES`; without one, what holds where none matches.
    pub fn rule(&self, index: Option<usize>) -> &Rule {
        index
            .and_then(|index| self.list.get(index))
            .unwrap_or(&self.otherwise)
    }
}

impl Default for Rules {
    /// The rules where `RULES` is unset: static files are bypassed.
    fn default() -> Self {
        let mut paths = Paths::default();
        for glob in STATIC_FILES {
            paths.add(glob);
        }
        Self::from(vec![Rule {
            bypass: true,
            paths,
            ..Rule::default()
        }])
    }
}

impl From<Vec<Rule>> for Rules {
    fn from(list: Vec<Rule>) -> Self {
        Self {
            list,
            otherwise: Rule::default(),
        }
    }
}

impl Rule {
    fn matches(&self, methods: &[&str], host: &str, path: &RequestPath<'_>) -> bool {
        self.matches_methods(methods)
            && (self.hosts.is_empty() || self.hosts.iter().any(|glob| glob.matches(host)))
            && self.matches_path(path)
    }

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
    fn add(&mut self, glob: &str) {
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
