//! Identity headers: what a client sent never survives, and what is set was verified.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

use crate::scenario::{Reply, Run, Scenario};
use crate::tokens::{NOW, SESSION, Signer, USER, decode, expiring_in, public_jwk};

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

/// A visitor with a bearer token, which stands in no cookie, and how long its claims are.
fn padded(bytes: usize) -> (Scenario, usize) {
    let token = Signer::Es256.mint(&json!({"user_metadata": "x".repeat(bytes)}));
    let length = token.split('.').nth(1).unwrap().len();
    (Scenario::new().bearer(&token), length)
}

#[test]
fn claims_above_8_kib_are_left_out_and_the_rest_stays() {
    for (bytes, is_sent) in [(5500, true), (7000, false)] {
        let (mut visitor, length) = padded(bytes);
        let run = visitor.run();
        assert_eq!(length <= 8192, is_sent);
        assert_eq!(
            run.at_origin("x-session-claims").len(),
            usize::from(is_sent)
        );
        assert_eq!(run.at_origin("x-session-user-id").len(), 1);
    }
}

#[test]
fn claims_are_left_out_where_they_and_the_cookies_together_pass_12_kib() {
    let (_, length) = padded(4000);
    for (cookie_bytes, is_sent) in [(12 * 1024 - length, true), (12 * 1024 - length + 1, false)] {
        let (visitor, _) = padded(4000);
        let cookie = format!("a={}", "x".repeat(cookie_bytes - 2));
        let run = visitor.cookie(&cookie).run();
        assert_eq!(
            run.at_origin("x-session-claims").len(),
            usize::from(is_sent)
        );
    }
    // Cookies that the origin does not get count nothing.
    let token = Signer::Es256.mint(&json!({"user_metadata": "x".repeat(4500)}));
    for (forward, is_sent) in [("on", false), ("off", true)] {
        let run = Scenario::with_token(&token)
            .var("FORWARD_COOKIES", forward)
            .run();
        assert_eq!(
            run.at_origin("x-session-claims").len(),
            usize::from(is_sent),
            "{forward}"
        );
    }
}

#[test]
fn a_token_of_somebody_elses_app_names_the_app() {
    let token = |client: &str| Signer::Es256.mint(&json!({"client_id": client}));
    let told = |client: &str| {
        let run = Scenario::new().bearer(&token(client)).run();
        run.at_origin("x-session-client-id")
    };
    assert_eq!(told("app-1"), ["app-1"]);
    assert_eq!(told("a\r\nx: y"), ["a%0D%0Ax:%20y"]);
    assert!(told("").is_empty());
}

fn with_claims(claims: &Value, table: &Value) -> Run {
    Scenario::with_token(&Signer::Es256.mint(claims))
        .var("IDENTITY_CLAIMS", &table.to_string())
        .run()
}

#[test]
fn claims_stand_in_the_headers_that_the_operator_named() {
    let claims = json!({
        "email": "zoë@example.com",
        "app_metadata": {"plan": "pro plus", "seats": 3, "tags": ["a", "b"], "gone": null, "flag": false},
        "long": "x".repeat(1024), "longer": "x".repeat(1025), "wide": "é".repeat(171),
    });
    let table = json!({
        "X-Email": "/email", "X-Plan": "/app_metadata/plan", "X-Seats": "/app_metadata/seats",
        "X-Tags": "/app_metadata/tags", "X-Gone": "/app_metadata/gone", "X-Flag": "/app_metadata/flag",
        "X-None": "/nothing/there", "X-Long": "/long", "X-Longer": "/longer", "X-Wide": "/wide",
    });
    let run = with_claims(&claims, &table);
    for (name, expected) in [
        ("x-email", "zo%C3%AB@example.com"),
        ("x-plan", "pro%20plus"),
        ("x-seats", "3"),
        ("x-tags", "[\"a\",\"b\"]"),
        ("x-flag", "false"),
        ("x-long", &"x".repeat(1024)),
    ] {
        assert_eq!(run.at_origin(name), [expected], "{name}");
    }
    for name in ["x-gone", "x-none", "x-longer", "x-wide", "x-session-claims"] {
        assert!(run.at_origin(name).is_empty(), "{name}");
    }
}

