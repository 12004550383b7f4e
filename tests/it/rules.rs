//! Rules: which one holds, and what it asks for.

use edge_session::path::RequestPath;
use edge_session::rules::{
    Cache, Clients, Credentials, OnDenied, Presented, Requirement, Rule, Rules, Shortfall, Verify,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn index(rules: &Rules, request: (&str, &str, &str)) -> Option<usize> {
    let (method, host, path) = request;
    rules.find(&[method], host, &RequestPath::new(path)).0
}

fn rules(json: Value) -> Rules {
    Rules::parse(&json.to_string()).unwrap()
}

fn get(rules: &Rules, path: &str) -> Option<usize> {
    index(rules, ("GET", "site.example", path))
}

fn requirement(json: Value) -> Requirement {
    let rules = rules(json!([{ "require": json }]));
    let path = RequestPath::new("/");
    rules.find(&["GET"], "h", &path).1.require.clone().unwrap()
}

fn presented<'c>(role: &'c str, aal: &'c str, is_anonymous: bool) -> Presented<'c> {
    Presented {
        role,
        aal,
        is_anonymous,
        client_id: None,
        now: 1000,
    }
}

#[test]
fn unset_rules_bypass_static_files() {
    let rules = Rules::default();
    for path in [
        "/_next/static/x.js",
        "/_next/image",
        "/_next/image?w",
        "/favicon.ico",
        "/a/b.svg",
        "/c.webp",
        "/d.jpeg",
        "/_app/immutable/x.js",
        "/_astro/x.css",
        "/_nuxt/x.js",
        "/assets/x.woff2",
        "/build/x.js",
    ] {
        let path = RequestPath::new(path);
        let (index, rule) = rules.find(&["GET"], "h", &path);
        assert_eq!((index, rule.bypass), (Some(0), true), "{path:?}");
    }
    for path in [
        "/",
        "/x.js",
        "/_next/data/x",
        "/favicon.ico/x",
        "/a.svgz",
        "/_next/static/../../admin",
    ] {
        let path = RequestPath::new(path);
        let (index, rule) = rules.find(&["GET"], "h", &path);
        assert_eq!((index, rule), (None, &Rule::default()), "{path:?}");
    }
}

#[test]
fn the_first_match_wins_and_every_field_is_read() {
    let rules = rules(json!([
        { "path": "/a", "bypass": true },
        { "path": ["/b*"], "require": true, "verify": "live", "cache": "shared", "on_denied": "status" },
        { "path": "/b2", "on_denied": "redirect" },
        { "require": { "aal": "aal2" }, "path": "/c", "on_denied": "auto", "verify": "local", "cache": "private" },
    ]));
    let path = RequestPath::new("/b2");
    let (index, rule) = rules.find(&["GET"], "h", &path);
    assert_eq!(index, Some(1));
    assert_eq!(
        (rule.verify, rule.cache, rule.on_denied),
        (Verify::Live, Cache::Shared, OnDenied::Status)
    );
    assert_eq!(rule.require, Some(Requirement::default()));
    assert_eq!(
        (get(&rules, "/a"), get(&rules, "/c"), get(&rules, "/d")),
        (Some(0), Some(3), None)
    );
}

#[test]
fn an_exclusion_takes_paths_out() {
    let rules = rules(
        json!([{ "path": ["/m/*", "!/m/free/*"], "require": true }, { "path": ["!/x*"], "bypass": true }]),
    );
    assert_eq!(get(&rules, "/m/a"), Some(0));
    assert_eq!(get(&rules, "/m/free/a"), Some(1));
    assert_eq!(get(&rules, "/x"), None);
    // A guard's exclusion holds only if every reading is excluded.
    assert_eq!(get(&rules, "/m/free/../a"), Some(0));
    assert_eq!(get(&rules, "/m/free/../../y"), Some(0));
    // A bypass that excludes a path does not hold for a path that could be read as it.
    assert_eq!(get(&rules, "/%78"), None);
}

#[test]
fn a_glob_matches_however_its_characters_are_escaped() {
    for glob in ["/café/*", "/caf%C3%A9/*", "/caf%c3%a9/*"] {
        let guard = rules(json!([{ "path": glob, "require": true }]));
        let bypass = rules(json!([{ "path": glob, "bypass": true }]));
        assert_eq!(get(&guard, "/caf%c3%a9/x"), Some(0), "{glob}");
        assert_eq!(get(&bypass, "/caf%C3%A9/x"), Some(0), "{glob}");
    }
}

#[test]
fn methods_and_hosts_narrow_a_rule() {
    let by_method = rules(json!([{ "methods": ["get", "PROPFIND"], "require": true }]));
    for (method, expected) in [
        ("GET", Some(0)),
        ("HEAD", Some(0)),
        ("propfind", Some(0)),
        ("POST", None),
    ] {
        assert_eq!(index(&by_method, (method, "h", "/")), expected, "{method}");
    }
    let by_host =
        rules(json!([{ "hosts": ["*.Example.com", "dev.test:8787", "[::1]"], "require": true }]));
    for (host, expected) in [
        ("a.example.COM", Some(0)),
        ("a.example.com:8443", Some(0)),
        ("a.example.com.", Some(0)),
        ("example.com", None),
        ("dev.test:8787", Some(0)),
        ("dev.test", None),
        ("[::1]:80", Some(0)),
        ("[::1]", Some(0)),
        ("[::2]", None),
    ] {
        assert_eq!(index(&by_host, ("GET", host, "/")), expected, "{host}");
    }
}

#[test]
fn every_mistake_is_named_with_its_position_and_without_its_value() {
    for (value, expected) in [
        (json!({}), "must be a list"),
        (json!([1]), "[0] must be an object"),
        (
            json!([{}, {}, { "requier": "s3cr3t" }]),
            "[2].requier is not a field of a rule",
        ),
        (json!([{ "s3cr3t = 1": 1 }]), "[0].(unnamed) is not a field"),
        (
            json!([{ "require": { "rolle": "s3cr3t" } }]),
            "[0].require.rolle is not a field of require",
        ),
        (
            json!([{ "require": false }]),
            "[0].require must be true or an object",
        ),
        (
            json!([{ "require": "s3cr3t" }]),
            "[0].require must be true or an object",
        ),
        (
            json!([{ "require": { "aal": "s3cr3t" } }]),
            "[0].require.aal must be one of aal1, aal2",
        ),
        (
            json!([{ "require": { "anonymous": "s3cr3t" } }]),
            "[0].require.anonymous must be true or false",
        ),
        (
            json!([{ "require": { "role": [] } }]),
            "[0].require.role must not be an empty list",
        ),
        (
            json!([{ "require": { "role": [""] } }]),
            "[0].require.role[0] must be a string",
        ),
        (
            json!([{ "require": { "claims": { "s3cr3t": 1 } } }]),
            "must be named by a JSON pointer",
        ),
        (
            json!([{ "require": { "claims": { "/a~2": 1 } } }]),
            "must be named by a JSON pointer",
        ),
        (
            json!([{ "require": { "claims": { "/a": [] } } }]),
            "must be a string, number, boolean or null",
        ),
        (
            json!([{ "require": { "claims": { "/a": { "s3cr3t": 1 } } } }]),
            "must be a string, number, boolean or null",
        ),
        (
            json!([{ "require": { "claims": ["s3cr3t"] } }]),
            "[0].require.claims must be an object",
        ),
        (
            json!([{ "path": "s3cr3t" }]),
            "[0].path must begin with / or *",
        ),
        (
            json!([{ "path": ["/a", "!s3cr3t"] }]),
            "[0].path[1] must begin with / or *",
        ),
        (
            json!([{ "path": "!/s3cr3t" }]),
            "[0].path may exclude with ! inside a list only",
        ),
        (
            json!([{ "path": [] }]),
            "[0].path must not be an empty list",
        ),
        (json!([{ "path": 7 }]), "[0].path must be a string"),
        (
            json!([{ "path": "/s3cr3t\u{0}" }]),
            "[0].path must not hold a control character",
        ),
        (
            json!([{ "path": "/s3cr3t%2a" }]),
            "[0].path must not hold an escaped star",
        ),
        (
            json!([{ "path": ["/a", "!/s3cr3t%00x"] }]),
            "[0].path[1] must not hold an escaped NUL",
        ),
        (
            json!([{ "hosts": ["https://s3cr3t"] }]),
            "[0].hosts[0] must be a host name",
        ),
        (
            json!([{ "methods": ["s3cr3t x"] }]),
            "[0].methods[0] must be the name of a method",
        ),
        (
            json!([{ "methods": ["*"] }]),
            "[0].methods[0] must be the name of a method",
        ),
        (
            json!([{ "verify": "s3cr3t" }]),
            "[0].verify must be one of live, local",
        ),
        (
            json!([{ "cache": "s3cr3t" }]),
            "[0].cache must be one of private, shared",
        ),
        (
            json!([{ "on_denied": "s3cr3t" }]),
            "[0].on_denied must be one of auto, redirect, status",
        ),
        (
            json!([{ "bypass": "s3cr3t" }]),
            "[0].bypass must be true or false",
        ),
        (
            json!([{ "bypass": true, "require": true }]),
            "[0].bypass cannot stand together",
        ),
        (
            json!([{ "bypass": true, "verify": "live" }]),
            "[0].bypass cannot stand together",
        ),
        (
            json!([{ "bypass": true, "cache": "private" }]),
            "[0].bypass cannot stand together",
        ),
        (
            json!([{ "bypass": true, "signed_in": "/s3cr3t" }]),
            "[0].bypass cannot stand together",
        ),
        (
            json!([{ "signed_in": "/s3cr3t", "require": true }]),
            "[0].signed_in cannot stand together with require",
        ),
        (json!([{ "name": "" }]), "[0].name must be a text"),
        (json!([{ "name": "s3cr3t\n" }]), "[0].name must be a text"),
        (
            json!([{ "credentials": "s3cr3t" }]),
            "[0].credentials must be one of any, bearer, cookie",
        ),
        (
            json!([{ "login": "//s3cr3t.example" }]),
            "[0].login must be a path",
        ),
        (
            json!([{ "forbidden": "s3cr3t" }]),
            "[0].forbidden must be a path",
        ),
        (
            json!([{ "signed_in": "/s3cr3t/../x" }]),
            "[0].signed_in must be a path",
        ),
        (
            json!([{ "cors": ["https://s3cr3t.example/"] }]),
            "[0].cors[0] must be an origin",
        ),
        (json!([{ "cors": "*" }]), "[0].cors must be an origin"),
        (
            json!([{ "require": { "absent": ["s3cr3t"] } }]),
            "[0].require.absent[0] must be named by a JSON pointer",
        ),
        (
            json!([{ "require": { "absent": "/user_metadata" } }]),
            "must not point into /user_metadata",
        ),
        (
            json!([{ "require": { "claims": { "/user_metadata/s3cr3t": true } } }]),
            "must not point into /user_metadata",
        ),
        (
            json!([{ "require": { "max_age": -1 } }]),
            "[0].require.max_age must be a whole number",
        ),
        (
            json!([{ "require": { "clients": false } }]),
            "[0].require.clients must be true or a list",
        ),
    ] {
        let problems = Rules::parse(&value.to_string()).unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains(expected), "{problems:?} for {value}");
        assert!(!problems[0].contains("s3cr3t"), "{problems:?}");
    }
    let problems = Rules::parse("[{\"a\": s3cr3t}]").unwrap_err();
    assert_eq!(problems, ["must be JSON (line 1, column 8 is not)"]);
    let two = Rules::parse(r#"[{"verify": 1}, {"cache": 2}]"#).unwrap_err();
    assert_eq!(two.len(), 2);
}

#[test]
fn a_requirement_asks_for_everything_it_names() {
    let all = requirement(
        json!({ "role": ["editor", "admin"], "aal": "aal2", "anonymous": false, "claims": { "/a": 1 } }),
    );
    let claims = || Some(json!({ "a": 1 }));
    assert_eq!(all.check(presented("admin", "aal2", false), claims), Ok(()));
    assert_eq!(
        all.check(presented("other", "aal2", false), claims),
        Err(Shortfall::Role)
    );
    assert_eq!(
        all.check(presented("admin", "aal1", false), claims),
        Err(Shortfall::Aal)
    );
    assert_eq!(
        all.check(presented("admin", "", false), claims),
        Err(Shortfall::Aal)
    );
    assert_eq!(
        all.check(presented("admin", "aal2", true), claims),
        Err(Shortfall::Anonymous)
    );
    assert_eq!(
        all.check(presented("admin", "aal2", false), || None),
        Err(Shortfall::Claim)
    );
    let codes = [
        Shortfall::Aal,
        Shortfall::Anonymous,
        Shortfall::Claim,
        Shortfall::Role,
        Shortfall::Absent,
        Shortfall::Client,
        Shortfall::SignInAgain,
    ]
    .map(Shortfall::code);
    assert_eq!(
        codes,
        [
            "aal",
            "anonymous",
            "claim",
            "role",
            "absent",
            "client",
            "sign_in_again"
        ]
    );
}

#[test]
fn a_plain_requirement_lets_every_session_pass_without_reading_the_claims() {
    for value in [json!(true), json!({}), json!({ "anonymous": true })] {
        let claims = || -> Option<Value> { panic!("the claims were read") };
        assert_eq!(
            requirement(value).check(presented("x", "", true), claims),
            Ok(())
        );
    }
    assert_eq!(
        requirement(json!({ "aal": "aal1" })).check(presented("x", "aal2", true), || None),
        Ok(())
    );
}

#[test]
fn a_claim_is_a_wanted_value_or_a_list_with_one() {
    let claims = json!({ "app": { "role": "admin", "teams": ["red", 7], "n": 1.0, "big": 9007199254740993_u64, "off": null, "s~/x": true } });
    for (pointer, wanted, holds) in [
        ("/app/role", json!("admin"), true),
        ("/app/role", json!(["editor", "admin"]), true),
        ("/app/role", json!("Admin"), false),
        ("/app/teams", json!("red"), true),
        ("/app/teams", json!(["blue", 7.0]), true),
        ("/app/teams", json!("blue"), false),
        ("/app/n", json!(1), true),
        ("/app/n", json!("1"), false),
        ("/app/big", json!(9007199254740992_u64), false),
        ("/app/off", json!(null), true),
        ("/app/none", json!(null), false),
        ("/app/s~0~1x", json!(true), true),
        ("/app", json!("admin"), false),
    ] {
        let mut object = serde_json::Map::new();
        object.insert(pointer.to_owned(), wanted.clone());
        let requirement = requirement(json!({ "claims": object }));
        let result = requirement.check(presented("x", "aal1", false), || Some(claims.clone()));
        assert_eq!(result.is_ok(), holds, "{pointer} {wanted}");
    }
}

#[test]
fn a_guard_holds_whatever_the_case_and_for_the_page_of_its_folder() {
    let guard = rules(json!([{ "path": ["/Members/*", "!/members/free"], "require": true }]));
    for path in [
        "/members/a",
        "/MEMBERS/A",
        "/members",
        "/Members.HTML",
        "/%4dembers%2ehtml",
        "/members/FREE",
    ] {
        assert_eq!(get(&guard, path), Some(0), "{path}");
    }
    for path in ["/members/free", "/members2", "/members.htm", "/"] {
        assert_eq!(get(&guard, path), None, "{path}");
    }
    let open = rules(json!([{ "path": "/Members/*", "cache": "shared" }]));
    for path in ["/members/a", "/Members", "/Members.html"] {
        assert_eq!(get(&open, path), None, "{path}");
    }
    assert_eq!(get(&open, "/Members/a"), Some(0));
    // What a bypass leaves to the guard behind it is left in any case.
    let bypass = rules(
        json!([{ "path": ["/*", "!/admin/*"], "bypass": true }, { "path": "/admin*", "require": true }]),
    );
    for path in ["/ADMIN/users", "/Admin", "/admin.html"] {
        assert_eq!(get(&bypass, path), Some(1), "{path}");
    }
}

#[test]
fn a_path_that_could_be_any_is_guarded_and_never_bypassed() {
    let path = format!("/x{}", "/a//../%5c;b%2fc".repeat(1000));
    let guard = rules(json!([{ "path": "/admin", "require": true }]));
    assert_eq!(get(&guard, &path), Some(0));
    assert_eq!(
        get(&rules(json!([{ "path": "/*", "bypass": true }])), &path),
        None
    );
}

#[test]
fn every_field_of_a_rule_is_read() {
    let rules = rules(json!([{
        "name": "Members", "credentials": "cookie", "login": "/in?from=members",
        "forbidden": "/no", "cors": ["https://app.example.com"],
        "require": { "absent": ["/app_metadata/banned"], "max_age": 60, "clients": ["c1"] },
    }, { "signed_in": "/home", "credentials": "bearer" }]));
    let rule = rules.rule(Some(0));
    assert_eq!(rule.name.as_deref(), Some("Members"));
    assert_eq!(rule.credentials, Credentials::Cookie);
    let place = |place: &Option<edge_session::redirect::Destination>| {
        place.as_ref().unwrap().location(None, &[])
    };
    assert_eq!(place(&rule.login), "/in?from=members");
    assert_eq!(place(&rule.forbidden), "/no");
    assert_eq!(rule.cors, ["https://app.example.com"]);
    let require = rule.require.clone().unwrap();
    assert_eq!(require.absent, ["/app_metadata/banned"]);
    assert_eq!(
        (require.max_age, require.clients),
        (Some(60), Clients::Listed(vec!["c1".to_owned()]))
    );
    assert_eq!(place(&rules.rule(Some(1)).signed_in), "/home");
    assert_eq!(rules.rule(Some(1)).credentials, Credentials::Bearer);
}

#[test]
fn a_token_of_somebody_elses_app_meets_a_requirement_that_names_the_app_only() {
    let of = |client_id| Presented {
        client_id,
        ..presented("x", "", false)
    };
    for (require, one, other) in [
        (json!(true), false, false),
        (json!({ "clients": true }), true, true),
        (json!({ "clients": ["c1"] }), true, false),
        (json!({ "clients": "c1" }), true, false),
    ] {
        let requirement = requirement(require);
        let passes = |id| requirement.check(of(id), || None) == Ok(());
        assert_eq!(
            (passes(None), passes(Some("c1")), passes(Some("c2"))),
            (true, one, other)
        );
    }
    assert_eq!(
        requirement(json!(true)).check(of(Some("c1")), || None),
        Err(Shortfall::Client)
    );
}

#[test]
fn max_age_counts_from_the_newest_proof() {
    let requirement = requirement(json!({ "max_age": 60 }));
    for (amr, holds) in [
        (json!([{ "method": "password", "timestamp": 940 }]), true),
        (json!([{ "method": "password", "timestamp": 939 }]), false),
        (
            json!([{ "timestamp": 1 }, { "timestamp": 990 }, { "timestamp": 2 }]),
            true,
        ),
        (json!([]), false),
        (json!(["password"]), false),
        (json!(null), false),
    ] {
        let result = requirement.check(presented("x", "", false), || Some(json!({ "amr": amr })));
        assert_eq!(result.is_ok(), holds, "{amr}");
        if !holds {
            assert_eq!(result, Err(Shortfall::SignInAgain));
        }
    }
}

#[test]
fn what_must_be_absent_must_not_be_there_not_even_as_null() {
    let requirement = requirement(json!({ "absent": ["/app_metadata/banned"] }));
    for (claims, holds) in [
        (json!({}), true),
        (json!({ "app_metadata": { "banned": false } }), false),
        (json!({ "app_metadata": { "banned": null } }), false),
    ] {
        let result = requirement.check(presented("x", "", false), || Some(claims.clone()));
        assert_eq!(result.is_ok(), holds, "{claims}");
    }
    // A second factor is asked for only where nothing else is missing.
    let both = self::requirement(json!({ "aal": "aal2", "role": "admin" }));
    let check = |role| both.check(presented(role, "aal1", false), || None);
    assert_eq!(
        (check("x"), check("admin")),
        (Err(Shortfall::Role), Err(Shortfall::Aal))
    );
}

/// A path that some origin serves as `/admin…`, spelled by chance.
fn spelled(tail: &str) -> impl Strategy<Value = String> {
    let detours = prop::sample::select(vec![
        "/",
        "//",
        "\\",
        "/%5c",
        "/./",
        "/%2e/",
        "/x/../",
        "/x/%2e%2E/",
        "/x%2f..%2f",
        "/../",
        "/x\\..\\",
    ]);
    let letters: Vec<char> = format!("admin{tail}").chars().collect();
    let escapes = prop::collection::vec(0..3_u8, letters.len());
    (detours, escapes).prop_map(move |(detour, escapes)| {
        let spell = |(letter, escape): (&char, &u8)| match escape {
            0 => letter.to_string(),
            1 => format!("%{:02x}", u32::from(*letter)),
            _ => format!("%{:02X}", u32::from(*letter)),
        };
        format!(
            "{detour}{}",
            letters.iter().zip(&escapes).map(spell).collect::<String>()
        )
    })
}

proptest! {
    #[test]
    fn no_spelling_gets_past_a_guard(path in spelled("/users")) {
        let guard = rules(json!([{ "path": "/admin*", "require": true }]));
        prop_assert_eq!(get(&guard, &path), Some(0), "{}", path);
        let open = rules(json!([
            { "path": ["/*", "!/admin*"], "bypass": true },
            { "path": "/x*", "bypass": true },
            { "path": "/admin*", "require": true },
        ]));
        prop_assert_eq!(get(&open, &path), Some(2), "{}", path);
    }

    #[test]
    fn a_bypass_holds_for_no_path_that_could_be_another(path in spelled("/logo.png")) {
        let bypass = rules(json!([{ "path": "/admin/*", "bypass": true }]));
        let parsed = RequestPath::new(&path);
        let all = parsed.all(|form| form.starts_with("/admin/"));
        prop_assert_eq!(get(&bypass, &path).is_some(), all, "{}", path);
    }

    #[test]
    fn no_text_panics(text in any::<String>(), host in any::<String>(), path in any::<String>()) {
        let _ = Rules::parse(&text);
        let rules = rules(json!([{ "path": "/*a*b", "hosts": ["*:1"], "require": true }]));
        let _ = rules.find(&[&text], &host, &RequestPath::new(&path));
    }
}
