//! What the origin gets, and what becomes of its answer.

use edge_session::handler::Outgoing;
use edge_session::head::HeaderEdit;
use serde_json::json;

use crate::scenario::{KEY, Reply, Run, Scenario, session_cookie};
use crate::tokens::{NOW, Signer, expiring_in};

fn fresh() -> String {
    Signer::Es256.mint(&json!({"exp": NOW + 7200}))
}

/// A visitor for every outcome, with cookies of others around the session.
fn visitor(outcome: &str) -> Scenario {
    let around = |token: &str| format!("a=1; {}; b=\"2\"", session_cookie(token));
    let with = |token: &str| Scenario::new().cookie(&around(token));
    match outcome {
        "anonymous" => Scenario::new().cookie("a=1; b=\"2\""),
        "valid" => with(&expiring_in(3600)),
        "refreshed" => with(&expiring_in(30)).refresh(Reply::renewed(&fresh())),
        "expired" => with(&expiring_in(-60)).refresh(Reply::error(400, "session_expired")),
        "invalid" => with("a.b.c"),
        "revoked" => {
            with(&Signer::Hs256.mint(&json!({}))).user(Reply::error(403, "session_not_found"))
        }
        "unavailable" => with(&expiring_in(-60)).refresh(Reply::error(503, "x")),
        "bypass" => with(&expiring_in(3600)).rule(&json!({"bypass": true})),
        other => panic!("{other}"),
    }
}

const OUTCOMES: [&str; 8] = [
    "anonymous",
    "bypass",
    "expired",
    "invalid",
    "refreshed",
    "revoked",
    "unavailable",
    "valid",
];

#[test]
fn every_outcome_has_its_cookies_at_origin_and_browser() {
    for outcome in OUTCOMES {
        let run = visitor(outcome).run();
        assert_eq!(run.record.outcome, outcome);
        let sent = run.at_origin("cookie").concat();
        assert!(
            sent.starts_with("a=1;") && sent.contains(" b=\"2\""),
            "{outcome}: {sent}"
        );
        let sees_session = matches!(outcome, "valid" | "refreshed" | "bypass");
        assert_eq!(
            sent.matches(KEY).count(),
            usize::from(sees_session),
            "{outcome}: {sent}"
        );
        let deletes = matches!(outcome, "expired" | "invalid" | "revoked");
        assert_eq!(run.deleted().len(), usize::from(deletes), "{outcome}");
        assert_eq!(run.written().is_some(), outcome == "refreshed", "{outcome}");
        assert_eq!(run.record.cookies, run.at_browser("set-cookie").len());
        assert_eq!(
            run.has_no_store(),
            deletes || outcome == "refreshed",
            "{outcome}"
        );
    }
}

#[test]
fn every_outcome_but_bypass_has_its_identity_headers() {
    for outcome in OUTCOMES {
        let run = visitor(outcome).run();
        let expected: Vec<&str> = if outcome == "bypass" {
            vec![]
        } else {
            vec![outcome]
        };
        assert_eq!(run.at_origin("x-session-outcome"), expected);
        let is_known = matches!(outcome, "valid" | "refreshed");
        assert_eq!(
            run.at_origin("x-session-user-id").len(),
            usize::from(is_known),
            "{outcome}"
        );
    }
}

#[test]
fn an_untouched_session_leaves_the_header_byte_for_byte() {
    let odd = format!("a=1;b = 2 ;; {};c=é", session_cookie(&expiring_in(3600)));
    let run = Scenario::new().cookie(&odd).run();
    let request = run.origin.as_ref().unwrap();
    let touches = |edit: &HeaderEdit| {
        matches!(edit, HeaderEdit::Set("cookie", _))
            || *edit == HeaderEdit::Remove("cookie".to_owned())
    };
    assert!(!request.edits.iter().any(touches));
    assert_eq!(run.at_origin("cookie"), [odd]);
}

#[test]
fn a_header_with_nothing_left_is_removed() {
    let run = Scenario::with_token("a.b.c").run();
    assert!(run.at_origin("cookie").is_empty());
}

#[test]
fn headers_that_nobody_names_stay_as_they_came() {
    let run = visitor("refreshed")
        .header("accept-language", "de, en")
        .header("x-own", "naïve")
        .header("if-none-match", "\"1\"")
        .run();
    assert_eq!(run.at_origin("accept-language"), ["de, en"]);
    assert_eq!(run.at_origin("x-own"), ["naïve"]);
    assert_eq!(run.at_origin("if-none-match"), ["\"1\""]);
}

