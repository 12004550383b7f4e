//! The routes and pages by which whoever can sign in also finishes what he began.

use edge_session::auth_api::{AuthRequest, Unreachable};
use edge_session::record::Level;
use serde_json::{Value, json};

use crate::scenario::{KEY, REFRESH_TOKEN, Reply, Run, Scenario, session_cookie, session_json};
use crate::tokens::{self, SESSION, USER};

/// A key of nobody, from RFC 7517 A.2.
pub(crate) const IDENTITY_KEY: &str = r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"}"#;
const FACTOR: &str = "aaaaaaaa-1111-4111-8111-111111111111";
const PHONE: &str = "bbbbbbbb-1111-4111-8111-111111111111";
const CHALLENGE: &str = "cccccccc-1111-4111-8111-111111111111";

fn at(path: &str) -> Scenario {
    Scenario::new()
        .var("AUTH_PATH", "/auth")
        .header("cf-connecting-ip", "203.0.113.7")
        .path(path)
}

fn with_pages(path: &str) -> Scenario {
    at(path).var("ACCOUNT_PAGES", "on")
}

fn member(path: &str) -> Scenario {
    at(path).cookie(&session_cookie(&tokens::expiring_in(3600)))
}

fn signed_in() -> Reply {
    let token = tokens::expiring_in(3600);
    Reply::json(200, &session_json(&token, "refresh-new2"))
}

fn raised() -> Reply {
    let token = tokens::Signer::Es256.mint(&json!({"aal": "aal2"}));
    Reply::json(200, &session_json(&token, "refresh-new2"))
}

fn factors(list: &Value) -> Reply {
    Reply::json(200, &json!({"id": USER, "factors": list}))
}

fn totp() -> Value {
    json!({"id": FACTOR, "status": "verified", "factor_type": "totp", "friendly_name": "App"})
}

fn phone() -> Value {
    json!({"id": PHONE, "status": "verified", "factor_type": "phone", "phone": "4915112345678"})
}

fn challenge() -> Reply {
    Reply::json(200, &json!({"id": CHALLENGE, "type": "totp"}))
}

fn body(run: &Run) -> Value {
    serde_json::from_str(run.answer().body()).unwrap_or_default()
}

fn answer(run: &Run) -> (u16, Value) {
    (run.answer().status(), body(run))
}

/// What Auth was sent, but for key sets.
fn asked(run: &Run) -> Vec<&AuthRequest> {
    let requests = run.sent.iter().map(|(request, _)| request);
    requests
        .filter(|request| !request.url.contains("jwks"))
        .collect()
}

fn sent(request: &AuthRequest) -> Value {
    serde_json::from_str(request.body.as_deref().unwrap_or("null")).unwrap()
}

fn header<'r>(request: &'r AuthRequest, name: &str) -> Option<&'r str> {
    let mut headers = request.headers.iter();
    headers.find_map(|(known, value)| (*known == name).then_some(value.as_str()))
}

fn location(run: &Run) -> String {
    run.at_browser("location")
        .first()
        .cloned()
        .unwrap_or_default()
}

#[test]
fn a_code_by_mail_or_by_phone_is_a_sign_in() {
    for (form, question) in [
        (
            "email=a%40example.com&token=123+456",
            json!({"type": "email", "email": "a@example.com", "token": "123456"}),
        ),
        (
            "phone=%2B49151&token=123456",
            json!({"type": "sms", "phone": "+49151", "token": "123456"}),
        ),
        (
            "email=a%40example.com&token=123456&type=recovery",
            json!({"type": "recovery", "email": "a@example.com", "token": "123456"}),
        ),
    ] {
        let run = at("/auth/verify")
            .form(&format!("{form}&next=%2Fmembers"))
            .route(signed_in())
            .run();
        assert_eq!(sent(asked(&run)[0]), question);
        assert_eq!(location(&run), "/members");
        assert!(run.written().is_some());
    }
    let program = json!({"email": "a@example.com", "token": "123456"});
    let run = at("/auth/verify")
        .program(&program)
        .route(signed_in())
        .run();
    assert_eq!(
        (run.answer().status(), &body(&run)["user"]["id"]),
        (200, &json!(USER))
    );
    let wrong = at("/auth/verify")
        .program(&program)
        .route(Reply::error(403, "otp_expired"))
        .run();
    assert_eq!(answer(&wrong), (403, json!({"error": "otp_expired"})));
    for bad in [
        "email=a&token=abc",
        "token=123456",
        "email=a",
        "email=a&token=1&type=sms",
    ] {
        let run = at("/auth/verify").form(bad).run();
        assert_eq!(location(&run), "/login?error=validation_failed", "{bad}");
        assert!(run.sent.is_empty());
    }
}

