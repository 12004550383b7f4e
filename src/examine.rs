//! What the Worker makes of a configuration, for the doctor: a question as JSON, the answer as JSON.
//!
//! The question is `{"vars": {…}, "requests": [{"method", "host", "path"}], "keys": "<body of the key set>"}`, all of it
//! optional. Nothing is interpreted here: every verdict is the crate's own, so that the doctor and the Worker cannot
//! disagree.
//!
//! It runs where the doctor runs, compiled from the same crate, and asks nothing of the network: what it is told of
//! the key set, the doctor has fetched.

use serde_json::Value;

use crate::config::{Config, HttpUrl, Unset, VARIABLES, Variable};
use crate::json;
use crate::jwks::KeySet;
use crate::path::RequestPath;
use crate::redirect::Destination;
use crate::rules::{Aal, Cache, Clients, Credentials, OnDenied, Requirement, Rule, Verify};

/// Answers a question; one that is no JSON is answered as an empty one.
///
/// ```
/// use edge_session::examine::answer;
///
/// let question = r#"{"vars": {"SUPABASE_URL": "https://abc.supabase.co", "MODE": "on"}}"#;
/// let answer: serde_json::Value = serde_json::from_str(&answer(question))?;
/// let problems = answer["problems"].as_array().expect("a list");
/// let wrong: Vec<&str> = problems.iter().filter_map(|problem| problem["variable"].as_str()).collect();
/// assert_eq!(wrong, ["SUPABASE_PUBLISHABLE_KEY", "MODE"]);
/// assert!(answer["config"].is_null());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[must_use]
pub fn answer(question: &str) -> String {
    let question = json::read(question).unwrap_or(Value::Null);
    answered(&question)
}

fn answered(question: &Value) -> String {
    // Behind a pointer, as the Worker's: the reader of the configuration is compiled once.
    let look_up: &dyn Fn(&str) -> Option<String> = &|name| variable(question.get("vars")?, name);
    let config = Config::from_vars(look_up);
    let keys = question.get("keys").and_then(Value::as_str);
    let requests = question.get("requests").and_then(Value::as_array);
    let (described, problems, rulings) = match &config {
        Ok(config) => {
            let rulings = requests
                .into_iter()
                .flatten()
                .map(|request| ruling(config, request));
            (described_config(config), Vec::new(), rulings.collect())
        }
        Err(error) => {
            let problems = error.problems.iter().map(|problem| {
                object(&[
                    ("variable", text(problem.variable)),
                    ("text", text(&problem.to_string())),
                ])
            });
            (NULL.to_owned(), problems.collect(), Vec::new())
        }
    };
    object(&[
        ("variables", list(VARIABLES.iter().map(described_variable))),
        ("problems", list(problems)),
        ("config", described),
        ("requests", list(rulings)),
        ("keys", keys.map_or_else(|| NULL.to_owned(), described_keys)),
    ])
}

fn described_variable(variable: &Variable) -> String {
    let default = match variable.default {
        Unset::Value(value) => Some(value),
        Unset::Absent | Unset::Described(_) | Unset::Required => None,
    };
    object(&[
        ("name", text(variable.name)),
        ("kind", text(&variable.kind.to_string())),
        ("default", optional(default)),
    ])
}

/// A variable as the Worker's environment has it: text as it is, everything else as its JSON.
fn variable(vars: &Value, name: &str) -> Option<String> {
    match vars.get(name)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        value @ (Value::Array(_) | Value::Bool(_) | Value::Number(_) | Value::Object(_)) => {
            Some(value.to_string())
        }
    }
}

/// Only what the doctor compares with something: what DNS says, what Auth's settings say, what a browser would do.
fn described_config(config: &Config) -> String {
    let origin_url = config.origin_url.as_ref().map(HttpUrl::as_str);
    object(&[
        ("jwks_url", text(&config.jwks_url)),
        ("publishable_key", text(config.publishable_key.expose())),
        ("auth_path", optional(config.auth_path.as_deref())),
        ("clock_skew_seconds", config.clock_skew_seconds.to_string()),
        ("cookie_domain", optional(config.cookie.domain.as_deref())),
        ("cookie_http_only", config.cookie.http_only.to_string()),
        (
            "has_identity_secret",
            config.identity_secret.is_some().to_string(),
        ),
        ("has_jwt_secret", config.jwt_secret.is_some().to_string()),
        ("auth_base", text(&config.auth_base)),
        ("issuer_is_set", config.issuer_is_set.to_string()),
        (
            "issuers",
            list(config.issuers.iter().map(|issuer| text(issuer))),
        ),
        ("login_path", text(&config.login.location(None, &[]))),
        ("origin_url", optional(origin_url)),
        (
            "refresh_margin_seconds",
            config.refresh_margin_seconds.to_string(),
        ),
        ("revocation", config.revocation.to_string()),
        ("site_url", optional(config.site_url.as_deref())),
    ])
}

fn described_keys(body: &str) -> String {
    match KeySet::parse(body.as_bytes()) {
        Ok(set) => object(&[("usable", set.len().to_string())]),
        Err(error) => object(&[("error", text(&error.to_string()))]),
    }
}

