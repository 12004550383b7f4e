//! The configuration: every variable, every default, every bad value.

use base64::Engine;
use edge_session::config::{
    Config, ConfigError, CookieSecure, IdentityClaims, LogLevel, Unset, VARIABLES,
};
use edge_session::cookies::encoding::Encoding;
use edge_session::cookies::set_cookie::SameSite;
use edge_session::rules::Rules;
use edge_session::secret::Secret;
use proptest::prelude::*;

const REQUIRED: [(&str, &str); 2] = [
    ("SUPABASE_URL", "https://abc.supabase.co"),
    ("SUPABASE_PUBLISHABLE_KEY", "sb_publishable_x"),
];

fn config(vars: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::from_vars(|name| {
        let mut all = vars.iter().chain(&REQUIRED);
        all.find(|(key, _)| *key == name)
            .map(|(_, value)| (*value).to_owned())
    })
}

fn good(vars: &[(&str, &str)]) -> Config {
    config(vars).unwrap()
}

fn legacy_key(role: &str) -> String {
    let payload =
        base64::engine::general_purpose::URL_SAFE.encode(format!(r#"{{"role":"{role}"}}"#));
    format!("eyJhbGciOiJIUzI1NiJ9.{payload}.c2ln")
}

#[test]
fn defaults() {
    let config = good(&[]);
    assert_eq!(config.auth_base.as_str(), "https://abc.supabase.co/auth/v1");
    assert_eq!(
        config.jwks_url,
        "https://abc.supabase.co/auth/v1/.well-known/jwks.json"
    );
    assert_eq!(config.publishable_key.expose(), "sb_publishable_x");
    assert_eq!(
        (config.secret_key, config.jwt_secret, config.identity_secret),
        (None, None, None)
    );
    assert_eq!(config.issuers, ["https://abc.supabase.co/auth/v1"]);
    assert_eq!(config.audiences, ["authenticated"]);
    assert_eq!(config.clock_skew_seconds, 5);
    assert_eq!(
        (config.origin_url, config.site_url, config.auth_path),
        (None, None, None)
    );
    assert_eq!(config.rules, Rules::default());
    assert_eq!(config.login.location(None, &[]), "/login");
    assert_eq!((config.mfa, config.pinned_keys), (None, None));
    assert!(!config.issuer_is_set && !config.account_pages && !config.log_path);
    assert_eq!(config.identity_claims, IdentityClaims::All);
    assert_eq!(
        (config.refresh_margin_seconds, config.refresh_replay_seconds),
        (90, 30)
    );
    assert_eq!(
        (config.auth_timeout_ms, config.jwks_ttl_seconds),
        (5000, 600)
    );
    assert_eq!(config.storage_key, "sb-abc-auth-token");
    assert_eq!(
        (config.cookie.domain, config.cookie.path.as_str()),
        (None, "/")
    );
    assert_eq!(
        (config.cookie.same_site, config.cookie.secure),
        (SameSite::Lax, CookieSecure::Auto)
    );
    assert_eq!(
        (config.cookie.max_age_seconds, config.cookie.http_only),
        (Some(34_560_000), false)
    );
    assert_eq!(config.cookie.encoding, Encoding::Base64Url);
    assert!(config.identity_headers && config.forward_cookies);
    assert!(!config.revocation && !config.forward_bearer && !config.server_timing);
    assert_eq!(config.log_level, LogLevel::Info);
}

#[test]
fn a_default_of_the_table_is_the_same_as_its_value_and_an_empty_value_is_unset() {
    for variable in VARIABLES.iter().filter(|variable| variable.kind.is_text()) {
        if let Unset::Value(value) = variable.default {
            assert_eq!(
                good(&[(variable.name, value)]),
                good(&[]),
                "{}",
                variable.name
            );
        }
        if variable.default != Unset::Required {
            assert_eq!(good(&[(variable.name, "")]), good(&[]), "{}", variable.name);
            assert_eq!(
                good(&[(variable.name, " \n")]),
                good(&[]),
                "{}",
                variable.name
            );
        }
    }
}

#[test]
fn every_variable_is_read() {
    let secret = "0123456789abcdef0123456789abcdef";
    let config = good(&[
        ("SUPABASE_SECRET_KEY", "sb_secret_x\n"),
        ("SUPABASE_JWT_SECRET", "jwt-secret"),
        ("JWT_ISSUER", "https://a/auth/v1, b"),
        ("JWT_AUDIENCE", "x,y,"),
        ("CLOCK_SKEW_SECONDS", "0"),
        ("ORIGIN_URL", "http://origin.example:81/base"),
        ("RULES", r#"[{"path": "/a", "require": true}]"#),
        ("LOGIN_PATH", "/signin?a=b"),
        ("AUTH_PATH", "/auth/"),
        ("SITE_URL", "https://WWW.example.com:443/"),
        ("REFRESH_MARGIN_SECONDS", "600"),
        ("REFRESH_REPLAY_SECONDS", "300"),
        ("AUTH_TIMEOUT_MS", "100"),
        ("JWKS_TTL_SECONDS", "60"),
        ("REVOCATION", "on"),
        ("COOKIE_NAME", "session"),
        ("COOKIE_DOMAIN", ".example.com"),
        ("COOKIE_PATH", "/app"),
        ("COOKIE_SAMESITE", "strict"),
        ("COOKIE_MAX_AGE", "60"),
        ("COOKIE_SECURE", "false"),
        ("COOKIE_HTTP_ONLY", "true"),
        ("COOKIE_ENCODING", "raw"),
        ("IDENTITY_HEADERS", "off"),
        ("IDENTITY_SECRET", secret),
        ("FORWARD_COOKIES", "off"),
        ("FORWARD_BEARER", "on"),
        ("SERVER_TIMING", "on"),
        ("LOG_LEVEL", "debug"),
    ]);
    assert_eq!(config.secret_key, Some(Secret::new("sb_secret_x")));
    assert_eq!(config.jwt_secret, Some(Secret::new("jwt-secret")));
    assert_eq!(config.issuers, ["https://a/auth/v1", "b"]);
    assert_eq!(config.audiences, ["x", "y"]);
    assert_eq!(config.clock_skew_seconds, 0);
    assert_eq!(
        config.origin_url.unwrap().as_str(),
        "http://origin.example:81/base"
    );
    assert_eq!(
        config.rules,
        Rules::parse(r#"[{"path": "/a", "require": true}]"#).unwrap()
    );
    assert_eq!(
        (
            config.login.location(None, &[]),
            config.auth_path.as_deref()
        ),
        ("/signin?a=b".to_owned(), Some("/auth"))
    );
    assert_eq!(config.site_url.as_deref(), Some("https://www.example.com"));
    assert_eq!(
        (config.refresh_margin_seconds, config.refresh_replay_seconds),
        (600, 300)
    );
    assert_eq!((config.auth_timeout_ms, config.jwks_ttl_seconds), (100, 60));
    assert_eq!(config.storage_key, "session");
    assert_eq!(
        (config.cookie.domain.as_deref(), config.cookie.path.as_str()),
        (Some(".example.com"), "/app")
    );
    assert_eq!(
        (config.cookie.same_site, config.cookie.secure),
        (SameSite::Strict, CookieSecure::Never)
    );
    assert_eq!(
        (config.cookie.max_age_seconds, config.cookie.http_only),
        (Some(60), true)
    );
    assert_eq!(config.cookie.encoding, Encoding::Raw);
    assert_eq!(config.identity_secret, Some(Secret::new(secret)));
    assert!(config.revocation && config.forward_bearer && config.server_timing);
    assert!(!config.identity_headers && !config.forward_cookies);
    assert_eq!(config.log_level, LogLevel::Debug);
}

#[test]
fn the_storage_key_is_the_one_the_clients_derive() {
    for (url, key, base) in [
        (
            "https://abc.supabase.co/",
            "sb-abc-auth-token",
            "https://abc.supabase.co/auth/v1",
        ),
        (
            "  HTTPS://ABC.Supabase.co?x=1\u{feff}",
            "sb-abc-auth-token",
            "https://abc.supabase.co/auth/v1",
        ),
        (
            "https://abc.supabase.co/some/path",
            "sb-abc-auth-token",
            "https://abc.supabase.co/some/path/auth/v1",
        ),
        (
            "https://auth.example.com",
            "sb-auth-auth-token",
            "https://auth.example.com/auth/v1",
        ),
        (
            "http://localhost:54321",
            "sb-localhost-auth-token",
            "http://localhost:54321/auth/v1",
        ),
        (
            "http://127.0.0.1:54321",
            "sb-127-auth-token",
            "http://127.0.0.1:54321/auth/v1",
        ),
        (
            "http://2130706433",
            "sb-127-auth-token",
            "http://127.0.0.1/auth/v1",
        ),
        (
            "http://192.168.1.5:8000",
            "sb-192-auth-token",
            "http://192.168.1.5:8000/auth/v1",
        ),
        (
            "http://[::1]:54321",
            "sb-[::1]-auth-token",
            "http://[::1]:54321/auth/v1",
        ),
        (
            "http://host.docker.internal:54321",
            "sb-host-auth-token",
            "http://host.docker.internal:54321/auth/v1",
        ),
        (
            "http://kong:8000",
            "sb-kong-auth-token",
            "http://kong:8000/auth/v1",
        ),
        (
            "https://xn--mnchen-3ya.de",
            "sb-xn--mnchen-3ya-auth-token",
            "https://xn--mnchen-3ya.de/auth/v1",
        ),
        (
            "https://.foo.com",
            "sb--auth-token",
            "https://.foo.com/auth/v1",
        ),
    ] {
        let config = good(&[("SUPABASE_URL", url)]);
        assert_eq!(
            (config.storage_key.as_str(), config.auth_base.as_str()),
            (key, base),
            "{url}"
        );
    }
}

#[test]
fn plain_http_is_for_near_hosts() {
    for url in [
        "http://10.0.0.1",
        "http://172.31.0.1",
        "http://[fd00::1]",
        "http://[fe80::1]",
        "http://x.local",
        "http://a.localhost",
        "http://[::ffff:127.0.0.1]",
    ] {
        assert!(config(&[("SUPABASE_URL", url)]).is_ok(), "{url}");
    }
    for url in [
        "http://abc.supabase.co",
        "http://8.8.8.8",
        "http://172.32.0.1",
        "http://[2001:db8::1]",
        "http://local.example",
        "http://xlocal.com",
        "http://[::ffff:8.8.8.8]",
    ] {
        assert_eq!(
            variables(&[("SUPABASE_URL", url)]),
            ["SUPABASE_URL"],
            "{url}"
        );
    }
}

fn variables(vars: &[(&str, &str)]) -> Vec<&'static str> {
    config(vars)
        .unwrap_err()
        .problems
        .iter()
        .map(|problem| problem.variable)
        .collect()
}

#[test]
fn every_bad_value_is_named_and_not_shown() {
    let service = legacy_key("service_role");
    let anon = legacy_key("anon");
    let bad: &[(&str, &[&str])] = &[
        (
            "SUPABASE_URL",
            &[
                "",
                "abc.supabase.co",
                "ftp://xyzzy",
                "https://",
                "https:xyzzy.co",
                "https://u:p@xyzzy.co",
                "https://u@xyzzy.co",
                "https://xyz zy.co",
                "https://xyzzy.co:99999",
            ],
        ),
        (
            "SUPABASE_PUBLISHABLE_KEY",
            &["", "sb_secret_xyzzy", &service, "sb publishable", "sb_é"],
        ),
        (
            "SUPABASE_SECRET_KEY",
            &["sb_publishable_xyzzy", &anon, "sb_secret_\u{1}xyzzy"],
        ),
        ("JWT_ISSUER", &[",", " , "]),
        ("JWT_AUDIENCE", &[",,"]),
        (
            "CLOCK_SKEW_SECONDS",
            &[
                "61",
                "-1",
                "xyzzy",
                "5.0",
                "+5",
                "1e1",
                "99999999999999999999999",
            ],
        ),
        (
            "ORIGIN_URL",
            &[
                "xyzzy.example",
                "ftp://xyzzy",
                "https://",
                "https://u:p@xyzzy",
                "https://xyzzy?q",
                "https://xyzzy#f",
            ],
        ),
        (
            "RULES",
            &[
                "xyzzy",
                "{}",
                r#"[{"requier": true}]"#,
                r#"[{"bypass": true, "require": true}]"#,
            ],
        ),
        (
            "LOGIN_PATH",
            &[
                "xyzzy",
                "//xyzzy.example",
                "/\\xyzzy",
                "https://u@xyzzy.example",
                "https://münchen.xyzzy",
                "ftp://xyzzy.example",
                "/a#b",
                "/a/../b",
                "/a//b",
                "/a b",
                "/%61",
                "/\u{7}xyzzy",
                "/é",
            ],
        ),
        ("AUTH_PATH", &["xyzzy", "/", "//xyzzy", "/a?b", "/a/./b"]),
        (
            "SITE_URL",
            &[
                "xyzzy.example",
                "ftp://xyzzy",
                "https://xyzzy/path",
                "https://u@xyzzy",
                "https://xyzzy?q",
                "https://xyzzy/#",
            ],
        ),
        ("REFRESH_MARGIN_SECONDS", &["601", "xyzzy"]),
        ("REFRESH_REPLAY_SECONDS", &["301", "-5"]),
        ("AUTH_TIMEOUT_MS", &["99", "30001", "5s"]),
        ("JWKS_TTL_SECONDS", &["59", "86401"]),
        ("REVOCATION", &["yes", "true"]),
        ("COOKIE_NAME", &["a b", "xyzzy;", "a=b", "é", "a\u{1}b"]),
        (
            "COOKIE_DOMAIN",
            &[
                "xyzzy;x",
                "a..b",
                "https://xyzzy.example",
                "xyzzy.example:80",
                "a\rb",
                "ü.de",
                ".",
            ],
        ),
        ("COOKIE_DOMAIN", &[&"xyzzy.".repeat(42), &"x".repeat(254)]),
        ("COOKIE_PATH", &["xyzzy", "/;xyzzy", "/\u{1}", "/é"]),
        ("COOKIE_PATH", &[&format!("/{}", "xyzzy".repeat(205))]),
        ("COOKIE_SAMESITE", &["xyzzy"]),
        ("COOKIE_MAX_AGE", &["0", "34560001", "1y", "sessions"]),
        ("COOKIE_SECURE", &["xyzzy", "on"]),
        ("COOKIE_PARTITIONED", &["xyzzy", "on"]),
        ("COOKIE_RENEW", &["xyzzy", "true"]),
        ("COOKIE_HTTP_ONLY", &["xyzzy"]),
        ("COOKIE_ENCODING", &["xyzzy"]),
        ("IDENTITY_HEADERS", &["xyzzy"]),
        ("IDENTITY_SECRET", &["xyzzy-0123456789abcdef01234567_"]),
        ("FORWARD_COOKIES", &["xyzzy"]),
        (
            "SUPABASE_JWKS",
            &[
                "xyzzy",
                "[]",
                r#"{"keys":[]}"#,
                r#"{"keys":[{"kid":"xyzzy"}]}"#,
            ],
        ),
        ("MFA_PATH", &["xyzzy", "//xyzzy", "/a/../xyzzy", "/\\xyzzy"]),
        ("ACCOUNT_PAGES", &["xyzzy", "on"]),
        (
            "PAGES",
            &[
                "xyzzy",
                "[]",
                r#"{"xyzzy":1}"#,
                r#"{"name":""}"#,
                r#"{"name":"xyzzy\n"}"#,
                r#"{"color":"xyzzy"}"#,
                r##"{"color":"#12"}"##,
                r##"{"color":"#fff;}xyzzy"}"##,
                r#"{"logo":"javascript:xyzzy"}"#,
                r#"{"logo":"//xyzzy.example"}"#,
                r#"{"home":"http://xyzzy.example"}"#,
                r#"{"home":"https://u@xyzzy.example"}"#,
                r#"{"texts":{"xyzzy_":{}}}"#,
                r#"{"texts":{"de":{"title":7}}}"#,
                r#"{"texts":"xyzzy"}"#,
            ],
        ),
        (
            "REDIRECT_HOSTS",
            &["https://xyzzy", "xyzzy/a", "a,*.", "xyzzy é"],
        ),
        ("TURNSTILE_SITE_KEY", &["xyzzy é"]),
        ("TURNSTILE_SECRET_KEY", &["xyzzy é"]),
        (
            "OPERATOR_TOKEN",
            &[
                "xyzzy-0123456789abcdef01234567_",
                "xyzzy 0123456789abcdef0123456789abcdef",
            ],
        ),
        (
            "IDENTITY_CLAIMS",
            &[
                "xyzzy",
                "[]",
                r#"{"x xyzzy":"/a"}"#,
                r#"{"":"/a"}"#,
                r#"{"x-a":"xyzzy"}"#,
                r#"{"x-a":7}"#,
                r#"{"X-Session-Xyzzy":"/a"}"#,
                r#"{"x_session_user_id":"/a"}"#,
                r#"{"Cookie":"/a"}"#,
                r#"{"host":"/a"}"#,
                r#"{"Content-Length":"/a"}"#,
                r#"{"Transfer_Encoding":"/a"}"#,
                r#"{"X-Forwarded-Host":"/a"}"#,
                r#"{"x-a":"/a","X_A":"/b"}"#,
            ],
        ),
        (
            "IDENTITY_PRIVATE_KEY",
            &[
                "xyzzy",
                "{}",
                r#"{"kty":"EC","crv":"P-256","x":"xyzzy","y":"xyzzy","d":"xyzzy"}"#,
            ],
        ),
        (
            "SHARED_COOKIES",
            &["a b", "xyzzy;", "sb-abc-auth-token.0", ","],
        ),
        (
            "ORIGIN_HEADERS",
            &[
                "xyzzy",
                r#"{"x-a":"xyzzy\n"}"#,
                r#"{"x-a":""}"#,
                r#"{"x-a":7}"#,
                r#"{"xyzzy xyzzy":"a"}"#,
                r#"{"Authorization":"xyzzy"}"#,
                r#"{"X-Session-Hop":"xyzzy"}"#,
                r#"{"connection":"xyzzy"}"#,
            ],
        ),
        ("LOG_PATH", &["xyzzy"]),
        ("FORWARD_BEARER", &["xyzzy"]),
        ("SERVER_TIMING", &["xyzzy"]),
        ("LOG_LEVEL", &["xyzzy", "warn"]),
        ("MODE", &["xyzzy", "on", "true"]),
    ];
    let tested: Vec<&str> = bad.iter().map(|(name, _)| *name).collect();
    for variable in VARIABLES.iter().filter(|variable| variable.kind.is_text()) {
        // Every text is a possible JWT secret.
        assert!(
            tested.contains(&variable.name) || variable.name == "SUPABASE_JWT_SECRET",
            "{}",
            variable.name
        );
    }
    for (name, values) in bad {
        for value in *values {
            let error = config(&[(name, value)]).expect_err(value);
            assert!(
                error
                    .problems
                    .iter()
                    .all(|problem| problem.variable == *name),
                "{error} for {value:?}"
            );
            assert!(!error.to_string().contains("xyzzy"), "{error}");
            assert!(
                !error.to_string().contains(&service) && !error.to_string().contains(&anon),
                "{error}"
            );
        }
    }
}

const P256: &str = r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"}"#;

#[test]
fn every_newer_variable_is_read() {
    let token = "0123456789abcdef0123456789abcdef";
    let keys = r#"{"keys":[{"kid":"k","kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;
    let config = good(&[
        ("SUPABASE_JWKS", keys),
        ("JWT_ISSUER", "https://a"),
        ("AUTH_PATH", "/auth"),
        ("ACCOUNT_PAGES", "on"),
        ("MFA_PATH", "/second?x=1"),
        (
            "PAGES",
            r##"{"name":"Site","logo":"/l.svg","color":"#1f5fbf","home":"https://a.example/","texts":{"*":{"a":"b"},"pt-BR":{}}}"##,
        ),
        ("REDIRECT_HOSTS", "a.example, *.b.example"),
        ("TURNSTILE_SITE_KEY", "site"),
        ("TURNSTILE_SECRET_KEY", "secret"),
        ("OPERATOR_TOKEN", token),
        ("IDENTITY_CLAIMS", r#"{"X-Plan":"/app_metadata/plan"}"#),
        ("IDENTITY_PRIVATE_KEY", P256),
        ("SHARED_COOKIES", "draft, ab"),
        ("ORIGIN_HEADERS", r#"{"X-Origin-Lock":"a b"}"#),
        ("LOG_PATH", "on"),
    ]);
    assert_eq!(config.pinned_keys.unwrap().len(), 1);
    assert!(config.issuer_is_set && config.account_pages && config.log_path);
    assert_eq!(config.login.location(None, &[]), "/auth/login");
    assert_eq!(config.mfa.unwrap().location(None, &[]), "/second?x=1");
    assert_eq!(config.pages.name.as_deref(), Some("Site"));
    assert_eq!(config.pages.texts["*"]["a"], "b");
    assert!(
        config
            .redirect_hosts
            .iter()
            .eq(["a.example", "*.b.example"])
    );
    assert_eq!(config.turnstile.site_key.as_deref(), Some("site"));
    assert_eq!(config.turnstile.secret_key, Some(Secret::new("secret")));
    assert_eq!(config.operator_token, Some(Secret::new(token)));
    assert!(config.identity_claims.names().eq(["x-plan"]));
    assert_eq!(config.shared_cookies, ["draft", "ab"]);
    assert_eq!(
        config.origin_headers,
        [("x-origin-lock".to_owned(), Secret::new("a b"))]
    );
}

#[test]
fn the_key_of_assertions_is_published_without_its_private_part() {
    let key = good(&[("IDENTITY_PRIVATE_KEY", P256)])
        .identity_key
        .unwrap();
    // RFC 7638 over the members of RFC 7517 appendix A.1.
    let members = r#"{"crv":"P-256","kty":"EC","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}"#;
    let digest = <sha2::Sha256 as sha2::Digest>::digest(members);
    let thumbprint = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest);
    assert_eq!(key.kid(), thumbprint);
    let published = key.public_set().to_string();
    assert!(published.contains(&thumbprint) && !published.contains("870MB6gfuTJ4HtUn"));
    assert!(key.private_jwk().expose().contains("870MB6gfuTJ4HtUn"));
    let named = P256.replace("{\"kty\"", "{\"kid\":\"mine\",\"kty\"");
    let key = good(&[("IDENTITY_PRIVATE_KEY", &named)])
        .identity_key
        .unwrap();
    assert_eq!(key.kid(), "mine");
}

#[test]
fn the_worker_sends_to_its_own_pages_where_it_has_some() {
    let pages = [("AUTH_PATH", "/a"), ("ACCOUNT_PAGES", "on")];
    let config = good(&pages);
    assert_eq!(config.login.location(None, &[]), "/a/login");
    assert_eq!(config.mfa.unwrap().location(None, &[]), "/a/mfa");
    let config = good(&[("AUTH_PATH", "/a")]);
    assert_eq!(
        (config.login.location(None, &[]), config.mfa),
        ("/login".to_owned(), None)
    );
    for (set, missing) in [
        ("TURNSTILE_SITE_KEY", "TURNSTILE_SECRET_KEY"),
        ("TURNSTILE_SECRET_KEY", "TURNSTILE_SITE_KEY"),
    ] {
        assert!(config_of(&[(set, "x")]).is_ok());
        assert_eq!(variables(&[pages[0], pages[1], (set, "x")]), [missing]);
    }
}

fn config_of(vars: &[(&str, &str)]) -> Result<Config, ConfigError> {
    config(vars)
}

#[test]
fn a_host_that_is_not_ascii_is_told_how_to_be_written() {
    for name in ["SUPABASE_URL", "ORIGIN_URL", "SITE_URL"] {
        let error = config(&[(name, "https://m\u{fc}nchen.de")])
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(name) && error.contains("xn--"), "{error}");
    }
}

#[test]
fn a_host_behind_more_slashes_or_control_characters_is_none() {
    for url in [
        "https://\\site.example",
        "https:///site.example",
        "https://\t/site.example",
        "https://\n\\site.example",
        "https://si\tte.example",
        "https://\\WWW\u{a9}\u{ad}.example",
        "https://\t\\WWW\u{a9}.example",
    ] {
        for name in ["SITE_URL", "ORIGIN_URL", "SUPABASE_URL"] {
            let error = config_of(&[(name, url)]).unwrap_err().to_string();
            assert!(
                error.contains(name) && !error.contains("site.example"),
                "{url:?}: {error}"
            );
        }
    }
}

#[test]
fn no_header_is_named_twice_for_the_origin() {
    let vars = [
        ("IDENTITY_CLAIMS", r#"{"X-Plan":"/a"}"#),
        ("ORIGIN_HEADERS", r#"{"x_plan":"b"}"#),
    ];
    assert_eq!(variables(&vars), ["ORIGIN_HEADERS"]);
}

#[test]
fn attributes_must_agree() {
    let none = good(&[("COOKIE_SAMESITE", "None")]);
    assert_eq!(
        (none.cookie.same_site, none.cookie.secure),
        (SameSite::None, CookieSecure::Always)
    );
    assert_eq!(
        variables(&[("COOKIE_SAMESITE", "None"), ("COOKIE_SECURE", "false")]),
        ["COOKIE_SECURE"]
    );
    assert_eq!(
        variables(&[("COOKIE_NAME", "__secure-x"), ("COOKIE_SECURE", "false")]),
        ["COOKIE_NAME"]
    );
    assert_eq!(
        variables(&[("COOKIE_NAME", "__Host-x"), ("COOKIE_DOMAIN", "a.b")]),
        ["COOKIE_NAME"]
    );
    assert_eq!(
        variables(&[("COOKIE_NAME", "__Host-x"), ("COOKIE_PATH", "/a")]),
        ["COOKIE_NAME"]
    );
    assert_eq!(
        variables(&[("COOKIE_PARTITIONED", "true"), ("COOKIE_SECURE", "false")]),
        ["COOKIE_SECURE"]
    );
    let partitioned = good(&[("COOKIE_PARTITIONED", "true")]);
    let attributes = partitioned.cookie.attributes("localhost", false);
    assert!(attributes.partitioned && attributes.secure);
    assert!(!good(&[]).cookie.attributes("a.example", true).partitioned);
}

#[test]
fn a_prefixed_name_is_secure_on_http_too() {
    for name in ["__Host-x", "__Secure-x", "__host-x"] {
        let config = good(&[("COOKIE_NAME", name)]);
        assert_eq!(config.storage_key, name);
        assert!(
            config.cookie.attributes("localhost", false).secure,
            "{name}"
        );
    }
    let config = good(&[("COOKIE_NAME", "__Hostx")]);
    assert!(!config.cookie.attributes("localhost", false).secure);
}

#[test]
fn cookies_live_for_a_time_or_until_the_browser_closes() {
    let age = |value| good(&[("COOKIE_MAX_AGE", value)]).cookie.max_age_seconds;
    assert_eq!(age("session"), None);
    assert_eq!(age("Session"), None);
    assert_eq!(age("1"), Some(1));
    assert_eq!(age("34560000"), Some(34_560_000));
    for value in [
        "0",
        "34560001",
        "forever",
        "-1",
        "+5",
        "1.5",
        "99999999999999999999",
    ] {
        assert_eq!(variables(&[("COOKIE_MAX_AGE", value)]), ["COOKIE_MAX_AGE"]);
    }
    assert!(!good(&[]).cookie.renew);
    assert!(good(&[("COOKIE_RENEW", "on")]).cookie.renew);
}

/// From any other host a browser drops a cookie with `Domain`.
#[test]
fn only_a_host_at_or_below_the_domain_gets_cookies_with_it() {
    for domain in ["example.com", ".example.com", "EXAMPLE.com"] {
        let config = good(&[("COOKIE_DOMAIN", domain)]);
        let at = |host| config.cookie.attributes(host, true).domain;
        for host in [
            "example.com",
            "www.example.com",
            "a.b.example.com",
            "WWW.Example.Com",
        ] {
            assert_eq!(at(host).as_deref(), Some(domain), "{host}");
        }
        for host in [
            "example.org",
            "badexample.com",
            "example.com.evil.net",
            "com",
            "",
            "site.pages.dev",
            "127.0.0.1",
            "[::1]",
            "example.com.",
            "éexample.com",
        ] {
            assert_eq!(at(host), None, "{host}");
            assert_eq!(config.cookie.verifier_attributes(host, true).domain, None);
        }
    }
    assert_eq!(
        good(&[]).cookie.attributes("example.com", true).domain,
        None
    );
}

#[test]
fn a_verifier_lives_an_hour_and_comes_back_from_another_site() {
    for (same_site, expected) in [
        ("Lax", SameSite::Lax),
        ("Strict", SameSite::Lax),
        ("None", SameSite::None),
    ] {
        for age in ["session", "60", "34560000"] {
            let vars = [("COOKIE_SAMESITE", same_site), ("COOKIE_MAX_AGE", age)];
            let config = good(&vars);
            let attributes = config.cookie.verifier_attributes("a.example", true);
            assert_eq!(attributes.same_site, expected);
            assert_eq!(attributes.max_age_seconds, Some(3600));
        }
    }
}

#[test]
fn the_anon_key_is_another_name_of_the_publishable_key() {
    let anon = legacy_key("anon");
    let config = good(&[
        ("SUPABASE_PUBLISHABLE_KEY", ""),
        ("SUPABASE_ANON_KEY", &anon),
    ]);
    assert_eq!(config.publishable_key.expose(), anon);
    let service = legacy_key("service_role");
    let vars = [
        ("SUPABASE_PUBLISHABLE_KEY", ""),
        ("SUPABASE_ANON_KEY", service.as_str()),
    ];
    assert_eq!(variables(&vars), ["SUPABASE_ANON_KEY"]);
    assert!(
        good(&[("SUPABASE_SECRET_KEY", &service)])
            .secret_key
            .is_some()
    );
}

#[test]
fn all_problems_are_reported_together() {
    let vars = [
        ("SUPABASE_URL", ""),
        ("SUPABASE_PUBLISHABLE_KEY", ""),
        ("RULES", r#"[{"verify":1},{"cache":1}]"#),
        ("LOG_LEVEL", "x"),
    ];
    assert_eq!(
        variables(&vars),
        [
            "SUPABASE_URL",
            "SUPABASE_PUBLISHABLE_KEY",
            "RULES",
            "RULES",
            "LOG_LEVEL"
        ]
    );
    let text = config(&vars).unwrap_err().to_string();
    assert!(
        text.contains("; RULES[0].verify must be one of live, local; RULES[1].cache must"),
        "{text}"
    );
}

#[test]
fn a_printed_configuration_shows_no_secret() {
    let secret = "xyzzy-0123456789abcdef0123456789abcdef";
    let config = good(&[
        ("SUPABASE_PUBLISHABLE_KEY", secret),
        ("SUPABASE_SECRET_KEY", secret),
        ("SUPABASE_JWT_SECRET", secret),
        ("IDENTITY_SECRET", secret),
        ("OPERATOR_TOKEN", secret),
        ("TURNSTILE_SECRET_KEY", secret),
        ("ORIGIN_HEADERS", r#"{"x-a":"xyzzy"}"#),
    ]);
    let printed = format!("{config:?}");
    assert!(!printed.contains("xyzzy"));
    assert_eq!(printed.matches("[redacted]").count(), 7);
}

proptest! {
    #[test]
    fn no_value_panics(at in 0..VARIABLES.len(), value in any::<String>()) {
        let _ = config(&[(VARIABLES[at].name, &value)]);
    }
}
