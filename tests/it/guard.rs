//! The guard: who passes, and what everyone else is answered.

use serde_json::{Value, json};

use crate::scenario::{KEY, Reply, Run, Scenario};
use crate::tokens::{NOW, Signer, claims, expiring_in, key_set_json};

fn guarded(scenario: Scenario) -> Scenario {
    scenario.rule(&json!({"require": true}))
}

fn location(run: &Run) -> String {
    run.at_browser("location").concat()
}

fn body(run: &Run) -> Value {
    serde_json::from_str(run.answer().body()).unwrap()
}

fn assert_denial_headers(run: &Run) {
    assert_eq!(run.at_browser("vary"), ["Cookie"]);
    let expected = if run.at_browser("set-cookie").is_empty() {
        "private, no-store"
    } else {
        "private, no-cache, no-store, must-revalidate, max-age=0"
    };
    assert_eq!(run.at_browser("cache-control"), [expected]);
}

/// One visitor for each way to have no session.
fn without_session() -> [(Scenario, &'static str); 4] {
    let expired = Scenario::expiring_in(-60).refresh(Reply::error(400, "session_expired"));
    let revoked = Scenario::with_token(&Signer::Hs256.mint(&json!({})))
        .user(Reply::error(403, "session_not_found"));
    [
        (Scenario::new(), "anonymous"),
        (expired, "expired"),
        (Scenario::with_token("a.b.c"), "invalid"),
        (revoked, "revoked"),
    ]
}

fn unavailable() -> Scenario {
    Scenario::expiring_in(-60).refresh(Reply::error(503, "x"))
}

#[test]
fn a_verified_session_passes() {
    let run = guarded(Scenario::expiring_in(3600)).run();
    assert_eq!((run.record.outcome, run.record.rule), ("valid", Some(0)));
    assert!(run.origin.is_some());
    let run = guarded(Scenario::expiring_in(30))
        .refresh(Reply::renewed(
            &Signer::Es256.mint(&json!({"exp": NOW + 7200})),
        ))
        .run();
    assert_eq!(run.record.outcome, "refreshed");
    assert!(run.origin.is_some());
}

#[test]
fn a_navigation_without_a_session_goes_to_the_login_page() {
    for (scenario, outcome) in without_session() {
        let run = guarded(scenario).path("/a?b=c&d").run();
        assert_eq!((run.record.outcome, run.answer().status()), (outcome, 303));
        assert_eq!(location(&run), "/login?next=%2Fa%3Fb%3Dc%26d");
        assert_denial_headers(&run);
        assert!(run.origin.is_none());
    }
}

#[test]
fn a_program_without_a_session_is_told_401() {
    for (scenario, outcome) in without_session() {
        let run = guarded(scenario).fetch().run();
        assert_eq!(run.answer().status(), 401);
        assert_eq!(
            body(&run),
            json!({"error": "unauthorized", "reason": outcome})
        );
        assert_eq!(run.at_browser("www-authenticate"), ["Bearer"]);
        assert_denial_headers(&run);
    }
}

#[test]
fn a_denial_carries_the_cookies_that_are_due() {
    let run = guarded(Scenario::with_token("a.b.c")).run();
    assert_eq!(run.deleted(), [KEY]);
    assert_eq!(
        (run.at_browser("expires"), run.at_browser("pragma")),
        (vec!["0".to_owned()], vec!["no-cache".to_owned()])
    );
    let renewed = Reply::renewed(&Signer::Es256.mint(&json!({"exp": NOW + 7200})));
    let run = Scenario::expiring_in(30)
        .rule(&json!({"require": {"role": "admin"}}))
        .refresh(renewed)
        .run();
    assert_eq!(run.answer().status(), 403);
    assert!(run.written().is_some() && run.has_no_store());
}

#[test]
fn what_cannot_be_decided_is_503_and_nobody_is_signed_out() {
    let page = guarded(unavailable()).run();
    assert_eq!(page.answer().status(), 503);
    assert_eq!(
        page.at_browser("content-type"),
        ["text/html; charset=utf-8"]
    );
    let program = guarded(unavailable()).fetch().run();
    assert_eq!(body(&program)["error"], "unavailable");
    for run in [page, program] {
        assert_eq!(run.at_browser("retry-after"), ["5"]);
        assert!(run.at_browser("set-cookie").is_empty());
        assert_denial_headers(&run);
    }
}

#[test]
fn each_condition_has_its_own_reason() {
    let cases = [
        (json!({"role": "admin"}), json!({}), "role"),
        (json!({"aal": "aal2"}), json!({}), "aal"),
        (json!({"aal": "aal2"}), json!({"aal": null}), "aal"),
        (
            json!({"anonymous": false}),
            json!({"is_anonymous": true}),
            "anonymous",
        ),
        (
            json!({"claims": {"/app_metadata/plan": "team"}}),
            json!({}),
            "claim",
        ),
        (
            json!({"claims": {"/app_metadata/none": true}}),
            json!({}),
            "claim",
        ),
    ];
    for (require, claims, reason) in cases {
        let scenario =
            Scenario::with_token(&Signer::Es256.mint(&claims)).rule(&json!({"require": require}));
        let scenario = scenario.refresh(Reply::error(500, "unexpected_failure"));
        let run = scenario.fetch().run();
        assert_eq!(run.answer().status(), 403, "{require}");
        assert_eq!(body(&run), json!({"error": "forbidden", "reason": reason}));
        assert_denial_headers(&run);
        assert!(run.at_browser("set-cookie").is_empty());
    }
}

#[test]
fn a_person_without_the_right_gets_a_page_and_no_redirect() {
    let run = Scenario::expiring_in(3600)
        .rule(&json!({"require": {"role": "admin"}}))
        .refresh(Reply::error(500, "unexpected_failure"))
        .run();
    assert_eq!((run.answer().status(), location(&run).as_str()), (403, ""));
    assert_eq!(run.at_browser("content-type"), ["text/html; charset=utf-8"]);
}

#[test]
fn the_403_page_names_the_account_and_offers_another() {
    let page = |auth_path: &str| {
        let token = Signer::Es256.mint(&json!({"email": "<zoe>@example.com"}));
        let run = Scenario::with_token(&token)
            .rule(&json!({"require": {"role": "admin"}}))
            .refresh(Reply::error(500, "unexpected_failure"))
            .var("AUTH_PATH", auth_path)
            .header("accept-language", "fr-CH, en;q=0.5")
            .run();
        assert_eq!(run.answer().status(), 403);
        run.answer().body().to_owned()
    };
    let offering = page("/auth");
    assert!(offering.contains("lang=\"fr\"") && !offering.contains("<zoe>"));
    assert!(offering.contains("zoe") && offering.contains("@example.com"));
    assert!(offering.contains("/auth/signout") && offering.contains("reason=sign_in_again"));
    assert!(!page("").contains("signout"));
}

#[test]
fn what_a_browser_navigates_to_is_answered_in_html() {
    let guarded = || Scenario::new().rule(&json!({"require": true, "on_denied": "status"}));
    let cases = [
        (guarded(), 401, "application/json"),
        (
            Scenario::new().url("https://a b/"),
            400,
            "application/problem+json",
        ),
        (
            Scenario::new().header("x-session-hop", "9"),
            508,
            "application/problem+json",
        ),
        (Scenario::new().no_origin(), 502, "application/problem+json"),
    ];
    for (mut visitor, status, program) in cases {
        let page = visitor.run();
        assert_eq!(page.record.status, status);
        assert_eq!(
            page.at_browser("content-type"),
            ["text/html; charset=utf-8"]
        );
        assert_eq!(page.at_browser("x-content-type-options"), ["nosniff"]);
        let policy = page.at_browser("content-security-policy").concat();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        let run = visitor.fetch().run();
        assert_eq!(run.at_browser("content-type"), [program]);
        assert_eq!(run.at_browser("x-content-type-options"), ["nosniff"]);
    }
}

#[test]
fn scripts_of_the_origins_that_a_rule_names_read_its_denials() {
    let rule = json!({"require": true, "cors": ["https://app.example"]});
    let denied = |origin: &str| {
        let scenario = Scenario::new().fetch().rule(&rule);
        scenario.header("origin", origin).run()
    };
    let run = denied("https://app.example");
    assert_eq!(run.record.status, 401);
    assert_eq!(
        run.at_browser("access-control-allow-origin"),
        ["https://app.example"]
    );
    assert_eq!(run.at_browser("access-control-allow-credentials"), ["true"]);
    assert_eq!(run.at_browser("vary"), ["Cookie, Origin"]);
    for other in ["https://evil.example", "null", ""] {
        let run = denied(other);
        assert!(run.at_browser("access-control-allow-origin").is_empty());
        assert_eq!(run.at_browser("vary"), ["Cookie, Origin"]);
    }
}

#[test]
fn all_conditions_together_let_the_right_one_pass() {
    let require = json!({"role": ["admin", "authenticated"], "aal": "aal2", "anonymous": false, "claims": {"/app_metadata/plan": ["pro", "team"]}});
    let token = Signer::Es256.mint(&json!({"aal": "aal2"}));
    let run = Scenario::with_token(&token)
        .rule(&json!({"require": require}))
        .run();
    assert!(run.origin.is_some());
}

#[test]
fn a_navigation_is_recognised_by_fetch_metadata_or_by_method_and_accept() {
    let status = |mode: &str, method: &str, accept: &str| {
        let scenario = Scenario::new()
            .header("sec-fetch-mode", mode)
            .header("accept", accept)
            .method(method);
        guarded(scenario).run().answer().status()
    };
    for (mode, method, accept, expected) in [
        ("navigate", "GET", "*/*", 303),
        ("navigate", "POST", "text/html", 303),
        ("cors", "GET", "text/html", 401),
        ("no-cors", "GET", "text/html", 401),
        ("", "GET", "text/html,*/*", 303),
        ("", "HEAD", "text/html", 303),
        ("", "POST", "text/html", 401),
        ("", "GET", "application/json", 401),
        ("", "GET", "", 401),
    ] {
        assert_eq!(
            status(mode, method, accept),
            expected,
            "{mode} {method} {accept}"
        );
    }
}

#[test]
fn a_rule_may_fix_the_kind_of_denial() {
    let denied = |on_denied: &str, mode: &str| {
        let rule = json!({"require": true, "on_denied": on_denied});
        Scenario::new()
            .rule(&rule)
            .header("sec-fetch-mode", mode)
            .run()
            .answer()
            .status()
    };
    assert_eq!(
        (denied("redirect", "cors"), denied("redirect", "navigate")),
        (303, 303)
    );
    assert_eq!(
        (denied("status", "cors"), denied("status", "navigate")),
        (401, 401)
    );
    assert_eq!(
        (denied("auto", "cors"), denied("auto", "navigate")),
        (401, 303)
    );
}

#[test]
fn a_form_comes_back_to_the_page_it_stood_on() {
    let next = |referer: &str| {
        let scenario = Scenario::new().method("POST").header("referer", referer);
        location(&guarded(scenario).run())
    };
    assert_eq!(
        next("https://site.example/form?a=1#top"),
        "/login?next=%2Fform%3Fa%3D1"
    );
    for foreign in [
        "",
        "https://evil.example/x",
        "https://site.example.evil/x",
        "https://site.example@evil.example/",
        "https://site.example",
        "https://site.example//evil.example",
    ] {
        assert_eq!(next(foreign), "/login?next=%2F", "{foreign}");
    }
}

#[test]
fn next_never_leaves_the_site() {
    for path in ["//evil.example", "/\\evil.example"] {
        let run = guarded(Scenario::new()).path(path).run();
        assert_eq!(location(&run), "/login?next=%2F", "{path}");
    }
}

#[test]
fn the_login_page_is_where_the_operator_says() {
    let run = guarded(Scenario::new())
        .var("LOGIN_PATH", "/in")
        .var("SITE_URL", "https://www.site.example")
        .path("/a")
        .run();
    assert_eq!(location(&run), "https://www.site.example/in?next=%2Fa");
}

#[test]
fn the_login_page_and_own_routes_are_never_denied() {
    for path in ["/login", "/login/", "/login?next=%2Fa"] {
        let run = guarded(Scenario::new())
            .var("AUTH_PATH", "/auth")
            .path(path)
            .run();
        assert!(run.origin.is_some(), "{path}");
    }
    let run = guarded(unavailable()).path("/login").run();
    assert!(run.origin.is_some(), "not even when nothing can be decided");
}

#[test]
fn what_only_resembles_an_exempt_path_is_denied() {
    for path in [
        "/login2",
        "/loginx/",
        "/x/login",
        "/authx",
        "/auth/../admin",
        "/auth%2f..%2fadmin",
        "/login/..;/admin",
        "/auth/%2e%2e/admin",
        "/auth/..\\admin",
    ] {
        let run = guarded(Scenario::new())
            .var("AUTH_PATH", "/auth")
            .path(path)
            .run();
        assert_eq!(run.record.status, 303, "{path}");
        assert!(location(&run).starts_with("/login?next="));
    }
}

#[test]
fn a_preflight_passes_to_the_origin() {
    let preflight = || {
        Scenario::new()
            .method("OPTIONS")
            .fetch()
            .header("origin", "https://app.example")
            .header("access-control-request-method", "PUT")
    };
    assert!(guarded(preflight()).run().origin.is_some());
    for incomplete in [
        preflight().header("origin", ""),
        preflight().header("access-control-request-method", ""),
        preflight().method("GET"),
        preflight().header("x-http-method-override", "GET"),
        preflight().header("x-original-url", "/page"),
    ] {
        assert_eq!(guarded(incomplete).run().answer().status(), 401);
    }
}

#[test]
fn a_guard_holds_however_the_path_is_spelt() {
    let rule = json!({"path": "/admin*", "require": true});
    for path in [
        "/admin",
        "/%61dmin",
        "//admin",
        "/x/../admin",
        "/admin%2fx",
        "/admin\\x",
        "/./admin",
        "/%2561dmin/../admin",
    ] {
        let run = Scenario::new().rule(&rule).path(path).run();
        assert_eq!(run.record.status, 303, "{path}");
    }
    assert!(
        Scenario::new()
            .rule(&rule)
            .path("/public")
            .run()
            .origin
            .is_some()
    );
}

#[test]
fn a_bearer_token_passes_a_guard() {
    let run = guarded(Scenario::new())
        .fetch()
        .bearer(&expiring_in(3600))
        .run();
    assert!(run.origin.is_some());
}

#[test]
fn a_stale_page_of_keys_does_not_deny() {
    let run = guarded(Scenario::expiring_in(3600))
        .known_keys(&key_set_json(), 3600)
        .run();
    assert!(run.origin.is_some());
}

/// JavaScript writes half a surrogate pair, and whoever put one into his name is judged by his claims like everybody.
#[test]
fn half_a_surrogate_pair_decides_nothing() {
    let token = |place: &Value| {
        let payload = claims(&json!({"app_metadata": {"plan": "pro"}, "user_metadata": place}));
        let payload = payload.to_string().replace("HALF", "\\ud83d");
        Signer::Es256.token_of(&Signer::Es256.header().to_string(), &payload)
    };
    for place in [json!({"nick": "HALF"}), json!({"HALF": 1})] {
        for (plan, is_denied) in [("pro", false), ("team", true)] {
            let require = json!({"claims": {"/app_metadata/plan": plan}});
            let scenario =
                Scenario::with_token(&token(&place)).rule(&json!({ "require": require }));
            let run = scenario.refresh(Reply::error(500, "busy")).run();
            assert_eq!(run.record.denied.is_some(), is_denied, "{place}");
            assert_eq!(run.record.outcome, "valid", "{place}");
        }
    }
}
