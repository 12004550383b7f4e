//! Identity headers: what a client sent never survives, and what is set was verified.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

use crate::scenario::{Reply, Run, Scenario};
use crate::tokens::{NOW, SESSION, Signer, USER, decode, expiring_in};

const SECRET: &str = "a-secret-of-more-than-32-bytes-for-it";

#[test]
fn a_verified_session_is_told_in_full() {
    let run = Scenario::expiring_in(3600).run();
    for (name, expected) in [
        ("x-session-outcome", "valid"),
        ("x-session-user-id", USER),
        ("x-session-id", SESSION),
        ("x-session-role", "authenticated"),
        ("x-session-aal", "aal1"),
        ("x-session-anonymous", "false"),
    ] {
        assert_eq!(run.at_origin(name), [expected]);
    }
    assert_eq!(
        run.at_origin("x-session-expires-at"),
        [(NOW + 3600).to_string()]
    );
    let claims: Value =
        serde_json::from_slice(&decode(&run.at_origin("x-session-claims").concat())).unwrap();
    assert_eq!(
        (&claims["sub"], &claims["app_metadata"]["plan"]),
        (&json!(USER), &json!("pro"))
    );
}

#[test]
fn an_anonymous_user_is_marked() {
    let run = Scenario::with_token(&Signer::Es256.mint(&json!({"is_anonymous": true}))).run();
    assert_eq!(run.at_origin("x-session-anonymous"), ["true"]);
    let run = Scenario::with_token(&Signer::Es256.mint(&json!({"is_anonymous": "true"}))).run();
    assert_eq!(run.at_origin("x-session-anonymous"), ["false"]);
}

#[test]
fn claims_above_8_kib_are_left_out_and_the_rest_stays() {
    let sized = |bytes: usize| {
        let run =
            Scenario::with_token(&Signer::Es256.mint(&json!({"user_metadata": "x".repeat(bytes)})))
                .run();
        (
            run.at_origin("x-session-claims").concat().len(),
            run.at_origin("x-session-user-id").len(),
        )
    };
    let (length, _) = sized(5500);
    assert!(length > 7000 && length <= 8192, "{length}");
    assert_eq!(sized(7000), (0, 1));
}

#[test]
fn no_spelling_of_a_reserved_header_survives() {
    let spellings = [
        "x-session-user-id",
        "X-Session-User-Id",
        "X_SESSION_USER_ID",
        "x-session_role",
        "x_session-new",
        "X-SESSION-",
        "x-session-assertion",
        "x-session-claims",
        "x_session_outcome",
        "X.Session.User.Id",
        "x~session!role",
    ];
    let visitors = || {
        [
            Scenario::new(),
            Scenario::with_token("a.b.c"),
            Scenario::expiring_in(3600),
            Scenario::expiring_in(-60).refresh(Reply::error(503, "x")),
        ]
    };
    for rule in [
        json!({}),
        json!({"bypass": true}),
        json!({"cache": "shared"}),
    ] {
        for identity in ["on", "off"] {
            for visitor in visitors() {
                let scenario = spellings
                    .iter()
                    .fold(visitor, |scenario, name| scenario.header(name, "forged"));
                let run = scenario.rule(&rule).var("IDENTITY_HEADERS", identity).run();
                let forged = run
                    .all_at_origin()
                    .into_iter()
                    .find(|(_, value)| value == "forged");
                assert_eq!(forged, None, "{rule} {identity}");
            }
        }
    }
}

#[test]
fn names_that_only_resemble_reserved_ones_stay() {
    let run = Scenario::new()
        .header("x-sessions", "1")
        .header("session-x", "2")
        .header("xx-session-id", "3")
        .run();
    assert_eq!(
        (
            run.at_origin("x-sessions"),
            run.at_origin("session-x"),
            run.at_origin("xx-session-id")
        ),
        (
            vec!["1".to_owned()],
            vec!["2".to_owned()],
            vec!["3".to_owned()]
        )
    );
}

