//! What the doctor is told of a configuration.

use edge_session::examine::answer;
use serde_json::{Value, json};

fn ask(question: &Value) -> Value {
    serde_json::from_str(&answer(&question.to_string())).expect("the answer is JSON")
}

fn vars(more: &Value) -> Value {
    let mut vars = json!({
        "SUPABASE_URL": "https://abc.supabase.co",
        "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_x",
    });
    for (name, value) in more.as_object().expect("an object") {
        vars[name] = value.clone();
    }
    vars
}

#[test]
fn every_problem_is_named_with_its_variable() {
    let answer = ask(&json!({"vars": {"RULES": [{"requires": true}], "AUTH_TIMEOUT_MS": 5}}));
    let variables: Vec<&str> = answer["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| problem["variable"].as_str().unwrap())
        .collect();
    for name in ["SUPABASE_URL", "RULES", "AUTH_TIMEOUT_MS"] {
        assert!(variables.contains(&name), "{variables:?}");
    }
    assert_eq!(answer["config"], Value::Null);
    assert_eq!(answer["requests"], json!([]));
}

#[test]
fn a_good_configuration_is_described_without_its_secrets() {
    let vars = vars(&json!({
        "SUPABASE_SECRET_KEY": "sb_secret_abc",
        "ORIGIN_URL": "https://Origin.example.com/x",
        "COOKIE_HTTP_ONLY": true,
        "AUTH_PATH": "/auth",
    }));
    let answer = ask(&json!({"vars": vars}));
    assert_eq!(answer["problems"], json!([]));
    let config = &answer["config"];
    assert_eq!(config["origin_url"], "https://origin.example.com/x");
    assert_eq!(config["cookie_http_only"], true);
    assert_eq!(config["auth_path"], "/auth");
    assert_eq!(
        config["issuers"],
        json!(["https://abc.supabase.co/auth/v1"])
    );
    assert_eq!(config["issuer_is_set"], false);
    assert_eq!(config["site_url"], Value::Null);
    assert!(!answer.to_string().contains("sb_secret_abc"));
}

#[test]
fn requests_are_ruled_as_the_worker_rules_them() {
    let vars = vars(&json!({
        "AUTH_PATH": "/auth",
        "RULES": [
            {"path": "/open*", "bypass": true},
            {"path": ["/members*", "/login"], "require": {"aal": "aal2", "claims": {"/app_metadata/\"role": ["a", 1]}}},
        ],
    }));
    let paths = [
        "/open/x",
        "/x/../%6dembers",
        "/login?next=/",
        "/auth/callback",
        "/else",
    ];
    let requests: Vec<Value> = paths
        .iter()
        .map(|path| json!({"method": "GET", "host": "example.com", "path": path}))
        .collect();
    let answer = ask(&json!({"vars": vars, "requests": requests}));
    let words = r#"needs a session with {"aal":"aal2","/app_metadata/\"role":["a",1]}"#;
    let never = format!("{words}; never denied, since visitors are sent there");
    assert_eq!(
        answer["requests"],
        json!([
            {"rule": 0, "guarded": false, "text": "forwarded untouched"},
            {"rule": 1, "guarded": true, "text": words},
            {"rule": 1, "guarded": false, "text": never},
            {"rule": null, "guarded": false, "text": "answered by the Worker (AUTH_PATH)"},
            {"rule": null, "guarded": false, "text": "everyone passes, the session is kept fresh"},
        ])
    );
}

#[test]
fn every_field_of_a_rule_is_put_in_words() {
    let cases = [
        (json!({"bypass": true}), "forwarded untouched"),
        (
            json!({"require": {"role": "admin", "aal": "aal2", "clients": ["c"]}}),
            r#"needs a session with {"role":["admin"],"aal":"aal2","clients":["c"]}"#,
        ),
        (
            json!({"require": {"clients": true}}),
            r#"needs a session with {"clients":true}"#,
        ),
        (
            json!({"require": true, "credentials": "bearer", "verify": "live"}),
            "needs a session; Auth is asked on every request; bearer tokens alone count",
        ),
        (
            json!({"require": true, "credentials": "cookie", "on_denied": "status"}),
            "needs a session; others get a status; cookies alone count",
        ),
        (
            json!({"require": true, "login": "/in", "forbidden": "/no?x=1"}),
            "needs a session; no session goes to /in; what falls short goes to /no?x=1",
        ),
        (
            json!({"signed_in": "/home"}),
            "everyone passes, the session is kept fresh; a session goes to /home",
        ),
        (
            json!({"require": true, "cors": ["https://a.example"]}),
            "needs a session; its denials are readable for https://a.example",
        ),
    ];
    for (rule, words) in cases {
        let question =
            json!({"vars": vars(&json!({"RULES": [rule]})), "requests": [{"path": "/x"}]});
        let answer = ask(&question);
        assert_eq!(answer["requests"][0]["text"], words, "{answer}");
    }
}

#[test]
fn a_key_set_is_counted_or_refused() {
    assert_eq!(ask(&json!({"keys": r#"{"keys":[]}"#}))["keys"]["usable"], 0);
    assert!(ask(&json!({"keys": "<!doctype html>"}))["keys"]["error"].is_string());
    assert_eq!(ask(&json!({}))["keys"], Value::Null);
}

#[test]
fn the_variables_are_those_of_the_worker() {
    let answer = ask(&json!({}));
    let known = edge_session::config::VARIABLES;
    assert_eq!(answer["variables"].as_array().unwrap().len(), known.len());
    assert!(
        answer["variables"]
            .as_array()
            .unwrap()
            .contains(&json!({"name": "LOGIN_PATH", "kind": "var", "default": "/login"}))
    );
}

#[test]
fn what_is_no_question_is_answered_as_an_empty_one() {
    for question in ["", "null", "[", "\u{0}", "{\"vars\":3}"] {
        let answer: Value = serde_json::from_str(&answer(question)).unwrap();
        assert_ne!(answer["problems"], json!([]), "{question}");
    }
}
