//! The refresh: when it is needed, who gets one, and what becomes of each answer.

use edge_session::auth_api::Unreachable;
use edge_session::handler::Gate;
use edge_session::record::Level;
use serde_json::{Value, json};

use crate::scenario::{
    KEY, NEW_REFRESH_TOKEN, REFRESH_TOKEN, Reply, Run, Scenario, session_cookie,
};
use crate::tokens::{
    NOW, OTHER_SESSION, OTHER_USER, SESSION, Signer, USER, claims, encode, expiring_in,
    key_set_json,
};

fn renewed() -> Reply {
    Reply::renewed(&fresh())
}

fn fresh() -> String {
    Signer::Es256.mint(&json!({"exp": NOW + 7200}))
}

fn kept(run: &Run) -> bool {
    run.at_browser("set-cookie").is_empty()
}

#[test]
fn a_session_near_its_expiry_is_renewed_for_origin_and_browser() {
    let run = Scenario::expiring_in(30).refresh(renewed()).run();
    assert_eq!(
        run.steps,
        [
            "read_keys",
            "fetch_keys",
            "check_signature",
            "refresh_session",
            "check_signature",
            "forward",
            "is_ended"
        ]
    );
    assert_eq!(run.outcome(), ("refreshed", "token_renewed"));
    let written = run.written().unwrap();
    assert_eq!(
        (&written["access_token"], &written["refresh_token"]),
        (&json!(fresh()), &json!(NEW_REFRESH_TOKEN))
    );
    let cookie = run.at_origin("cookie").concat();
    assert_eq!(cookie.matches(KEY).count(), 1);
    assert!(cookie.contains(&format!("{KEY}=base64-")) && !cookie.contains(&encode(REFRESH_TOKEN)));
    assert!(run.has_no_store());
}

#[test]
fn fewer_seconds_than_the_margin_mean_a_refresh() {
    let refreshes = |left: i64, margin: &str| {
        let mut scenario = Scenario::expiring_in(left)
            .var("REFRESH_MARGIN_SECONDS", margin)
            .refresh(renewed());
        scenario.run().orders.len()
    };
    assert_eq!((refreshes(89, "90"), refreshes(90, "90")), (1, 0));
    assert_eq!((refreshes(1, "0"), refreshes(0, "0")), (0, 1));
    assert_eq!((refreshes(599, "600"), refreshes(600, "600")), (1, 0));
}

#[test]
fn the_expiry_in_the_cookie_is_not_believed() {
    let mut session = crate::scenario::session_json(&expiring_in(3600), REFRESH_TOKEN);
    session["expires_at"] = json!(1);
    let cookie = format!("{KEY}=base64-{}", encode(session.to_string()));
    let run = Scenario::new().cookie(&cookie).run();
    assert_eq!(run.outcome(), ("valid", "token_valid"));
    session["expires_at"] = json!(NOW + 9999);
    session["access_token"] = json!(expiring_in(-60));
    let cookie = format!("{KEY}=base64-{}", encode(session.to_string()));
    let run = Scenario::new().cookie(&cookie).refresh(renewed()).run();
    assert_eq!(run.record.outcome, "refreshed");
}

#[test]
fn a_verified_session_names_the_gate_and_the_visitor() {
    let run = Scenario::expiring_in(-60)
        .header("cf-connecting-ip", "203.0.113.7")
        .refresh(renewed())
        .run();
    let order = &run.orders[0];
    assert_eq!(order.session_id.as_deref(), Some(SESSION));
    assert_eq!(order.client_ip.as_deref(), Some("203.0.113.7"));
    assert_eq!(
        (order.refresh_token.as_str(), order.is_alive),
        (REFRESH_TOKEN, false)
    );
}

#[test]
fn a_forged_token_never_reaches_auth() {
    for changes in [json!({"exp": NOW - 60}), json!({"exp": NOW + 30})] {
        let forged = Signer::OtherEs256.token(&Signer::Es256.header(), &claims(&changes));
        let run = Scenario::with_token(&forged).run();
        assert_eq!(run.outcome(), ("invalid", "token_signature"));
        assert!(run.orders.is_empty());
        assert_eq!(run.deleted(), [KEY]);
    }
}

