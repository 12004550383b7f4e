//! The way from a token to a verdict: which effects it takes, and which it no longer takes.

use edge_session::auth_api::Unreachable;
use serde_json::json;

use crate::scenario::{Reply, Scenario};
use crate::tokens::{JWT_SECRET, NOW, OTHER_USER, Signer, USER, claims, expiring_in, key_set_json};

const PROJECT_WITHOUT_KEYS: &str = r#"{"keys":[]}"#;

fn asking(token: &str) -> Scenario {
    Scenario::with_token(token)
}

fn no_keys() -> serde_json::Value {
    serde_json::from_str(PROJECT_WITHOUT_KEYS).unwrap()
}

#[test]
fn the_first_token_costs_keys_and_a_check_and_the_next_one_nothing() {
    let mut scenario = Scenario::expiring_in(3600);
    let first = scenario.run();
    assert_eq!(
        first.steps,
        ["read_keys", "fetch_keys", "check_signature", "forward"]
    );
    assert_eq!((first.record.keys, first.record.auth_calls), ("network", 1));
    let second = scenario.run();
    assert_eq!(second.steps, ["forward"]);
    assert_eq!(
        (second.outcome(), second.record.auth_calls),
        (("valid", "token_valid"), 0)
    );
    assert_eq!(second.at_origin("x-session-user-id"), [USER]);
}

#[test]
fn another_token_under_known_keys_costs_its_check_alone() {
    let mut scenario = Scenario::expiring_in(3600);
    scenario.run();
    let mut scenario = scenario.cookie(&crate::scenario::session_cookie(&expiring_in(3000)));
    let run = scenario.run();
    assert_eq!(run.steps, ["check_signature", "forward"]);
    assert_eq!(run.record.keys, "memory");
}

#[test]
fn a_verdict_never_outlives_its_token() {
    let mut scenario = Scenario::expiring_in(200).refresh(Reply::error(400, "session_expired"));
    scenario.run();
    let run = scenario.later(206).run();
    assert_eq!(run.outcome(), ("expired", "session_expired"));
    assert!(run.at_origin("x-session-user-id").is_empty());
}

#[test]
fn a_verdict_goes_with_its_key() {
    let mut scenario = Scenario::expiring_in(3600);
    scenario.run();
    scenario.later(1);
    let rest = json!({"keys": [key_set_json()["keys"][1]]});
    let mut scenario = scenario
        .known_keys(&rest, 0)
        .key_set(&rest)
        .refresh(Reply::error(500, "x"));
    let run = scenario.run();
    assert_eq!(run.record.outcome, "unavailable");
    assert_eq!(run.steps, ["fetch_keys", "refresh_session", "forward"]);
}

#[test]
fn a_refused_token_is_not_remembered_as_good() {
    let forged = Signer::OtherEs256.token(&Signer::Es256.header(), &claims(&json!({})));
    let mut scenario = Scenario::with_token(&forged);
    assert_eq!(scenario.run().record.outcome, "invalid");
    assert_eq!(scenario.memory.borrow().verdicts.len(), 0);
    assert_eq!(scenario.run().record.outcome, "invalid");
}

#[test]
fn hs256_without_a_secret_is_asked_about() {
    let token = Signer::Hs256.mint(&json!({}));
    let mut scenario = asking(&token).user(Reply::user(USER));
    let run = scenario.run();
    assert_eq!(run.steps, ["ask_user", "forward"]);
    assert_eq!(run.outcome(), ("valid", "token_valid"));
    let (request, limit) = &run.sent[0];
    assert_eq!(
        (request.url.as_str(), *limit),
        ("https://abc.supabase.co/auth/v1/user", 5000)
    );
    assert!(
        request
            .headers
            .contains(&("authorization", format!("Bearer {token}")))
    );
}

#[test]
fn hs256_with_a_secret_is_checked_here() {
    let token = Signer::Hs256.mint(&json!({}));
    let mut scenario = asking(&token).var("SUPABASE_JWT_SECRET", JWT_SECRET);
    assert_eq!(scenario.run().steps, ["check_signature", "forward"]);
    assert_eq!(scenario.run().steps, ["forward"]);
}

#[test]
fn a_missing_kid_and_an_empty_key_set_are_asked_about() {
    for header in [json!({"alg": "ES256"}), json!({"alg": "ES256", "kid": ""})] {
        let nameless = Signer::Es256.token(&header, &claims(&json!({})));
        let run = asking(&nameless).user(Reply::user(USER)).run();
        assert_eq!(run.steps, ["ask_user", "forward"]);
    }
    let run = asking(&expiring_in(3600))
        .key_set(&no_keys())
        .user(Reply::user(USER))
        .run();
    assert_eq!(
        run.steps,
        ["read_keys", "fetch_keys", "ask_user", "forward"]
    );
    assert_eq!(run.outcome(), ("valid", "token_valid"));
}

