//! The first decisions: loops, paths, bypass, and which session is read.

use edge_session::handler::Outgoing;
use edge_session::record::Level;
use serde_json::{Value, json};

use crate::scenario::{KEY, Reply, Run, Scenario, session_cookie, session_json};
use crate::tokens::{NOW, OTHER_USER, Signer, USER, claims, encode, expiring_in};

#[test]
fn the_sixth_time_a_request_comes_it_is_a_loop_and_told_so() {
    for (sent, forwarded) in [
        ("", "1"),
        ("0", "1"),
        ("1", "2"),
        ("4", "5"),
        ("x", "1"),
        ("1, 3", "4"),
    ] {
        let run = Scenario::new().header("x-session-hop", sent).run();
        assert_eq!(run.at_origin("x-session-hop"), [forwarded], "{sent}");
    }
    for sent in ["5", "6", "99999999999999999999", "0, 5"] {
        for scenario in [Scenario::new(), Scenario::new().fetch()] {
            let run = scenario.header("x-session-hop", sent).run();
            assert_eq!(run.steps, ["respond"], "{sent}");
            assert_eq!((run.answer().status(), run.record.status), (508, 508));
            assert_eq!(run.record.level, Level::Error);
            for name in ["ORIGIN_URL", "ORIGIN ", "ASSETS"] {
                assert!(run.answer().body().contains(name), "{name}");
            }
        }
    }
}

#[test]
fn a_path_that_cannot_be_decoded_is_forwarded_as_it_came() {
    for path in ["/%", "/a%zz", "/caf%E9/", "/sale/50%-off"] {
        let run = Scenario::expiring_in(3600).path(path).run();
        assert_eq!(run.record.status, 200, "{path}");
        let guarded = Scenario::new()
            .rule(&json!({"path": ["/%*", "/a*", "/caf*", "/sale/*"], "require": true}))
            .path(path)
            .run();
        assert_eq!(guarded.record.status, 303, "{path}");
    }
}

#[test]
fn no_path_leads_out_of_the_path_of_the_origin() {
    for base in ["https://origin.test/base", "https://origin.test/a%20b/c/"] {
        let status = |path: &str| {
            Scenario::new()
                .var("ORIGIN_URL", base)
                .path(path)
                .run()
                .record
                .status
        };
        for path in [
            "/../x",
            "/%2e%2e/x",
            "/..%2fx",
            "/x/..%2f..%2fy",
            "/..;/x",
            "/..\\x",
            "/%2e%2e%5cx",
            "/x/../../y",
            "/..",
        ] {
            assert_eq!(status(path), 400, "{base} {path}");
        }
        for path in [
            "/",
            "/x/../y",
            "/x/%2e%2e/y",
            "/x%2fy",
            "//x",
            "/x/..;/y",
            "/caf%C3%A9",
            "/..x/y",
        ] {
            assert_eq!(status(path), 200, "{base} {path}");
        }
    }
}

#[test]
fn a_host_that_is_none_is_refused() {
    let status = |url: &str| Scenario::new().url(url).run().record.status;
    for url in [
        "https://app.test, admin.test/",
        "https:///x",
        "https://a b/x",
    ] {
        assert_eq!(status(url), 400, "{url}");
    }
    for url in [
        "https://app.test/",
        "http://localhost:8787/",
        "http://[::1]:80/",
        "https://a_b.test./",
    ] {
        assert_eq!(status(url), 200, "{url}");
    }
}

#[test]
fn a_header_that_names_another_path_never_reaches_the_origin() {
    for name in [
        "x-original-url",
        "x-rewrite-url",
        "x-original-uri",
        "x-forwarded-uri",
        "x-forwarded-path",
        "x_original_url",
        "forwarded",
        "x-host",
        "x-original-host",
        "x-forwarded-host",
    ] {
        let run = |path: &str| {
            Scenario::new()
                .rule(&json!({"path": "/admin*", "require": true}))
                .path(path)
                .header(name, "/admin?x=a://b/public")
                .run()
        };
        let open = run("/public");
        assert_eq!(open.record.status, 200, "{name}");
        assert_ne!(open.at_origin(name), ["/admin?x=a://b/public"], "{name}");
        assert_eq!(run("/admin").record.status, 303, "{name}");
    }
}

