//! Auth on the wire: what is sent, what each answer means, and how often it is tried.

use edge_session::auth_api::{
    self, Attempt, Attempts, AuthReply, RefreshReply, Unreachable, UserReply, error_code,
    read_refresh_reply, read_user_reply,
};
use edge_session::time::UnixTime;
use serde_json::{Value, json};

use crate::scenario::{Scenario, session_json};
use crate::tokens::{NOW, USER};

fn now() -> UnixTime {
    UnixTime::from_seconds(NOW)
}

fn at(ms: u64) -> UnixTime {
    now().plus_millis(ms)
}

/// The word for what an answer to a refresh means.
fn meaning(status: u16, body: &str) -> String {
    let reply = AuthReply {
        status,
        retry_after: None,
        body: body.into(),
    };
    match read_refresh_reply(&Ok(reply), now()) {
        RefreshReply::Ended(code) => format!("ended {code}"),
        RefreshReply::Misconfigured(code) => format!("misconfigured {code}"),
        RefreshReply::Renewed(_) => "renewed".to_owned(),
        RefreshReply::Revoked => "revoked".to_owned(),
        RefreshReply::Unavailable {
            code, may_retry, ..
        } => {
            format!(
                "unavailable {code}{}",
                if may_retry { ", retry" } else { "" }
            )
        }
    }
}

fn coded(code: &str) -> String {
    json!({"code": code, "message": "m"}).to_string()
}

#[test]
fn every_terminal_code_ends_the_session_at_its_own_status() {
    for code in [
        "invalid_client",
        "refresh_token_already_used",
        "refresh_token_not_found",
        "session_expired",
        "session_not_found",
        "user_banned",
        "validation_failed",
    ] {
        assert_eq!(meaning(400, &coded(code)), format!("ended {code}"));
        for status in [200, 204, 302, 401, 404, 409, 418, 422, 429, 500, 503, 520] {
            assert!(
                !meaning(status, &coded(code)).starts_with("ended"),
                "{code} at {status}"
            );
        }
    }
    for code in [
        "session_expired",
        "session_not_found",
        "user_banned",
        "user_not_found",
    ] {
        assert_eq!(meaning(403, &coded(code)), format!("ended {code}"));
    }
}

#[test]
fn all_three_shapes_of_an_error_are_read() {
    let code = "refresh_token_not_found";
    for body in [
        json!({"code": code, "message": "m"}),
        json!({"code": 400, "error_code": code, "msg": "m"}),
        json!({"error": code, "error_description": "m"}),
    ] {
        assert_eq!(meaning(400, &body.to_string()), format!("ended {code}"));
    }
    assert_eq!(error_code(b"{\"error_description\":\"x\"}"), None);
    assert_eq!(error_code(b"<html>"), None);
}