#[test]
fn switched_off_nothing_is_told() {
    let run = Scenario::expiring_in(3600)
        .var("IDENTITY_HEADERS", "off")
        .run();
    let names: Vec<String> = run
        .all_at_origin()
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| name.starts_with("x-"))
        .collect();
    assert_eq!(names, ["x-session-hop"]);
}

/// The assertion's claims, read as an origin reads them.
fn assertion(
    run: &Run,
    secret: &str,
    audience: &str,
) -> Result<Value, jsonwebtoken::errors::Error> {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_issuer(&["edge-session"]);
    validation.set_audience(&[audience]);
    // The scenario's clock is not the machine's.
    validation.validate_exp = false;
    let token = run.at_origin("x-session-assertion").concat();
    let key = DecodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::decode::<Value>(&token, &key, &validation).map(|data| data.claims)
}

#[test]
fn the_assertion_verifies_under_the_shared_secret_alone() {
    let run = Scenario::expiring_in(3600)
        .var("IDENTITY_SECRET", SECRET)
        .run();
    let claims = assertion(&run, SECRET, "site.example").unwrap();
    let expected = json!({
        "iss": "edge-session", "aud": "site.example", "sub": USER, "session_id": SESSION, "role": "authenticated",
        "aal": "aal1", "outcome": "valid", "iat": NOW, "exp": NOW + 60,
    });
    assert_eq!(claims, expected);
    assert!(assertion(&run, "another-secret-of-more-than-32-bytes", "site.example").is_err());
    assert!(assertion(&run, SECRET, "other.example").is_err());
    let header = run.at_origin("x-session-assertion").concat();
    assert_eq!(
        decode(header.split('.').next().unwrap()),
        br#"{"alg":"HS256","typ":"JWT"}"#
    );
}

#[test]
fn the_assertion_of_a_visitor_without_session_names_nobody() {
    for scenario in [
        Scenario::new(),
        Scenario::with_token("a.b.c"),
        Scenario::expiring_in(-60).refresh(Reply::error(503, "x")),
    ] {
        let run = scenario.var("IDENTITY_SECRET", SECRET).run();
        let claims = assertion(&run, SECRET, "site.example").unwrap();
        let names: Vec<&String> = claims.as_object().unwrap().keys().collect();
        assert_eq!(names, ["iss", "aud", "outcome", "iat", "exp"]);
        assert_eq!(claims["outcome"], run.record.outcome);
    }
}

#[test]
fn the_audience_is_the_host_of_the_origin_with_its_port() {
    let run = Scenario::new()
        .var("IDENTITY_SECRET", SECRET)
        .var("ORIGIN_URL", "https://inner.example:8443/base")
        .run();
    assert!(assertion(&run, SECRET, "inner.example:8443").is_ok());
}

#[test]
fn the_assertion_is_sent_without_the_other_headers_too() {
    let run = Scenario::expiring_in(3600)
        .var("IDENTITY_SECRET", SECRET)
        .var("IDENTITY_HEADERS", "off")
        .run();
    assert_eq!(
        (
            run.at_origin("x-session-assertion").len(),
            run.at_origin("x-session-user-id").len()
        ),
        (1, 0)
    );
    assert!(
        Scenario::expiring_in(3600)
            .run()
            .at_origin("x-session-assertion")
            .is_empty()
    );
}

#[test]
fn a_claim_cannot_smuggle_a_header() {
    let token = Signer::Es256.mint(&json!({"role": "a\r\nx-session-role: admin"}));
    let run = Scenario::with_token(&token).run();
    assert_eq!(run.record.outcome, "invalid");
    assert!(run.at_origin("x-session-role").is_empty());
    assert_eq!(
        Scenario::with_token(&expiring_in(3600))
            .run()
            .at_origin("x-session-role"),
        ["authenticated"]
    );
}