#[test]
fn a_new_password_is_set_in_the_name_of_the_session() {
    let mut scenario = member("/auth/password")
        .var("REVOCATION", "on")
        .form("password=new&current_password=old&nonce=123456&next=%2Fdone")
        .route(Reply::user(USER));
    let run = scenario.run();
    assert_eq!(location(&run), "/done");
    let request = asked(&run)[0];
    assert_eq!(
        (request.method, request.url.ends_with("/auth/v1/user")),
        ("PUT", true)
    );
    assert!(
        header(request, "authorization")
            .unwrap()
            .starts_with("Bearer ey")
    );
    assert_eq!(
        sent(request),
        json!({"password": "new", "current_password": "old", "nonce": "123456"})
    );
    assert!(
        run.steps.contains(&"store_revocation"),
        "the other sessions ended"
    );
    let other =
        tokens::Signer::Es256.mint(&json!({"session_id": "22222222-2222-4222-8222-222222222222"}));
    let mut other = scenario
        .method("GET")
        .path("/page")
        .cookie(&session_cookie(&other));
    assert_eq!(other.run().outcome().0, "revoked");
    let weak = member("/auth/password")
        .program(&json!({"password": "x"}))
        .route(Reply::error(422, "weak_password"))
        .run();
    assert_eq!(answer(&weak), (422, json!({"error": "weak_password"})));
    let nobody = at("/auth/password")
        .program(&json!({"password": "x"}))
        .run();
    assert_eq!(answer(&nobody), (401, json!({"error": "unauthorized"})));
    assert!(nobody.sent.is_empty());
}

#[test]
fn a_password_that_needs_a_second_factor_comes_back_after_it() {
    let run = member("/auth/password")
        .var("ACCOUNT_PAGES", "on")
        // The account stands in the page's form for password managers, and in no address.
        .form("password=x&email=a%40example.com")
        .route(Reply::error(401, "insufficient_aal"))
        .run();
    assert_eq!(location(&run), "/auth/mfa?next=%2Fauth%2Fpassword");
}

/// Auth names one thing that is missing at a time. Who is asked for the second must not be asked for it alone.
#[test]
fn the_password_page_asks_for_all_that_it_asked_for_before() {
    let refused = |path: &str, fields: &str, code: &str| {
        let run = member(path)
            .var("ACCOUNT_PAGES", "on")
            .form(fields)
            .header("referer", "https://site.example/auth/password")
            .route(Reply::error(400, code))
            .run();
        location(&run)
    };
    let first = refused("/auth/password", "password=x", "current_password_required");
    assert_eq!(first, "/auth/password?error=current_password_required");
    let second = refused(
        "/auth/password",
        "password=x&current_password=y",
        "reauthentication_needed",
    );
    assert_eq!(
        second,
        "/auth/password?error=reauthentication_needed&asks_current=1"
    );
    let third = refused(
        "/auth/password",
        "password=x&current_password=&nonce=1",
        "current_password_required",
    );
    assert_eq!(
        third,
        "/auth/password?error=current_password_required&asks_current=1&asks_code=1"
    );
    let shown = |path: &str| {
        let mut page = member(path).var("ACCOUNT_PAGES", "on").method("GET");
        page.run().answer().body().to_owned()
    };
    for (path, current, code) in [
        ("/auth/password", false, false),
        (first.as_str(), true, false),
        (second.as_str(), true, true),
        (third.as_str(), true, true),
        ("/auth/password?asks_code=1", false, true),
    ] {
        let page = shown(path);
        assert_eq!(
            page.contains("name=\"current_password\""),
            current,
            "{path}"
        );
        assert_eq!(page.contains("name=\"nonce\""), code, "{path}");
    }
}

#[test]
fn a_code_for_the_password_is_mailed() {
    let run = member("/auth/reauthenticate")
        .form("next=%2Fx")
        .header("referer", "https://site.example/change")
        .route(Reply::json(200, &json!({})))
        .run();
    assert_eq!(location(&run), "/change?sent=1&next=%2Fx");
    let request = asked(&run)[0];
    assert_eq!(
        (
            request.method,
            request.url.ends_with("/reauthenticate"),
            request.body.as_deref()
        ),
        ("GET", true, None)
    );
}

#[test]
fn a_second_factor_raises_the_session_and_the_gate_learns_of_it() {
    let script = |scenario: Scenario| {
        scenario
            .var("SUPABASE_SECRET_KEY", "sb_secret_x")
            .route(factors(&json!([totp()])))
            .route(challenge())
            .route(raised())
            .run()
    };
    let run = script(member("/auth/mfa").form("code=123+456&next=%2Fvault"));
    assert_eq!(location(&run), "/vault");
    assert_eq!(run.written().unwrap()["refresh_token"], "refresh-new2");
    assert_eq!(run.learnt, ["refresh-new2"]);
    // Of an answer that comes too late the shell has to know whose it is; of the calls before it nothing.
    assert_eq!(
        run.raised,
        [(SESSION.to_owned(), "refresh-old1".to_owned())]
    );
    let asked = asked(&run);
    assert!(
        asked[1]
            .url
            .ends_with(&format!("/factors/{FACTOR}/challenge"))
    );
    assert!(asked[2].url.ends_with(&format!("/factors/{FACTOR}/verify")));
    assert_eq!(
        sent(asked[2]),
        json!({"challenge_id": CHALLENGE, "code": "123456"})
    );
    for request in &asked[1..] {
        assert_eq!(header(request, "sb-forwarded-for"), Some("203.0.113.7"));
        assert_eq!(header(request, "apikey"), Some("sb_secret_x"));
    }
    let run = script(member("/auth/mfa").program(&json!({"code": "123456"})));
    assert_eq!(
        (run.answer().status(), &body(&run)["user"]["aal"]),
        (200, &json!("aal2"))
    );
}

/// Auth has rotated the refresh token by then.
#[test]
fn a_raised_session_that_cannot_be_verified_now_is_kept_for_the_next_request() {
    let unsigned = tokens::Signer::Hs256.mint(&json!({"aal": "aal2"}));
    let run = member("/auth/mfa")
        .program(&json!({"code": "123456"}))
        .route(factors(&json!([totp()])))
        .route(challenge())
        .route(Reply::json(200, &session_json(&unsigned, "refresh-new2")))
        .user(Reply::failed(Unreachable::TimedOut))
        .run();
    assert_eq!(run.answer().status(), 503);
    assert!(run.at_browser("set-cookie").is_empty());
    assert_eq!(run.learnt, ["refresh-new2"]);
}