#[test]
fn no_claims_are_told_where_none_are_wanted_or_nobody_is_verified() {
    let table = json!({"X-Email": "/email"}).to_string();
    let run = Scenario::expiring_in(3600)
        .var("IDENTITY_CLAIMS", "none")
        .run();
    assert!(run.at_origin("x-session-claims").is_empty());
    assert_eq!(run.at_origin("x-session-user-id"), [USER]);
    for visitor in [
        Scenario::new(),
        Scenario::with_token("a.b.c"),
        Scenario::expiring_in(-60).refresh(Reply::error(503, "x")),
        Scenario::expiring_in(3600).rule(&json!({"cache": "shared"})),
        Scenario::expiring_in(3600).rule(&json!({"bypass": true})),
        Scenario::expiring_in(3600).var("IDENTITY_HEADERS", "off"),
    ] {
        let run = visitor.var("IDENTITY_CLAIMS", &table).run();
        assert!(run.at_origin("x-email").is_empty());
    }
}

#[test]
fn what_the_operator_named_is_taken_off_in_every_mode() {
    let names = ["x-email", "X_Email", "x.email", "x-lock", "X_LOCK"];
    for rule in [
        json!({}),
        json!({"bypass": true}),
        json!({"cache": "shared"}),
    ] {
        for mode in ["enforce", "observe"] {
            let visitor = names.iter().fold(Scenario::new(), |visitor, name| {
                visitor.header(name, "forged")
            });
            let run = visitor
                .rule(&rule)
                .var("MODE", mode)
                .var("IDENTITY_CLAIMS", r#"{"X-Email": "/email"}"#)
                .var("ORIGIN_HEADERS", r#"{"X-Lock": "let me in"}"#)
                .run();
            let sent = run.all_at_origin();
            assert!(
                sent.iter().all(|(_, value)| value != "forged"),
                "{rule} {mode}"
            );
            assert_eq!(run.at_origin("x-lock"), ["let me in"], "{rule} {mode}");
        }
    }
}

#[test]
fn with_a_private_key_the_assertion_needs_no_secret_at_the_origin() {
    const KEY: &str = r#"{"kty":"EC","crv":"P-256","kid":"own","x":"0E7UQH1BleQ-r50LdG44J5wC7TvDIfrkMU00WI7B8qM","y":"lpIwkcj5yHYEsN3jnNDsfZfHb1gIwnvjYwrDHgN1W0Y","d":"CmRqGg4-cZccixYEU5_cAsLtN3KO5Ljd7fsdhgdOGiM"}"#;
    let visitor = || Scenario::expiring_in(3600).var("IDENTITY_PRIVATE_KEY", KEY);
    for mut visitor in [visitor(), visitor().var("IDENTITY_SECRET", SECRET)] {
        let run = visitor.run();
        let token = run.at_origin("x-session-assertion").concat();
        let header: Value =
            serde_json::from_slice(&decode(token.split('.').next().unwrap())).unwrap();
        assert_eq!(header, json!({"alg": "ES256", "typ": "JWT", "kid": "own"}));
        let jwk = serde_json::from_value(public_jwk("es256", &json!({}))).unwrap();
        let key = DecodingKey::from_jwk(&jwk).unwrap();
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_audience(&["site.example"]);
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Value>(&token, &key, &validation)
            .unwrap()
            .claims;
        assert_eq!(
            (&claims["sub"], &claims["exp"]),
            (&json!(USER), &json!(NOW + 60))
        );
    }
    let run = visitor().no_signing().run();
    assert!(run.at_origin("x-session-assertion").is_empty());
    assert_eq!(run.record.level, edge_session::record::Level::Error);
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
        br#"{"typ":"JWT","alg":"HS256"}"#
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
