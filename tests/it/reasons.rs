//! Every reason code: in the table, in the documentation, and reached by a request.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use edge_session::auth_api::{BUDGET_SPENT, Unreachable};
use edge_session::handler::BodyError;
use edge_session::handler::GATE_TIMEOUT;
use edge_session::jwks::KeysError;
use edge_session::reason;
use serde_json::{Value, json};

use crate::scenario::{KEY, Reply, Scenario, session_cookie, session_json};
use crate::tokens::{
    NOW, OTHER_USER, SESSION, Signer, USER, claims, encode, expiring_in, unusable_key_set_json,
};

/// What no request in these tests can reach, and why.
const NOT_BY_A_REQUEST: [(&str, &str); 3] = [
    (
        "configuration",
        "it is logged when an isolate starts; no request is decided",
    ),
    (
        "cookie_malformed",
        "the word for a reader of cookies that fails without an error of its own",
    ),
    (
        "refresh_cancelled",
        "the runtime drops a task; the shell alone can see that",
    ),
];

fn at(path: &str) -> Scenario {
    Scenario::new().var("AUTH_PATH", "/auth").path(path)
}

fn operator(path: &str) -> Scenario {
    at(path)
        .method("PUT")
        .var("REVOCATION", "on")
        .var("SUPABASE_SECRET_KEY", "sb_secret_x")
}

fn holding(value: &str) -> Scenario {
    Scenario::new().cookie(&format!("{KEY}={value}"))
}

fn minted(changes: &Value) -> Scenario {
    Scenario::with_token(&Signer::Es256.mint(changes))
}

fn dead() -> Scenario {
    Scenario::expiring_in(-60)
}

fn hs256() -> Scenario {
    Scenario::with_token(&Signer::Hs256.mint(&json!({})))
}

/// The visitor's next request.
fn again(mut scenario: Scenario) -> Scenario {
    scenario.run();
    scenario
}

/// Requests that pass, and those that never come to a session.
fn without_a_session() -> Vec<(&'static str, Scenario)> {
    let observed = || at("/page").var("MODE", "observe");
    vec![
        ("no_session", Scenario::new()),
        ("bypass", Scenario::new().path("/logo.svg")),
        ("loop", Scenario::new().header("x-session-hop", "5")),
        ("origin_unreachable", Scenario::new().no_origin()),
        (
            "path_outside",
            Scenario::new()
                .var("ORIGIN_URL", "https://origin.test/base")
                .path("/..%2fx"),
        ),
        ("host_malformed", Scenario::new().url("https://a b/x")),
        ("own_route", observed().path("/auth/session")),
        (
            "refresh_due",
            observed().cookie(&session_cookie(&expiring_in(-60))),
        ),
    ]
}