#[test]
fn a_good_signature_for_somebody_elses_site_is_not_renewed() {
    let token = Signer::Es256.mint(&json!({"exp": NOW - 60, "iss": "https://evil.example"}));
    let run = Scenario::with_token(&token).run();
    assert_eq!(run.outcome(), ("invalid", "token_issuer"));
}

#[test]
fn a_token_without_kid_is_rationed_like_one_of_an_unknown_key() {
    let nameless =
        Signer::OtherEs256.token(&json!({"alg": "ES256"}), &claims(&json!({"exp": NOW - 60})));
    let mut scenario =
        Scenario::with_token(&nameless).refresh(Reply::error(409, "conflict").taking(0));
    let refreshes: usize = (0..15).map(|_| scenario.run().orders.len()).sum();
    assert_eq!(refreshes, 1, "the same refresh token within a minute");
}

/// Anybody can make one up; nobody here can tell.
#[test]
fn tokens_of_the_shared_secret_are_rationed_where_the_secret_is_not_here() {
    let dead = Signer::Hs256.mint(&json!({"exp": NOW - 60}));
    let attempts = |secret: Option<&str>| {
        let scenario = Scenario::with_token(&dead);
        let mut scenario = scenario.refresh(Reply::error(409, "conflict").taking(0));
        if let Some(secret) = secret {
            scenario = scenario.var("SUPABASE_JWT_SECRET", secret);
        }
        (0..15).map(|_| scenario.run().orders.len()).sum::<usize>()
    };
    assert_eq!(attempts(None), 1);
    assert_eq!(attempts(Some(crate::tokens::JWT_SECRET)), 15);
}

/// One who makes sessions up must not keep others from Auth.
#[test]
fn refusals_of_what_nobody_can_check_never_open_the_breaker() {
    let mut scenario =
        Scenario::new().refresh(Reply::error(429, "over_request_rate_limit").taking(0));
    for index in 0..30 {
        let token = Signer::Hs256.mint(&json!({"exp": NOW - 60}));
        let session =
            crate::scenario::session_json(&token, &format!("made-up-{index}")).to_string();
        scenario = scenario
            .header("cf-connecting-ip", &format!("192.0.2.{index}"))
            .cookie(&format!("{KEY}=base64-{}", encode(session)));
        scenario.run();
    }
    let mut scenario = scenario.cookie(&session_cookie(&expiring_in(-60)));
    assert_eq!(scenario.run().orders.len(), 1);
}

#[test]
fn every_attempt_sends_the_same_refresh_token() {
    let run = Scenario::expiring_in(-60)
        .refresh(Reply::error(500, "x"))
        .refresh(renewed())
        .run();
    let bodies: Vec<&str> = run
        .sent
        .iter()
        .filter_map(|(request, _)| request.body.as_deref())
        .collect();
    assert_eq!(bodies.len(), 2);
    assert_eq!(bodies[0], bodies[1]);
    assert_eq!(run.record.outcome, "refreshed");
    assert_eq!(run.record.auth_calls, 3, "the key set and two attempts");
}

#[test]
fn an_alive_session_goes_on_with_its_old_token_after_any_failure() {
    for (reply, reason) in [
        (Reply::hangs(), "auth_timeout"),
        (Reply::failed(Unreachable::Network), "auth_network"),
        (Reply::error(500, "x"), "auth_error"),
        (
            Reply::error(429, "over_request_rate_limit"),
            "auth_rate_limited",
        ),
        (Reply::error(409, "conflict"), "auth_conflict"),
        (Reply::new(200, "<html>"), "auth_answer_malformed"),
        (Reply::new(204, ""), "auth_answer_malformed"),
        (Reply::new(403, "<html>"), "auth_refuses_worker"),
    ] {
        let run = Scenario::expiring_in(30).refresh(reply).run();
        assert_eq!(run.outcome(), ("valid", reason));
        assert_eq!(run.at_origin("x-session-user-id"), [USER]);
        assert!(kept(&run), "{reason}");
        assert_eq!(run.sent.len(), 2, "the key set and one attempt");
    }
}

