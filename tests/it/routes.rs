//! The Worker's own routes below `AUTH_PATH`.

use edge_session::auth_api::{AuthRequest, Unreachable};
use edge_session::handler::{BodyError, HealthReport, Reach};
use serde_json::{Value, json};

use crate::scenario::{KEY, Reply, Run, Scenario, session_cookie, session_json};
use crate::tokens::{self, NOW, SESSION, USER, encode};

fn at(path: &str) -> Scenario {
    Scenario::new().var("AUTH_PATH", "/auth").path(path)
}

fn signed_in() -> Reply {
    let token = tokens::expiring_in(3600);
    Reply::json(200, &session_json(&token, "refresh-new2"))
}

fn set_names(run: &Run) -> Vec<String> {
    let lines = run.at_browser("set-cookie");
    let setting = lines.iter().filter(|line| !line.contains("Max-Age=0"));
    setting
        .map(|line| line.split('=').next().unwrap().to_owned())
        .collect()
}

fn body(run: &Run) -> Value {
    serde_json::from_str(run.answer().body()).unwrap()
}

fn sent_body(run: &Run) -> Value {
    let mut bodies = run
        .sent
        .iter()
        .filter_map(|(request, _)| request.body.as_deref());
    serde_json::from_str(bodies.next().unwrap()).unwrap()
}

fn logout(run: &Run) -> &AuthRequest {
    let mut sent = run.sent.iter().map(|(request, _)| request);
    sent.find(|request| request.url.contains("/logout"))
        .unwrap()
}

fn verifier_cookie(name: &str, verifier: &str) -> String {
    format!("{name}=base64-{}", encode(json!(verifier).to_string()))
}

#[test]
fn without_auth_path_no_route_is_served() {
    let run = Scenario::new().path("/auth/session").run();
    assert!(run.origin.is_some());
}

#[test]
fn what_no_route_takes_belongs_to_the_site() {
    for (path, method) in [
        ("/auth/unknown", "GET"),
        ("/auth", "GET"),
        ("/auth/login", "GET"),
        ("/auth/signup", "GET"),
        ("/auth/session", "POST"),
        ("/auth/signout", "GET"),
        ("/auth/callback", "HEAD"),
        ("/auth/login", "PUT"),
        ("/auth/confirm", "DELETE"),
        ("/auth/session//", "GET"),
        ("/.well-known/edge-session/jwks.json", "GET"),
    ] {
        let run = at(path).method(method).run();
        assert!(run.origin.is_some(), "{method} {path}");
    }
    assert!(
        at("/auth/session/").run().origin.is_none(),
        "one slash is taken off"
    );
}

#[test]
fn a_route_is_served_only_if_every_form_of_the_path_is_below_it() {
    assert!(at("/auth/../auth/session").run().origin.is_some());
    assert!(at("/auth/%2e%2e/session").run().origin.is_some());
}

#[test]
fn posts_of_other_sites_are_refused() {
    for path in [
        "login",
        "signup",
        "otp",
        "recover",
        "anonymous",
        "signout",
        "confirm",
    ] {
        let run = at(&format!("/auth/{path}"))
            .form("email=a@example.com&password=x")
            .header("origin", "https://evil.example")
            .header("sec-fetch-site", "cross-site")
            .run();
        assert_eq!(run.answer().status(), 403, "{path}");
        assert!(run.sent.is_empty());
        let none = at(&format!("/auth/{path}"))
            .form("")
            .header("origin", "")
            .run();
        assert_eq!(
            none.answer().status(),
            403,
            "{path} without a word of where it comes from"
        );
    }
}

#[test]
fn bodies_are_bounded_and_must_be_understood() {
    let run = at("/auth/login")
        .form("")
        .body(Err(BodyError::TooLarge))
        .run();
    assert_eq!(run.answer().status(), 413);
    let run = at("/auth/login")
        .form("")
        .body(Ok(vec![b'a'; 64 * 1024 + 1]))
        .run();
    assert_eq!(run.answer().status(), 413);
    let run = at("/auth/login").program(&json!([1])).run();
    assert_eq!(run.answer().status(), 400);
    let run = at("/auth/login")
        .form("x=y")
        .header("content-type", "text/plain")
        .run();
    assert_eq!(run.answer().status(), 400);
}

