//! Rules: what holds for which requests.
//!
//! The first rule that matches holds. A path can be read in several ways, and an origin may read it in any of them, so a
//! doubt is decided for the guard: a rule with `require` holds as soon as one reading matches, whatever the case of its
//! letters, every other rule only if all do. What a rule excludes (`!…`) is judged the other way round: a guard leaves out
//! what every reading says so of, another rule what any does. Methods are judged as paths are.
//!
//! | file | holds |
//! |---|---|
//! | `parse` | `RULES` as JSON, member by member |
//! | `values`, `spelling` | what a member's value may be, and how a glob, host, method, pointer or origin is spelt |
//! | `rule` | one rule, and which requests it is for |
//! | `glob` | what `*` matches |
//! | `requirement` | what a session must be to pass |
//!
//! What becomes of a request is decided by the handler's `guard`; nothing here knows of cookies or answers.

mod glob;
mod parse;
mod requirement;
mod rule;
mod spelling;
mod values;

pub use requirement::{Aal, Clients, Presented, Requirement, Shortfall};
pub use rule::{Cache, Credentials, OnDenied, Rule, Verify};
pub(crate) use spelling::is_json_pointer;

use crate::path::RequestPath;
use rule::Paths;

/// What the guides' middleware matcher leaves out, and the folders of the other build tools: files that are the same for everyone.
///
/// A page of Next.js, SvelteKit, Astro, Nuxt or Vite asks for dozens of them, and none has anything to do with the
/// session.
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

impl Rules {
    /// Reads the JSON of `RULES`.
    ///
    /// ```
    /// use edge_session::path::RequestPath;
    /// use edge_session::rules::Rules;
    ///
    /// let rules = Rules::parse(r#"[
    ///     {"path": ["/admin/*", "!/admin/help"], "require": {"role": "staff"}},
    ///     {"path": "*.css", "bypass": true}
    /// ]"#).map_err(|problems| problems.join("; "))?;
    ///
    /// let find = |path: &str| rules.find(&["GET"], "site.example", &RequestPath::new(path)).0;
    /// assert_eq!(find("/admin/users"), Some(0));
    /// // A guard holds for every way that an origin could read the path, and for the folder's own page.
    /// assert_eq!(find("/x/..%2FADMIN/users"), Some(0));
    /// assert_eq!(find("/admin"), Some(0));
    /// assert_eq!(find("/admin/help"), None);
    /// // Everything else holds only if all readings agree.
    /// assert_eq!(find("/a.css"), Some(1));
    /// assert_eq!(find("/a.html%3f.css"), None);
    /// # Ok::<(), String>(())
    /// ```
    ///
    /// ```
    /// use edge_session::rules::Rules;
    ///
    /// let problems = Rules::parse(r#"[{"path": "admin", "requier": true}]"#).unwrap_err();
    /// assert!(problems[0].starts_with("[0].path must begin with /"));
    /// assert!(problems[1].starts_with("[0].requier is not a field of a rule"));
    /// ```
    ///
    /// # Errors
    /// Every mistake found, each beginning with its position, such as `[2].requier`, and none quoting a value.
    pub fn parse(json: &str) -> Result<Self, Vec<String>> {
        parse::rules(json).map(Self::from)
    }

    /// The rule for a request and its index in `RULES`; no index where none matches.
    ///
    /// `methods` is the request's method and whatever else an origin could take for it.
    ///
    /// `host` may have a port; a rule's host is compared with it only where the rule names one.
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
    /// What holds where no rule matches is the rule of which nothing is said: everybody passes, the session is kept
    /// fresh.
    fn from(list: Vec<Rule>) -> Self {
        Self {
            list,
            otherwise: Rule::default(),
        }
    }
}
