//! Reads `RULES`, member by member, so that each mistake is named with its position and no value is ever quoted.
//!
//! A rule is read whole although a member of it is wrong, so that all mistakes are found at once. A field that is
//! not known is a mistake too: `requier` would leave a page open.

use super::glob::HostGlob;
use super::requirement::{Aal, Clients, Requirement};
use super::rule::{Cache, Credentials, OnDenied, Rule, Verify};
use super::spelling::{
    host_problem, method_problem, origin_problem, path_problem, pointer_problem,
};
use super::values::{Problems, boolean, shown, texts, word};
use crate::json;
use crate::redirect::Destination;
use serde_json::{Map, Value};

const RULE_FIELDS: &str = "bypass, cache, cors, credentials, forbidden, hosts, login, methods, name, on_denied, path, require, signed_in, verify";
const REQUIRE_FIELDS: &str = "aal, absent, anonymous, claims, clients, max_age, role";

/// A name that is longer would fill the log line.
const MAX_RULE_NAME_CHARS: usize = 100;

/// # Errors
/// Every mistake, each beginning with its position.
pub(super) fn rules(json: &str) -> Result<Vec<Rule>, Vec<String>> {
    let value: Value = json::read(json).map_err(|error| {
        vec![format!(
            "must be JSON (line {}, column {} is not)",
            error.line(),
            error.column()
        )]
    })?;
    let Value::Array(list) = value else {
        return Err(vec!["must be a list of rules".to_owned()]);
    };
    let mut problems = Problems(Vec::new());
    let rules = list
        .iter()
        .enumerate()
        .map(|(index, value)| rule(&format!("[{index}]"), value, &mut problems));
    let rules: Vec<Rule> = rules.collect();
    if problems.0.is_empty() {
        Ok(rules)
    } else {
        Err(problems.0)
    }
}

fn rule(at: &str, value: &Value, problems: &mut Problems) -> Rule {
    let mut rule = Rule::default();
    let Value::Object(fields) = value else {
        problems.add(at, "must be an object");
        return rule;
    };
    for (name, value) in fields {
        let at = format!("{at}.{}", shown(name));
        if !matching_field(name, &at, value, &mut rule, problems)
            && !effect_field(name, &at, value, &mut rule, problems)
        {
            let text = format!("is not a field of a rule, which are {RULE_FIELDS}");
            problems.add(&at, &text);
        }
    }
    conflicts(at, fields, problems);
    rule
}

/// Reads a field that says which requests the rule is for; false if it is none.
fn matching_field(
    name: &str,
    at: &str,
    value: &Value,
    rule: &mut Rule,
    problems: &mut Problems,
) -> bool {
    match name {
        "hosts" => {
            let hosts = texts(at, value, &host_problem, problems);
            rule.hosts = hosts.iter().map(|glob| HostGlob::new(glob)).collect();
        }
        "methods" => rule.methods = texts(at, value, &method_problem, problems),
        "name" => rule.name = rule_name(at, value, problems),
        "path" => paths(at, value, rule, problems),
        _ => return false,
    }
    true
}

/// Reads a field that says what holds for those requests; false if it is none.
fn effect_field(
    name: &str,
    at: &str,
    value: &Value,
    rule: &mut Rule,
    problems: &mut Problems,
) -> bool {
    match name {
        "bypass" => rule.bypass = boolean(at, value, problems),
        "cache" => {
            let words = [("private", Cache::Private), ("shared", Cache::Shared)];
            rule.cache = word(at, value, &words, problems);
        }
        "cors" => rule.cors = texts(at, value, &origin_problem, problems),
        "credentials" => {
            let words = [
                ("any", Credentials::Any),
                ("bearer", Credentials::Bearer),
                ("cookie", Credentials::Cookie),
            ];
            rule.credentials = word(at, value, &words, problems);
        }
        "forbidden" => rule.forbidden = destination(at, value, problems),
        "login" => rule.login = destination(at, value, problems),
        "on_denied" => {
            let words = [
                ("auto", OnDenied::Auto),
                ("redirect", OnDenied::Redirect),
                ("status", OnDenied::Status),
            ];
            rule.on_denied = word(at, value, &words, problems);
        }
        "require" => rule.require = Some(requirement(at, value, problems)),
        "signed_in" => rule.signed_in = destination(at, value, problems),
        "verify" => {
            let words = [("live", Verify::Live), ("local", Verify::Local)];
            rule.verify = word(at, value, &words, problems);
        }
        _ => return false,
    }
    true
}

/// Fields that contradict each other.
fn conflicts(at: &str, fields: &Map<String, Value>, problems: &mut Problems) {
    let has = |name: &&str| fields.contains_key(*name);
    let is_bypass = fields.get("bypass") == Some(&Value::Bool(true));
    if is_bypass && ["require", "verify", "cache", "signed_in"].iter().any(has) {
        problems.add(
            &format!("{at}.bypass"),
            "cannot stand together with require, verify, cache or signed_in",
        );
    }
    if ["signed_in", "require"].iter().all(has) {
        problems.add(
            &format!("{at}.signed_in"),
            "cannot stand together with require",
        );
    }
}

