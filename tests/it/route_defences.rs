//! What the routes and revocation withstand: captchas passed by, addresses probed, a store that hangs, hostile cookies.

use edge_session::auth_api::AuthRequest;
use edge_session::record::Level;
use edge_session::time::UnixTime;
use edge_session::token::{GoodSignature, SignedClaims, Token, Trust};
use serde_json::json;

use crate::scenario::{KEY, Reply, Scenario, session_cookie, session_json};
use crate::tokens::{self, NOW, SESSION, USER};

const SECRET: &str = "sb_secret_x";

fn at(path: &str) -> Scenario {
    Scenario::new()
        .var("AUTH_PATH", "/auth")
        .var("SUPABASE_SECRET_KEY", SECRET)
        .header("cf-connecting-ip", "203.0.113.7")
        .path(path)
}

fn revoking(token: &str) -> Scenario {
    Scenario::with_token(token).var("REVOCATION", "on")
}

fn header<'r>(request: &'r AuthRequest, name: &str) -> Option<&'r str> {
    let mut headers = request.headers.iter();
    headers.find_map(|(known, value)| (*known == name).then_some(value.as_str()))
}

/// The claims of some other visitor's token; whether it was signed does not matter here.
fn claims_of(visitor: u32, now: UnixTime) -> SignedClaims {
    let payload = tokens::claims(&json!({
        "sub": format!("{visitor:08x}-1111-4111-8111-111111111111"),
        "session_id": format!("{visitor:08x}-2222-4222-8222-222222222222"),
    }));
    let header = tokens::encode(r#"{"alg":"ES256","kid":"k"}"#);
    let raw = format!("{header}.{}.c2ln", tokens::encode(payload.to_string()));
    let config = Scenario::new().config();
    let trust = Trust {
        issuers: &config.issuers,
        audiences: &config.audiences,
        clock_skew_seconds: 5,
    };
    let signed = GoodSignature::from_check(true).unwrap();
    Token::parse(&raw)
        .unwrap()
        .check(signed, trust, now)
        .unwrap()
}

#[test]
fn the_secret_key_opens_no_way_past_a_captcha() {
    for path in ["login", "signup", "otp", "recover", "anonymous"] {
        let run = at(&format!("/auth/{path}"))
            .form("email=a%40example.com&password=secret")
            .route(Reply::error(400, "captcha_failed"))
            .run();
        let (request, _) = run.sent.last().unwrap();
        assert_eq!(
            header(request, "apikey"),
            Some("sb_publishable_x"),
            "{path}"
        );
        assert_eq!(header(request, "sb-forwarded-for"), None, "{path}");
    }
}

#[test]
fn what_no_captcha_guards_is_counted_per_visitor() {
    let token = tokens::expiring_in(3600);
    let session = Reply::json(200, &session_json(&token, "refresh-new2"));
    let run = at("/auth/confirm")
        .form("token_hash=abc&type=email")
        .route(session)
        .run();
    let (request, _) = run.sent.first().unwrap();
    assert_eq!(header(request, "apikey"), Some(SECRET));
    assert_eq!(header(request, "sb-forwarded-for"), Some("203.0.113.7"));
}

#[test]
fn a_closed_sign_up_does_not_tell_at_otp_which_address_is_known() {
    let answer = |path: &str, reply: Reply| {
        let run = at(path)
            .form("email=a%40example.com&password=secret")
            .route(reply)
            .run();
        run.at_browser("location")
    };
    let known = answer("/auth/otp", Reply::json(200, &json!({})));
    let unknown = answer("/auth/otp", Reply::error(422, "signup_disabled"));
    assert_eq!(known, unknown);
    // At sign-up it concerns everyone, so a visitor may know.
    assert_eq!(
        answer("/auth/signup", Reply::error(422, "signup_disabled")),
        ["/login?error=signup_disabled"]
    );
}

#[test]
fn a_store_that_fails_is_not_waited_for_by_every_request() {
    let mut scenario = revoking(&tokens::expiring_in(3600)).no_kv();
    assert!(scenario.run().steps.contains(&"read_revocation"));
    let next = scenario.later(2).run();
    assert!(!next.steps.contains(&"read_revocation"));
    assert_eq!(next.outcome().0, "valid");
    assert_eq!(
        next.record.level,
        Level::Error,
        "it was not checked, and that is told"
    );
    assert!(scenario.later(10).run().steps.contains(&"read_revocation"));
}

#[test]
fn a_failing_store_does_not_bring_back_what_was_signed_out_here() {
    let token = tokens::expiring_in(3600);
    let mut scenario = at("/auth/signout")
        .var("REVOCATION", "on")
        .form("")
        .cookie(&session_cookie(&token))
        .route(Reply::new(204, ""))
        .no_kv();
    scenario.run();
    let mut replay = scenario.method("GET").path("/page");
    assert_eq!(replay.run().outcome().0, "revoked");
    assert_eq!(replay.later(60).run().outcome().0, "revoked");
}

#[test]
fn an_older_entry_of_the_store_does_not_undo_a_sign_out_of_all_devices() {
    let before = tokens::Signer::Es256.mint(&json!({"iat": NOW - 10}));
    let mut scenario = at("/auth/signout")
        .var("REVOCATION", "on")
        .form("scope=global")
        .cookie(&session_cookie(&before))
        .route(Reply::new(204, ""));
    scenario.run();
    // The store still answers with an earlier sign-out when a later session is looked up.
    let name = format!("revoked:user:{USER}");
    let later = json!({"iat": NOW + 10, "session_id": "22222222-2222-4222-8222-222222222222"});
    let later = tokens::Signer::Es256.mint(&later);
    let mut scenario = scenario
        .method("GET")
        .path("/page")
        .revoked(&name, NOW - 3600);
    scenario.later(20);
    let mut scenario = scenario.cookie(&session_cookie(&later));
    assert_eq!(scenario.run().outcome().0, "valid");
    let mut scenario = scenario.cookie(&session_cookie(&before));
    assert_eq!(scenario.run().outcome().0, "revoked");
}

#[test]
fn many_other_visitors_do_not_push_a_sign_out_from_memory() {
    let token = tokens::expiring_in(3600);
    let mut scenario = at("/auth/signout")
        .var("REVOCATION", "on")
        .form("")
        .cookie(&session_cookie(&token))
        .route(Reply::new(204, ""));
    scenario.run();
    for visitor in 0..9000_u32 {
        let claims = claims_of(visitor, scenario.now);
        scenario
            .memory
            .borrow_mut()
            .revocations
            .learn(claims.claims(), None, None, scenario.now);
    }
    let mut replay = scenario.method("GET").path("/page").no_kv();
    assert_eq!(replay.run().outcome().0, "revoked");
}

#[test]
fn a_header_of_thousands_of_names_is_not_answered_by_as_many_lines() {
    let names: Vec<String> = (0..2000).map(|n| format!("{KEY}.{n}=x")).collect();
    let run = at("/auth/signout").form("").cookie(&names.join("; ")).run();
    assert!(run.deleted().len() <= 64, "{}", run.deleted().len());
    assert!(run.deleted().contains(&format!("{KEY}.0")));
}

#[test]
fn the_revocation_of_one_session_leaves_others_of_its_user_alone() {
    let name = format!("revoked:session:{SESSION}");
    let other = json!({"session_id": "22222222-2222-4222-8222-222222222222"});
    let token = tokens::Signer::Es256.mint(&other);
    let run = revoking(&token).revoked(&name, NOW).run();
    assert_eq!(run.outcome().0, "valid");
}