#[test]
fn a_password_form_signs_in_and_goes_to_next() {
    let run = at("/auth/login")
        .form("email=a%40example.com&password=secret&next=%2Fmembers%3Fa%3D1")
        .route(signed_in())
        .run();
    assert_eq!(run.answer().status(), 303);
    assert_eq!(run.at_browser("location"), ["/members?a=1"]);
    assert_eq!(run.written().unwrap()["refresh_token"], "refresh-new2");
    assert!(run.has_no_store());
    assert_eq!(
        sent_body(&run),
        json!({"email": "a@example.com", "password": "secret"})
    );
    assert!(
        run.sent[0]
            .0
            .url
            .ends_with("/auth/v1/token?grant_type=password")
    );
}

#[test]
fn a_form_without_next_takes_that_of_the_login_page() {
    let to = |referer: &str| {
        let run = at("/auth/login")
            .form("email=a&password=b")
            .header("referer", referer)
            .route(signed_in())
            .run();
        run.at_browser("location")
    };
    assert_eq!(
        to("https://site.example/login?next=%2Fmembers"),
        ["/members"]
    );
    for other in [
        "https://site.example/login?next=%2F%2Fevil.example",
        "https://site.example/other?next=%2Fmembers",
        "https://evil.example/login?next=%2Fmembers",
    ] {
        assert_eq!(to(other), ["/"], "{other}");
    }
}

#[test]
fn a_program_that_signs_in_reads_the_verified_user() {
    let run = at("/auth/login")
        .program(&json!({"email": "a@example.com", "password": "secret"}))
        .route(signed_in())
        .run();
    assert_eq!(run.answer().status(), 200);
    assert_eq!(body(&run)["user"]["id"], USER);
    assert!(run.written().is_some());
}

#[test]
fn a_wrong_password_writes_nothing() {
    let wrong = || Reply::error(400, "invalid_credentials");
    let run = at("/auth/login")
        .form("email=a&password=b")
        .route(wrong())
        .run();
    assert_eq!(
        run.at_browser("location"),
        ["/login?error=invalid_credentials"]
    );
    assert!(run.at_browser("set-cookie").is_empty());
    let run = at("/auth/login")
        .program(&json!({"email": "a", "password": "b"}))
        .route(wrong())
        .run();
    assert_eq!(
        (run.answer().status(), body(&run)),
        (400, json!({"error": "invalid_credentials"}))
    );
}

#[test]
fn an_error_code_of_auth_is_never_repeated_as_it_came() {
    let hostile = Reply::error(400, "x\r\nset-cookie: a=b");
    let run = at("/auth/login")
        .form("email=a&password=b")
        .route(hostile)
        .run();
    assert_eq!(
        run.at_browser("location"),
        ["/login?error=unspecified_error"]
    );
}

#[test]
fn a_session_with_a_token_that_is_not_trusted_is_not_written() {
    let token = tokens::Signer::OtherEs256.mint(&json!({}));
    let reply = Reply::json(200, &session_json(&token, "r"));
    let run = at("/auth/login")
        .form("email=a&password=b")
        .route(reply)
        .run();
    assert!(run.at_browser("set-cookie").is_empty());
    assert_eq!(
        run.at_browser("location"),
        ["/login?error=auth_answer_not_trusted"]
    );
}

#[test]
fn anonymous_sign_in_asks_for_nothing() {
    let run = at("/auth/anonymous").form("").route(signed_in()).run();
    assert_eq!(run.at_browser("location"), ["/"]);
    assert!(run.sent[0].0.url.ends_with("/signup"));
    assert!(run.written().is_some());
}

#[test]
fn mails_never_tell_whether_an_address_exists() {
    let form = "email=a%40example.com&password=secret1";
    for path in ["signup", "otp", "recover"] {
        let known = at(&format!("/auth/{path}"))
            .form(form)
            .route(Reply::json(200, &json!({})))
            .run();
        for code in [
            "user_already_exists",
            "email_exists",
            "user_not_found",
            "over_email_send_rate_limit",
            "otp_disabled",
        ] {
            let other = at(&format!("/auth/{path}"))
                .form(form)
                .route(Reply::error(422, code))
                .run();
            assert_eq!(other.answer(), known.answer(), "{path} {code}");
        }
        assert_eq!(known.at_browser("location"), ["/login?sent=1"]);
    }
}

