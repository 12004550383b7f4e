//! The end of deciding: live checks, the attributes of cookies, and the record.

use edge_session::auth_api::Unreachable;
use edge_session::record::Level;
use serde_json::json;

use crate::scenario::{KEY, NEW_REFRESH_TOKEN, REFRESH_TOKEN, Reply, Scenario};
use crate::tokens::{NOW, OTHER_USER, SESSION, Signer, USER, expiring_in};

fn live(scenario: Scenario) -> Scenario {
    scenario.rule(&json!({"verify": "live", "require": true}))
}

fn fresh() -> String {
    Signer::Es256.mint(&json!({"exp": NOW + 7200}))
}

#[test]
fn a_live_rule_asks_auth_on_every_request() {
    let mut scenario = live(Scenario::expiring_in(3600)).user(Reply::user(USER));
    let first = scenario.run();
    assert_eq!(
        first.steps,
        [
            "read_keys",
            "fetch_keys",
            "check_signature",
            "ask_user",
            "forward"
        ]
    );
    let second = scenario.run();
    assert_eq!(second.steps, ["ask_user", "forward"]);
    assert_eq!(
        (second.outcome(), second.record.auth_calls),
        (("valid", "token_valid"), 1)
    );
}

#[test]
fn a_live_rule_asks_nothing_where_there_is_no_session() {
    let run = live(Scenario::new()).run();
    assert_eq!(run.steps, ["respond"]);
}

#[test]
fn a_session_that_auth_no_longer_knows_is_revoked() {
    for code in ["session_not_found", "user_not_found", "user_banned"] {
        let mut scenario = live(Scenario::expiring_in(3600)).user(Reply::error(403, code));
        let run = scenario.run();
        assert_eq!(run.outcome(), ("revoked", code));
        assert_eq!(
            (run.answer().status(), run.deleted()),
            (303, vec![KEY.to_owned()])
        );
        assert_eq!(
            scenario.memory.borrow_mut().verdicts.len(),
            0,
            "the verdict is forgotten"
        );
    }
}

#[test]
fn a_live_check_without_an_answer_does_not_pass_and_does_not_sign_out() {
    for reply in [
        Reply::hangs(),
        Reply::failed(Unreachable::Network),
        Reply::error(500, "x"),
        Reply::error(429, "over_request_rate_limit"),
        Reply::new(403, "<html>"),
        Reply::error(403, "bad_jwt"),
    ] {
        let run = live(Scenario::expiring_in(3600)).user(reply).run();
        assert_eq!(
            (run.record.outcome, run.answer().status()),
            ("unavailable", 503)
        );
        assert!(run.at_browser("set-cookie").is_empty());
    }
}

#[test]
fn a_live_check_that_finds_somebody_else_is_invalid() {
    let run = live(Scenario::expiring_in(3600))
        .user(Reply::user(OTHER_USER))
        .run();
    assert_eq!(run.outcome(), ("invalid", "token_subject"));
}

#[test]
fn a_renewed_session_reaches_the_browser_even_if_the_live_check_fails() {
    let run = live(Scenario::expiring_in(30))
        .refresh(Reply::renewed(&fresh()))
        .user(Reply::hangs())
        .run();
    assert_eq!(
        (run.record.outcome, run.answer().status()),
        ("unavailable", 503)
    );
    assert_eq!(run.written().unwrap()["refresh_token"], NEW_REFRESH_TOKEN);
}

#[test]
fn a_renewed_session_that_could_not_be_checked_is_not_shown_to_the_origin() {
    let run = Scenario::expiring_in(30)
        .rule(&json!({"verify": "live"}))
        .var("FORWARD_BEARER", "on")
        .refresh(Reply::renewed(&fresh()))
        .user(Reply::hangs())
        .run();
    assert_eq!(run.record.outcome, "unavailable");
    assert!(run.at_origin("cookie").is_empty() && run.at_origin("authorization").is_empty());
    assert!(run.at_origin("x-session-user-id").is_empty());
    assert!(run.written().is_some());
}

#[test]
fn a_live_check_asks_about_the_token_that_is_good_now() {
    let run = live(Scenario::expiring_in(30))
        .refresh(Reply::renewed(&fresh()))
        .user(Reply::user(USER))
        .run();
    let (request, _) = run.sent.last().unwrap();
    assert!(
        request
            .headers
            .contains(&("authorization", format!("Bearer {}", fresh())))
    );
    let run = live(Scenario::new())
        .bearer(&expiring_in(3600))
        .user(Reply::user(USER))
        .run();
    assert_eq!(run.record.outcome, "valid");
}