#[test]
fn an_alive_session_waits_two_seconds_at_most() {
    let mut scenario = Scenario::expiring_in(30).refresh(Reply::hangs());
    let run = scenario.run();
    assert_eq!(run.sent[1].1, 2000);
    assert_eq!(run.record.ms.auth, 2000);
}

#[test]
fn a_dead_session_is_kept_after_any_failure() {
    for (reply, reason) in [
        (Reply::hangs(), "auth_timeout"),
        (Reply::failed(Unreachable::Network), "auth_network"),
        (Reply::error(503, "x"), "auth_error"),
        (
            Reply::error(429, "over_request_rate_limit"),
            "auth_rate_limited",
        ),
        (Reply::error(409, "conflict"), "auth_conflict"),
        (Reply::new(200, "<html>"), "auth_answer_malformed"),
        (Reply::new(204, ""), "auth_answer_malformed"),
        (Reply::new(403, "<html>"), "auth_refuses_worker"),
        (Reply::error(400, "something_new"), "auth_refusal_unknown"),
    ] {
        let run = Scenario::expiring_in(-60).refresh(reply).run();
        assert_eq!(run.outcome(), ("unavailable", reason));
        assert!(kept(&run), "{reason}");
        assert!(
            run.at_origin("cookie").is_empty() && run.at_origin("x-session-user-id").is_empty()
        );
    }
}

#[test]
fn a_dead_session_waits_no_longer_than_the_budget() {
    let run = Scenario::expiring_in(-60)
        .var("AUTH_TIMEOUT_MS", "3000")
        .refresh(Reply::hangs())
        .run();
    assert_eq!(run.orders.len(), 1);
    assert_eq!(run.sent.len(), 3, "the key set and two attempts");
    assert!(run.record.ms.auth <= 3000, "{}", run.record.ms.auth);
}

#[test]
fn retry_after_that_fits_is_waited_for() {
    let limited = Reply::error(429, "over_request_rate_limit");
    let run = Scenario::expiring_in(-60)
        .refresh(limited.clone().retry_after("1"))
        .refresh(renewed())
        .run();
    assert_eq!(run.record.outcome, "refreshed");
    assert!(run.record.ms.auth >= 1000);
    let run = Scenario::expiring_in(-60)
        .refresh(limited.retry_after("60"))
        .refresh(renewed())
        .run();
    assert_eq!(run.outcome(), ("unavailable", "auth_rate_limited"));
}

#[test]
fn every_terminal_code_ends_the_session() {
    for code in [
        "refresh_token_not_found",
        "refresh_token_already_used",
        "session_not_found",
        "session_expired",
        "validation_failed",
        "user_banned",
    ] {
        for left in [30, -60] {
            let run = Scenario::expiring_in(left)
                .refresh(Reply::error(400, code))
                .run();
            assert_eq!(run.outcome(), ("expired", code));
            assert_eq!(run.deleted(), [KEY]);
            assert!(
                run.at_origin("cookie").is_empty() && run.at_origin("x-session-user-id").is_empty()
            );
            assert!(run.has_no_store());
        }
    }
}