#[test]
fn the_hop_is_marked_once() {
    let run = Scenario::new().header("x_session_hop", "0").run();
    assert_eq!(run.at_origin("x-session-hop"), ["1"]);
    assert!(run.at_origin("x_session_hop").is_empty());
}

#[test]
fn a_session_in_disguise_never_reaches_the_origin() {
    // The last one is what the runtime makes of a byte that is no UTF-8.
    for disguise in ["\u{a0}", "\u{feff}", "\u{fffd}"] {
        expect_no_disguised_session(disguise);
    }
}

fn expect_no_disguised_session(disguise: &str) {
    let tossed = session_cookie(&expiring_in(3600)).replace(KEY, &format!("{disguise}{KEY}"));
    let own = session_cookie(&expiring_in(3600));
    for (cookie, outcome, kept) in [
        (
            format!("a=1; {tossed}; é=2"),
            "anonymous",
            "a=1; é=2".to_owned(),
        ),
        (
            format!("{tossed}; {own}; é=2"),
            "valid",
            format!("{own}; é=2"),
        ),
        (
            format!("{KEY}=x; {tossed}; é=2"),
            "invalid",
            "é=2".to_owned(),
        ),
    ] {
        let mut visitor = Scenario::new().cookie(&cookie);
        // The second time, the header is one that was seen before.
        for run in [visitor.run(), visitor.run()] {
            assert_eq!(run.record.outcome, outcome);
            assert_eq!(run.at_origin("cookie").concat(), kept);
        }
    }
    let run = Scenario::new()
        .cookie(&format!("{tossed}; é=2"))
        .bearer(&expiring_in(3600))
        .run();
    assert_eq!(run.record.outcome, "valid");
    assert_eq!(run.at_origin("cookie"), ["é=2"]);
}

#[test]
fn forward_cookies_off_keeps_the_whole_family_from_the_origin() {
    let cookie = format!(
        "a=1; {}; {KEY}-code-verifier=x; {KEY}-user=y; b=2",
        session_cookie(&expiring_in(3600))
    );
    for outcome in ["valid", "refreshed"] {
        let left = if outcome == "valid" { 3600 } else { 30 };
        let cookie = cookie.replace(
            &session_cookie(&expiring_in(3600)),
            &session_cookie(&expiring_in(left)),
        );
        let run = Scenario::new()
            .cookie(&cookie)
            .var("FORWARD_COOKIES", "off")
            .refresh(Reply::renewed(&fresh()))
            .run();
        assert_eq!(
            (
                run.record.outcome,
                run.at_origin("cookie").concat().as_str()
            ),
            (outcome, "a=1; b=2")
        );
    }
}

#[test]
fn verifiers_of_a_sign_in_under_way_reach_the_origin_without_the_session() {
    let run = Scenario::new()
        .cookie(&format!("{KEY}=x; {KEY}-code-verifier=v"))
        .run();
    assert_eq!(run.at_origin("cookie"), [format!("{KEY}-code-verifier=v")]);
    assert_eq!(run.deleted(), [KEY]);
}

#[test]
fn forward_bearer_hands_the_current_token_over() {
    for (outcome, token) in [("valid", expiring_in(3600)), ("refreshed", fresh())] {
        let run = visitor(outcome).var("FORWARD_BEARER", "on").run();
        assert_eq!(run.at_origin("authorization"), [format!("Bearer {token}")]);
    }
    for outcome in [
        "anonymous",
        "bypass",
        "expired",
        "invalid",
        "revoked",
        "unavailable",
    ] {
        let run = visitor(outcome).var("FORWARD_BEARER", "on").run();
        assert!(run.at_origin("authorization").is_empty(), "{outcome}");
    }
    assert!(
        visitor("valid").run().at_origin("authorization").is_empty(),
        "off by default"
    );
}

