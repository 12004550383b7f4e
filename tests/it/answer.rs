//! Answers of the Worker itself.

use edge_session::answer::{Answer, Medium, Reader};
use edge_session::cache_control::{DENIAL, NO_STORE};
use edge_session::config::Config;
use edge_session::pages::{Frame, Language};
use serde_json::Value;

fn values<'a>(answer: &'a Answer, name: &str) -> Vec<&'a str> {
    answer
        .headers()
        .iter()
        .filter(|(known, _)| *known == name)
        .map(|(_, value)| value.as_str())
        .collect()
}

fn all() -> Vec<Answer> {
    let mut answers = vec![
        Answer::path_outside(),
        Answer::loop_detected(),
        Answer::see_other("/login".to_owned()),
        Answer::unauthorized(Medium::Html, "anonymous"),
        Answer::unauthorized(Medium::Json, "anonymous"),
    ];
    for medium in [Medium::Html, Medium::Json] {
        answers.push(Answer::forbidden(medium, "role"));
        answers.push(Answer::unavailable(medium, "auth_timeout"));
        answers.push(Answer::origin_unreachable());
    }
    // In words, every answer that has some.
    let words = |answer: Answer| answer.in_words(Frame::default(), Reader::default());
    let told: Vec<Answer> = answers.iter().cloned().map(words).collect();
    let is_untold = |answer: &Answer| values(answer, "content-type").concat().contains("html");
    answers.retain(|answer| !is_untold(answer));
    answers.extend(told);
    answers
}

#[test]
fn every_answer_is_uncacheable_and_varies_by_cookie() {
    for answer in all() {
        assert_eq!(
            values(&answer, "cache-control"),
            [DENIAL],
            "{}",
            answer.status()
        );
        assert_eq!(values(&answer, "vary"), ["Cookie"]);
        assert_eq!(values(&answer, "x-content-type-options"), ["nosniff"]);
    }
}

#[test]
fn every_answer_has_its_status_and_a_readable_body() {
    let statuses: Vec<u16> = all().iter().map(Answer::status).collect();
    let json = [400, 508, 303, 401, 502, 403, 503, 502];
    let told = [400, 508, 303, 401, 401, 403, 503, 502, 403, 503, 502];
    assert_eq!(statuses, [&json[..], &told].concat());
    for answer in all() {
        let kind = values(&answer, "content-type").concat();
        if kind.contains("json") {
            let body: Value = serde_json::from_str(answer.body()).unwrap();
            assert!(body.get("error").is_some() || body["status"] == answer.status());
        } else if kind.contains("html") {
            assert!(
                answer.body().starts_with("<!doctype html>") && answer.body().contains("<title>")
            );
            assert!(
                values(&answer, "content-security-policy")
                    .concat()
                    .contains("default-src 'none'")
            );
        } else {
            assert_eq!((answer.status(), answer.body()), (303, ""));
        }
    }
}

#[test]
fn cookies_make_an_answer_no_store() {
    for answer in all() {
        let answer = answer.with_cookies(vec!["a=1".to_owned(), "b=2".to_owned()]);
        assert_eq!(values(&answer, "cache-control"), [NO_STORE]);
        assert_eq!(values(&answer, "set-cookie"), ["a=1", "b=2"]);
        assert_eq!(
            (values(&answer, "expires"), values(&answer, "pragma")),
            (vec!["0"], vec!["no-cache"])
        );
    }
    assert_eq!(
        Answer::path_outside().with_cookies(Vec::new()),
        Answer::path_outside()
    );
}

#[test]
fn a_bad_configuration_names_each_variable_and_no_value() {
    let error = Config::from_vars(|name| match name {
        "SUPABASE_URL" => Some("ftp://hidden-value".to_owned()),
        "IDENTITY_SECRET" => Some("hidden-value".to_owned()),
        _ => None,
    })
    .unwrap_err();
    let answer = Answer::misconfigured(&error);
    assert_eq!(
        (answer.status(), values(&answer, "cache-control")),
        (500, vec!["no-store"])
    );
    assert_eq!(
        values(&answer, "content-type"),
        ["application/problem+json"]
    );
    for name in [
        "SUPABASE_URL",
        "SUPABASE_PUBLISHABLE_KEY",
        "IDENTITY_SECRET",
    ] {
        assert!(answer.body().contains(name), "{name}");
    }
    assert!(!answer.body().contains("hidden-value"));
}

#[test]
fn a_bad_configuration_says_the_same_in_words() {
    let error = Config::from_vars(|_| None).unwrap_err();
    let frame = Frame {
        language: Language::De,
        ..Frame::default()
    };
    let answer = Answer::misconfigured(&error).in_words(frame, Reader::default());
    assert_eq!(
        (answer.status(), values(&answer, "cache-control")),
        (500, vec!["no-store"])
    );
    assert_eq!(
        values(&answer, "content-type"),
        ["text/html; charset=utf-8"]
    );
    assert!(answer.body().contains("lang=\"de\""));
    for problem in &error.problems {
        assert!(answer.body().contains(problem.variable), "{problem}");
    }
}

#[test]
fn the_loop_names_what_to_set() {
    let answer = Answer::loop_detected();
    let told = answer.clone().in_words(Frame::default(), Reader::default());
    for name in ["ORIGIN_URL", "ORIGIN ", "ASSETS"] {
        assert!(
            answer.body().contains(name) && told.body().contains(name),
            "{name}"
        );
    }
}

#[test]
fn scripts_of_the_origins_named_may_read_an_answer() {
    let allowed = ["https://app.example".to_owned()];
    let with = |allowed: &[String], origin| Answer::path_outside().with_cors(allowed, origin);
    let read = with(&allowed, Some("https://app.example"));
    assert_eq!(
        values(&read, "access-control-allow-origin"),
        ["https://app.example"]
    );
    assert_eq!(values(&read, "access-control-allow-credentials"), ["true"]);
    assert_eq!(values(&read, "vary"), ["Cookie, Origin"]);
    for origin in [None, Some("https://evil.example"), Some("null")] {
        let refused = with(&allowed, origin);
        assert!(values(&refused, "access-control-allow-origin").is_empty());
        assert_eq!(values(&refused, "vary"), ["Cookie, Origin"]);
    }
    assert_eq!(
        with(&[], Some("https://app.example")),
        Answer::path_outside()
    );
}
