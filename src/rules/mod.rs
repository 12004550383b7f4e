//! Rules: what holds for which requests.
//!
//! The first rule that matches holds. A path can be read in several ways, and an origin may read it in any of them, so a
//! doubt is decided for the guard: a rule with `require` holds as soon as one reading matches, every other rule only if
//! all do. What a rule excludes (`!…`) is judged the same way round, and so are methods where a header names another one.

mod glob;
mod parse;
mod requirement;

pub use requirement::{Aal, Requirement, Shortfall};

use crate::path::RequestPath;
use glob::{HostGlob, PathGlob};

/// What the guides' middleware matcher leaves out: files that are the same for everyone.
const STATIC_FILES: [&str; 9] = [
    "/_next/static/*",
    "/_next/image*",
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
    paths: Vec<PathGlob>,
    excluded_paths: Vec<PathGlob>,
    hosts: Vec<HostGlob>,
    methods: Vec<String>,
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
        let paths = STATIC_FILES
            .iter()
            .flat_map(|glob| PathGlob::readings(glob))
            .collect();
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
        self.methods.is_empty()
            || if self.require.is_some() {
                methods.iter().any(includes)
            } else {
                methods.iter().all(includes)
            }
    }

    fn matches_path(&self, path: &RequestPath<'_>) -> bool {
        let includes =
            |form: &str| self.paths.is_empty() || self.paths.iter().any(|glob| glob.matches(form));
        let excludes = |form: &str| self.excluded_paths.iter().any(|glob| glob.matches(form));
        if self.require.is_some() {
            return path.forms().any(includes) && !path.forms().all(excludes);
        }
        path.forms().all(|form| includes(form) && !excludes(form))
    }
}