#[test]
fn forward_bearer_lets_no_unverified_token_of_a_client_through() {
    let forged = Signer::OtherEs256.mint(&json!({"sub": crate::tokens::OTHER_USER}));
    let foreign = Signer::OtherEs256.mint(&json!({"iss": "https://other.example"}));
    let at_origin = |outcome: &str, sent: &str| {
        let scenario = visitor(outcome).var("FORWARD_BEARER", "on");
        let mut scenario = scenario.header("authorization", sent);
        scenario.run().at_origin("authorization")
    };
    for sent in [format!("Bearer {forged}"), format!("bearer  {foreign}")] {
        let verified = format!("Bearer {}", expiring_in(3600));
        assert_eq!(at_origin("valid", &sent), [verified]);
        assert!(at_origin("anonymous", &sent).is_empty(), "{sent}");
        assert!(at_origin("invalid", &sent).is_empty(), "{sent}");
    }
    // Servers split at any white space, take quotes off, look behind `=`, decode escapes.
    let (header, rest) = forged.split_once('.').unwrap();
    let wrapped = [
        format!("Bearer\t{forged}"),
        format!("Bearer \"{forged}\""),
        format!("Bearer '{forged}'"),
        format!("Bearer token=\"{forged}\""),
        format!("Bearer={forged}"),
        format!("Bearer{forged}"),
        format!("Bearer\u{a0}{forged}"),
        format!("Bearer {}", forged.replace('.', "%2E")),
        format!("Bearer {header} .{rest}"),
        format!("Bearer {header}.{rest}.a.b"),
        format!("Bearer {header}=.{rest}"),
        format!("Token {forged}"),
        forged.clone(),
        format!("Bearer a, {forged}"),
        format!("Bearer {}{forged}", "eyJ".repeat(20)),
    ];
    for sent in wrapped {
        assert!(at_origin("anonymous", &sent).is_empty(), "{sent}");
        assert!(at_origin("invalid", &sent).is_empty(), "{sent}");
    }
    let basic = format!("Basic {header}");
    let keys = [
        "Basic dTpw",
        &basic,
        "Bearer an-api-key",
        "Bearer sk_live_eyJhbGciOiJFUzI1NiJ9",
        "Bearer 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",
        "Bearer eyeA.eyJx.ewog.x",
    ];
    for sent in keys {
        assert_eq!(at_origin("anonymous", sent), [sent]);
    }
    let mut scenario = visitor("valid").header("authorization", "Basic dTpw");
    assert_eq!(scenario.run().at_origin("authorization"), ["Basic dTpw"]);
}

#[test]
fn origin_url_replaces_scheme_and_host_and_keeps_path_and_query() {
    for (base, expected) in [
        (
            "http://127.0.0.1:3000",
            "http://127.0.0.1:3000/a%20b//c?d=e%2F&f",
        ),
        (
            "https://origin.example/base/",
            "https://origin.example/base/a%20b//c?d=e%2F&f",
        ),
    ] {
        let run = Scenario::new()
            .var("ORIGIN_URL", base)
            .path("/a%20b//c?d=e%2F&f")
            .run();
        assert_eq!(run.origin.as_ref().unwrap().url.as_deref(), Some(expected));
        assert_eq!(run.at_origin("x-forwarded-host"), ["site.example"]);
        assert_eq!(run.at_origin("x-forwarded-proto"), ["https"]);
    }
    let run = Scenario::new().run();
    assert_eq!(run.origin.as_ref().unwrap().url, None);
}

#[test]
fn a_request_about_the_server_is_for_its_root() {
    let asked = |url: &str| {
        let scenario = Scenario::new().var("ORIGIN_URL", "https://inner.example");
        scenario.method("OPTIONS").url(url).run()
    };
    let run = asked("https://site.example*");
    let url = run.origin.as_ref().unwrap().url.clone();
    assert_eq!(url.as_deref(), Some("https://inner.example/"));
    assert_eq!(run.at_origin("x-forwarded-host"), ["site.example"]);
    // A star elsewhere in the host names none.
    for url in ["https://*", "https://site*/admin", "https://site.*.example"] {
        assert_eq!(asked(url).answer().status(), 400, "{url}");
    }
}

/// What the origin is told of the site's name.
fn told_of_site(scenario: Scenario) -> (String, String) {
    let run = scenario
        .header("x-forwarded-host", "forged.example")
        .header("x_forwarded_host", "forged.example")
        .header("x-forwarded-proto", "forged")
        .header("x_forwarded_proto", "forged")
        .run();
    let sent = run.all_at_origin();
    assert!(sent.iter().all(|(_, value)| !value.starts_with("forged")));
    (
        run.at_origin("x-forwarded-host").concat(),
        run.at_origin("x-forwarded-proto").concat(),
    )
}