#[test]
fn cookies_carry_the_attributes_of_the_configuration() {
    let line = |scenario: Scenario| {
        let run = scenario.refresh(Reply::renewed(&fresh())).run();
        let line = run.at_browser("set-cookie").pop().unwrap();
        line.split_once("; ").unwrap().1.to_owned()
    };
    assert_eq!(
        line(Scenario::expiring_in(30)),
        "Max-Age=34560000; Path=/; Secure; SameSite=Lax"
    );
    let configured = Scenario::expiring_in(30)
        .var("COOKIE_DOMAIN", "site.example")
        .var("COOKIE_PATH", "/app")
        .var("COOKIE_SAMESITE", "Strict")
        .var("COOKIE_MAX_AGE", "60")
        .var("COOKIE_HTTP_ONLY", "true")
        .var("COOKIE_SECURE", "false");
    assert_eq!(
        line(configured),
        "Max-Age=60; Domain=site.example; Path=/app; HttpOnly; SameSite=Strict"
    );
}

#[test]
fn secure_follows_the_public_scheme_of_the_site() {
    let run = Scenario::with_token("a.b.c")
        .var("SITE_URL", "http://localhost:8787")
        .run();
    assert!(!run.at_browser("set-cookie").concat().contains("Secure"));
}

#[test]
fn with_a_domain_the_host_only_twins_are_deleted_first() {
    let run = Scenario::with_token("a.b.c")
        .var("COOKIE_DOMAIN", "site.example")
        .run();
    let lines = run.at_browser("set-cookie");
    assert_eq!(lines.len(), 2);
    assert!(!lines[0].contains("Domain") && lines[1].contains("Domain=site.example"));
}

#[test]
fn only_names_that_came_are_deleted() {
    let run = Scenario::new()
        .cookie(&format!("{KEY}.0=x; {KEY}.7=y; {KEY}-code-verifier=v; a=b"))
        .run();
    assert_eq!(run.deleted(), [format!("{KEY}.0"), format!("{KEY}.7")]);
}

#[test]
fn the_record_counts_time_and_calls() {
    let run = Scenario::expiring_in(-60)
        .refresh(Reply::renewed(&fresh()).taking(40))
        .header("cf-ray", "ray-1")
        .run();
    let record = &run.record;
    assert_eq!(
        (record.auth_calls, record.keys, record.status),
        (2, "network", 200)
    );
    assert_eq!((record.ms.auth, record.ms.total), (40, 40));
    assert_eq!(
        (record.cookies, record.rule, record.ray.as_deref()),
        (1, None, Some("ray-1"))
    );
    assert_eq!(record.level, Level::Info);
}

#[test]
fn no_secret_gets_into_records_and_answers() {
    let scenarios = || {
        [
            Scenario::expiring_in(3600).refresh(Reply::error(500, "unexpected_failure")),
            Scenario::expiring_in(30).refresh(Reply::renewed(&fresh())),
            Scenario::expiring_in(30).refresh(Reply::error(500, &expiring_in(30))),
            Scenario::expiring_in(-60).refresh(Reply::error(400, "session_expired")),
            Scenario::expiring_in(-60).refresh(Reply::new(401, REFRESH_TOKEN)),
            Scenario::with_token(&format!("{}.x", expiring_in(60))),
            Scenario::with_token(&Signer::Hs256.mint(&json!({}))).user(Reply::user(OTHER_USER)),
        ]
    };
    let secret_parts = [
        expiring_in(3600),
        expiring_in(30),
        expiring_in(-60),
        fresh(),
        REFRESH_TOKEN.to_owned(),
        NEW_REFRESH_TOKEN.to_owned(),
        "visitor@example.com".to_owned(),
        USER.to_owned(),
        SESSION.to_owned(),
        "sb_publishable_x".to_owned(),
        "sb_secret_x".to_owned(),
    ];
    for require in [json!({}), json!({"require": {"role": "admin"}})] {
        for scenario in scenarios() {
            let run = scenario
                .rule(&require)
                .fetch()
                .var("SUPABASE_SECRET_KEY", "sb_secret_x")
                .run();
            let mut shown = run.record.line();
            if run.origin.is_none() {
                shown.push_str(run.answer().body());
                assert!(run.answer().body().contains("error"));
            }
            for secret in &secret_parts {
                assert!(!shown.contains(secret.as_str()), "{shown}");
            }
        }
    }
}

#[test]
fn debug_output_of_a_refresh_redacts_nothing_less_than_its_keys() {
    let config = Scenario::new()
        .var("SUPABASE_SECRET_KEY", "sb_secret_x")
        .var("SUPABASE_JWT_SECRET", "hidden-secret-of-at-least-32-bytes")
        .config();
    let printed = format!("{config:?}");
    assert!(
        !printed.contains("sb_secret_x")
            && !printed.contains("hidden-secret")
            && printed.contains("[redacted]")
    );
}