#[test]
fn a_header_that_names_another_method_is_a_reading_of_the_method() {
    let run = |rule: serde_json::Value, name: &str, value: &str| {
        let run = Scenario::new().rule(&rule).header(name, value).run();
        (run.record.status, run.record.outcome)
    };
    for name in [
        "X-HTTP-Method-Override",
        "X-HTTP-Method",
        "X-Method-Override",
    ] {
        let guard = || json!({"methods": ["DELETE"], "require": true});
        assert_eq!(run(guard(), name, "delete").0, 303, "{name}");
        assert_eq!(run(guard(), name, "PATCH").0, 200, "{name}");
        let bypass = || json!({"methods": ["GET"], "bypass": true});
        assert_eq!(run(bypass(), name, "DELETE").1, "anonymous", "{name}");
        assert_eq!(run(bypass(), name, "GET").1, "bypass", "{name}");
    }
}

#[test]
fn a_bypassed_request_reads_and_writes_no_cookie() {
    let dead = format!("{KEY}=base64-broken!; a=b");
    let run = Scenario::new()
        .rule(&json!({"bypass": true}))
        .cookie(&dead)
        .origin_header("cache-control", "public, max-age=60")
        .run();
    assert_eq!(run.steps, ["forward"]);
    assert_eq!(run.outcome(), ("bypass", "bypass"));
    assert_eq!(run.at_origin("cookie"), [dead]);
    assert!(matches!(&run.outgoing, Outgoing::Origin(edits) if edits.is_empty()));
}

#[test]
fn a_bypassed_request_still_loses_the_reserved_headers() {
    let run = Scenario::new()
        .rule(&json!({"bypass": true}))
        .header("x-session-user-id", "me")
        .header("X_Session_Role", "admin")
        .run();
    assert!(run.at_origin("x-session-user-id").is_empty());
    assert!(run.at_origin("x_session_role").is_empty());
    assert_eq!(run.at_origin("x-session-hop"), ["1"]);
}

#[test]
fn without_rules_static_files_are_bypassed_and_pages_are_not() {
    let outcome = |path: &str| Scenario::new().path(path).run().record.outcome;
    assert_eq!(outcome("/_next/static/a.js"), "bypass");
    assert_eq!(outcome("/logo.svg"), "bypass");
    assert_eq!(outcome("/shop"), "anonymous");
}

#[test]
fn nothing_sent_is_anonymous_and_costs_nothing() {
    for cookie in [
        "",
        "a=b",
        &format!("{KEY}="),
        &format!("{KEY}-user=x"),
        &format!("x{KEY}=1"),
    ] {
        let run = Scenario::new().cookie(cookie).run();
        assert_eq!(run.steps, ["forward"], "{cookie}");
        assert_eq!(run.outcome(), ("anonymous", "no_session"), "{cookie}");
        assert_eq!(run.record.auth_calls, 0);
    }
}

