//! A `Cookie` header seen before is not decoded again, and nobody can tell.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::scenario::{KEY, Reply, Run, Scenario, session_cookie, session_json};
use crate::tokens::{USER, expiring_in};

/// What origin, browser and operator see of a request.
fn seen(run: &Run) -> String {
    let edits = run.origin.as_ref().map(|origin| &origin.edits);
    let mut record = run.record.clone();
    // The first request of an isolate fetches the keys.
    (record.keys, record.auth_calls) = ("", 0);
    format!("{edits:?} {:?} {record:?}", run.outgoing)
}

fn is_known(scenario: &mut Scenario, header: &str) -> bool {
    let cookies = scenario.memory.borrow().fingerprint(header);
    scenario
        .memory
        .borrow_mut()
        .known_verdict(cookies, scenario.now)
        .is_some()
}

/// The session in the form of auth-helpers: an array of tokens.
fn array_cookie(token: &str) -> String {
    let array = json!([token, "refresh", null, null, null]).to_string();
    format!("{KEY}=base64-{}", URL_SAFE_NO_PAD.encode(array))
}

fn raw_cookie(token: &str) -> String {
    let session = session_json(token, "refresh").to_string();
    let escaped = session.replace('"', "%22").replace(',', "%2C");
    format!("{KEY}={escaped}")
}

#[test]
fn a_header_is_known_from_the_second_sight_on_if_nothing_of_it_is_due() {
    let token = expiring_in(3600);
    let plain = session_cookie(&token);
    let cases = [
        (plain.clone(), true),
        (format!("theme=dark; {plain}; a=b"), true),
        (raw_cookie(&token), true),
        (format!("{plain}; {plain}"), false),
        (array_cookie(&token), false),
        (format!("{KEY}=base64-e30"), false),
        ("theme=dark".to_owned(), false),
    ];
    for (header, expected) in cases {
        let mut scenario = Scenario::new().cookie(&header);
        let first = seen(&scenario.run());
        assert!(!is_known(&mut scenario, &header), "seen once: {header}");
        let second = seen(&scenario.run());
        assert_eq!(is_known(&mut scenario, &header), expected, "{header}");
        let third = seen(&scenario.run());
        assert_eq!((&first, &first), (&second, &third), "{header}");
    }
}

#[test]
fn settings_hold_for_a_known_header_as_for_a_new_one() {
    let header = format!("theme=dark; {}", session_cookie(&expiring_in(3600)));
    let settings: [&[(&str, &str)]; 5] = [
        &[("FORWARD_BEARER", "on")],
        &[("FORWARD_COOKIES", "off")],
        &[("IDENTITY_HEADERS", "off")],
        &[("REVOCATION", "on")],
        &[(
            "RULES",
            r#"[{"path":"/page","cache":"shared","require":true}]"#,
        )],
    ];
    for vars in settings {
        let mut scenario = Scenario::new().cookie(&header);
        for (name, value) in vars {
            scenario = scenario.var(name, value);
        }
        let first = seen(&scenario.run());
        scenario.run();
        assert!(is_known(&mut scenario, &header), "{vars:?}");
        assert_eq!(first, seen(&scenario.run()), "{vars:?}");
    }
}

#[test]
fn a_known_session_is_renewed_when_it_is_due() {
    let mut scenario = Scenario::expiring_in(100).refresh(Reply::renewed(&expiring_in(3600)));
    scenario.run();
    scenario.run();
    let run = scenario.later(11).run();
    assert_eq!(run.outcome(), ("refreshed", "token_renewed"));
    assert!(run.written().is_some());
}

#[test]
fn a_known_session_is_deleted_when_auth_ends_it() {
    let mut scenario = Scenario::expiring_in(100).refresh(Reply::error(400, "session_expired"));
    scenario.run();
    scenario.run();
    let run = scenario.later(11).run();
    assert_eq!(run.outcome(), ("expired", "session_expired"));
    assert_eq!(run.deleted(), [KEY]);
}

#[test]
fn a_known_session_that_auth_disowns_is_forgotten() {
    let mut scenario = Scenario::expiring_in(3600)
        .rule(&json!({"path": "/live", "verify": "live"}))
        .user(Reply::error(403, "session_not_found"));
    scenario.run();
    scenario.run();
    let mut scenario = scenario.path("/live");
    let run = scenario.run();
    assert_eq!(run.outcome(), ("revoked", "session_not_found"));
    assert_eq!(run.deleted(), [KEY]);
    let mut scenario = scenario.path("/page");
    assert_eq!(scenario.run().steps, ["check_signature", "forward"]);
}

#[test]
fn another_header_of_the_same_token_is_another_header() {
    let token = expiring_in(3600);
    let mut scenario = Scenario::with_token(&token);
    scenario.run();
    scenario.run();
    let tossed = format!("{KEY}=base64-e30; {}", session_cookie(&token));
    let run = scenario.cookie(&tossed).run();
    assert_eq!(run.at_origin("x-session-user-id"), [USER]);
    assert!(run.written().is_some(), "the twin is healed");
}