#[test]
fn the_origin_is_told_the_name_of_the_site_where_it_cannot_see_it() {
    let pair = |host: &str, proto: &str| (host.to_owned(), proto.to_owned());
    let with = |name: &str, value: &str| Scenario::new().var(name, value);
    let cases = [
        (Scenario::new(), pair("", "")),
        (
            with("ORIGIN_URL", "https://inner.example"),
            pair("site.example", "https"),
        ),
        // The host is the site's own, as on a route.
        (
            with("ORIGIN_URL", "https://site.example/base"),
            pair("", ""),
        ),
        (
            with("SITE_URL", "https://www.example:8443"),
            pair("www.example:8443", "https"),
        ),
        (
            with("ORIGIN_URL", "http://127.0.0.1:1")
                .var("SITE_URL", "https://www.example")
                .url("http://inner/page"),
            pair("www.example", "https"),
        ),
        (
            with("SITE_URL", "https://www.example").rule(&json!({"bypass": true})),
            pair("www.example", "https"),
        ),
        (
            with("SITE_URL", "https://www.example").rule(&json!({"cache": "shared"})),
            pair("www.example", "https"),
        ),
    ];
    for (scenario, expected) in cases {
        assert_eq!(told_of_site(scenario), expected);
    }
}

#[test]
fn expect_ends_here() {
    for rule in [json!({}), json!({"bypass": true})] {
        let run = Scenario::new()
            .rule(&rule)
            .header("expect", "100-continue")
            .run();
        assert!(run.at_origin("expect").is_empty());
    }
}

#[test]
fn the_operators_token_goes_to_no_origin() {
    let token = "operator-token-of-32-bytes-or-more";
    for mode in ["enforce", "observe"] {
        for path in [
            "/auth/revocations/5d6d1ab0-8f0c-4a0e-8ae6-3c2b0b4f5f10",
            "/page",
            "/logo.svg",
        ] {
            let sent = |bearer: &str| {
                let run = Scenario::new()
                    .var("OPERATOR_TOKEN", token)
                    .var("AUTH_PATH", "/auth")
                    .var("MODE", mode)
                    .path(path)
                    .header("authorization", &format!("Bearer {bearer}"))
                    .run();
                run.at_origin("authorization")
            };
            assert!(sent(token).is_empty(), "{mode} {path}");
            let other = "sk_live_of-the-origins-own-affair";
            assert_eq!(sent(other), [format!("Bearer {other}")], "{mode} {path}");
        }
    }
}