#[test]
fn an_unreadable_session_is_invalid_and_deleted() {
    let cases = [
        ("base64-!!!".to_owned(), "not_base64url"),
        (format!("base64-{}", encode("{")), "not_json"),
        (
            format!("base64-{}", encode(r#"{"access_token":"a"}"#)),
            "wrong_shape",
        ),
    ];
    for (value, reason) in cases {
        let run = Scenario::new().cookie(&format!("{KEY}={value}; a=b")).run();
        assert_eq!(run.outcome(), ("invalid", reason));
        assert_eq!(run.deleted(), [KEY]);
        assert_eq!(run.at_origin("cookie"), ["a=b"]);
        assert!(run.has_no_store());
    }
}

#[test]
fn a_format_of_a_later_client_is_not_deleted() {
    let run = Scenario::new()
        .cookie(&format!("{KEY}=base64zstd-abc; a=b"))
        .run();
    assert_eq!(run.outcome(), ("unavailable", "unknown_encoding"));
    assert!(run.at_browser("set-cookie").is_empty());
    assert_eq!(run.at_origin("cookie"), ["a=b"]);
    // Nor does it go with a twin that a sibling site tossed.
    for tossed in [format!("{KEY}=rubbish"), session_cookie("a.b.c")] {
        let run = Scenario::new()
            .cookie(&format!("{tossed}; {KEY}=base64zstd-abc"))
            .run();
        assert_eq!(run.outcome(), ("unavailable", "unknown_encoding"));
        assert!(run.at_browser("set-cookie").is_empty());
    }
}

#[test]
fn a_bearer_token_counts_where_there_is_no_cookie() {
    let run = Scenario::new().bearer(&expiring_in(3600)).run();
    assert_eq!(run.outcome(), ("valid", "token_valid"));
    assert_eq!(run.at_origin("x-session-user-id"), [USER]);
}

#[test]
fn a_good_bearer_token_counts_before_the_cookie() {
    let other = Signer::Es256.mint(&json!({"sub": OTHER_USER}));
    let run = Scenario::expiring_in(3600).bearer(&other).run();
    assert_eq!(run.at_origin("x-session-user-id"), [OTHER_USER]);
    assert!(
        run.at_origin("cookie").is_empty(),
        "the session of somebody else"
    );
    let own = Signer::Es256.mint(&json!({"exp": NOW + 1800}));
    let run = Scenario::expiring_in(3600).bearer(&own).run();
    assert_eq!(run.at_origin("x-session-user-id"), [USER]);
    assert_eq!(run.at_origin("cookie").len(), 1, "the same user's session");
}

#[test]
fn a_bad_bearer_token_leaves_the_cookie_to_decide() {
    for token in [
        expiring_in(-60),
        Signer::Es256.mint(&json!({"sub": "nobody"})),
        format!("{}x", expiring_in(3600)),
        "an-api-key".to_owned(),
    ] {
        let run = Scenario::expiring_in(3600).bearer(&token).run();
        assert_eq!(run.outcome(), ("valid", "token_valid"), "{token}");
        assert_eq!(run.at_origin("x-session-user-id"), [USER]);
    }
}

#[test]
fn a_cookie_that_does_not_verify_leaves_a_good_bearer_token_to_decide() {
    let run = Scenario::with_token("a.b.c")
        .bearer(&expiring_in(3600))
        .run();
    assert_eq!(run.outcome(), ("valid", "token_valid"));
    assert!(run.at_origin("cookie").is_empty());
}

#[test]
fn each_rule_says_which_credentials_count() {
    let other = Signer::Es256.mint(&json!({"sub": OTHER_USER}));
    let user = |credentials: &str| {
        let scenario = Scenario::expiring_in(3600).bearer(&other);
        let mut scenario = scenario.rule(&json!({"credentials": credentials}));
        scenario.run().at_origin("x-session-user-id").concat()
    };
    assert_eq!(user("any"), OTHER_USER);
    assert_eq!(user("bearer"), OTHER_USER);
    assert_eq!(user("cookie"), USER);
    let run = Scenario::expiring_in(3600)
        .rule(&json!({"credentials": "bearer"}))
        .run();
    assert_eq!(run.record.outcome, "anonymous");
}

/// What a bearer token comes to says nothing of the cookies beside it.
#[test]
fn a_bearer_token_that_is_no_good_costs_nobody_his_cookies() {
    let foreign = Signer::Es256.mint(&json!({"iss": "https://other.example"}));
    let forged = format!("{}x", expiring_in(3600));
    for rule in [
        json!({"credentials": "bearer"}),
        json!({"credentials": "bearer", "require": true}),
    ] {
        for bearer in ["an-api-key", &foreign, &forged, &expiring_in(-30)] {
            let run = Scenario::expiring_in(3600).rule(&rule).bearer(bearer).run();
            assert_ne!(run.outcome().0, "valid", "{bearer}");
            assert!(run.at_browser("set-cookie").is_empty(), "{bearer}");
        }
    }
    // Nor does one that counted first and was revoked then.
    let other = Signer::Es256
        .mint(&json!({"sub": OTHER_USER, "session_id": "c0ffee00-0000-4000-8000-000000000001"}));
    let mut scenario = Scenario::expiring_in(3600)
        .var("REVOCATION", "on")
        .bearer(&other)
        .revoked(&format!("revoked:user:{OTHER_USER}"), NOW + 1);
    let run = scenario.run();
    assert_eq!(run.outcome().0, "revoked");
    assert!(run.at_browser("set-cookie").is_empty());
}

/// `getSession()` at the origin believes the `user` beside the token.
#[test]
fn beside_a_good_bearer_token_no_made_up_user_reaches_the_origin() {
    let token = expiring_in(3600);
    let run = |user: &str| {
        let mut session = session_json(&token, "refresh-old1");
        session["user"]["id"] = json!(user);
        let cookie = format!("{KEY}=base64-{}", encode(session.to_string()));
        Scenario::new().cookie(&cookie).bearer(&token).run()
    };
    assert_eq!(run(USER).at_origin("cookie").len(), 1);
    assert!(run(OTHER_USER).at_origin("cookie").is_empty());
}

#[test]
fn a_bearer_token_is_never_refreshed() {
    for (left, outcome) in [
        (30, ("valid", "token_valid")),
        (-30, ("expired", "token_expired")),
    ] {
        let token = expiring_in(left);
        let run = Scenario::new().bearer(&token).run();
        assert_eq!(run.outcome(), outcome);
        assert!(run.orders.is_empty());
        assert!(run.at_browser("set-cookie").is_empty());
        assert_eq!(run.at_origin("authorization"), [format!("Bearer {token}")]);
    }
}

#[test]
fn the_scheme_of_a_bearer_token_has_no_case_and_others_are_not_ours() {
    let token = expiring_in(3600);
    let outcome = |value: &str| {
        let mut scenario = Scenario::new().header("authorization", value);
        scenario.run().record.outcome
    };
    assert_eq!(outcome(&format!("bEARER {token}")), "valid");
    assert_eq!(outcome("Basic dTpw"), "anonymous");
    assert_eq!(outcome("Bearer "), "anonymous");
    assert_eq!(outcome("Bearer x"), "invalid");
    let foreign = Signer::Es256.mint(&json!({"iss": "https://other.example"}));
    assert_eq!(outcome(&format!("Bearer {foreign}")), "invalid");
}

/// A `Cookie` header with two sessions under one name.
fn with_twins(first: &str, second: &str) -> Scenario {
    let header = format!("{}; a=b; {}", session_cookie(first), session_cookie(second));
    Scenario::new().cookie(&header)
}

fn twins(first: &str, second: &str) -> Run {
    with_twins(first, second).run()
}

fn token_of(user: &str, left: u64) -> String {
    Signer::Es256.mint(&json!({"sub": user, "exp": NOW + left}))
}

#[test]
fn of_twins_of_one_user_the_later_expiry_counts() {
    let (early, late) = (token_of(USER, 1000), token_of(USER, 3000));
    for run in [twins(&early, &late), twins(&late, &early)] {
        assert_eq!(run.outcome(), ("valid", "token_valid"));
        assert_eq!(
            run.at_origin("x-session-expires-at"),
            [(NOW + 3000).to_string()]
        );
        assert_eq!(run.written().unwrap()["access_token"], late);
    }
}

#[test]
fn of_twins_of_two_users_the_first_counts() {
    let (mine, tossed) = (token_of(USER, 1000), token_of(OTHER_USER, 3000));
    assert_eq!(twins(&mine, &tossed).at_origin("x-session-user-id"), [USER]);
    assert_eq!(
        twins(&tossed, &mine).at_origin("x-session-user-id"),
        [OTHER_USER]
    );
}

#[test]
fn a_twin_that_does_not_verify_does_not_win() {
    let good = token_of(USER, 1000);
    let forged = Signer::OtherEs256.token(
        &Signer::Es256.header(),
        &claims(&json!({"exp": NOW + 9000})),
    );
    for run in [
        twins(&forged, &good),
        twins(&good, &forged),
        twins("x.y.z", &good),
    ] {
        assert_eq!(run.outcome(), ("valid", "token_valid"));
        assert_eq!(run.written().unwrap()["access_token"], good);
    }
}

/// Tokens that anyone can make up, and of which the Worker cannot tell that they were.
fn made_up_tokens() -> [String; 4] {
    let of = |header: &Value, exp: u64| {
        let claims = claims(&json!({"sub": OTHER_USER, "exp": exp}));
        Signer::OtherEs256.token(header, &claims)
    };
    [
        of(&json!({"alg": "ES256", "kid": "made-up"}), NOW + 9000),
        of(&json!({"alg": "HS256"}), NOW - 60),
        of(&json!({"alg": "HS256"}), NOW + 9000),
        of(&json!({"alg": "ES256"}), NOW - 60),
    ]
}

#[test]
fn a_twin_of_which_nobody_can_say_who_signed_it_does_not_win() {
    let good = token_of(USER, 1000);
    for tossed in made_up_tokens() {
        for (first, second) in [(&tossed, &good), (&good, &tossed)] {
            let run = with_twins(first, second)
                .user(Reply::error(500, "unexpected_failure"))
                .run();
            assert_eq!(run.outcome(), ("valid", "token_valid"), "{tossed}");
            assert_eq!(run.written().unwrap()["access_token"], good);
            assert!(run.orders.is_empty());
        }
    }
}

#[test]
fn where_no_twin_verifies_the_best_one_that_nobody_refuted_is_refreshed() {
    let [tossed, ..] = made_up_tokens();
    let forged = Signer::OtherEs256.token(
        &Signer::Es256.header(),
        &claims(&json!({"exp": NOW + 9500})),
    );
    for (first, second) in [(&tossed, &forged), (&forged, &tossed), (&tossed, &tossed)] {
        let run = with_twins(first, second)
            .refresh(Reply::error(500, "unexpected_failure"))
            .run();
        assert_eq!(run.record.outcome, "unavailable");
        assert_eq!(run.orders.len(), 1);
        assert!(run.at_browser("set-cookie").is_empty());
    }
}

#[test]
fn the_origin_sees_one_twin_and_the_other_is_deleted_at_both_scopes() {
    let (early, late) = (token_of(USER, 1000), token_of(USER, 3000));
    let run = twins(&early, &late);
    let cookies = run.at_origin("cookie").concat();
    assert_eq!(cookies.matches(KEY).count(), 1, "{cookies}");
    assert!(cookies.contains("a=b"));
    let lines = run.at_browser("set-cookie");
    assert!(lines[0].starts_with(&format!("{KEY}=; Max-Age=0; Domain=site.example")));
    assert!(lines.last().unwrap().starts_with(&format!("{KEY}=base64-")));
    assert!(run.has_no_store());
}

#[test]
fn twins_that_are_both_forged_are_invalid() {
    let run = twins("a.b.c", "d.e.f");
    assert_eq!(run.outcome(), ("invalid", "token_malformed"));
    assert!(run.deleted().contains(&KEY.to_owned()));
    assert!(run.written().is_none());
}

#[test]
fn a_session_of_33_chunks_is_malformed() {
    let value = format!(
        "base64-{}",
        encode(session_json(&expiring_in(3600), "r").to_string())
    );
    let size = value.len() / 32;
    let chunks: Vec<String> = value
        .as_bytes()
        .chunks(size)
        .enumerate()
        .map(|(index, chunk)| format!("{KEY}.{index}={}", std::str::from_utf8(chunk).unwrap()))
        .collect();
    assert_eq!(chunks.len(), 33);
    let run = Scenario::new().cookie(&chunks.join("; ")).run();
    assert_eq!(run.outcome(), ("invalid", "too_many_chunks"));
    assert_eq!(run.deleted().len(), 33);
}
