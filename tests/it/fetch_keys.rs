//! Where keys come from: memory, the store, the network; and how seldom the network is asked.

use edge_session::handler::Deferred;
use edge_session::jwks::KeysError;
use serde_json::{Value, json};

use crate::scenario::{Reply, Run, Scenario, session_cookie};
use crate::tokens::{
    NOW, Signer, claims, expiring_in, key_set_json, public_jwk, unusable_key_set_json,
};

const DAY: u64 = 24 * 60 * 60;

/// A good token whose key the usual set does not list.
fn of_unknown_key(kid: &str) -> String {
    Signer::OtherEs256.token(&json!({"alg": "ES256", "kid": kid}), &claims(&json!({})))
}

fn rotated() -> Value {
    let mut set = key_set_json();
    let new = public_jwk("other_es256", &json!({"kid": "kid-other", "alg": "ES256"}));
    set["keys"].as_array_mut().unwrap().push(new);
    set
}

/// A fresh token of the key that only the rotated set has.
fn of_new_key() -> String {
    Signer::OtherEs256.token(
        &json!({"alg": "ES256", "kid": "kid-other"}),
        &claims(&json!({"exp": NOW + 7200})),
    )
}

fn fetches(run: &Run) -> usize {
    let is_fetch = |step: &&&str| **step == "fetch_keys";
    run.steps.iter().filter(is_fetch).count()
}

fn unavailable() -> Reply {
    Reply::error(500, "unexpected_failure")
}

#[test]
fn a_stored_set_saves_the_fetch() {
    let run = Scenario::expiring_in(3600)
        .stored_keys(&key_set_json(), 10)
        .run();
    assert_eq!(run.steps, ["read_keys", "check_signature", "forward"]);
    assert_eq!((run.record.keys, run.record.auth_calls), ("kv", 0));
}

#[test]
fn the_fetch_goes_to_the_jwks_url_with_the_publishable_key() {
    let run = Scenario::expiring_in(3600).run();
    let (request, limit) = &run.sent[0];
    assert_eq!(
        request.url,
        "https://abc.supabase.co/auth/v1/.well-known/jwks.json"
    );
    assert_eq!((request.method, *limit), ("GET", 5000));
    assert!(
        request
            .headers
            .contains(&("apikey", "sb_publishable_x".to_owned()))
    );
}

#[test]
fn a_stale_set_serves_while_one_request_refetches() {
    let mut scenario = Scenario::expiring_in(3600).known_keys(&key_set_json(), 600);
    let run = scenario.run();
    assert_eq!(run.steps, ["check_signature", "forward"]);
    assert_eq!(
        (run.outcome(), run.record.keys),
        (("valid", "token_valid"), "stale")
    );
    assert_eq!(run.deferred, [Deferred::RefetchKeys]);
    let mut scenario = scenario.cookie(&session_cookie(&expiring_in(3000)));
    let run = scenario.run();
    assert_eq!(run.record.keys, "stale");
    assert_eq!(run.deferred, [], "one refetch is under way already");
}

#[test]
fn a_fresh_set_is_not_refetched() {
    let mut scenario = Scenario::expiring_in(3600).known_keys(&key_set_json(), 599);
    let run = scenario.run();
    assert_eq!((run.record.keys, run.deferred), ("memory", Vec::new()));
}

#[test]
fn a_refetch_that_was_lost_is_wanted_again() {
    let mut scenario = Scenario::expiring_in(3600).known_keys(&key_set_json(), 600);
    assert_eq!(scenario.run().deferred, [Deferred::RefetchKeys]);
    scenario.later(15);
    let mut scenario = scenario.cookie(&session_cookie(&expiring_in(3000)));
    assert_eq!(scenario.run().deferred, [Deferred::RefetchKeys]);
}

#[test]
fn the_last_good_set_serves_for_a_day_and_no_longer() {
    let outcome = |age| {
        let scenario = Scenario::expiring_in(3600).no_key_set(KeysError::Unreachable);
        scenario.stored_keys(&key_set_json(), age).run().outcome()
    };
    assert_eq!(outcome(DAY - 1), ("valid", "token_valid"));
    assert_eq!(outcome(DAY), ("unavailable", "keys_unreachable"));
}

#[test]
fn without_keys_nothing_is_decided_and_nothing_deleted() {
    for error in [
        KeysError::Unreachable,
        KeysError::Malformed,
        KeysError::TooLarge,
        KeysError::Status(500),
        KeysError::Status(404),
    ] {
        let run = Scenario::expiring_in(3600).no_key_set(error).run();
        assert_eq!(
            run.outcome(),
            ("unavailable", "keys_unreachable"),
            "{error}"
        );
        assert_eq!(run.steps, ["read_keys", "fetch_keys", "forward"]);
        assert!(run.at_browser("set-cookie").is_empty() && run.at_origin("cookie").is_empty());
    }
}

