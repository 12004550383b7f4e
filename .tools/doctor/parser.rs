//! What the Worker makes of a configuration: a question as JSON on stdin, the answer as JSON on stdout.
//!
//! The question is `{"vars": {…}, "requests": [{"method", "host", "path"}], "keys": "<body of the key set>"}`, all of it
//! optional. Nothing is interpreted here: every verdict is the crate's own.

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use edge_session::config::{Config, Unset, VARIABLES, Variable};
use edge_session::jwks::KeySet;
use edge_session::path::RequestPath;
use edge_session::rules::{Aal, Cache, OnDenied, Requirement, Rule, Verify};
use serde_json::{Map, Value, json};

fn main() -> ExitCode {
    match answer_stdin() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn answer_stdin() -> std::io::Result<()> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let question: Value = serde_json::from_str(&text)?;
    writeln!(std::io::stdout(), "{}", answer(&question))
}

fn answer(question: &Value) -> Value {
    let config = Config::from_vars(|name| variable(question.get("vars")?, name));
    let keys = question
        .get("keys")
        .and_then(Value::as_str)
        .map(described_keys);
    let requests = config.as_ref().map_or_else(
        |_| Vec::new(),
        |config| {
            let asked = question.get("requests").and_then(Value::as_array);
            asked
                .into_iter()
                .flatten()
                .map(|request| ruling(config, request))
                .collect()
        },
    );
    let problems: Vec<Value> = config
        .as_ref()
        .err()
        .map(|error| &error.problems)
        .into_iter()
        .flatten()
        .map(|problem| json!({"variable": problem.variable, "text": problem.to_string()}))
        .collect();
    json!({
        "variables": VARIABLES
            .iter()
            .map(described_variable)
            .collect::<Vec<_>>(),
        "problems": problems,
        "config": config.as_ref().ok().map(described_config),
        "requests": requests,
        "keys": keys,
    })
}

fn described_variable(variable: &Variable) -> Value {
    let default = match variable.default {
        Unset::Value(value) => Some(value),
        Unset::Absent | Unset::Described(_) | Unset::Required => None,
    };
    json!({"name": variable.name, "kind": variable.kind.to_string(), "default": default})
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

fn described_config(config: &Config) -> Value {
    json!({
        "jwks_url": config.jwks_url,
        "publishable_key": config.publishable_key.expose(),
        "auth_path": config.auth_path,
        "clock_skew_seconds": config.clock_skew_seconds,
        "cookie_domain": config.cookie.domain,
        "has_identity_secret": config.identity_secret.is_some(),
        "has_jwt_secret": config.jwt_secret.is_some(),
        "has_origin_url": config.origin_url.is_some(),
        "has_secret_key": config.secret_key.is_some(),
        "auth_base": config.auth_base,
        "issuers": config.issuers,
        "login_path": config.login.location(None, &[]),
        "refresh_margin_seconds": config.refresh_margin_seconds,
        "revocation": config.revocation,
        "site_url": config.site_url,
        "storage_key": config.storage_key,
    })
}

fn described_keys(body: &str) -> Value {
    match KeySet::parse(body.as_bytes()) {
        Ok(set) => json!({"usable": set.len()}),
        Err(error) => json!({"error": error.to_string()}),
    }
}

/// Which rule a request falls under, and what it means for the visitor.
fn ruling(config: &Config, request: &Value) -> Value {
    let text = |name: &str| {
        request
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let raw = text("path");
    // Rules see the path without the query.
    let raw = raw.split(['?', '#']).next().unwrap_or(raw);
    let path = RequestPath::new(raw);
    if path.all(|form| is_below(config.auth_path.as_deref(), form)) {
        return json!({"rule": null, "text": "answered by the Worker (AUTH_PATH)"});
    }
    let (index, rule) = config.rules.find(&[text("method")], text("host"), &path);
    let mut text = described_rule(rule);
    let origin = config.site_url.as_deref().unwrap_or_default();
    if rule.require.is_some() && config.is_exempt(rule, origin, &path) {
        text.push_str("; never denied, since denied visitors are sent there");
    }
    json!({"rule": index, "text": text})
}

fn is_below(base: Option<&str>, form: &str) -> bool {
    base.and_then(|base| form.strip_prefix(base))
        .is_some_and(|rest| rest.starts_with('/'))
}

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
    parts.join("; ")
}

fn described_requirement(requirement: &Requirement) -> String {
    let mut wanted = Map::new();
    if !requirement.role.is_empty() {
        wanted.insert("role".to_owned(), json!(requirement.role));
    }
    if let Some(aal) = requirement.aal {
        let word = match aal {
            Aal::Aal1 => "aal1",
            Aal::Aal2 => "aal2",
        };
        wanted.insert("aal".to_owned(), json!(word));
    }
    if !requirement.anonymous {
        wanted.insert("anonymous".to_owned(), json!(false));
    }
    for (pointer, values) in &requirement.claims {
        wanted.insert(pointer.clone(), json!(values));
    }
    if wanted.is_empty() {
        return "needs a session".to_owned();
    }
    format!("needs a session with {}", Value::Object(wanted))
}