#[test]
fn mails_carry_a_challenge_and_come_back_to_the_callback() {
    let run = at("/auth/recover")
        .form("email=a%40example.com&next=%2Fpassword")
        .header("referer", "https://site.example/forgot?x=1")
        .route(Reply::json(200, &json!({})))
        .run();
    assert_eq!(
        run.at_browser("location"),
        ["/forgot?sent=1&next=%2Fpassword"]
    );
    assert_eq!(sent_body(&run)["code_challenge_method"], "s256");
    let url = &run.sent[0].0.url;
    assert!(
        url.contains(
            "redirect_to=https%3A%2F%2Fsite.example%2Fauth%2Fcallback%3Fnext%3D%252Fpassword"
        ),
        "{url}"
    );
    let names = set_names(&run);
    assert_eq!(names.len(), 3, "slot, index and the latest: {names:?}");
    assert!(names.contains(&format!("{KEY}-code-verifier")));
}

#[test]
fn other_refusals_of_a_mail_are_told() {
    let run = at("/auth/otp")
        .form("email=a")
        .route(Reply::error(400, "validation_failed"))
        .run();
    assert_eq!(
        run.at_browser("location"),
        ["/login?error=validation_failed"]
    );
    let run = at("/auth/signup")
        .program(&json!({"email": "a", "password": "b"}))
        .route(Reply::error(422, "weak_password"))
        .run();
    assert_eq!(
        (run.answer().status(), body(&run)),
        (400, json!({"error": "weak_password"}))
    );
}

#[test]
fn oauth_starts_with_a_verifier_and_its_challenge() {
    let run = at("/auth/login?provider=github&next=%2Fmembers&scopes=read%3Auser").run();
    assert_eq!(run.answer().status(), 303);
    let location = &run.at_browser("location")[0];
    assert!(
        location
            .starts_with("https://abc.supabase.co/auth/v1/authorize?provider=github&redirect_to=")
    );
    assert!(location.contains("&scopes=read%3Auser&code_challenge="));
    assert!(location.ends_with("&code_challenge_method=s256"));
    assert_eq!(set_names(&run).len(), 3);
    let run = at("/auth/login?provider=%0d%0a").run();
    assert_eq!(
        run.at_browser("location"),
        ["/login?error=validation_failed"]
    );
}

#[test]
fn the_sixth_flow_evicts_the_oldest() {
    let ids: Vec<String> = (0..5).map(|n| format!("flow-id-{n}")).collect();
    let slots = ids
        .iter()
        .map(|id| verifier_cookie(&format!("{KEY}-flow-{id}-code-verifier"), "v"));
    let index = format!(
        "{KEY}-flows-code-verifier=base64-{}",
        encode(json!(ids).to_string())
    );
    let header = slots.chain([index]).collect::<Vec<_>>().join("; ");
    let run = at("/auth/login?provider=github").cookie(&header).run();
    assert_eq!(
        run.deleted(),
        [format!("{KEY}-flow-flow-id-0-code-verifier")]
    );
}

#[test]
fn a_callback_exchanges_the_code_with_the_latest_verifier() {
    let run = at("/auth/callback?code=the-code&next=%2Fmembers")
        .cookie(&verifier_cookie(
            &format!("{KEY}-code-verifier"),
            "the-verifier/recovery",
        ))
        .route(signed_in())
        .run();
    assert_eq!(
        sent_body(&run),
        json!({"auth_code": "the-code", "code_verifier": "the-verifier"})
    );
    assert_eq!(run.at_browser("location"), ["/members"]);
    assert_eq!(run.at_browser("referrer-policy"), ["no-referrer"]);
    assert_eq!(run.deleted(), [format!("{KEY}-code-verifier")]);
    assert!(set_names(&run).contains(&KEY.to_owned()));
}