#[test]
fn the_operator_is_told_where_only_he_can_help() {
    let run = Scenario::expiring_in(-60)
        .refresh(Reply::new(401, r#"{"message":"Invalid API key"}"#))
        .run();
    assert_eq!(run.record.level, Level::Error);
    let run = Scenario::expiring_in(-60)
        .refresh(Reply::error(500, "x"))
        .run();
    assert_eq!(run.record.level, Level::Info);
}

/// What becomes of a session whose refresh is answered with a token of these claims.
fn answered_with(left: i64, token: &str) -> Run {
    Scenario::expiring_in(left)
        .refresh(Reply::renewed(token))
        .run()
}

#[test]
fn an_answer_that_does_not_fit_is_never_used() {
    let forged = Signer::OtherEs256.token(
        &Signer::Es256.header(),
        &claims(&json!({"exp": NOW + 7200})),
    );
    let changed = |changes: Value| {
        let mut all = json!({"exp": NOW + 7200});
        for (name, value) in changes.as_object().unwrap() {
            all[name] = value.clone();
        }
        Signer::Es256.mint(&all)
    };
    for (what, token) in [
        ("another user", changed(json!({"sub": OTHER_USER}))),
        (
            "another session",
            changed(json!({"session_id": OTHER_SESSION})),
        ),
        ("no session", changed(json!({"session_id": null}))),
        ("an earlier expiry", changed(json!({"exp": NOW - 600}))),
        (
            "another issuer",
            changed(json!({"iss": "https://evil.example"})),
        ),
        ("no role", changed(json!({"role": null}))),
        ("a bad signature", forged),
        ("no token", "x.y.z".to_owned()),
    ] {
        let run = answered_with(-60, &token);
        assert_eq!(
            run.outcome(),
            ("unavailable", "auth_answer_not_trusted"),
            "{what}"
        );
        assert_eq!(run.record.level, Level::Error, "{what}");
        assert!(kept(&run) && run.at_origin("cookie").is_empty(), "{what}");
        let run = answered_with(30, &token);
        assert_eq!(
            run.outcome(),
            ("valid", "auth_answer_not_trusted"),
            "{what}"
        );
        assert!(
            kept(&run) && run.at_origin("x-session-user-id") == [USER],
            "{what}"
        );
    }
}

#[test]
fn a_token_that_ends_earlier_is_no_renewal() {
    let run = answered_with(30, &expiring_in(29));
    assert_eq!(run.outcome(), ("valid", "auth_answer_not_trusted"));
    // Two refreshes within one second end in the same one.
    let run = answered_with(30, &expiring_in(30));
    assert_eq!(run.outcome(), ("refreshed", "token_renewed"));
}

#[test]
fn an_answer_under_a_new_key_is_verified_after_a_fetch() {
    let mut keys = key_set_json();
    keys["keys"]
        .as_array_mut()
        .unwrap()
        .push(crate::tokens::public_jwk(
            "other_es256",
            &json!({"kid": "kid-other"}),
        ));
    let fresh = Signer::OtherEs256.mint(&json!({"exp": NOW + 7200}));
    let run = Scenario::expiring_in(30)
        .known_keys(&key_set_json(), 10)
        .key_set(&keys)
        .refresh(Reply::renewed(&fresh))
        .run();
    assert_eq!(
        run.steps,
        [
            "check_signature",
            "refresh_session",
            "fetch_keys",
            "check_signature",
            "forward",
            "is_ended"
        ]
    );
    assert_eq!(run.record.outcome, "refreshed");
}

#[test]
fn an_answer_that_cannot_be_verified_now_is_not_used() {
    let fresh = Signer::OtherEs256.mint(&json!({"exp": NOW + 7200}));
    let run = Scenario::expiring_in(-60)
        .known_keys(&key_set_json(), 10)
        .no_key_set(edge_session::jwks::KeysError::Unreachable)
        .refresh(Reply::renewed(&fresh))
        .run();
    assert_eq!(run.outcome(), ("unavailable", "keys_unreachable"));
    assert!(kept(&run));
}

#[test]
fn a_renewed_token_is_remembered() {
    let mut scenario = Scenario::expiring_in(30).refresh(renewed());
    scenario.run();
    let mut scenario = scenario.cookie(&session_cookie(&fresh()));
    assert_eq!(scenario.run().steps, ["forward"]);
}

#[test]
fn the_gate_is_in_the_record() {
    for (gate, word) in [
        (Gate::Led, "led"),
        (Gate::Shared, "shared"),
        (Gate::Replayed, "replayed"),
        (Gate::Failed, "failed"),
        (Gate::None, "none"),
    ] {
        let run = Scenario::expiring_in(30)
            .gate(gate)
            .refresh(renewed())
            .run();
        assert_eq!(run.record.gate, word);
    }
    assert_eq!(Scenario::expiring_in(3600).run().record.gate, "none");
}

#[test]
fn an_auth_server_that_hangs_stops_further_refreshes_of_alive_sessions() {
    let mut scenario = Scenario::expiring_in(60)
        .refresh(Reply::hangs())
        .refresh(renewed());
    assert_eq!(scenario.run().outcome(), ("valid", "auth_timeout"));
    let next = scenario.run();
    assert_eq!(next.outcome(), ("valid", "auth_breaker_open"));
    assert!(next.orders.is_empty());
    let run = scenario.later(3).run();
    assert_eq!(
        run.record.outcome, "refreshed",
        "after the pause one tries again"
    );
}

#[test]
fn an_auth_server_that_hangs_is_spared_by_dead_sessions_too() {
    let mut scenario = Scenario::expiring_in(-60).refresh(Reply::hangs());
    for _ in 0..4 {
        let run = scenario.run();
        assert_eq!(run.outcome(), ("unavailable", "auth_timeout"));
        assert!(kept(&run));
    }
    let run = scenario.run();
    assert_eq!(run.outcome(), ("unavailable", "auth_breaker_open"));
    assert!(run.orders.is_empty() && kept(&run));
}

#[test]
fn quick_failures_never_keep_anyone_from_trying() {
    for left in [60, -60] {
        let mut scenario = Scenario::expiring_in(left).refresh(Reply::error(500, "x").taking(0));
        for _ in 0..20 {
            let run = scenario.run();
            assert_eq!((run.outcome().1, run.orders.len()), ("auth_error", 1));
        }
    }
}

#[test]
fn an_answer_of_the_gate_that_does_not_fit_is_forgotten_there() {
    let token = Signer::Es256.mint(&json!({"exp": NOW + 7200, "sub": OTHER_USER}));
    for (gate, count) in [
        (Gate::Shared, 1),
        (Gate::Led, 1),
        (Gate::Replayed, 1),
        (Gate::Failed, 0),
        (Gate::None, 0),
    ] {
        let mut scenario = Scenario::expiring_in(30)
            .gate(gate)
            .refresh(Reply::renewed(&token));
        assert_eq!(scenario.run().deferred.len(), count, "{gate:?}");
    }
}

#[test]
fn one_answer_closes_the_breaker() {
    let mut scenario = Scenario::expiring_in(60)
        .refresh(Reply::hangs())
        .refresh(renewed());
    scenario.run();
    assert_eq!(scenario.later(3).run().record.outcome, "refreshed");
    assert_eq!(scenario.run().record.outcome, "refreshed");
}

#[test]
fn keys_and_refresh_share_one_budget() {
    let run = Scenario::expiring_in(-60)
        .known_keys(&key_set_json(), 0)
        .refresh(Reply::hangs())
        .run();
    assert_eq!(run.orders[0].budget_ms, 5000);
    assert_eq!(run.record.ms.auth, 5000);
    assert_eq!(run.orders[0].patience_ms(), 5000);
}

#[test]
fn arrays_of_auth_helpers_are_rewritten_for_todays_clients() {
    let value = json!([expiring_in(3600), REFRESH_TOKEN, null, null, null]).to_string();
    let encoded: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
    let run = Scenario::new().cookie(&format!("{KEY}={encoded}")).run();
    assert_eq!(run.outcome(), ("valid", "token_valid"));
    let written = run.written().unwrap();
    assert_eq!(written["refresh_token"], REFRESH_TOKEN);
    assert_eq!(
        (&written["expires_at"], &written["expires_in"]),
        (&json!(NOW + 3600), &json!(3600))
    );
    assert!(run.at_origin("cookie").concat().contains("base64-"));
}

#[test]
fn a_session_without_user_stays_without_one() {
    let mut session = crate::scenario::session_json(&expiring_in(30), REFRESH_TOKEN);
    session.as_object_mut().unwrap().remove("user");
    let cookie = format!("{KEY}=base64-{}", encode(session.to_string()));
    let run = Scenario::new().cookie(&cookie).refresh(renewed()).run();
    assert!(run.written().unwrap().get("user").is_none());
}

#[test]
fn stale_chunks_are_deleted_before_the_session_is_set() {
    let value = format!(
        "base64-{}",
        encode(crate::scenario::session_json(&expiring_in(30), REFRESH_TOKEN).to_string())
    );
    let (one, two) = value.split_at(value.len() / 2);
    let cookie = format!("{KEY}.0={one}; {KEY}.1={two}; {KEY}.2=old; a=b");
    // The third chunk breaks the value, unless it continues it; here it is empty.
    let cookie = cookie.replace("=old", "=");
    let run = Scenario::new().cookie(&cookie).refresh(renewed()).run();
    let names: Vec<String> = run
        .at_browser("set-cookie")
        .iter()
        .map(|line| {
            line.split(';')
                .next()
                .unwrap()
                .split('=')
                .next()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(
        names,
        [
            format!("{KEY}.0"),
            format!("{KEY}.1"),
            format!("{KEY}.2"),
            KEY.to_owned()
        ]
    );
    assert_eq!(run.deleted().len(), 3);
    let forwarded = run.at_origin("cookie").concat();
    assert!(forwarded.starts_with("a=b") && !forwarded.contains(&format!("{KEY}.")));
}

#[test]
fn the_rate_limit_of_the_workers_address_opens_the_breaker_and_a_visitors_own_does_not() {
    let refused = || Reply::error(429, "over_request_rate_limit");
    let mut shared = Scenario::expiring_in(-5).refresh(refused());
    for _ in 0..20 {
        assert_eq!(shared.run().outcome(), ("unavailable", "auth_rate_limited"));
    }
    assert_eq!(shared.run().outcome(), ("unavailable", "auth_breaker_open"));
    shared.later(4);
    assert_eq!(shared.run().outcome(), ("unavailable", "auth_rate_limited"));

    let mut own = Scenario::expiring_in(-5)
        .var("SUPABASE_SECRET_KEY", "sb_secret_x")
        .header("cf-connecting-ip", "192.0.2.1")
        .refresh(refused());
    for _ in 0..40 {
        assert_eq!(own.run().outcome(), ("unavailable", "auth_rate_limited"));
    }
}

/// Cookies that are written anew although the session is the same are a session that is written, too.
#[test]
fn a_late_answer_heals_nothing_after_the_end() {
    let twice = |token: &str| {
        let cookie = session_cookie(token);
        Scenario::new().cookie(&format!("{cookie}; {cookie}"))
    };
    let token = expiring_in(3600);
    assert!(!twice(&token).run().at_browser("set-cookie").is_empty());
    let mut scenario = twice(&token);
    scenario.ended.push(SESSION.to_owned());
    assert!(scenario.run().at_browser("set-cookie").is_empty());
}

/// Whoever has signed in while a slow page was on its way keeps his cookies, whatever became of the session before.
#[test]
fn a_late_answer_deletes_nothing() {
    let dead = || Scenario::expiring_in(-30).refresh(Reply::error(400, "session_expired"));
    let junk = || Scenario::new().cookie(&format!("{KEY}=base64-junk"));
    for (name, scenario) in [("dead", &dead as &dyn Fn() -> Scenario), ("junk", &junk)] {
        for (origin_takes_ms, is_deleted) in
            [(0, true), (5_000, true), (5_001, false), (60_000, false)]
        {
            let mut scenario = scenario();
            scenario.origin_takes_ms = origin_takes_ms;
            let run = scenario.run();
            assert_eq!(
                !run.deleted().is_empty(),
                is_deleted,
                "{name} {origin_takes_ms}"
            );
            assert_eq!(
                run.at_browser("set-cookie").is_empty(),
                !is_deleted,
                "{name} {origin_takes_ms}"
            );
        }
    }
}

/// A page that began with a refresh answers after its visitor has signed out: whoever uses the browser by then keeps
/// the cookies that he has.
#[test]
fn a_late_answer_after_the_end_writes_and_deletes_nothing() {
    let mut scenario = Scenario::expiring_in(30).refresh(renewed());
    scenario.ended.push(SESSION.to_owned());
    let run = scenario.run();
    assert_eq!(
        run.record.outcome, "refreshed",
        "the origin was asked before"
    );
    assert!(run.at_browser("set-cookie").is_empty());
    let mut scenario = Scenario::expiring_in(30).refresh(renewed());
    assert!(!scenario.run().at_browser("set-cookie").is_empty());
}