#[test]
fn a_session_that_ended_meanwhile_is_not_raised() {
    let mut scenario = member("/auth/mfa")
        .program(&json!({"code": "123456"}))
        .route(factors(&json!([totp()])))
        .route(challenge())
        .route(raised());
    scenario.ended.push(SESSION.to_owned());
    let run = scenario.run();
    assert_eq!(run.answer().status(), 401);
    assert!(run.at_browser("set-cookie").is_empty());
}

#[test]
fn a_mismatch_of_addresses_is_tried_once_more() {
    let mismatch = || Reply::error(422, "mfa_ip_address_mismatch");
    let run = member("/auth/mfa")
        .form("code=123456")
        .route(factors(&json!([totp()])))
        .route(challenge())
        .route(mismatch())
        .route(challenge())
        .route(raised())
        .run();
    assert_eq!(location(&run), "/");
    let run = member("/auth/mfa")
        .program(&json!({"code": "123456"}))
        .route(factors(&json!([totp()])))
        .route(challenge())
        .route(mismatch())
        .route(challenge())
        .route(mismatch())
        .run();
    assert_eq!(
        answer(&run),
        (422, json!({"error": "mfa_ip_address_mismatch"}))
    );
    assert_eq!(asked(&run).len(), 5);
}

#[test]
fn a_phone_factor_is_challenged_first_and_verified_then() {
    let challenged = |scenario: Scenario| {
        scenario
            .route(factors(&json!([totp(), phone()])))
            .route(challenge())
            .run()
    };
    let run = challenged(member("/auth/mfa").program(&json!({"factor_id": PHONE})));
    assert_eq!(
        answer(&run),
        (200, json!({"challenge_id": CHALLENGE, "factor_id": PHONE}))
    );
    assert_eq!(sent(asked(&run)[1]), json!({"channel": "sms"}));
    let form = format!("factor_id={PHONE}&next=%2Fvault");
    let run = challenged(member("/auth/mfa").var("ACCOUNT_PAGES", "on").form(&form));
    assert_eq!(
        location(&run),
        format!("/auth/mfa?factor_id={PHONE}&challenge_id={CHALLENGE}&next=%2Fvault")
    );
    let run = member("/auth/mfa")
        .form(&format!("{form}&challenge_id={CHALLENGE}&code=123456"))
        .route(factors(&json!([totp(), phone()])))
        .route(raised())
        .run();
    assert_eq!(location(&run), "/vault");
    assert_eq!(asked(&run).len(), 2, "no second message");
    let which = challenged(member("/auth/mfa").program(&json!({"code": "123456"})));
    assert_eq!(answer(&which), (400, json!({"error": "validation_failed"})));
    let none = member("/auth/mfa")
        .program(&json!({"code": "1"}))
        .route(factors(&json!([])))
        .run();
    assert_eq!(
        answer(&none),
        (404, json!({"error": "mfa_factor_not_found"}))
    );
}

#[test]
fn a_passkey_signs_in_in_two_halves() {
    let options =
        json!({"challenge_id": CHALLENGE, "options": {"challenge": "abc"}, "expires_at": 1});
    let run = at("/auth/passkey/options")
        .program(&json!({}))
        .route(Reply::json(200, &options))
        .run();
    assert_eq!(answer(&run), (200, options));
    let credential = json!({"id": "x", "response": {"signature": "y"}});
    let run = at("/auth/passkey")
        .program(&json!({"challenge_id": CHALLENGE, "credential": credential}))
        .route(signed_in())
        .run();
    assert!(run.written().is_some());
    assert_eq!(
        sent(asked(&run)[0]),
        json!({"challenge_id": CHALLENGE, "credential": credential})
    );
    let off = at("/auth/passkey/options")
        .program(&json!({}))
        .route(Reply::error(404, "passkey_disabled"))
        .run();
    assert_eq!(answer(&off), (404, json!({"error": "passkey_disabled"})));
}

#[test]
fn messages_by_phone_and_once_more() {
    let ok = || Reply::json(200, &json!({}));
    let run = at("/auth/otp")
        .form("phone=%2B49151&channel=whatsapp&create_user=false")
        .route(ok())
        .run();
    assert_eq!(location(&run), "/login?sent=1");
    assert_eq!(
        sent(asked(&run)[0]),
        json!({"phone": "+49151", "create_user": false, "channel": "whatsapp"})
    );
    let run = at("/auth/otp")
        .program(&json!({"email": "a", "create_user": false}))
        .route(ok())
        .run();
    assert_eq!(sent(asked(&run)[0])["create_user"], false);
    let run = at("/auth/resend")
        .form("email=a&type=signup&next=%2Fx")
        .route(ok())
        .run();
    assert_eq!(location(&run), "/login?sent=1&next=%2Fx");
    assert!(asked(&run)[0].url.contains("/resend?redirect_to="));
    let wrong = at("/auth/resend")
        .program(&json!({"email": "a", "type": "x"}))
        .run();
    assert_eq!(answer(&wrong), (400, json!({"error": "validation_failed"})));
    let run = at("/auth/login")
        .form("phone=%2B49151&password=x")
        .route(signed_in())
        .run();
    assert_eq!(
        sent(asked(&run)[0]),
        json!({"phone": "+49151", "password": "x"})
    );
}