#[test]
fn a_callback_with_a_flow_id_uses_that_slot_and_no_other() {
    let slot = |id: &str| format!("{KEY}-flow-{id}-code-verifier");
    let index = format!(
        "{KEY}-flows-code-verifier=base64-{}",
        encode(r#"["aaaaaaaa","bbbbbbbb"]"#)
    );
    let header = [
        verifier_cookie(&slot("aaaaaaaa"), "one"),
        verifier_cookie(&slot("bbbbbbbb"), "two"),
        verifier_cookie(&format!("{KEY}-code-verifier"), "two"),
        index,
    ]
    .join("; ");
    let run = at("/auth/callback?code=c&sb_flow_id=aaaaaaaa")
        .cookie(&header)
        .route(signed_in())
        .run();
    assert_eq!(sent_body(&run)["code_verifier"], "one");
    assert_eq!(
        run.deleted(),
        [slot("aaaaaaaa")],
        "the latest belongs to the other flow"
    );
    let missing = at("/auth/callback?code=c&sb_flow_id=cccccccc")
        .cookie(&header)
        .run();
    assert_eq!(
        missing.at_browser("location"),
        ["/login?error=pkce_code_verifier_not_found"]
    );
    assert!(missing.sent.is_empty());
}

#[test]
fn a_callback_that_fails_deletes_the_used_verifier() {
    let header = verifier_cookie(&format!("{KEY}-code-verifier"), "v");
    for (path, reply, code) in [
        (
            "?error=access_denied&error_code=signup_disabled",
            None,
            "signup_disabled",
        ),
        ("?error=access_denied", None, "access_denied"),
        ("?error_description=%3Cscript%3E", None, "unspecified_error"),
        (
            "?code=c",
            Some(Reply::error(404, "flow_state_not_found")),
            "flow_state_not_found",
        ),
        (
            "?code=c",
            Some(Reply::failed(Unreachable::Network)),
            "auth_network",
        ),
    ] {
        let mut scenario = at(&format!("/auth/callback{path}")).cookie(&header);
        if let Some(reply) = reply {
            scenario = scenario.route(reply);
        }
        let run = scenario.run();
        assert_eq!(run.at_browser("location"), [format!("/login?error={code}")]);
        assert_eq!(run.deleted(), [format!("{KEY}-code-verifier")], "{path}");
    }
}

/// Browsers hold `form-action` against the redirect after a post, and a failed one leads to the login page.
#[test]
fn a_form_may_end_on_a_login_page_elsewhere() {
    let confirm = "/auth/confirm?token_hash=pkce_abc&type=recovery";
    for (variable, page, sources) in [
        (
            "LOGIN_PATH",
            "https://login.example/in",
            "'self' https://login.example",
        ),
        (
            "LOGIN_PATH",
            "https://login.example:8443/in",
            "'self' https://login.example:8443",
        ),
        (
            "MFA_PATH",
            "https://login.example/mfa",
            "'self' https://login.example",
        ),
        ("LOGIN_PATH", "/in", "'self'"),
    ] {
        let run = at(confirm).method("GET").var(variable, page).run();
        let policy = &run.at_browser("content-security-policy")[0];
        assert!(
            policy.contains(&format!("form-action {sources};")),
            "{policy}"
        );
    }
}

#[test]
fn the_confirm_page_uses_nothing_up() {
    for method in ["GET", "HEAD"] {
        let run = at("/auth/confirm?token_hash=pkce_abc&type=recovery&next=%2Fa%22b")
            .method(method)
            .run();
        assert_eq!(run.answer().status(), 200);
        assert!(run.sent.is_empty());
        let page = run.answer().body();
        assert!(page.contains("name=\"token_hash\" value=\"pkce_abc\""));
        assert!(page.contains("value=\"/a&#34;b\"") && !page.contains("<script"));
        assert!(page.contains("<meta name=\"referrer\" content=\"strict-origin\">"));
        let policy = &run.at_browser("content-security-policy")[0];
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"));
        assert!(policy.ends_with("form-action 'self'; base-uri 'none'; frame-ancestors 'none'"));
        assert_eq!(run.at_browser("referrer-policy"), ["no-referrer"]);
    }
    for query in [
        "",
        "?token_hash=a",
        "?token_hash=a&type=sms",
        "?token_hash=a%20b&type=email",
    ] {
        let run = at(&format!("/auth/confirm{query}")).run();
        assert_eq!(
            run.at_browser("location"),
            ["/login?error=validation_failed"],
            "{query}"
        );
    }
}

#[test]
fn the_confirm_button_signs_in() {
    for kind in [
        "signup",
        "invite",
        "magiclink",
        "recovery",
        "email_change",
        "email",
    ] {
        let run = at("/auth/confirm")
            .form(&format!("token_hash=abc&type={kind}&next=%2Fnew"))
            .route(signed_in())
            .run();
        assert_eq!(sent_body(&run), json!({"type": kind, "token_hash": "abc"}));
        assert_eq!(run.at_browser("location"), ["/new"]);
        assert!(run.written().is_some());
    }
    let used = at("/auth/confirm")
        .form("token_hash=abc&type=email")
        .route(Reply::error(403, "otp_expired"))
        .run();
    assert_eq!(used.at_browser("location"), ["/login?error=otp_expired"]);
    let half = at("/auth/confirm")
        .form("token_hash=abc&type=email_change")
        .route(Reply::json(
            200,
            &json!({"msg": "Confirmation link accepted", "code": "200"}),
        ))
        .run();
    assert_eq!(
        half.at_browser("location"),
        ["/login?message=confirm_other_address"]
    );
}

#[test]
fn a_next_that_is_the_callback_leads_to_its_goal() {
    for next in [
        "%2Fauth%2Fcallback%3Fnext%3D%252Fmembers%26sb_flow_id%3Dabcdefgh",
        "https%3A%2F%2Fsite.example%2Fauth%2Fcallback%3Fnext%3D%252Fmembers",
    ] {
        let run = at("/auth/confirm")
            .form(&format!("token_hash=abc&type=email&next={next}"))
            .route(signed_in())
            .run();
        assert_eq!(run.at_browser("location"), ["/members"]);
    }
    let run = at("/auth/confirm")
        .form("token_hash=abc&type=email&next=%2Fauth%2Fcallback%3Fnext%3D%252F%252Fevil.example")
        .route(signed_in())
        .run();
    assert_eq!(run.at_browser("location"), ["/"]);
}

#[test]
fn the_session_is_told_from_verified_claims_alone() {
    let token = tokens::Signer::Es256.mint(&json!({"email": "true@example.com"}));
    let run = at("/auth/session")
        .fetch()
        .cookie(&session_cookie(&token))
        .run();
    assert_eq!(run.answer().status(), 200);
    assert_eq!(
        body(&run)["user"]["email"],
        "true@example.com",
        "the cookie's user says otherwise"
    );
    assert_eq!(body(&run)["user"]["id"], USER);
    let none = at("/auth/session").fetch().run();
    assert_eq!(
        (none.answer().status(), body(&none)),
        (200, json!({"user": null}))
    );
}

#[test]
fn the_session_is_refreshed_like_any_other() {
    let run = at("/auth/session")
        .cookie(&session_cookie(&tokens::expiring_in(-5)))
        .refresh(Reply::renewed(&tokens::expiring_in(3600)))
        .run();
    assert_eq!(body(&run)["user"]["id"], USER);
    assert!(run.written().is_some() && run.has_no_store());
}

#[test]
fn sign_out_tells_auth_and_deletes_the_whole_family() {
    let header = format!(
        "a=1; {}; {KEY}-user=x; {}",
        session_cookie(&tokens::expiring_in(3600)),
        verifier_cookie(&format!("{KEY}-code-verifier"), "v")
    );
    for (scope, sent) in [
        ("", "local"),
        ("&scope=local", "local"),
        ("&scope=global", "global"),
    ] {
        let run = at("/auth/signout")
            .form(&format!("next=%2Fbye{scope}"))
            .cookie(&header)
            .route(Reply::new(204, ""))
            .run();
        assert_eq!(run.at_browser("location"), ["/bye"]);
        assert_eq!(
            run.deleted(),
            [
                KEY.to_owned(),
                format!("{KEY}-user"),
                format!("{KEY}-code-verifier")
            ]
        );
        let request = logout(&run);
        assert!(request.url.ends_with(&format!("/logout?scope={sent}")));
        assert!(
            request
                .headers
                .iter()
                .any(|(name, value)| *name == "authorization" && value.starts_with("Bearer ey"))
        );
    }
}

#[test]
fn sign_out_works_while_auth_is_down_and_for_programs() {
    let cookie = session_cookie(&tokens::expiring_in(3600));
    let run = at("/auth/signout")
        .program(&json!({}))
        .cookie(&cookie)
        .route(Reply::failed(Unreachable::TimedOut))
        .run();
    assert_eq!(run.answer().status(), 204);
    assert_eq!(run.deleted(), [KEY]);
    let rubbish = at("/auth/signout")
        .form("")
        .cookie(&format!("{KEY}=rubbish"))
        .run();
    assert_eq!(rubbish.deleted(), [KEY]);
    let unknown = at("/auth/signout").form("scope=all").cookie(&cookie).run();
    assert_eq!(unknown.answer().status(), 303);
    let back = unknown.at_browser("location").join("");
    assert!(back.contains("error=validation_failed"), "{back}");
    let unknown = at("/auth/signout")
        .program(&json!({"scope": "all"}))
        .cookie(&cookie)
        .run();
    assert_eq!(unknown.answer().status(), 400);
    assert!(unknown.deleted().is_empty());
}

#[test]
fn an_expired_session_is_refreshed_before_it_is_signed_out() {
    let fresh = tokens::expiring_in(3600);
    let run = at("/auth/signout")
        .form("")
        .cookie(&session_cookie(&tokens::expiring_in(-5)))
        .refresh(Reply::renewed(&fresh))
        .route(Reply::new(204, ""))
        .run();
    let request = logout(&run);
    assert!(
        request
            .headers
            .contains(&("authorization", format!("Bearer {fresh}")))
    );
    assert_eq!(run.deleted(), [KEY]);
}

#[test]
fn the_gate_learns_of_a_sign_out_with_a_dead_token_while_auth_is_down() {
    let mut scenario = at("/auth/signout")
        .form("")
        .cookie(&session_cookie(&tokens::expiring_in(-5)))
        .refresh(Reply::failed(Unreachable::TimedOut));
    let run = scenario.run();
    assert_eq!(run.deleted(), [KEY]);
    assert_eq!(scenario.ended, [tokens::SESSION]);
    // Auth still holds him for signed in, and the operator may want to know.
    assert_eq!(run.record.level, edge_session::record::Level::Error);
    // Junk that no key vouches for ends nobody's session.
    let mut scenario = at("/auth/signout")
        .form("")
        .cookie(&format!("{KEY}=rubbish"));
    scenario.run();
    assert!(scenario.ended.is_empty());
}

#[test]
fn signing_others_out_keeps_this_browser() {
    let run = at("/auth/signout")
        .form("scope=others")
        .cookie(&session_cookie(&tokens::expiring_in(3600)))
        .route(Reply::new(204, ""))
        .run();
    assert!(logout(&run).url.ends_with("scope=others"));
    assert!(run.at_browser("set-cookie").is_empty());
}

#[test]
fn health_says_what_is_missing_and_no_secret() {
    let run = at("/auth/health").run();
    assert_eq!(run.answer().status(), 200);
    assert_eq!(body(&run)["keys"]["number"], 2);
    for (keys, kv, gate) in [
        (None, Reach::Reachable, Reach::Reachable),
        (
            Some((1, edge_session::time::UnixTime::from_seconds(NOW))),
            Reach::Unreachable,
            Reach::Unbound,
        ),
        (
            Some((1, edge_session::time::UnixTime::from_seconds(NOW))),
            Reach::Unbound,
            Reach::Unreachable,
        ),
    ] {
        let run = at("/auth/health")
            .health(HealthReport { keys, kv, gate })
            .run();
        assert_eq!(run.answer().status(), 503);
    }
}

fn revoking(token: &str) -> Scenario {
    Scenario::with_token(token).var("REVOCATION", "on")
}

#[test]
fn a_revoked_session_is_refused_as_cookie_and_as_bearer() {
    let token = tokens::expiring_in(3600);
    let name = format!("revoked:session:{SESSION}");
    let run = revoking(&token).revoked(&name, NOW).run();
    assert_eq!(run.outcome(), ("revoked", "signed_out"));
    assert_eq!(run.deleted(), [KEY]);
    let run = Scenario::new()
        .var("REVOCATION", "on")
        .bearer(&token)
        .revoked(&name, NOW)
        .run();
    assert_eq!(run.outcome(), ("revoked", "signed_out"));
}

#[test]
fn a_revoked_user_loses_tokens_issued_until_then() {
    let name = format!("revoked:user:{USER}");
    let token = tokens::Signer::Es256.mint(&json!({"iat": NOW - 10}));
    assert_eq!(
        revoking(&token).revoked(&name, NOW - 5).run().outcome().0,
        "revoked"
    );
    assert_eq!(
        revoking(&token).revoked(&name, NOW - 20).run().outcome().0,
        "valid"
    );
}

#[test]
fn a_look_up_is_believed_for_half_a_minute_and_a_failure_denies_nobody() {
    let token = tokens::expiring_in(3600);
    let mut scenario = revoking(&token);
    assert!(scenario.run().steps.contains(&"read_revocation"));
    assert!(!scenario.run().steps.contains(&"read_revocation"));
    scenario.later(31);
    assert!(scenario.run().steps.contains(&"read_revocation"));
    let run = revoking(&token).no_kv().run();
    assert_eq!(run.outcome().0, "valid");
    assert_eq!(run.record.level, edge_session::record::Level::Error);
    let off = Scenario::with_token(&token).run();
    assert!(!off.steps.contains(&"read_revocation"));
}

#[test]
fn a_sign_out_revokes_at_once_in_this_isolate() {
    let token = tokens::expiring_in(3600);
    let mut scenario = at("/auth/signout")
        .var("REVOCATION", "on")
        .form("")
        .cookie(&session_cookie(&token))
        .route(Reply::new(204, ""));
    assert!(scenario.run().steps.contains(&"store_revocation"));
    let mut replay = scenario.method("GET").path("/page").no_kv();
    assert_eq!(replay.run().outcome().0, "revoked");
}

#[test]
fn operators_revoke_with_the_secret_key_alone() {
    let path = format!("/auth/revocations/{SESSION}");
    let put = |path: &str| {
        at(path)
            .method("PUT")
            .var("REVOCATION", "on")
            .var("SUPABASE_SECRET_KEY", "sb_secret_x")
    };
    let run = put(&path).bearer("sb_secret_x").run();
    assert_eq!(run.answer().status(), 204);
    assert!(run.steps.contains(&"store_revocation"));
    assert_eq!(
        put(&path).bearer("sb_secret_y").run().answer().status(),
        401
    );
    assert_eq!(put(&path).run().answer().status(), 401);
    assert_eq!(
        put("/auth/revocations/x")
            .bearer("sb_secret_x")
            .run()
            .answer()
            .status(),
        400
    );
    let failed = put(&path).bearer("sb_secret_x").no_kv().run();
    assert_eq!(failed.answer().status(), 503);
    assert_eq!(failed.record.reason, "kv_unreachable");
    let off = at(&path)
        .method("PUT")
        .var("SUPABASE_SECRET_KEY", "sb_secret_x")
        .bearer("sb_secret_x");
    assert!({ off }.run().origin.is_some());
}

#[test]
fn a_sign_out_of_others_revokes_them_and_spares_this_session() {
    let token = tokens::expiring_in(3600);
    let mut scenario = at("/auth/signout")
        .var("REVOCATION", "on")
        .form("scope=others")
        .cookie(&session_cookie(&token))
        .route(Reply::new(204, ""));
    assert!(scenario.run().steps.contains(&"store_revocation"));
    let mut mine = scenario.method("GET").path("/page");
    assert_eq!(mine.run().outcome().0, "valid");
    let other = json!({"session_id": "22222222-2222-4222-8222-222222222222"});
    let other = tokens::Signer::Es256.mint(&other);
    let mut other = mine.cookie(&session_cookie(&other));
    assert_eq!(other.run().outcome().0, "revoked");
}

#[test]
fn what_stands_for_the_others_comes_back_and_what_cannot_be_read_ends_all() {
    use edge_session::revocation::Revocation;
    let ends = Revocation::from_stored("1700000000 abc");
    assert_eq!(ends.at().seconds(), 1_700_000_000);
    assert_ne!(ends, Revocation::from_stored("1700000000"));
    for text in ["", "x", "x abc", "1700000000 abc def"] {
        assert_eq!(
            Revocation::from_stored(text),
            edge_session::time::UnixTime::from_millis(u64::MAX).into(),
            "{text}"
        );
    }
}