fn by_cookie() -> Vec<(&'static str, Scenario)> {
    let chunks: Vec<String> = (0..33).map(|index| format!("{KEY}.{index}=a")).collect();
    vec![
        ("not_base64url", holding("base64-!!!")),
        ("not_json", holding(&format!("base64-{}", encode("{")))),
        ("not_utf8", holding("base64-_w")),
        (
            "too_large",
            holding(&format!("base64-{}", encode("x".repeat(70_000)))),
        ),
        (
            "too_many_chunks",
            Scenario::new().cookie(&chunks.join("; ")),
        ),
        ("unknown_encoding", holding("base64zstd-abc")),
        (
            "wrong_shape",
            holding(&format!("base64-{}", encode(r#"{"access_token":"a"}"#))),
        ),
    ]
}

fn by_token() -> Vec<(&'static str, Scenario)> {
    let headed =
        |header: &Value| Scenario::with_token(&Signer::Es256.token(header, &claims(&json!({}))));
    let forged = Signer::OtherEs256.token(&Signer::Es256.header(), &claims(&json!({})));
    vec![
        ("token_valid", Scenario::expiring_in(3600)),
        (
            "token_algorithm",
            headed(&json!({"alg": "none", "kid": "kid-es"})),
        ),
        ("token_audience", minted(&json!({"aud": "other"}))),
        (
            "token_crit",
            headed(&json!({"alg": "ES256", "kid": "kid-es", "crit": ["b64"]})),
        ),
        ("token_exp", minted(&json!({"exp": null}))),
        (
            "token_issuer",
            minted(&json!({"iss": "https://other.example"})),
        ),
        ("token_malformed", Scenario::with_token("a.b.c")),
        ("token_not_yet_valid", minted(&json!({"nbf": NOW + 600}))),
        ("token_role", minted(&json!({"role": null}))),
        ("token_signature", Scenario::with_token(&forged)),
        ("token_subject", minted(&json!({"sub": "nobody"}))),
        (
            "token_too_long",
            minted(&json!({"pad": "x".repeat(20_000)})),
        ),
        (
            "token_type",
            headed(&json!({"alg": "ES256", "kid": "kid-es", "typ": "at+jwt"})),
        ),
        (
            "token_unknown_key",
            Scenario::new().bearer(&Signer::OtherEs256.mint(&json!({}))),
        ),
        ("token_rejected", hs256().user(Reply::error(401, "bad_jwt"))),
        ("token_expired", Scenario::new().bearer(&expiring_in(-60))),
        (
            "keys_unreachable",
            Scenario::expiring_in(3600).no_key_set(KeysError::Unreachable),
        ),
        (
            "key_unusable",
            Scenario::expiring_in(3600).key_set(&unusable_key_set_json()),
        ),
    ]
}

fn by_auth() -> Vec<(&'static str, Scenario)> {
    let renewed = |changes: &Value| Reply::renewed(&Signer::Es256.mint(changes));
    let ended = [
        "invalid_client",
        "refresh_token_already_used",
        "refresh_token_not_found",
        "session_expired",
        "session_not_found",
        "user_banned",
        "validation_failed",
    ];
    let mut cases: Vec<(&'static str, Scenario)> = ended
        .into_iter()
        .map(|code| (code, dead().refresh(Reply::error(400, code))))
        .collect();
    let spent =
        Scenario::with_token(&Signer::Hs256.mint(&json!({"exp": NOW + 95, "iat": NOW - 3500})))
            .var("REFRESH_MARGIN_SECONDS", "600")
            .var("AUTH_TIMEOUT_MS", "100")
            .user(Reply::user(USER).taking(100));
    cases.extend([
        (
            "token_renewed",
            dead().refresh(renewed(&json!({"exp": NOW + 7200}))),
        ),
        (
            "user_not_found",
            dead().refresh(Reply::error(403, "user_not_found")),
        ),
        ("auth_timeout", dead().refresh(Reply::hangs())),
        (
            "auth_network",
            dead().refresh(Reply::failed(Unreachable::Network)),
        ),
        ("auth_error", dead().refresh(Reply::error(500, "x"))),
        (
            "auth_conflict",
            dead().refresh(Reply::error(409, "conflict")),
        ),
        ("auth_rate_limited", dead().refresh(Reply::error(429, "x"))),
        (
            "auth_breaker_open",
            again(Scenario::expiring_in(30).refresh(Reply::hangs())),
        ),
        ("auth_budget_spent", spent),
        (
            "auth_answer_malformed",
            dead().refresh(Reply::new(200, "<html>")),
        ),
        (
            "auth_answer_too_large",
            dead().refresh(Reply::failed(Unreachable::TooLarge)),
        ),
        (
            "auth_answer_not_trusted",
            dead().refresh(renewed(&json!({"sub": OTHER_USER, "exp": NOW + 7200}))),
        ),
        (
            "auth_refusal_unknown",
            dead().refresh(Reply::error(418, "teapot")),
        ),
        (
            "auth_refuses_request",
            dead().refresh(Reply::error(400, "captcha_failed")),
        ),
        (
            "auth_refuses_worker",
            dead().refresh(Reply::new(403, "<html>")),
        ),
    ]);
    cases
}

fn by_route() -> Vec<(&'static str, Scenario)> {
    let login = || at("/auth/login").form("email=a%40example.com&password=x");
    let signed_in = Reply::json(200, &session_json(&expiring_in(3600), "refresh-new2"));
    let half = Reply::json(200, &json!({"msg": "proceed to the other address"}));
    let revocation = format!("/auth/revocations/{SESSION}");
    vec![
        ("cross_site", at("/auth/login").method("POST")),
        ("body_broken", login().body(Err(BodyError::Broken))),
        ("body_malformed", login().body(Err(BodyError::Malformed))),
        ("body_too_large", login().body(Err(BodyError::TooLarge))),
        ("signed_in", login().route(signed_in)),
        (
            "sign_in_failed",
            login().route(Reply::error(400, "invalid_credentials")),
        ),
        (
            "half_confirmed",
            at("/auth/confirm")
                .form("token_hash=a&type=email_change")
                .route(half),
        ),
        ("callback_failed", at("/auth/callback?error=access_denied")),
        ("fragment_page", at("/auth/callback")),
        (
            "account_page",
            at("/auth/verify").var("ACCOUNT_PAGES", "on"),
        ),
        (
            "challenge_sent",
            at("/auth/passkey/options")
                .program(&json!({}))
                .route(Reply::json(
                    200,
                    &json!({"challenge_id": "c", "options": {}}),
                )),
        ),
        ("rate_limited", login().limited("address:")),
        (
            "captcha_failed",
            login().var("TURNSTILE_SECRET_KEY", "secret"),
        ),
        (
            "captcha_unreachable",
            login()
                .form("email=a&password=b&cf-turnstile-response=c")
                .var("TURNSTILE_SECRET_KEY", "secret")
                .turnstile(Reply::new(500, "")),
        ),
        (
            "prefetch",
            at("/auth/login?provider=github").header("sec-purpose", "prefetch"),
        ),
        (
            "other_host",
            at("/auth/session").var("SITE_URL", "https://www.site.example"),
        ),
        (
            "identity_keys",
            at("/.well-known/edge-session/jwks.json")
                .var("IDENTITY_PRIVATE_KEY", crate::account::IDENTITY_KEY),
        ),
        ("confirm_page", at("/auth/confirm?token_hash=a&type=email")),
        ("confirm_malformed", at("/auth/confirm")),
        ("oauth_started", at("/auth/login?provider=github")),
        ("provider_missing", at("/auth/login?provider=%20")),
        (
            "mail_sent",
            at("/auth/otp")
                .form("email=a%40example.com")
                .route(Reply::json(200, &json!({}))),
        ),
        (
            "mail_failed",
            at("/auth/recover")
                .form("email=a%40example.com")
                .route(crate::account::unsent()),
        ),
        ("mail_refused", at("/auth/otp").form("")),
        ("signed_out", at("/auth/signout").form("")),
        (
            "scope_unknown",
            at("/auth/signout")
                .cookie(&session_cookie(&expiring_in(3600)))
                .form("scope=all"),
        ),
        ("health", at("/auth/health")),
        ("operator_unknown", operator(&revocation)),
        (
            "session_id",
            operator("/auth/revocations/x").bearer("sb_secret_x"),
        ),
        ("revoked", operator(&revocation).bearer("sb_secret_x")),
        (
            "kv_unreachable",
            operator(&revocation).bearer("sb_secret_x").no_kv(),
        ),
        (
            "gate_unreachable",
            operator(&revocation).bearer("sb_secret_x").deaf_gate(),
        ),
    ]
}

fn reason_of_a_gate(code: &'static str) -> &'static str {
    let token = Signer::Hs256.mint(&json!({"exp": NOW - 60}));
    let mut scenario = Scenario::with_token(&token)
        .var("SUPABASE_JWT_SECRET", crate::tokens::JWT_SECRET)
        .silent_gate(code);
    scenario.run().record.reason
}

fn reason_without_randomness() -> &'static str {
    let mut scenario = at("/auth/login?provider=github").random_bytes(0);
    scenario.run().record.reason
}

#[test]
fn every_reason_is_reached_by_a_request() {
    let mut reached: BTreeSet<&str> = BTreeSet::new();
    let tables = [
        without_a_session(),
        by_cookie(),
        by_token(),
        by_auth(),
        by_route(),
    ];
    for (code, mut scenario) in tables.into_iter().flatten() {
        assert_eq!(scenario.run().record.reason, code);
        assert!(reached.insert(code), "{code} stands twice");
    }
    reached.insert(reason_of_a_gate(GATE_TIMEOUT));
    reached.insert(reason_of_a_gate(BUDGET_SPENT));
    reached.insert(reason_without_randomness());
    for (code, why) in NOT_BY_A_REQUEST {
        assert!(reached.insert(code), "{code} is reached, although {why}");
    }
    let known: BTreeSet<&str> = reason::all().map(|reason| reason.code).collect();
    assert_eq!(reached, known);
    assert_eq!(
        known.len(),
        reason::all().count(),
        "a code stands twice in the table"
    );
}

#[test]
fn the_documentation_has_every_reason_and_no_other() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reasons.md");
    let page = fs::read_to_string(page).unwrap();
    let rows: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    let expected: Vec<String> = reason::all().map(ToString::to_string).collect();
    assert_eq!(
        rows,
        expected,
        "the rows should read:\n{}\n",
        expected.join("\n")
    );
}

/// Words of the same form that are no reasons: steps, members of JSON and forms, codes that visitors alone are told.
const OTHER_WORDS: &[&str] = &[
    "access_token",
    "access_type",
    "age_seconds",
    "app_metadata",
    "ask_user",
    "asks_code",
    "asks_current",
    "auth_calls",
    "await_keys",
    "bad_json",
    "bad_jwt",
    "budget_ms",
    "call_auth",
    "captcha_failed",
    "captcha_token",
    "challenge_id",
    "check_health",
    "check_signature",
    "check_turnstile",
    "client_id",
    "client_ip",
    "confirm_other_address",
    "create_user",
    "current_password",
    "domain_hint",
    "draw_random",
    "email_address_not_authorized",
    "email_change",
    "email_exists",
    "email_not_confirmed",
    "end_session",
    "error_code",
    "error_description",
    "expires_at",
    "expires_at_ms",
    "expires_in",
    "factor_id",
    "factor_type",
    "factors_unknown",
    "fetch_keys",
    "for_ms",
    "friendly_name",
    "gotrue_meta_security",
    "identity_already_exists",
    "insufficient_aal",
    "invalid_credentials",
    "is_alive",
    "is_anonymous",
    "is_ended",
    "is_late",
    "issued_at_ms",
    "learn_session",
    "life_ms",
    "login_hint",
    "mfa_factor_not_found",
    "mfa_ip_address_mismatch",
    "no_authorization",
    "open_until",
    "otp_disabled",
    "otp_expired",
    "over_email_send_rate_limit",
    "over_request_rate_limit",
    "over_sms_send_rate_limit",
    "phone_change",
    "phone_exists",
    "phone_not_confirmed",
    "pkce_code_verifier_not_found",
    "provider_id",
    "provider_refresh_token",
    "provider_token",
    "raise_session",
    "read_body",
    "read_keys",
    "read_revocation",
    "refresh_session",
    "refresh_token",
    "sb_flow_id",
    "secret_key",
    "sign_assertion",
    "sign_in_again",
    "signup_disabled",
    "sms_send_failed",
    "store_revocation",
    "token_hash",
    "unexpected_failure",
    "unspecified_error",
    "up_to",
    "user_already_exists",
    "user_metadata",
    "wait_ms",
    "was_sent",
];

#[test]
fn every_code_in_the_source_is_a_reason_or_known_to_be_none() {
    let mut found = BTreeSet::new();
    for (path, text) in crate::house::texts() {
        let is_deciding = ["auth_api", "gate", "handler", "shell", "token"]
            .iter()
            .any(|folder| path.contains(&format!("src/{folder}/")))
            || path.ends_with("session.rs");
        if is_deciding {
            let is_comment = |line: &&str| line.trim_start().starts_with("//");
            let code: Vec<&str> = text.lines().filter(|line| !is_comment(line)).collect();
            found.extend(
                code.join("\n")
                    .split('"')
                    .skip(1)
                    .step_by(2)
                    .filter(|word| is_code(word))
                    .map(str::to_owned),
            );
        }
    }
    let known = |word: &str| reason::all().any(|reason| reason.code == word);
    let unknown: Vec<&String> = found
        .iter()
        .filter(|word| !known(word) && !OTHER_WORDS.contains(&word.as_str()))
        .collect();
    assert_eq!(
        unknown,
        Vec::<&String>::new(),
        "neither a reason nor known to be none"
    );
    let gone: Vec<&&str> = OTHER_WORDS
        .iter()
        .filter(|word| !found.contains(**word))
        .collect();
    assert_eq!(gone, Vec::<&&str>::new(), "no longer in the source");
}

fn is_code(word: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    word.contains('_') && !word.starts_with('_') && word.bytes().all(is_plain)
}
