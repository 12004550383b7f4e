//! `MODE=observe`: everything is decided, nothing is done.

use edge_session::handler::Outgoing;
use edge_session::head::HeaderEdit;
use serde_json::{Value, json};

use crate::scenario::{Reply, Run, Scenario, session_cookie};
use crate::tokens::{NOW, Signer, expiring_in};

fn observing(scenario: Scenario) -> Scenario {
    scenario.var("MODE", "observe").var("AUTH_PATH", "/auth")
}

fn guarded(scenario: Scenario) -> Scenario {
    observing(scenario).rule(&json!({"path": "/page*", "require": {"aal": "aal2"}}))
}

fn twice(access_token: &str) -> String {
    let cookie = session_cookie(access_token);
    format!("{cookie}; {cookie}")
}

/// What the log says: outcome, reason, and what enforcing would have done.
fn logged(run: &Run) -> (&'static str, &'static str, &'static str) {
    let would = run.record.would.unwrap_or("nothing was logged");
    (run.record.outcome, run.record.reason, would)
}

fn assert_untouched(run: &Run) {
    let request = run.origin.as_ref().expect("the origin was asked");
    assert_eq!(request.edits, Vec::<HeaderEdit>::new());
    assert!(!request.bypass_cache);
    let Outgoing::Origin(edits) = &run.outgoing else {
        panic!("the origin's answer was replaced: {:?}", run.outgoing);
    };
    assert_eq!(*edits, Vec::<HeaderEdit>::new());
    assert_eq!(run.record.cookies, 0);
    let effects = [
        "refresh_session",
        "call_auth",
        "read_body",
        "draw_random",
        "store_revocation",
        "respond",
    ];
    assert!(
        run.steps.iter().all(|step| !effects.contains(step)),
        "{:?}",
        run.steps
    );
}

#[test]
fn each_decision_is_logged_and_none_carried_out() {
    let alive = || Scenario::expiring_in(3600);
    let hs256 = |exp: u64| Signer::Hs256.mint(&json!({"exp": exp}));
    let gone = || Reply::error(403, "session_not_found");
    let cases = [
        (
            observing(Scenario::new()),
            ("anonymous", "no_session", "forward"),
        ),
        (observing(alive()), ("valid", "token_valid", "forward")),
        (
            observing(Scenario::expiring_in(30)),
            ("valid", "refresh_due", "refresh"),
        ),
        (
            observing(Scenario::expiring_in(-60)),
            ("unavailable", "refresh_due", "refresh"),
        ),
        (
            observing(Scenario::with_token(&hs256(NOW - 60))),
            ("unavailable", "refresh_due", "refresh"),
        ),
        (
            observing(Scenario::with_token("a.b.c")),
            ("invalid", "token_malformed", "delete"),
        ),
        (
            observing(Scenario::with_token(&hs256(NOW + 3600))).user(gone()),
            ("revoked", "session_not_found", "delete"),
        ),
        (
            observing(Scenario::new().cookie(&twice(&expiring_in(3600)))),
            ("valid", "token_valid", "write"),
        ),
        (
            observing(Scenario::new().bearer(&expiring_in(-60))),
            ("expired", "token_expired", "forward"),
        ),
        (
            guarded(Scenario::new()),
            ("anonymous", "no_session", "deny"),
        ),
        (guarded(alive()), ("valid", "token_valid", "deny")),
        (
            guarded(Scenario::expiring_in(30)),
            ("valid", "refresh_due", "deny"),
        ),
        (
            guarded(Scenario::expiring_in(-60)),
            ("unavailable", "refresh_due", "refresh"),
        ),
        (
            guarded(Scenario::with_token("a.b.c").fetch()),
            ("invalid", "token_malformed", "deny"),
        ),
        (
            observing(alive())
                .rule(&json!({"verify": "live"}))
                .user(gone()),
            ("revoked", "session_not_found", "delete"),
        ),
        (
            observing(Scenario::expiring_in(30))
                .rule(&json!({"verify": "live"}))
                .user(gone()),
            ("revoked", "session_not_found", "delete"),
        ),
        (
            observing(Scenario::new()).path("/logo.svg"),
            ("bypass", "bypass", "forward"),
        ),
        (
            observing(Scenario::new()).url("https://a b/x"),
            ("bypass", "host_malformed", "refuse"),
        ),
        (
            observing(Scenario::new())
                .var("ORIGIN_URL", "https://origin.test/base")
                .path("/..%2fx"),
            ("bypass", "path_outside", "refuse"),
        ),
        (
            observing(alive()).path("/auth/session"),
            ("bypass", "own_route", "serve"),
        ),
        (
            observing(Scenario::new().form("scope=global")).path("/auth/signout"),
            ("bypass", "own_route", "serve"),
        ),
        (
            observing(Scenario::new()).path("/auth/no-such-route"),
            ("anonymous", "no_session", "forward"),
        ),
    ];
    for (number, (mut scenario, expected)) in cases.into_iter().enumerate() {
        let run = scenario.run();
        assert_eq!(logged(&run), expected, "case {number}");
        assert_untouched(&run);
    }
}