#[test]
fn nothing_else_ever_ends_a_session() {
    for (status, body, expected) in [
        (
            429,
            coded("over_request_rate_limit"),
            "unavailable auth_rate_limited",
        ),
        (409, coded("conflict"), "unavailable auth_conflict, retry"),
        (
            500,
            coded("unexpected_failure"),
            "unavailable auth_error, retry",
        ),
        (503, String::new(), "unavailable auth_error, retry"),
        (
            504,
            coded("request_timeout"),
            "unavailable auth_error, retry",
        ),
        (
            520,
            "error code: 520".to_owned(),
            "unavailable auth_error, retry",
        ),
        (530, "<html>".to_owned(), "unavailable auth_error, retry"),
        (
            403,
            "<html>Forbidden</html>".to_owned(),
            "misconfigured auth_refuses_worker",
        ),
        (
            401,
            json!({"message": "Invalid API key"}).to_string(),
            "misconfigured auth_refuses_worker",
        ),
        (
            404,
            "404 page not found".to_owned(),
            "misconfigured auth_refuses_worker",
        ),
        (400, coded("bad_json"), "misconfigured auth_refuses_request"),
        (
            400,
            coded("captcha_failed"),
            "misconfigured auth_refuses_request",
        ),
        (
            413,
            "<html>too large</html>".to_owned(),
            "misconfigured auth_refuses_worker",
        ),
        (400, "<html>".to_owned(), "unavailable auth_refusal_unknown"),
        (400, coded("unknown"), "unavailable auth_refusal_unknown"),
        (
            422,
            coded("hook_timeout"),
            "unavailable auth_refusal_unknown",
        ),
        (403, coded("bad_jwt"), "unavailable auth_refusal_unknown"),
        (
            401,
            coded("no_authorization"),
            "unavailable auth_refusal_unknown",
        ),
        (
            200,
            "<html>welcome</html>".to_owned(),
            "unavailable auth_answer_malformed, retry",
        ),
        (
            200,
            "{}".to_owned(),
            "unavailable auth_answer_malformed, retry",
        ),
        (
            200,
            String::new(),
            "unavailable auth_answer_malformed, retry",
        ),
        (
            204,
            String::new(),
            "unavailable auth_answer_malformed, retry",
        ),
        (302, String::new(), "unavailable auth_refusal_unknown"),
        (600, String::new(), "unavailable auth_refusal_unknown"),
        (0, String::new(), "unavailable auth_refusal_unknown"),
    ] {
        assert_eq!(meaning(status, &body), expected, "{status} {body}");
    }
}

#[test]
fn a_session_in_the_answer_is_a_renewal() {
    let body = session_json("a.b.c", "r");
    assert_eq!(meaning(200, &body.to_string()), "renewed");
    assert_ne!(meaning(201, &body.to_string()), "renewed");
}

#[test]
fn no_answer_may_be_tried_again() {
    for reason in [
        Unreachable::Network,
        Unreachable::TimedOut,
        Unreachable::TooLarge,
    ] {
        let reply = read_refresh_reply(&Err(reason), now());
        let RefreshReply::Unavailable {
            code,
            may_retry: true,
            retry_after_ms: None,
        } = reply
        else {
            panic!("{reply:?}");
        };
        assert_eq!(code, reason.code());
    }
}

fn retry_after(value: &str) -> Option<u64> {
    let reply = AuthReply {
        status: 503,
        retry_after: Some(value.to_owned()),
        body: Vec::new(),
    };
    let meaning = read_refresh_reply(&Ok(reply), now());
    let RefreshReply::Unavailable { retry_after_ms, .. } = meaning else {
        panic!("{meaning:?}");
    };
    retry_after_ms
}

#[test]
fn retry_after_is_read_in_seconds() {
    assert_eq!(
        (retry_after("2"), retry_after(" 0 ")),
        (Some(2000), Some(0))
    );
    assert_eq!(retry_after("99999999999999999999"), None);
    assert_eq!(retry_after(&u64::MAX.to_string()), Some(u64::MAX));
    for value in ["", "-1", "1.5", "soon", "Fri, 31 Dec 1999 23:59:59 GMT"] {
        assert_eq!(retry_after(value), None, "{value}");
    }
}

fn send(attempt: &Attempt) -> (u64, u64) {
    match attempt {
        Attempt::Send {
            pause_ms,
            timeout_ms,
        } => (*pause_ms, *timeout_ms),
        Attempt::Done(reply) => panic!("no attempt: {reply:?}"),
    }
}

fn failed(retry_after_ms: Option<u64>) -> RefreshReply {
    RefreshReply::Unavailable {
        code: "auth_error",
        may_retry: true,
        retry_after_ms,
    }
}

#[test]
fn an_alive_session_gets_one_attempt() {
    let mut attempts = Attempts::new(true, 2000, now());
    assert_eq!(send(&attempts.first(now())), (0, 2000));
    assert!(matches!(
        attempts.after(failed(None), at(10)),
        Attempt::Done(_)
    ));
}