/// What Auth answers where its mail server fails (`internal/api/mail.go`).
pub(crate) fn unsent() -> Reply {
    let said = json!({"code": 500, "error_code": "unexpected_failure", "msg": "Error sending recovery email"});
    Reply::json(500, &said)
}

#[test]
fn a_mail_server_that_fails_tells_of_no_account() {
    let sign_up = json!({"email": "a@b.example", "password": "correct horse"});
    for (path, body) in [
        ("/auth/recover", json!({"email": "a@b.example"})),
        (
            "/auth/resend",
            json!({"email": "a@b.example", "type": "signup"}),
        ),
        (
            "/auth/otp",
            json!({"email": "a@b.example", "create_user": false}),
        ),
        ("/auth/signup", sign_up),
    ] {
        let ask = |reply| at(path).program(&body).route(reply).run();
        let (failed, done) = (ask(unsent()), ask(Reply::json(200, &json!({}))));
        assert_eq!(answer(&failed), answer(&done), "{path}");
        assert_eq!(answer(&failed), (200, json!({"sent": true})), "{path}");
        assert_eq!(
            (failed.record.reason, failed.record.level),
            ("mail_failed", Level::Error)
        );
        // Any other failure says nothing of one address.
        let broken = ask(Reply::error(500, "unexpected_failure"));
        assert_eq!(answer(&broken).0, 503, "{path}");
    }
    let run = at("/auth/otp")
        .program(&json!({"email": "a@b.example"}))
        .route(unsent())
        .run();
    assert_eq!(answer(&run).0, 503);
}

#[test]
fn a_message_that_could_not_be_sent_tells_of_no_account() {
    let ask = |path: &str, body: Value, code: &str| {
        let run = at(path).program(&body).route(Reply::error(422, code)).run();
        answer(&run)
    };
    let (email, phone) = (
        json!({"email": "a@b.example", "type": "signup"}),
        json!({"phone": "49151123", "type": "sms"}),
    );
    let known_only = json!({"phone": "49151123", "create_user": false});
    let sent = (200, json!({"sent": true}));
    let unauthorized = "email_address_not_authorized";
    assert_eq!(ask("/auth/recover", email.clone(), unauthorized), sent);
    assert_eq!(ask("/auth/resend", email.clone(), unauthorized), sent);
    assert_eq!(ask("/auth/resend", phone.clone(), "sms_send_failed"), sent);
    assert_eq!(ask("/auth/otp", known_only, "sms_send_failed"), sent);
    // Whoever asks for a code without an account gets one, so everybody learns why none comes.
    assert_eq!(
        ask("/auth/otp", phone, "sms_send_failed"),
        (400, json!({"error": "sms_send_failed"}))
    );
    assert_eq!(
        ask("/auth/otp", email, unauthorized),
        (400, json!({"error": unauthorized}))
    );
}

#[test]
fn data_goes_with_a_sign_up() {
    let wanted = json!({"name": "Ada", "plan": "pro"});
    for scenario in [
        at("/auth/signup").form("email=a&password=b&data.name=Ada&data.plan=pro"),
        at("/auth/signup").program(&json!({"email": "a", "password": "b", "data": wanted})),
        at("/auth/signup")
            .form("email=a&password=b&data=%7B%22name%22%3A%22Ada%22%2C%22plan%22%3A%22pro%22%7D"),
    ] {
        let run = scenario.route(Reply::json(200, &json!({}))).run();
        assert_eq!(sent(asked(&run)[0])["data"], wanted);
    }
}

