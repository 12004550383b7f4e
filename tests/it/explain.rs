//! `X-Session-Explanation`: who gets it, what stands in it, and who must not keep it.

use serde_json::json;

use crate::scenario::{KEY, Reply, Run, Scenario};
use crate::tokens::{NOW, Signer};

const SECRET: &str = "sb_secret_of-the-operator";
const NO_STORE: &str = "private, no-cache, no-store, must-revalidate, max-age=0";

fn asking(scenario: Scenario, secret: &str) -> Scenario {
    scenario
        .var("SUPABASE_SECRET_KEY", SECRET)
        .header("x-session-explain", secret)
}

fn explanation(run: &Run) -> String {
    let values = run.at_browser("x-session-explanation");
    assert_eq!(values.len(), 1, "{values:?}");
    values.concat()
}

#[test]
fn it_says_what_the_log_line_says() {
    let renewed = Reply::renewed(&Signer::Es256.mint(&json!({"exp": NOW + 7200})));
    let refreshed = asking(Scenario::expiring_in(-60), SECRET).refresh(renewed.taking(12));
    let cases = [
        (
            asking(Scenario::new(), SECRET),
            "outcome=anonymous, reason=no_session, status=200, keys=none, gate=none, auth_calls=0, cookies=0, ms=0;keys=0;verify=0;auth=0;origin=0",
        ),
        (
            refreshed,
            "outcome=refreshed, reason=token_renewed, status=200, keys=network, gate=none, auth_calls=2, cookies=1, ms=12;keys=0;verify=0;auth=12;origin=0",
        ),
        (
            asking(Scenario::expiring_in(3600), SECRET).rule(&json!({"require": {"aal": "aal2"}})),
            "outcome=valid, reason=token_valid, status=403, denied=aal, rule=0, keys=network, gate=none, auth_calls=1, cookies=0, ms=0;keys=0;verify=0;auth=0;origin=0",
        ),
        (
            asking(Scenario::new(), SECRET)
                .rule(&json!({"require": true}))
                .var("MODE", "observe"),
            "outcome=anonymous, reason=no_session, status=200, would=deny, denied=session, rule=0, keys=none, gate=none, auth_calls=0, cookies=0, ms=0;keys=0;verify=0;auth=0;origin=0",
        ),
    ];
    for (mut scenario, expected) in cases {
        assert_eq!(explanation(&scenario.run()), expected);
    }
}

#[test]
fn only_the_secret_key_or_the_debug_level_asks_for_it() {
    let without_key = Scenario::new().header("x-session-explain", SECRET);
    let empty = Scenario::new().header("x-session-explain", "undefined");
    let observed = Scenario::new()
        .var("LOG_LEVEL", "debug")
        .var("MODE", "observe");
    let refused = [
        Scenario::new().var("SUPABASE_SECRET_KEY", SECRET),
        asking(Scenario::new(), "sb_secret_of-the-operato"),
        asking(Scenario::new(), "sb_secret_of-the-operator2"),
        without_key,
        empty,
        observed,
    ];
    for mut scenario in refused {
        let run = scenario.run();
        assert_eq!(
            run.at_browser("x-session-explanation"),
            Vec::<String>::new()
        );
        assert_eq!(run.at_browser("cache-control"), Vec::<String>::new());
    }
    explanation(&Scenario::new().var("LOG_LEVEL", "debug").run());
}

#[test]
fn the_secret_never_reaches_the_origin() {
    for secret in [SECRET, "wrong"] {
        for mode in ["enforce", "observe"] {
            for path in ["/page", "/logo.svg"] {
                let run = asking(Scenario::new(), secret)
                    .var("MODE", mode)
                    .path(path)
                    .run();
                assert_eq!(run.at_origin("x-session-explain"), Vec::<String>::new());
            }
        }
    }
}

#[test]
fn no_cache_keeps_it() {
    let cases = [
        asking(Scenario::new(), SECRET),
        asking(Scenario::new(), SECRET).path("/logo.svg"),
        asking(Scenario::new(), SECRET).rule(&json!({"cache": "shared"})),
        asking(Scenario::new(), SECRET).var("MODE", "observe"),
        Scenario::new().var("LOG_LEVEL", "debug"),
    ];
    for scenario in cases {
        let run = scenario
            .origin_header("cache-control", "public, max-age=600")
            .origin_header("cdn-cache-control", "max-age=600")
            .origin_header("etag", "\"a\"")
            .run();
        explanation(&run);
        assert_eq!(run.at_browser("cache-control"), [NO_STORE]);
        assert_eq!(run.at_browser("cdn-cache-control"), Vec::<String>::new());
        assert_eq!(run.at_browser("etag"), ["\"a\""]);
    }
}

#[test]
fn the_workers_own_answers_carry_it_too() {
    let cases = [
        (
            asking(Scenario::new(), SECRET).rule(&json!({"require": true})),
            "private, no-store",
        ),
        (
            asking(Scenario::new(), SECRET)
                .var("ORIGIN_URL", "https://origin.test/base")
                .path("/..%2fx"),
            "private, no-store",
        ),
        (
            asking(Scenario::new(), SECRET)
                .var("AUTH_PATH", "/auth")
                .path("/auth/health"),
            "private, no-store",
        ),
        (
            asking(Scenario::new().cookie(&format!("{KEY}=rubbish")), SECRET).no_origin(),
            NO_STORE,
        ),
    ];
    for (mut scenario, cache_control) in cases {
        let run = scenario.run();
        explanation(&run);
        assert_eq!(run.at_browser("cache-control"), [cache_control]);
    }
}

#[test]
fn it_holds_nothing_of_the_visitor() {
    let run = asking(Scenario::expiring_in(-60), SECRET)
        .refresh(Reply::error(400, "session_expired"))
        .path("/page?email=visitor@example.com")
        .run();
    let text = explanation(&run);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_=;, ".contains(&byte);
    assert!(
        text.bytes().all(is_plain) && !text.contains("visitor"),
        "{text}"
    );
}
