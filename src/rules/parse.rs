//! Reads `RULES`, member by member, so that each mistake is named with its position and no value is ever quoted.

use super::glob::HostGlob;
use super::requirement::{Aal, Clients, Requirement};
use super::rule::{Cache, Credentials, OnDenied, Rule, Verify};
use crate::json;
use crate::redirect::{Destination, is_spelled_out, parse_url};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

const RULE_FIELDS: &str = "bypass, cache, cors, credentials, forbidden, hosts, login, methods, name, on_denied, path, require, signed_in, verify";
const REQUIRE_FIELDS: &str = "aal, absent, anonymous, claims, clients, max_age, role";

/// A name that is longer would fill the log line.
const MAX_RULE_NAME_CHARS: usize = 100;

/// The claims that users write themselves: who may put anything there proves nothing by it.
const USERS_OWN_CLAIMS: &str = "/user_metadata";

/// Field names longer than this, or of other characters, are not repeated in a message.
const MAX_NAME_BYTES: usize = 40;

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

struct Problems(Vec<String>);

impl Problems {
    fn add(&mut self, at: &str, rule: &str) {
        self.0.push(format!("{at} {rule}"));
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

fn boolean(at: &str, value: &Value, problems: &mut Problems) -> bool {
    value.as_bool().unwrap_or_else(|| {
        problems.add(at, "must be true or false");
        false
    })
}

fn word<T: Copy + Default>(
    at: &str,
    value: &Value,
    words: &[(&str, T)],
    problems: &mut Problems,
) -> T {
    let found = value
        .as_str()
        .and_then(|text| words.iter().find(|(word, _)| *word == text));
    if let Some((_, meaning)) = found {
        return *meaning;
    }
    let known = words.iter().map(|(word, _)| *word).collect();
    no_word(at, known, problems);
    T::default()
}

fn no_word(at: &str, known: Vec<&str>, problems: &mut Problems) {
    problems.add(at, &format!("must be one of {}", known.join(", ")));
}

/// A string or a list of strings, each of them checked.
fn texts(
    at: &str,
    value: &Value,
    check: &dyn Fn(&str) -> Option<&'static str>,
    problems: &mut Problems,
) -> Vec<String> {
    let members = match value {
        Value::Array(members) => members.iter().collect(),
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::Object(_) | Value::String(_) => {
            vec![value]
        }
    };
    if members.is_empty() {
        problems.add(at, "must not be an empty list; leave it out to mean all");
    }
    let mut texts = Vec::new();
    for (index, member) in members.iter().enumerate() {
        let at = if value.is_array() {
            format!("{at}[{index}]")
        } else {
            at.to_owned()
        };
        match member.as_str() {
            None | Some("") => problems.add(&at, "must be a string that is not empty"),
            Some(text) => {
                if let Some(problem) = check(text) {
                    problems.add(&at, problem);
                }
                texts.push(text.to_owned());
            }
        }
    }
    texts
}

fn path_problem(glob: &str, in_a_list: bool) -> Option<&'static str> {
    let included = match glob.strip_prefix('!') {
        Some(_) if !in_a_list => return Some("may exclude with ! inside a list only"),
        Some(excluded) => excluded,
        None => glob,
    };
    if !included.starts_with(['/', '*']) {
        return Some("must begin with / or *, otherwise it matches nothing");
    }
    if included.contains(char::is_control) {
        return Some("must not hold a control character");
    }
    let decoded = percent_decode_str(included).decode_utf8_lossy();
    if decoded.contains('\0') {
        return Some("must not hold an escaped NUL, at which a path may end");
    }
    let stars = |text: &str| text.matches('*').count();
    // Decoded, the star would match everything.
    (stars(&decoded) > stars(included))
        .then_some("must not hold an escaped star, which cannot be told from a wildcard")
}

fn host_problem(glob: &str) -> Option<&'static str> {
    let allowed =
        |character: char| character.is_ascii_alphanumeric() || "-._*:[]".contains(character);
    (!glob.chars().all(allowed))
        .then_some("must be a host name in ASCII, without scheme or path, * allowed")
}

fn method_problem(method: &str) -> Option<&'static str> {
    let token = |character: char| {
        character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character)
    };
    (method.contains('*') || !method.chars().all(token)).then_some("must be the name of a method")
}

fn pointer_problem(pointer: &str) -> Option<&'static str> {
    if !is_json_pointer(pointer) {
        return Some("must be named by a JSON pointer, such as /app_metadata/role");
    }
    let is_users_own = pointer
        .strip_prefix(USERS_OWN_CLAIMS)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    is_users_own.then_some(
        "must not point into /user_metadata, which users write themselves; /app_metadata is the server's",
    )
}

fn origin_problem(origin: &str) -> Option<&'static str> {
    let is_origin = is_spelled_out(origin)
        && parse_url(origin).is_some_and(|url| url.origin().ascii_serialization() == origin);
    (!is_origin).then_some("must be an origin such as https://app.example.com")
}

/// True for a JSON pointer (RFC 6901) to anything but the whole.
pub(crate) fn is_json_pointer(pointer: &str) -> bool {
    pointer.starts_with('/')
        && pointer
            .split('~')
            .skip(1)
            .all(|rest| rest.starts_with(['0', '1']))
}

/// A field name as a message may repeat it: what does not look like a name might be a value in the wrong place.
fn shown(name: &str) -> &str {
    let looks_like_a_name = name.len() <= MAX_NAME_BYTES
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if looks_like_a_name && !name.is_empty() {
        name
    } else {
        "(unnamed)"
    }
}