/// It stands in the log, so it is one line of bounded length.
fn rule_name(at: &str, value: &Value, problems: &mut Problems) -> Option<String> {
    let is_good = |name: &&str| {
        !name.is_empty()
            && name.chars().count() <= MAX_RULE_NAME_CHARS
            && !name.contains(char::is_control)
    };
    let name = value.as_str().filter(is_good);
    if name.is_none() {
        let text = format!("must be a text of at most {MAX_RULE_NAME_CHARS} characters");
        problems.add(at, &text);
    }
    name.map(str::to_owned)
}

fn destination(at: &str, value: &Value, problems: &mut Problems) -> Option<Destination> {
    let destination = value.as_str().and_then(Destination::parse);
    if destination.is_none() {
        problems.add(
            at,
            "must be a path that begins with / and holds no escape, fragment, // or dot segment, or an absolute http or https URL",
        );
    }
    destination
}

/// A single glob cannot exclude: alone, `!/x` would match nothing.
fn paths(at: &str, value: &Value, rule: &mut Rule, problems: &mut Problems) {
    let in_a_list = value.is_array();
    let check = |glob: &str| path_problem(glob, in_a_list);
    for glob in texts(at, value, &check, problems) {
        match glob.strip_prefix('!') {
            Some(excluded) => rule.excluded_paths.add(excluded),
            None => rule.paths.add(&glob),
        }
    }
}

fn requirement(at: &str, value: &Value, problems: &mut Problems) -> Requirement {
    let mut requirement = Requirement::default();
    let fields = match value {
        Value::Bool(true) => return requirement,
        Value::Object(fields) => fields,
        Value::Array(_)
        | Value::Bool(false)
        | Value::Null
        | Value::Number(_)
        | Value::String(_) => {
            problems.add(
                at,
                "must be true or an object; without it nothing is required",
            );
            return requirement;
        }
    };
    for (name, value) in fields {
        let at = format!("{at}.{}", shown(name));
        match name.as_str() {
            "aal" => {
                requirement.aal = word(
                    &at,
                    value,
                    &[("aal1", Some(Aal::Aal1)), ("aal2", Some(Aal::Aal2))],
                    problems,
                )
            }
            "absent" => requirement.absent = texts(&at, value, &pointer_problem, problems),
            "anonymous" => requirement.anonymous = boolean(&at, value, problems),
            "claims" => requirement.claims = claims(&at, value, problems),
            "clients" => requirement.clients = clients(&at, value, problems),
            "max_age" => {
                requirement.max_age = value.as_u64();
                if requirement.max_age.is_none() {
                    problems.add(&at, "must be a whole number of seconds");
                }
            }
            "role" => requirement.role = texts(&at, value, &|_| None, problems),
            _ => problems.add(
                &at,
                &format!("is not a field of require, which are {REQUIRE_FIELDS}"),
            ),
        }
    }
    requirement
}

/// Positions are counted and pointers not repeated: a pointer may be a value in the wrong place.
fn claims(at: &str, value: &Value, problems: &mut Problems) -> Vec<(String, Vec<Value>)> {
    let Value::Object(claims) = value else {
        problems.add(at, "must be an object of JSON pointers and values");
        return Vec::new();
    };
    claims
        .iter()
        .enumerate()
        .map(|(index, (pointer, value))| {
            let at = format!("{at} (member {})", index + 1);
            if let Some(problem) = pointer_problem(pointer) {
                problems.add(&at, problem);
            }
            (pointer.clone(), wanted(&at, value, problems))
        })
        .collect()
}

/// Without the field no app of somebody else's passes, whatever else the rule says.
fn clients(at: &str, value: &Value, problems: &mut Problems) -> Clients {
    match value {
        Value::Bool(true) => Clients::Any,
        Value::Array(_) | Value::String(_) => {
            Clients::Listed(texts(at, value, &|_| None, problems))
        }
        Value::Bool(false) | Value::Null | Value::Number(_) | Value::Object(_) => {
            problems.add(at, "must be true or a list of client ids");
            Clients::None
        }
    }
}

/// Objects and lists of lists cannot be asked for: a claim that is a list is searched for a member.
fn wanted(at: &str, value: &Value, problems: &mut Problems) -> Vec<Value> {
    let list = match value {
        Value::Array(list) => list.clone(),
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::Object(_) | Value::String(_) => {
            vec![value.clone()]
        }
    };
    if list.is_empty()
        || list
            .iter()
            .any(|value| value.is_array() || value.is_object())
    {
        problems.add(
            at,
            "must be a string, number, boolean or null, or a list of at least one of these",
        );
    }
    list
}