#[test]
fn multipart_forms_are_forms() {
    let part = |name: &str, value: &str| {
        format!("--b1\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let body = format!(
        "{}{}{}--b1--\r\n",
        part("email", "a"),
        part("password", "b\r\nc"),
        part("next", "/x")
    );
    let send = |body: &str, kind: &str| {
        at("/auth/login")
            .form("")
            .header("content-type", kind)
            .body(Ok(body.as_bytes().to_vec()))
            .route(signed_in())
            .run()
    };
    let run = send(&body, "Multipart/Form-Data; boundary=b1");
    assert_eq!(location(&run), "/x");
    assert_eq!(
        sent(asked(&run)[0]),
        json!({"email": "a", "password": "b\r\nc"})
    );
    for (body, kind) in [
        (body.as_str(), "multipart/form-data"),
        (&body, "multipart/form-data; boundary=b2"),
        ("--b1\r\n", "multipart/form-data; boundary=b1"),
        ("--b1\r\n\r\n\r\n--b1--", "multipart/form-data; boundary=b1"),
    ] {
        assert_eq!(send(body, kind).answer().status(), 400, "{kind}");
    }
}

#[test]
fn members_of_a_wrong_type_are_refused() {
    for wrong in [
        json!({"email": 1}),
        json!({"email": ["a"]}),
        json!({"email": {"a": 1}}),
        json!({"password": true}),
        json!({"create_user": "false"}),
        json!({"create_user": 0}),
        json!({"data": "x"}),
        json!({"data": [1]}),
        json!({"next": 1}),
    ] {
        let run = at("/auth/otp").program(&wrong).run();
        assert_eq!(run.answer().status(), 400, "{wrong}");
        assert!(run.sent.is_empty());
    }
}

#[test]
fn nothing_in_the_query_of_a_post_counts_but_next() {
    let run = at("/auth/login?email=a&password=b&next=%2Fx")
        .form("")
        .run();
    assert_eq!(location(&run), "/login?error=validation_failed&next=%2Fx");
    assert!(run.sent.is_empty());
    let run = at("/auth/login")
        .form("email=a&password=b&next=%2Fx")
        .header("referer", "https://site.example/members/login?lang=de")
        .route(Reply::error(400, "invalid_credentials"))
        .run();
    assert_eq!(
        location(&run),
        "/members/login?error=invalid_credentials&next=%2Fx"
    );
}

#[test]
fn next_leads_to_named_hosts_and_nowhere_else() {
    for (next, to) in [
        (
            "https%3A%2F%2Fapp.example.com%2Fx",
            "https://app.example.com/x",
        ),
        ("https%3A%2F%2Fsite.example%2Fx", "/x"),
        ("http%3A%2F%2Fapp.example.com%2Fx", "/"),
        ("https%3A%2F%2Fapp.example.com%40evil.example%2F", "/"),
        ("%2F%2Fevil.example", "/"),
        ("%2F%5Cevil.example", "/"),
        ("%2F%09%2Fevil.example", "/"),
        ("javascript%3Aalert(1)", "/"),
        ("%2Fa%0d%0aset-cookie%3A+x%3Dy", "/"),
    ] {
        let run = at("/auth/login")
            .var("REDIRECT_HOSTS", "app.example.com")
            .form(&format!("email=a&password=b&next={next}"))
            .route(signed_in())
            .run();
        assert_eq!(location(&run), to, "{next}");
    }
}

#[test]
fn the_new_routes_take_no_post_of_another_site() {
    for path in [
        "verify",
        "password",
        "reauthenticate",
        "mfa",
        "resend",
        "passkey",
        "passkey/options",
        "fragment",
    ] {
        let run = member(&format!("/auth/{path}"))
            .form("email=a&token=1&password=x&code=1")
            .header("origin", "https://evil.example")
            .run();
        assert_eq!(run.answer().status(), 403, "{path}");
        assert!(run.sent.is_empty() && run.at_browser("set-cookie").is_empty());
    }
}

#[test]
fn provider_parameters_are_handed_on_and_a_prefetch_starts_nothing() {
    let path = "/auth/login?provider=google&prompt=consent&login_hint=a%40b&access_type=offline&hd=x&domain_hint=y&evil=z";
    let url = location(&at(path).run());
    for part in [
        "&prompt=consent",
        "&login_hint=a%40b",
        "&access_type=offline",
        "&hd=x",
        "&domain_hint=y",
    ] {
        assert!(url.contains(part), "{url}");
    }
    assert!(!url.contains("evil"));
    for (name, value) in [
        ("sec-purpose", "prefetch;prerender"),
        ("purpose", "prefetch"),
        ("x-moz", "prefetch"),
        ("next-router-prefetch", "1"),
    ] {
        for path in [path, "/auth/sso?domain=example.com"] {
            let run = at(path).header(name, value).run();
            assert_eq!(run.answer().status(), 204);
            assert!(run.at_browser("set-cookie").is_empty() && run.sent.is_empty());
        }
    }
}

#[test]
fn sso_leads_to_the_identity_provider() {
    let found = Reply::json(200, &json!({"url": "https://idp.example/saml?x=1"}));
    let run = at("/auth/sso?domain=example.com&next=%2Fx")
        .route(found)
        .run();
    assert_eq!(location(&run), "https://idp.example/saml?x=1");
    let question = sent(asked(&run)[0]);
    assert_eq!(
        (&question["domain"], &question["skip_http_redirect"]),
        (&json!("example.com"), &json!(true))
    );
    assert!(run.at_browser("set-cookie").len() == 3);
    let none = at("/auth/sso?domain=example.com")
        .route(Reply::error(404, "sso_provider_not_found"))
        .run();
    assert_eq!(location(&none), "/login?error=sso_provider_not_found");
    let hostile = at("/auth/sso?domain=example.com")
        .route(Reply::json(200, &json!({"url": "javascript:x"})))
        .run();
    assert_eq!(location(&hostile), "/login?error=unexpected_failure");
}

#[test]
fn tokens_of_a_fragment_are_verified_before_they_are_a_session() {
    let token = tokens::expiring_in(3600);
    let form = |token: &str, kind: &str| {
        format!("access_token={token}&refresh_token=refresh-new2&type={kind}&next=%2Fx")
    };
    let run = at("/auth/fragment")
        .form(&form(&token, "magiclink"))
        .user(Reply::user(USER))
        .run();
    assert_eq!(location(&run), "/x");
    let written = run.written().unwrap();
    assert_eq!(
        (&written["refresh_token"], &written["user"]["id"]),
        (&json!("refresh-new2"), &json!(USER))
    );
    let run = with_pages("/auth/fragment")
        .form(&form(&token, "invite"))
        .user(Reply::user(USER))
        .run();
    assert_eq!(location(&run), "/auth/password?next=%2Fx");
    let forged = tokens::Signer::OtherEs256.mint(&json!({}));
    let app = tokens::Signer::Es256.mint(&json!({"client_id": "someone"}));
    for (token, user) in [
        (forged, Reply::user(USER)),
        (app, Reply::user(USER)),
        (token.clone(), Reply::error(403, "session_not_found")),
        (token, Reply::user("22222222-2222-4222-8222-222222222222")),
        (tokens::expiring_in(-60), Reply::user(USER)),
    ] {
        let run = at("/auth/fragment")
            .form(&form(&token, ""))
            .user(user)
            .run();
        assert!(
            location(&run).starts_with("/login?error="),
            "{}",
            location(&run)
        );
        assert!(run.written().is_none());
    }
    let page = at("/auth/callback?next=%2Fx").run();
    assert!(page.answer().body().contains("action=\"/auth/fragment\""));
    assert_eq!(page.at_browser("referrer-policy"), ["no-referrer"]);
}

#[test]
fn a_second_click_leads_on() {
    let cookie = session_cookie(&tokens::expiring_in(3600));
    for path in ["?code=c", "?error=access_denied", ""] {
        let run = at(&format!("/auth/callback{path}&next=%2Fx").replace("callback&", "callback?"))
            .cookie(&cookie)
            .run();
        if path.is_empty() {
            continue;
        }
        assert_eq!(location(&run), "/x", "{path}");
        assert!(run.deleted().iter().all(|name| name != KEY));
    }
    let used = at("/auth/confirm")
        .form("token_hash=a&type=email&next=%2Fx")
        .cookie(&cookie)
        .route(Reply::error(403, "otp_expired"))
        .run();
    assert_eq!(location(&used), "/x");
}

#[test]
fn a_link_for_a_forgotten_password_leads_to_the_page_that_sets_one() {
    let run = with_pages("/auth/confirm")
        .form("token_hash=a&type=recovery&next=%2Fx")
        .route(signed_in())
        .run();
    assert_eq!(location(&run), "/auth/password?next=%2Fx");
    let verifier = format!(
        "{KEY}-code-verifier=base64-{}",
        tokens::encode(json!("v/recovery").to_string())
    );
    let run = with_pages("/auth/callback?code=c")
        .cookie(&verifier)
        .route(signed_in())
        .run();
    assert_eq!(location(&run), "/auth/password");
}

#[test]
fn the_token_is_for_scripts_of_this_site_alone() {
    let token = tokens::expiring_in(3600);
    let ask = |name: &str, value: &str| {
        at("/auth/token")
            .fetch()
            .cookie(&session_cookie(&token))
            .header(name, value)
            .run()
    };
    for (name, value) in [
        ("sec-fetch-site", "same-origin"),
        ("origin", "https://site.example"),
    ] {
        let run = ask(name, value);
        assert_eq!(body(&run)["access_token"], token);
        assert!(body(&run)["expires_at"].is_u64());
        assert!(run.at_browser("access-control-allow-origin").is_empty());
    }
    for (name, value) in [
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("x-nothing", "1"),
    ] {
        let run = ask(name, value);
        assert_eq!(run.answer().status(), 403);
        assert!(!run.answer().body().contains(&token));
    }
    let nobody = at("/auth/token")
        .fetch()
        .header("sec-fetch-site", "same-origin")
        .run();
    assert_eq!(nobody.answer().status(), 401);
}

#[test]
fn the_limit_is_asked_by_network_and_by_account_before_auth() {
    let run = at("/auth/login")
        .form("email=Ada%40Example.com&password=x")
        .header("cf-connecting-ip", "2001:db8:1:2:3:4:5:6")
        .route(signed_in())
        .run();
    let lower = at("/auth/otp")
        .form("email=ada%40example.com")
        .route(Reply::json(200, &json!({})))
        .run();
    assert_eq!(run.limit_keys[0], "address:2001:db8:1:2::");
    assert_eq!(run.limit_keys[1], lower.limit_keys[1], "whatever the case");
    let by_phone = |phone: &str| {
        let body = json!({"phone": phone, "token": "123456"});
        at("/auth/verify")
            .program(&body)
            .route(Reply::error(403, "otp_expired"))
            .run()
    };
    for spelling in ["49151123", "+49 151 123", " 4 9 1 5 1 1 2 3 "] {
        let run = by_phone(spelling);
        assert_eq!(
            run.limit_keys[1],
            by_phone("+49151123").limit_keys[1],
            "{spelling}"
        );
    }
    assert!(!run.limit_keys[1].contains("example"));
    for key in ["address:", "account:"] {
        for path in ["login", "otp", "verify", "recover", "signup", "resend"] {
            let run = at(&format!("/auth/{path}"))
                .program(&json!({"email": "a"}))
                .limited(key)
                .run();
            assert_eq!(
                answer(&run),
                (429, json!({"error": "rate_limited"})),
                "{path}"
            );
            assert_eq!(run.at_browser("retry-after"), ["60"]);
            assert!(run.sent.is_empty());
        }
    }
    let form = with_pages("/auth/login")
        .form("email=a&password=b")
        .limited("address:")
        .run();
    assert_eq!(form.answer().status(), 429);
    assert!(form.answer().body().contains("Too many attempts"));
    assert_eq!(
        at("/auth/signout")
            .form("")
            .limited("address:")
            .run()
            .answer()
            .status(),
        303
    );
}

#[test]
fn turnstile_stands_before_auth_and_lets_it_count_visitors() {
    let turned = |body: &Value| {
        at("/auth/login")
            .var("TURNSTILE_SECRET_KEY", "ts")
            .var("SUPABASE_SECRET_KEY", "sb_secret_x")
            .program(body)
    };
    let none = turned(&json!({"email": "a", "password": "b"})).run();
    assert_eq!(answer(&none), (403, json!({"error": "captcha_failed"})));
    let whole = json!({"email": "a", "password": "b", "cf-turnstile-response": "t"});
    let bad = turned(&whole)
        .turnstile(Reply::json(200, &json!({"success": false})))
        .run();
    assert_eq!(answer(&bad), (403, json!({"error": "captcha_failed"})));
    let down = turned(&whole).turnstile(Reply::new(502, "")).run();
    assert_eq!(down.answer().status(), 503);
    let good = turned(&whole)
        .turnstile(Reply::json(200, &json!({"success": true})))
        .route(signed_in())
        .run();
    assert!(good.written().is_some());
    let asked = asked(&good);
    assert_eq!(
        sent(asked[0]),
        json!({"secret": "ts", "response": "t", "remoteip": "203.0.113.7"})
    );
    assert_eq!(header(asked[0], "apikey"), None);
    assert_eq!(
        (
            header(asked[1], "apikey"),
            header(asked[1], "sb-forwarded-for")
        ),
        (Some("sb_secret_x"), Some("203.0.113.7"))
    );
}

#[test]
fn refusals_take_as_long_whether_there_is_an_account_or_not() {
    let took = |path: &str, reply: Reply, auth_ms: u64| {
        let mut scenario = at(path)
            .form("email=a&password=b&token=1")
            .route(reply.taking(auth_ms));
        let begun = scenario.now;
        scenario.run();
        scenario.now.millis_since(begun)
    };
    let wrong = || Reply::error(400, "invalid_credentials");
    assert_eq!(
        took("/auth/login", wrong(), 2),
        took("/auth/login", wrong(), 90)
    );
    let sent = || Reply::json(200, &json!({}));
    assert_eq!(
        took("/auth/recover", sent(), 2),
        took("/auth/recover", sent(), 300)
    );
    let banned = at("/auth/login")
        .form("email=a&password=b")
        .route(Reply::error(400, "user_banned"))
        .run();
    assert_eq!(location(&banned), "/login?error=invalid_credentials");
}

/// Whatever Auth says of an address, the answer takes the same steps, and nothing is left to be done behind it.
#[test]
fn a_known_address_costs_the_same_steps_as_an_unknown_one() {
    let email = || json!({"email": "a@b.example", "type": "signup"});
    let none = || Reply::json(200, &json!({}));
    let hidden = || Reply::json(200, &json!({"id": USER, "identities": []}));
    let refused = |code: &str| Reply::error(422, code);
    let password = json!({"email": "a@b.example", "password": "correct horse"});
    let code = json!({"email": "a@b.example", "token": "000000"});
    let known_only = json!({"email": "a@b.example", "create_user": false});
    let wrong = || Reply::error(400, "invalid_credentials");
    let expired = || Reply::error(403, "otp_expired");
    let too_early = || Reply::error(429, "over_email_send_rate_limit");
    for (path, body, unknown, known) in [
        (
            "login",
            &password,
            wrong(),
            vec![wrong(), refused("user_banned")],
        ),
        (
            "verify",
            &code,
            expired(),
            vec![expired(), refused("user_banned")],
        ),
        (
            "recover",
            &email(),
            none(),
            vec![none(), too_early(), unsent()],
        ),
        (
            "resend",
            &email(),
            none(),
            vec![none(), too_early(), unsent()],
        ),
        (
            "otp",
            &known_only,
            refused("otp_disabled"),
            vec![none(), too_early(), unsent()],
        ),
        (
            "signup",
            &password,
            none(),
            vec![hidden(), refused("user_already_exists"), unsent()],
        ),
    ] {
        let ask = |reply: Reply| {
            at(&format!("/auth/{path}"))
                .program(body)
                .route(reply)
                .run()
        };
        let unknown = ask(unknown);
        assert_eq!(asked(&unknown).len(), 1, "{path}");
        assert_eq!(
            unknown
                .steps
                .iter()
                .filter(|step| **step == "pause")
                .count(),
            1,
            "{path}: {:?}",
            unknown.steps
        );
        for (at, reply) in known.into_iter().enumerate() {
            let known = ask(reply);
            assert_eq!(known.steps, unknown.steps, "{path} {at}");
            assert_eq!(answer(&known), answer(&unknown), "{path} {at}");
            assert!(known.deferred.is_empty(), "{path} {at}");
        }
    }
}

#[test]
fn visitors_next_door_are_sent_to_the_host_of_the_site() {
    for (site, cookie_domain, is_sent) in [
        ("https://www.site.example", "", true),
        ("https://www.site.example", "site.example", false),
        ("https://a.b.site.example", "", false),
        ("https://other.example", "", false),
    ] {
        let mut scenario = at("/auth/login?provider=github").var("SITE_URL", site);
        if !cookie_domain.is_empty() {
            scenario = scenario.var("COOKIE_DOMAIN", cookie_domain);
        }
        let run = scenario.run();
        assert_eq!(
            run.answer().status(),
            if is_sent { 308 } else { 303 },
            "{site}"
        );
        if is_sent {
            assert_eq!(location(&run), format!("{site}/auth/login?provider=github"));
        }
    }
}

#[test]
fn pages_are_shown_to_who_needs_them() {
    let settings = json!({"external": {"email": true, "github": true}, "disable_signup": false});
    for path in ["login", "signup", "recover", "verify"] {
        let run = with_pages(&format!("/auth/{path}?next=%2Fx"))
            .route(Reply::json(200, &settings))
            .run();
        assert_eq!(run.answer().status(), 200, "{path}");
        assert!(run.answer().body().contains("name=\"next\" value=\"/x\""));
        assert_eq!(run.at_browser("x-frame-options"), ["DENY"]);
        assert_eq!(run.at_browser("x-content-type-options"), ["nosniff"]);
        assert_eq!(run.at_browser("cache-control"), ["private, no-store"]);
    }
    for path in ["password", "mfa"] {
        let run = with_pages(&format!("/auth/{path}?next=%2Fx")).run();
        assert_eq!(
            location(&run),
            format!("/auth/login?next=%2Fauth%2F{path}%3Fnext%3D%252Fx")
        );
    }
    let cookie = session_cookie(&tokens::expiring_in(3600));
    for path in ["login", "signup"] {
        let path = format!("/auth/{path}?next=%2Fx");
        assert_eq!(location(&with_pages(&path).cookie(&cookie).run()), "/x");
        let again = with_pages(&format!("{path}&reason=sign_in_again")).cookie(&cookie);
        assert_eq!(
            again
                .route(Reply::json(200, &settings))
                .run()
                .answer()
                .status(),
            200
        );
    }
    let page = with_pages("/auth/mfa")
        .cookie(&cookie)
        .route(factors(&json!([phone()])))
        .run();
    assert!(
        page.answer().body().contains("…678") && !page.answer().body().contains("4915112345678")
    );
    assert_eq!(
        with_pages("/auth/password")
            .cookie(&cookie)
            .run()
            .answer()
            .status(),
        200
    );
}

#[test]
fn the_settings_are_asked_once_an_hour() {
    let settings = json!({"external": {"github": true}});
    let mut scenario = with_pages("/auth/login").route(Reply::json(200, &settings));
    assert_eq!(scenario.run().sent.len(), 1);
    let again = scenario.run();
    assert!(again.sent.is_empty() && again.answer().body().contains("provider=github"));
    scenario.later(3601);
    assert_eq!(scenario.run().sent.len(), 1);
}

#[test]
fn the_next_step_after_a_message_is_the_page_for_its_code() {
    let ok = || Reply::json(200, &json!({}));
    let run = with_pages("/auth/otp")
        .form("email=a%40b.example&next=%2Fx")
        .header("referer", "https://site.example/")
        .route(ok())
        .run();
    assert_eq!(
        location(&run),
        "/auth/verify?sent=1&type=email&email=a%40b.example&next=%2Fx"
    );
    let wrong = with_pages("/auth/verify")
        .form("email=a%40b.example&token=123456&type=email&next=%2Fx")
        .header("referer", "https://site.example/")
        .route(Reply::error(403, "otp_expired"))
        .run();
    assert_eq!(
        location(&wrong),
        "/auth/verify?error=otp_expired&next=%2Fx&type=email&email=a%40b.example"
    );
}

#[test]
fn texts_of_visitors_are_no_html_and_no_header() {
    let hostile = "%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E%0d%0ax-evil%3A+1";
    for path in ["login", "signup", "recover", "verify"] {
        for name in [
            "email", "phone", "error", "message", "reason", "next", "type", "by",
        ] {
            let run = with_pages(&format!("/auth/{path}?{name}={hostile}"))
                .route(Reply::json(200, &json!({})))
                .run();
            assert!(
                !run.answer().body().contains("<script>alert"),
                "{path} {name}"
            );
            assert!(
                run.answer()
                    .headers()
                    .iter()
                    .all(|(_, value)| !value.contains(['\r', '\n']))
            );
        }
    }
    let run = with_pages("/auth/otp")
        .form(&format!("email={hostile}"))
        .route(Reply::json(200, &json!({})))
        .run();
    assert!(
        run.answer()
            .headers()
            .iter()
            .all(|(_, value)| !value.contains(['\r', '\n']))
    );
}

#[test]
fn signing_out_clears_what_the_browser_kept_of_pages() {
    let run = member("/auth/signout")
        .form("")
        .route(Reply::new(204, ""))
        .run();
    assert_eq!(run.at_browser("clear-site-data"), ["\"cache\""]);
    let others = member("/auth/signout")
        .form("scope=others")
        .route(Reply::new(204, ""))
        .run();
    assert!(others.at_browser("clear-site-data").is_empty());
}

#[test]
fn health_is_looked_up_every_few_seconds_and_says_what_is_run() {
    let mut scenario = at("/auth/health");
    let first = scenario.run();
    assert_eq!(body(&first)["mode"], "enforce");
    assert!(body(&first)["version"].is_string());
    assert!(first.steps.contains(&"check_health"));
    assert!(!scenario.run().steps.contains(&"check_health"));
    scenario.later(6);
    assert!(scenario.run().steps.contains(&"check_health"));
}

#[test]
fn the_public_key_of_the_assertion_stands_where_origins_look() {
    let run = Scenario::new()
        .var("IDENTITY_PRIVATE_KEY", IDENTITY_KEY)
        .path("/.well-known/edge-session/jwks.json")
        .run();
    let key = &body(&run)["keys"][0];
    assert_eq!((&key["crv"], &key["d"]), (&json!("P-256"), &Value::Null));
}

#[test]
fn a_refresh_on_the_way_is_written_whatever_comes_of_the_rest() {
    let run = at("/auth/password")
        .cookie(&session_cookie(&tokens::expiring_in(-5)))
        .program(&json!({"password": "x"}))
        .refresh(Reply::renewed(&tokens::expiring_in(3600)))
        .route(Reply::error(422, "same_password"))
        .run();
    assert_eq!(run.answer().status(), 422);
    assert_ne!(run.written().unwrap()["refresh_token"], REFRESH_TOKEN);
}