#[test]
fn a_dead_session_gets_two_attempts_within_the_budget() {
    let mut attempts = Attempts::new(false, 5000, now());
    let (_, first) = send(&attempts.first(now()));
    assert!(
        first < 5000,
        "a first attempt that hangs leaves time for the second"
    );
    let (pause, second) = send(&attempts.after(failed(None), at(first)));
    assert!(pause > 0 && second >= 1000, "{pause} {second}");
    assert_eq!(first + pause + second, 5000);
    assert!(matches!(
        attempts.after(failed(None), at(5000)),
        Attempt::Done(_)
    ));
}

#[test]
fn retry_after_is_honoured_if_it_fits() {
    let second = |seconds: u64| {
        let mut attempts = Attempts::new(false, 5000, now());
        let _ = attempts.first(now());
        attempts.after(failed(Some(seconds * 1000)), at(100))
    };
    assert_eq!(send(&second(2)), (2000, 2900));
    assert_eq!(send(&second(0)), (0, 4900));
    assert!(matches!(second(5), Attempt::Done(_)));
    assert!(matches!(second(u64::MAX / 1000), Attempt::Done(_)));
}

#[test]
fn what_cannot_help_is_not_tried_again() {
    for reply in [
        RefreshReply::Ended("session_expired"),
        RefreshReply::Misconfigured("auth_refuses_worker"),
        RefreshReply::Unavailable {
            code: "auth_rate_limited",
            may_retry: false,
            retry_after_ms: None,
        },
    ] {
        let mut attempts = Attempts::new(false, 5000, now());
        let _ = attempts.first(now());
        assert!(matches!(attempts.after(reply, at(10)), Attempt::Done(_)));
    }
}

#[test]
fn without_budget_no_attempt_is_made() {
    for budget in [0, 99] {
        let mut attempts = Attempts::new(false, budget, now());
        assert!(matches!(
            attempts.first(now()),
            Attempt::Done(RefreshReply::Unavailable { .. })
        ));
    }
}

#[test]
fn the_smallest_budget_still_allows_an_attempt() {
    for is_alive in [true, false] {
        let mut attempts = Attempts::new(is_alive, 100, now());
        let (pause, limit) = send(&attempts.first(now()));
        assert!(pause == 0 && (1..=100).contains(&limit));
    }
}

fn header<'r>(request: &'r auth_api::AuthRequest, name: &str) -> Option<&'r str> {
    let mut found = request.headers.iter().filter(|(known, _)| *known == name);
    let value = found.next().map(|(_, value)| value.as_str());
    assert!(found.next().is_none(), "{name} comes twice");
    value
}

#[test]
fn a_refresh_sends_the_token_in_its_body_and_nowhere_else() {
    let config = Scenario::new().config();
    let request = auth_api::refresh_request(&config, "r\"1", Some("203.0.113.7"));
    assert_eq!(request.method, "POST");
    assert_eq!(
        request.url,
        "https://abc.supabase.co/auth/v1/token?grant_type=refresh_token"
    );
    let body: Value = serde_json::from_str(request.body.as_ref().unwrap()).unwrap();
    assert_eq!(body, json!({"refresh_token": "r\"1"}));
    assert_eq!(header(&request, "apikey"), Some("sb_publishable_x"));
    assert_eq!(
        header(&request, "sb-forwarded-for"),
        None,
        "without the secret key Auth ignores it"
    );
    assert_eq!(
        header(&request, "x-supabase-api-version"),
        Some("2024-01-01")
    );
}

#[test]
fn with_the_secret_key_the_visitors_address_goes_along() {
    let config = Scenario::new()
        .var("SUPABASE_SECRET_KEY", "sb_secret_x")
        .config();
    let request = auth_api::refresh_request(&config, "r", Some("203.0.113.7"));
    assert_eq!(header(&request, "apikey"), Some("sb_secret_x"));
    assert_eq!(header(&request, "sb-forwarded-for"), Some("203.0.113.7"));
    assert_eq!(header(&request, "user-agent"), None);
    let user = auth_api::user_request(&config, "t");
    assert_eq!(
        header(&user, "apikey"),
        Some("sb_publishable_x"),
        "the secret is for refreshes only"
    );
    assert_eq!(
        header(&auth_api::keys_request(&config), "apikey"),
        Some("sb_publishable_x")
    );
}