#[test]
fn after_a_failed_fetch_the_next_waits_five_seconds() {
    let mut scenario = Scenario::expiring_in(3600).no_key_set(KeysError::Unreachable);
    scenario.run();
    assert_eq!(scenario.later(4).run().steps, ["read_keys", "forward"]);
    let mut scenario = scenario.key_set(&key_set_json());
    assert_eq!(scenario.later(1).run().outcome(), ("valid", "token_valid"));
}

#[test]
fn an_unknown_kid_is_looked_for_once_and_found_after_a_rotation() {
    let mut scenario = Scenario::with_token(&of_unknown_key("kid-other"))
        .known_keys(&key_set_json(), 10)
        .key_set(&rotated());
    let run = scenario.run();
    assert_eq!(run.steps, ["fetch_keys", "check_signature", "forward"]);
    assert_eq!(run.outcome(), ("valid", "token_valid"));
}

#[test]
fn a_kid_that_stays_unknown_is_remembered() {
    let mut scenario = Scenario::with_token(&of_unknown_key("ghost"))
        .known_keys(&key_set_json(), 10)
        .refresh(unavailable());
    assert_eq!(
        scenario.run().steps,
        ["fetch_keys", "refresh_session", "forward"]
    );
    scenario.later(31);
    assert_eq!(
        scenario.run().steps,
        ["forward"],
        "no second look, and no second attempt within a minute"
    );
    scenario.later(600);
    assert_eq!(
        scenario.run().steps[0],
        "fetch_keys",
        "after ten minutes it may have appeared"
    );
}

#[test]
fn sprayed_kids_force_one_fetch_in_thirty_seconds() {
    let mut count = 0;
    let mut scenario = Scenario::new()
        .known_keys(&key_set_json(), 10)
        .refresh(unavailable().taking(0));
    for index in 0..20 {
        scenario = scenario.cookie(&session_cookie(&of_unknown_key(&format!("kid-{index}"))));
        count += fetches(&scenario.run());
        scenario.later(1);
    }
    assert_eq!(count, 1);
    scenario.later(30);
    let mut scenario = scenario.cookie(&session_cookie(&of_unknown_key("kid-31")));
    assert_eq!(scenario.run().steps[0], "fetch_keys");
}

#[test]
fn sessions_of_unknown_keys_reach_auth_once_a_minute_for_each_token_and_thrice_for_each_address() {
    // Each answer of Auth is one that leaves its breaker closed.
    let mut scenario = Scenario::new()
        .known_keys(&key_set_json(), 10)
        .header("cf-connecting-ip", "192.0.2.1")
        .refresh(Reply::error(409, "conflict").taking(0));
    let mut refreshes = Vec::new();
    for index in 0..15 {
        let token = of_unknown_key(&format!("kid-{index}"));
        let session =
            crate::scenario::session_json(&token, &format!("refresh-{index}")).to_string();
        scenario = scenario.cookie(&format!(
            "{}=base64-{}",
            crate::scenario::KEY,
            crate::tokens::encode(session)
        ));
        let run = scenario.run();
        refreshes.push(run.orders.len());
        if index >= 3 {
            assert_eq!(run.outcome(), ("unavailable", "token_unknown_key"));
            assert!(run.at_browser("set-cookie").is_empty());
        }
    }
    assert_eq!(refreshes.iter().sum::<usize>(), 3);
    scenario.later(60);
    assert_eq!(scenario.run().orders.len(), 1);
    assert_eq!(scenario.run().orders.len(), 0, "the same refresh token");
}

#[test]
fn a_session_whose_key_was_revoked_is_renewed() {
    let fresh = Signer::Es256.mint(&json!({"exp": NOW + 7200}));
    let run = Scenario::with_token(&of_unknown_key("revoked"))
        .known_keys(&key_set_json(), 10)
        .refresh(Reply::renewed(&fresh))
        .run();
    assert_eq!(run.outcome(), ("refreshed", "token_renewed"));
    assert_eq!(
        run.orders[0].session_id, None,
        "nobody vouched for its session id"
    );
}

#[test]
fn an_answer_of_a_new_key_is_verified_although_made_up_tokens_used_the_fetch_up() {
    let mut scenario = Scenario::with_token(&of_unknown_key("made-up"))
        .known_keys(&key_set_json(), 10)
        .refresh(Reply::error(400, "refresh_token_not_found"))
        .refresh(Reply::renewed(&of_new_key()));
    assert_eq!(scenario.run().steps[0], "fetch_keys");
    scenario.later(2);
    let mut scenario = scenario
        .cookie(&session_cookie(&expiring_in(30)))
        .key_set(&rotated());
    let run = scenario.run();
    assert_eq!(run.outcome(), ("refreshed", "token_renewed"));
    assert_eq!(fetches(&run), 1);
}