#[test]
fn headers_that_the_operator_fixed_are_on_every_request() {
    for outcome in OUTCOMES {
        let run = visitor(outcome)
            .var("ORIGIN_HEADERS", r#"{"X-Vercel-Protection-Bypass": "abc"}"#)
            .run();
        assert_eq!(
            run.at_origin("x-vercel-protection-bypass"),
            ["abc"],
            "{outcome}"
        );
    }
}

#[test]
fn an_address_by_which_only_the_worker_knows_the_site_becomes_the_sites() {
    let moved = |address: &str, rule: &serde_json::Value| {
        let run = Scenario::expiring_in(3600)
            .rule(rule)
            .var("ORIGIN_URL", "http://inner.example:3000/base/")
            .origin_header("location", address)
            .origin_header("content-location", address)
            .run();
        assert_eq!(
            run.at_browser("location"),
            run.at_browser("content-location")
        );
        run.at_browser("location").concat()
    };
    for (address, expected) in [
        (
            "http://inner.example:3000/base/a?b#c",
            "https://site.example/a?b#c",
        ),
        ("HTTPS://INNER.example:3000/base", "https://site.example/"),
        ("//inner.example:3000/base?x", "https://site.example/?x"),
        (
            "http://inner.example:3000/other",
            "https://site.example/other",
        ),
        (
            "http://inner.example:3000/based",
            "https://site.example/based",
        ),
        ("http://inner.example:3000", "https://site.example/"),
        ("http://inner.example/base/a", "http://inner.example/base/a"),
        (
            "http://inner.example:3000.evil.example/",
            "http://inner.example:3000.evil.example/",
        ),
        (
            "http://u@inner.example:3000/",
            "http://u@inner.example:3000/",
        ),
        (
            "https://elsewhere.example/base/",
            "https://elsewhere.example/base/",
        ),
        ("/base/a", "/base/a"),
        (
            "ftp://inner.example:3000/base/a",
            "ftp://inner.example:3000/base/a",
        ),
    ] {
        for rule in [
            json!({}),
            json!({"bypass": true}),
            json!({"cache": "shared"}),
        ] {
            assert_eq!(moved(address, &rule), expected, "{rule}");
        }
    }
    let run = Scenario::new()
        .var("ORIGIN_URL", "http://inner.example")
        .var("SITE_URL", "https://www.example")
        .origin_header("location", "http://inner.example/a")
        .run();
    assert_eq!(run.at_browser("location"), ["https://www.example/a"]);
}

#[test]
fn while_observing_an_address_stays_as_it_is() {
    let run = Scenario::new()
        .var("MODE", "observe")
        .var("ORIGIN_URL", "http://inner.example")
        .origin_header("location", "http://inner.example/a")
        .run();
    assert_eq!(run.at_browser("location"), ["http://inner.example/a"]);
}

#[test]
fn a_session_bypasses_the_cache_in_front_of_the_origin() {
    for outcome in OUTCOMES {
        let expected = !matches!(outcome, "anonymous" | "bypass");
        assert_eq!(
            visitor(outcome).run().origin.unwrap().bypass_cache,
            expected,
            "{outcome}"
        );
    }
    let run = Scenario::new().bearer(&expiring_in(3600)).run();
    assert!(run.origin.unwrap().bypass_cache);
}

fn shared(scenario: Scenario) -> Scenario {
    scenario.rule(&json!({"cache": "shared"}))
}

#[test]
fn a_shared_page_is_asked_for_as_by_nobody() {
    for outcome in ["valid", "refreshed", "invalid", "unavailable", "anonymous"] {
        let run = shared(visitor(outcome))
            .header("authorization", "Bearer x")
            .header("x-session-user-id", "me")
            .var("FORWARD_BEARER", "on")
            .var("IDENTITY_SECRET", "a-secret-of-more-than-32-bytes-for-it")
            .run();
        let names: Vec<String> = run
            .all_at_origin()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(
            names,
            ["accept", "sec-fetch-mode", "x-session-hop"],
            "{outcome}"
        );
        assert!(!run.origin.unwrap().bypass_cache);
    }
}

#[test]
fn a_shared_page_gets_the_cookies_that_the_operator_named_and_no_cache_then() {
    let preview = |cookie: &str| {
        shared(Scenario::new())
            .var("SHARED_COOKIES", "__prerender_bypass, draft")
            .cookie(&format!(
                "{cookie}; {}; other=2",
                session_cookie(&expiring_in(3600))
            ))
            .origin_header("cache-control", "public, max-age=60")
            .run()
    };
    let run = preview("a=1; __prerender_bypass=x%20\"y\"; draft=1; draft=2");
    assert_eq!(
        run.at_origin("cookie"),
        ["__prerender_bypass=x%20\"y\"; draft=1; draft=2"]
    );
    assert!(run.origin.as_ref().unwrap().bypass_cache);
    assert_eq!(run.at_browser("cache-control"), ["private, no-cache"]);
    let run = preview("drafts=1");
    assert!(run.at_origin("cookie").is_empty());
    assert!(!run.origin.as_ref().unwrap().bypass_cache);
    assert_eq!(run.at_browser("cache-control"), ["public, max-age=60"]);
}

#[test]
fn a_shared_page_without_guard_keeps_the_headers_of_the_origin() {
    let run = shared(visitor("valid"))
        .origin_header("cache-control", "public, max-age=60")
        .origin_header("etag", "\"1\"")
        .run();
    assert!(matches!(&run.outgoing, Outgoing::Origin(edits) if edits.is_empty()));
}

#[test]
fn a_shared_page_behind_a_guard_is_private_and_revalidates() {
    let run = Scenario::expiring_in(3600)
        .rule(&json!({"cache": "shared", "require": true}))
        .origin_header("cache-control", "public, s-maxage=60")
        .origin_header("cdn-cache-control", "max-age=60")
        .origin_header("etag", "\"1\"")
        .run();
    assert_eq!(run.at_browser("cache-control"), ["private, no-cache"]);
    assert_eq!(
        (run.at_browser("etag"), run.at_browser("vary")),
        (vec!["\"1\"".to_owned()], vec!["Cookie".to_owned()])
    );
    assert!(run.at_browser("cdn-cache-control").is_empty());
}

#[test]
fn a_shared_page_with_cookies_is_kept_by_nobody() {
    for outcome in ["refreshed", "expired", "invalid"] {
        let run = shared(visitor(outcome))
            .origin_header("cache-control", "public, max-age=60")
            .origin_header("etag", "\"1\"")
            .run();
        assert!(run.has_no_store(), "{outcome}");
        assert!(run.at_browser("etag").is_empty());
    }
}

const LOUD: [(&str, &str); 12] = [
    ("cache-control", "public, max-age=600"),
    ("cdn-cache-control", "max-age=600"),
    ("cloudflare-cdn-cache-control", "max-age=600"),
    ("surrogate-control", "max-age=600"),
    ("surrogate-key", "page"),
    ("x-accel-expires", "600"),
    ("edge-control", "max-age=600"),
    ("akamai-cdn-cache-control", "max-age=600"),
    ("etag", "\"1\""),
    ("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT"),
    ("age", "5"),
    ("vary", "Accept-Encoding"),
];

fn with_loud_origin(outcome: &str) -> Run {
    let mut scenario = LOUD
        .into_iter()
        .fold(visitor(outcome), |scenario, (name, value)| {
            scenario.origin_header(name, value)
        });
    scenario.run()
}

#[test]
fn a_response_with_a_session_cookie_is_kept_by_no_cache() {
    for outcome in ["refreshed", "expired", "invalid", "revoked"] {
        let run = with_loud_origin(outcome);
        assert!(run.has_no_store(), "{outcome}");
        assert_eq!(run.at_browser("expires"), ["0"]);
        assert_eq!(run.at_browser("pragma"), ["no-cache"]);
        assert_eq!(run.at_browser("vary"), ["Accept-Encoding, Cookie"]);
        for (name, _) in &LOUD[1..11] {
            assert!(run.at_browser(name).is_empty(), "{outcome}: {name}");
        }
    }
}

#[test]
fn a_response_to_a_session_is_private_and_keeps_its_validators() {
    for outcome in ["valid", "unavailable"] {
        let run = with_loud_origin(outcome);
        assert_eq!(
            run.at_browser("cache-control"),
            ["private, no-cache"],
            "{outcome}"
        );
        assert_eq!(run.at_browser("vary"), ["Accept-Encoding, Cookie"]);
        assert_eq!(run.at_browser("etag"), ["\"1\""]);
        assert!(
            run.at_browser("cdn-cache-control").is_empty()
                && run.at_browser("surrogate-control").is_empty()
        );
    }
}

#[test]
fn without_a_session_the_headers_of_the_origin_stand() {
    for outcome in ["anonymous", "bypass"] {
        let run = with_loud_origin(outcome);
        for (name, value) in LOUD {
            assert_eq!(run.at_browser(name), [value], "{outcome}");
        }
    }
}

#[test]
fn a_bearer_token_that_is_the_origins_affair_passes_and_its_answer_is_kept_from_others() {
    let foreign = Signer::OtherEs256.mint(&json!({"iss": "https://other.example"}));
    for token in ["an-api-key", &foreign] {
        let scenario = LOUD
            .into_iter()
            .fold(Scenario::new().bearer(token), |scenario, (name, value)| {
                scenario.origin_header(name, value)
            });
        let run = { scenario }.run();
        assert_eq!(
            run.at_browser("cache-control"),
            ["private, no-cache"],
            "{token}"
        );
        assert_eq!(run.at_origin("authorization"), [format!("Bearer {token}")]);
        assert!(run.origin.unwrap().bypass_cache);
    }
}

#[test]
fn the_origin_speaks_last_about_the_session() {
    for line in [
        format!("{KEY}=base64-x; Path=/"),
        format!("{KEY}.0=x; Path=/"),
        format!("{KEY}=; Max-Age=0"),
        format!(" {KEY} = x"),
    ] {
        for outcome in ["refreshed", "invalid", "valid"] {
            let run = visitor(outcome).origin_header("set-cookie", &line).run();
            assert_eq!(
                run.at_browser("set-cookie").as_slice(),
                std::slice::from_ref(&line),
                "{outcome}"
            );
            assert_eq!(run.record.cookies, 0);
            assert!(run.has_no_store(), "{outcome} {line}");
        }
    }
}

#[test]
fn a_session_that_the_origin_starts_is_kept_by_no_cache() {
    let run = visitor("anonymous")
        .origin_header("set-cookie", &format!("{KEY}=base64-x"))
        .origin_header("cache-control", "public, max-age=60")
        .run();
    assert!(run.has_no_store());
}

#[test]
fn other_cookies_of_the_origin_stay_in_order_beside_the_session() {
    let run = visitor("refreshed")
        .origin_header("set-cookie", "a=1; Path=/")
        .origin_header("set-cookie", &format!("x{KEY}=2"))
        .run();
    let lines = run.at_browser("set-cookie");
    assert_eq!(lines[..2], ["a=1; Path=/".to_owned(), format!("x{KEY}=2")]);
    assert!(lines[2].starts_with(&format!("{KEY}=base64-")));
}

#[test]
fn an_origin_that_does_not_answer_is_502_and_the_cookies_still_arrive() {
    let page = visitor("refreshed").no_origin().run();
    assert_eq!((page.answer().status(), page.record.status), (502, 502));
    assert_eq!(
        page.at_browser("content-type"),
        ["text/html; charset=utf-8"]
    );
    assert!(page.written().is_some() && page.has_no_store());
    let program = visitor("valid").fetch().no_origin().run();
    assert_eq!(
        program.at_browser("content-type"),
        ["application/problem+json"]
    );
    assert_eq!(program.record.level, edge_session::record::Level::Error);
    for run in [page, program] {
        assert_eq!(run.record.reason, "origin_unreachable");
        let cause = run.record.origin_error.as_deref();
        assert_eq!(cause, Some("Network connection lost."));
    }
}

#[test]
fn a_cause_holds_nothing_of_a_visitor() {
    for secret in [
        "https://inner/?token=abc",
        "visitor@example.com",
        "a=b",
        "eyJhbGciOiJFUzI1NiIsImtpZCI6ImtpZC1lcyIsInR5cCI6IkpXVCJ9",
        "größe",
    ] {
        let error = edge_session::handler::OriginUnreachable::new(&format!("failed: {secret} (x)"));
        let text = format!("{error:?}");
        assert!(text.contains("failed: … (x)"), "{text}");
    }
}

#[test]
fn the_log_line_names_the_rule_and_where_it_is_wanted_the_place() {
    let line = |scenario: Scenario| {
        let mut scenario = scenario.rule(&json!({"name": "pages", "path": "/page*"}));
        serde_json::from_str::<serde_json::Value>(&scenario.run().record.line()).unwrap()
    };
    let named = line(Scenario::new().var("LOG_PATH", "on").method("PUT"));
    assert_eq!(named["rule_name"], "pages");
    assert_eq!(
        (&named["method"], &named["host"], &named["path"]),
        (&json!("PUT"), &json!("site.example"), &json!("/page"))
    );
    for member in ["method", "host", "path"] {
        assert_eq!(line(Scenario::new()).get(member), None);
    }
}

#[test]
fn server_timing_names_the_outcome_where_it_is_switched_on() {
    for outcome in OUTCOMES {
        let run = visitor(outcome).var("SERVER_TIMING", "on").run();
        let timing = run.at_browser("server-timing").concat();
        assert!(
            timing.starts_with(&format!("edge-session;desc=\"{outcome}\";dur=")),
            "{timing}"
        );
        assert!(
            visitor(outcome)
                .run()
                .at_browser("server-timing")
                .is_empty()
        );
    }
    let run = Scenario::new()
        .rule(&json!({"require": true}))
        .var("SERVER_TIMING", "on")
        .run();
    assert_eq!(run.at_browser("server-timing").len(), 1, "denials too");
}

#[test]
fn a_code_verifier_of_the_origin_is_no_word_about_the_session() {
    let line = format!("{KEY}-code-verifier=v");
    let run = visitor("refreshed")
        .origin_header("set-cookie", &line)
        .run();
    let lines = run.at_browser("set-cookie");
    assert_eq!(lines.first(), Some(&line));
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with(&format!("{KEY}=base64-")))
    );
    assert!(run.has_no_store());
}