#[test]
fn what_only_the_worker_and_the_operator_may_say_is_said_by_them() {
    let run = observing(Scenario::new())
        .var("ORIGIN_HEADERS", r#"{"X-Lock": "open"}"#)
        .header("x-session-user-id", "forged")
        .header("x_lock", "forged")
        .header("x-forwarded-host", "other.example")
        .header("expect", "100-continue")
        .run();
    assert!(
        run.all_at_origin()
            .iter()
            .all(|(_, value)| value != "forged")
    );
    assert_eq!(run.at_origin("x-lock"), ["open"]);
    assert_eq!(run.at_origin("x-forwarded-host"), ["other.example"]);
    assert!(run.at_origin("expect").is_empty());
}

#[test]
fn a_count_that_another_worker_began_goes_on() {
    let run = observing(Scenario::new())
        .header("x-session-hop", "5")
        .run();
    assert_eq!(logged(&run), ("bypass", "loop", "refuse"));
    assert_eq!(run.at_origin("x-session-hop"), ["6"]);
}

#[test]
fn what_would_be_deleted_is_said_beside_what_would_be_denied() {
    let line = |run: &Run| -> Value { serde_json::from_str(&run.record.line()).unwrap() };
    let denied = guarded(Scenario::with_token("a.b.c")).run();
    assert_eq!(line(&denied).get("would_delete"), Some(&Value::from(true)));
    for mut other in [
        guarded(Scenario::new()),
        observing(Scenario::with_token("a.b.c")),
    ] {
        assert_eq!(line(&other.run()).get("would_delete"), None);
    }
}

#[test]
fn only_the_place_changes_with_an_origin_url() {
    let run = observing(Scenario::new())
        .var("ORIGIN_URL", "https://origin.example/base")
        .run();
    let url = run.origin.as_ref().and_then(|origin| origin.url.clone());
    assert_eq!(url.as_deref(), Some("https://origin.example/base/page?x=1"));
    assert_untouched(&run);
}

#[test]
fn nothing_is_added_for_caches_or_the_network_panel() {
    let run = observing(Scenario::expiring_in(3600))
        .var("SERVER_TIMING", "on")
        .var("IDENTITY_SECRET", "0123456789abcdef0123456789abcdef")
        .var("FORWARD_BEARER", "on")
        .var("FORWARD_COOKIES", "off")
        .origin_header("cache-control", "public, max-age=60")
        .run();
    assert_untouched(&run);
}

#[test]
fn cookies_of_the_origin_would_have_replaced_the_workers() {
    let mut scenario = observing(Scenario::with_token("a.b.c"))
        .origin_header("set-cookie", "sb-abc-auth-token=new; Path=/");
    let run = scenario.run();
    assert_eq!(logged(&run), ("invalid", "token_malformed", "forward"));
}

#[test]
fn an_origin_that_is_silent_is_answered_for_without_cookies() {
    let run = observing(Scenario::with_token("a.b.c")).no_origin().run();
    assert_eq!(run.answer().status(), 502);
    assert_eq!(run.at_browser("set-cookie"), Vec::<String>::new());
    assert_eq!(logged(&run), ("invalid", "origin_unreachable", "delete"));
}

#[test]
fn the_log_says_what_would_be_done_only_while_observing() {
    let line = |run: &Run| -> Value { serde_json::from_str(&run.record.line()).unwrap() };
    let enforced = line(&Scenario::expiring_in(3600).run());
    assert_eq!(enforced.get("would"), None);
    let observed = line(&observing(Scenario::expiring_in(3600)).run());
    assert_eq!(observed.get("would"), Some(&Value::from("forward")));
}

#[test]
fn the_origins_time_is_part_of_the_whole() {
    let mut record = observing(Scenario::with_token(&Signer::Hs256.mint(&json!({}))))
        .user(Reply::user(crate::tokens::USER).taking(20))
        .run()
        .record;
    assert_eq!((record.ms.origin, record.ms.total), (0, 20));
    record.add_origin_time(7);
    assert_eq!((record.ms.origin, record.ms.total), (7, 27));
}