#[test]
fn answers_of_keys_that_auth_does_not_publish_force_one_fetch_in_thirty_seconds() {
    let mut scenario = Scenario::expiring_in(30)
        .known_keys(&key_set_json(), 10)
        .refresh(Reply::renewed(&of_unknown_key("ghost")));
    let mut count = 0;
    for _ in 0..10 {
        let run = scenario.run();
        assert_eq!(run.outcome(), ("valid", "auth_answer_not_trusted"));
        count += fetches(&run);
        scenario.later(2);
    }
    assert_eq!(count, 1);
}

#[test]
fn a_key_that_cannot_be_imported_decides_nothing() {
    let mut visitor = Scenario::expiring_in(3600).key_set(&unusable_key_set_json());
    for steps in [
        &["read_keys", "fetch_keys", "check_signature", "forward"][..],
        &["check_signature", "forward"],
    ] {
        let run = visitor.run();
        assert_eq!(run.outcome(), ("unavailable", "key_unusable"));
        assert_eq!(run.steps, steps);
        assert!(run.at_browser("set-cookie").is_empty() && run.at_origin("cookie").is_empty());
    }
    // Not even near its expiry is a token of such a key worth a refresh: nobody knows who signed it.
    let run = Scenario::expiring_in(30)
        .key_set(&unusable_key_set_json())
        .run();
    assert_eq!(run.outcome(), ("unavailable", "key_unusable"));
    assert!(run.orders.is_empty());
}

#[test]
fn an_unknown_kid_while_auth_is_down_decides_nothing() {
    let run = Scenario::with_token(&of_unknown_key("new"))
        .known_keys(&key_set_json(), 10)
        .no_key_set(KeysError::Unreachable)
        .run();
    assert_eq!(run.outcome(), ("unavailable", "keys_unreachable"));
    assert!(run.orders.is_empty());
}

#[test]
fn a_set_that_became_empty_does_not_lock_anyone_out() {
    let empty = json!({"keys": []});
    let run = Scenario::expiring_in(3600)
        .known_keys(&empty, 10)
        .user(Reply::user(crate::tokens::USER))
        .run();
    assert_eq!(run.steps, ["ask_user", "forward"]);
    assert_eq!(run.record.outcome, "valid");
}

#[test]
fn a_bearer_token_of_an_unknown_key_is_invalid_and_not_renewed() {
    let run = Scenario::new().bearer(&of_unknown_key("ghost")).run();
    assert_eq!(run.outcome(), ("invalid", "token_unknown_key"));
    assert!(run.orders.is_empty());
}

#[test]
fn while_one_request_fetches_the_others_look_again() {
    let mut scenario = Scenario::expiring_in(3600);
    let now = scenario.now;
    assert!(scenario.memory.borrow_mut().keys.claim_fetch(now));
    let run = scenario.run();
    assert_eq!(run.steps[..2], ["read_keys", "await_keys"]);
    assert_eq!(
        run.steps[run.steps.len() - 3..],
        ["fetch_keys", "check_signature", "forward"],
        "the other one was lost"
    );
    assert_eq!(run.outcome(), ("valid", "token_valid"));
    assert!(run.record.ms.keys >= 2000 && run.record.ms.keys < 4000);
}

#[test]
fn whether_a_key_is_unknown_is_not_decided_while_another_request_fetches() {
    let mut scenario = Scenario::with_token(&of_unknown_key("kid-other"))
        .known_keys(&key_set_json(), 10)
        .key_set(&rotated());
    let now = scenario.now;
    assert!(scenario.memory.borrow_mut().keys.claim_fetch(now));
    let run = scenario.run();
    assert_eq!(run.steps[0], "await_keys");
    assert_eq!(
        run.steps[run.steps.len() - 3..],
        ["fetch_keys", "check_signature", "forward"]
    );
    assert_eq!(run.outcome(), ("valid", "token_valid"));
}

#[test]
fn nobody_looks_again_more_than_seven_times() {
    let pauses = |run: &Run| {
        run.steps
            .iter()
            .filter(|step| **step == "await_keys")
            .count()
    };
    // One request after the other fetches, and none of them brings the key.
    let fetching = |mut scenario: Scenario| {
        let later = scenario.now.plus_seconds(2);
        assert!(scenario.memory.borrow_mut().keys.claim_fetch(later));
        scenario.run()
    };
    let run = fetching(Scenario::expiring_in(3600));
    assert_eq!(pauses(&run), 7);
    assert_eq!(run.outcome(), ("valid", "token_valid"));
    let unknown = Scenario::with_token(&of_unknown_key("ghost"));
    let run = fetching(unknown.known_keys(&key_set_json(), 10));
    assert_eq!(pauses(&run), 7);
    assert_eq!(run.outcome(), ("unavailable", "keys_unreachable"));
}

#[test]
fn a_failed_fetch_of_another_request_ends_the_waiting() {
    let mut scenario = Scenario::expiring_in(3600);
    let now = scenario.now;
    scenario.memory.borrow_mut().keys.note_failed_fetch(now);
    let run = scenario.run();
    assert_eq!(run.steps, ["read_keys", "forward"]);
    assert_eq!(run.outcome(), ("unavailable", "keys_unreachable"));
}