#[test]
fn a_token_that_auth_refuses_near_its_expiry_is_refreshed_and_before_it_is_not() {
    for (left, orders) in [(90, 0), (89, 1)] {
        let run = asking(&Signer::Hs256.mint(&json!({"exp": NOW + left})))
            .user(Reply::error(401, "bad_jwt").taking(0))
            .refresh(Reply::error(500, "unexpected_failure"))
            .run();
        assert_eq!(run.orders.len(), orders, "{left} s left");
        let outcome = ["invalid", "unavailable"][orders];
        assert_eq!(run.record.outcome, outcome);
    }
}

#[test]
fn a_verdict_of_auth_is_kept_for_a_minute_at_most() {
    let token = Signer::Hs256.mint(&json!({}));
    let mut scenario = asking(&token).user(Reply::user(USER).taking(0));
    scenario.run();
    assert_eq!(scenario.later(59).run().steps, ["forward"]);
    assert_eq!(scenario.later(1).run().steps, ["ask_user", "forward"]);
}

#[test]
fn the_user_that_auth_names_must_be_the_one_in_the_token() {
    let token = Signer::Hs256.mint(&json!({}));
    let run = asking(&token).user(Reply::user(OTHER_USER)).run();
    assert_eq!(run.outcome(), ("invalid", "token_subject"));
    assert!(run.at_origin("x-session-user-id").is_empty());
}

#[test]
fn claims_are_checked_after_auth_was_asked_too() {
    let token = Signer::Hs256.mint(&json!({"iss": "https://evil.example"}));
    let run = asking(&token).user(Reply::user(USER)).run();
    assert_eq!(run.outcome(), ("invalid", "token_issuer"));
}

#[test]
fn auth_says_that_session_or_user_is_gone() {
    let token = Signer::Hs256.mint(&json!({}));
    for code in ["session_not_found", "user_not_found", "user_banned"] {
        let run = asking(&token).user(Reply::error(403, code)).run();
        assert_eq!(run.outcome(), ("revoked", code));
        assert_eq!(run.deleted().len(), 1);
    }
}

#[test]
fn a_token_that_auth_rejects_long_before_its_expiry_is_invalid() {
    let token = Signer::Hs256.mint(&json!({}));
    let run = asking(&token).user(Reply::error(403, "bad_jwt")).run();
    assert_eq!(run.outcome(), ("invalid", "token_rejected"));
    assert!(run.orders.is_empty());
}

#[test]
fn a_token_that_ran_out_on_its_way_to_auth_is_renewed() {
    // Auth knows no leeway: here the token is alive, there it has run out.
    for left in [-3, 0, 2] {
        let token = Signer::Hs256.mint(&json!({"exp": NOW.saturating_add_signed(left)}));
        let fresh = Signer::Hs256.mint(&json!({"exp": NOW + 7200}));
        let run = asking(&token)
            .user(Reply::error(403, "bad_jwt"))
            .user(Reply::user(USER))
            .refresh(Reply::renewed(&fresh))
            .run();
        assert_eq!(
            run.steps,
            ["ask_user", "refresh_session", "ask_user", "forward"]
        );
        assert_eq!(run.outcome(), ("refreshed", "token_renewed"));
    }
}

#[test]
fn no_answer_about_a_token_decides_nothing() {
    let token = Signer::Hs256.mint(&json!({}));
    for (reply, reason) in [
        (Reply::hangs(), "auth_timeout"),
        (Reply::failed(Unreachable::Network), "auth_network"),
        (
            Reply::failed(Unreachable::TooLarge),
            "auth_answer_too_large",
        ),
        (Reply::error(500, "unexpected_failure"), "auth_error"),
        (
            Reply::error(429, "over_request_rate_limit"),
            "auth_rate_limited",
        ),
        (
            Reply::new(403, "<html>blocked</html>"),
            "auth_refusal_unknown",
        ),
        (Reply::new(200, "<html>"), "auth_answer_malformed"),
        (Reply::new(200, "{}"), "auth_answer_malformed"),
    ] {
        let run = asking(&token).user(reply).run();
        assert_eq!(run.outcome(), ("unavailable", reason));
        assert!(run.at_browser("set-cookie").is_empty(), "{reason}");
    }
}

#[test]
fn a_dead_token_is_not_asked_about() {
    let dead = Signer::Hs256.mint(&json!({"exp": NOW - 6}));
    let run = asking(&dead)
        .refresh(Reply::error(400, "refresh_token_not_found"))
        .run();
    assert_eq!(run.steps, ["refresh_session", "forward"]);
    assert_eq!(run.outcome(), ("expired", "refresh_token_not_found"));
}

#[test]
fn a_bearer_token_that_auth_rejects_is_invalid() {
    let token = Signer::Hs256.mint(&json!({}));
    let run = Scenario::new()
        .bearer(&token)
        .user(Reply::error(403, "bad_jwt"))
        .run();
    assert_eq!(run.record.outcome, "invalid");
    assert!(run.orders.is_empty());
}