fn user_meaning(status: u16, body: &str) -> UserReply {
    let reply = AuthReply {
        status,
        retry_after: None,
        body: body.into(),
    };
    read_user_reply(&Ok(reply), USER)
}

#[test]
fn a_user_is_live_gone_rejected_or_not_known_now() {
    let user = |id: &str| json!({"id": id}).to_string();
    assert_eq!(user_meaning(200, &user(USER)), UserReply::Live);
    assert_eq!(user_meaning(200, &user("x")), UserReply::WrongUser);
    assert_eq!(
        user_meaning(403, &coded("session_not_found")),
        UserReply::Gone("session_not_found")
    );
    assert_eq!(
        user_meaning(403, &coded("user_not_found")),
        UserReply::Gone("user_not_found")
    );
    assert_eq!(
        user_meaning(400, &coded("user_banned")),
        UserReply::Gone("user_banned")
    );
    for (status, code) in [
        (403, "bad_jwt"),
        (400, "bad_jwt"),
        (401, "no_authorization"),
    ] {
        assert_eq!(user_meaning(status, &coded(code)), UserReply::Rejected);
    }
    for (status, body) in [
        (200, "[]".to_owned()),
        (204, String::new()),
        (401, "{}".to_owned()),
        (404, coded("user_not_found")),
        (500, coded("session_not_found")),
        (429, coded("user_banned")),
    ] {
        assert!(
            matches!(user_meaning(status, &body), UserReply::Unavailable(_)),
            "{status} {body}"
        );
    }
}

#[test]
fn an_answer_is_lost_only_where_none_arrived() {
    for status in [200, 400, 401, 403, 409, 429, 500, 502, 504, 520] {
        let reply = AuthReply {
            status,
            ..AuthReply::default()
        };
        let is_lost = auth_api::may_be_lost(&Ok(reply));
        assert_eq!(is_lost, status == 504, "{status}");
    }
    for reason in [Unreachable::Network, Unreachable::TimedOut] {
        assert!(auth_api::may_be_lost(&Err(reason)));
    }
    assert!(!auth_api::may_be_lost(&Err(Unreachable::TooLarge)));
}

#[test]
fn a_lost_answer_is_asked_for_again_within_the_reuse_interval() {
    let start = UnixTime::from_seconds(1_700_000_000);
    let after = |is_alive, is_open, elapsed_ms| {
        let mut plan = Attempts::new(is_alive, 2000, start).repair();
        let mut now = start.plus_millis(elapsed_ms);
        now = now.plus_millis(plan.pause_before_repair(is_open, now)?);
        match plan.first(now) {
            Attempt::Send {
                pause_ms,
                timeout_ms,
            } => Some((now.millis_since(start), pause_ms, timeout_ms)),
            Attempt::Done(_) => None,
        }
    };
    let (sent_ms, pause_ms, timeout_ms) = after(true, false, 2000).unwrap();
    assert_eq!((sent_ms, pause_ms), (2500, 0));
    assert!((100..=7_000).contains(&timeout_ms), "{timeout_ms}");
    let (sent_ms, _, timeout_ms) = after(true, false, 8_000).unwrap();
    assert!(sent_ms + timeout_ms <= 9_500, "{timeout_ms}");
    assert_eq!(after(false, false, 2000), None);
    assert_eq!(after(true, false, 9_500), None);
    // Each sending of a token that is upgraded answers another one, so that a call that is open gets time to answer.
    let (sent_ms, ..) = after(true, true, 1000).unwrap();
    assert_eq!(sent_ms, 4000);
    let (sent_ms, ..) = after(true, true, 5000).unwrap();
    assert_eq!(sent_ms, 5500);
}