/// Which rule a request falls under, and what it means for the visitor.
///
/// In the words of an operator; the index is that of `RULES`.
fn ruling(config: &Config, request: &Value) -> String {
    let asked = |name: &str| {
        let value = request.get(name).and_then(Value::as_str);
        value.unwrap_or_default()
    };
    let raw = asked("path");
    // Rules see the path without the query.
    let raw = raw.split(['?', '#']).next().unwrap_or(raw);
    let path = RequestPath::new(raw);
    if path.all(|form| is_below(config.auth_path.as_deref(), form)) {
        return described_ruling(None, false, "answered by the Worker (AUTH_PATH)");
    }
    let (index, rule) = config.rules.find(&[asked("method")], asked("host"), &path);
    let mut words = described_rule(rule);
    let is_guarded = rule.require.is_some();
    let site = config.site_url.clone();
    let origin = site.unwrap_or_else(|| format!("https://{}", asked("host")));
    let is_exempt = config.is_exempt(rule, &origin, &path);
    if is_guarded && is_exempt {
        words.push_str("; never denied, since visitors are sent there");
    }
    described_ruling(index, is_guarded && !is_exempt, &words)
}

fn described_ruling(rule: Option<usize>, is_guarded: bool, words: &str) -> String {
    let rule = rule.map_or_else(|| NULL.to_owned(), |index| index.to_string());
    object(&[
        ("rule", rule),
        ("guarded", is_guarded.to_string()),
        ("text", text(words)),
    ])
}

fn is_below(base: Option<&str>, form: &str) -> bool {
    base.and_then(|base| form.strip_prefix(base))
        .is_some_and(|rest| rest.starts_with('/'))
}

/// Only what differs from a rule of which nothing is said.
fn described_rule(rule: &Rule) -> String {
    if rule.bypass {
        return "forwarded untouched".to_owned();
    }
    let mut parts = vec![match &rule.require {
        None => "everyone passes, the session is kept fresh".to_owned(),
        Some(requirement) => described_requirement(requirement),
    }];
    if rule.verify == Verify::Live {
        parts.push("Auth is asked on every request".to_owned());
    }
    if rule.cache == Cache::Shared {
        parts.push("the page is shared by caches".to_owned());
    }
    match (&rule.require, rule.on_denied) {
        (Some(_), OnDenied::Redirect) => parts.push("others are redirected".to_owned()),
        (Some(_), OnDenied::Status) => parts.push("others get a status".to_owned()),
        (Some(_), OnDenied::Auto) | (None, _) => {}
    }
    match rule.credentials {
        Credentials::Any => {}
        Credentials::Bearer => parts.push("bearer tokens alone count".to_owned()),
        Credentials::Cookie => parts.push("cookies alone count".to_owned()),
    }
    let pages = [
        ("no session", &rule.login),
        ("what falls short", &rule.forbidden),
        ("a session", &rule.signed_in),
    ];
    parts.extend(pages.into_iter().filter_map(|(who, page)| {
        let page: &Destination = page.as_ref()?;
        Some([who, " goes to ", &page.location(None, &[])].concat())
    }));
    if !rule.cors.is_empty() {
        parts.push(["its denials are readable for ", &rule.cors.join(", ")].concat());
    }
    parts.join("; ")
}

fn described_requirement(requirement: &Requirement) -> String {
    let mut wanted: Vec<(&str, String)> = Vec::new();
    if !requirement.role.is_empty() {
        wanted.push(("role", list(requirement.role.iter().map(|role| text(role)))));
    }
    if let Some(aal) = requirement.aal {
        let word = match aal {
            Aal::Aal1 => "aal1",
            Aal::Aal2 => "aal2",
        };
        wanted.push(("aal", text(word)));
    }
    if !requirement.anonymous {
        wanted.push(("anonymous", false.to_string()));
    }
    if let Some(seconds) = requirement.max_age {
        wanted.push(("max_age", seconds.to_string()));
    }
    if !requirement.absent.is_empty() {
        let absent = requirement.absent.iter().map(|pointer| text(pointer));
        wanted.push(("absent", list(absent)));
    }
    match &requirement.clients {
        Clients::None => {}
        Clients::Any => wanted.push(("clients", true.to_string())),
        Clients::Listed(ids) => wanted.push(("clients", list(ids.iter().map(|id| text(id))))),
    }
    for (pointer, values) in &requirement.claims {
        wanted.push((pointer, list(values.iter().map(Value::to_string))));
    }
    if wanted.is_empty() {
        return "needs a session".to_owned();
    }
    format!("needs a session with {}", object(&wanted))
}

// JSON is written by hand: serde_json's values and its macro are 8 KB more in every cold start, for what no request needs.

const NULL: &str = "null";

fn object(members: &[(&str, String)]) -> String {
    let members = members
        .iter()
        .map(|(name, value)| [&text(name), ":", value].concat());
    ["{", &members.collect::<Vec<_>>().join(","), "}"].concat()
}

fn list(values: impl IntoIterator<Item = String>) -> String {
    let values: Vec<String> = values.into_iter().collect();
    ["[", &values.join(","), "]"].concat()
}

fn text(text: &str) -> String {
    json::write(&text)
}

fn optional(value: Option<&str>) -> String {
    value.map_or_else(|| NULL.to_owned(), text)
}
