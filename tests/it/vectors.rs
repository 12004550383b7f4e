//! What real clients wrote is read, and written the same way.

use std::fs;
use std::path::Path;

use edge_session::cookies::SessionCookies;
use edge_session::cookies::encoding::Encoding;
use edge_session::cookies::set_cookie::{CookieAttributes, SameSite, write_session};
use edge_session::session::Session;
use serde_json::Value;

const VERSIONS: [&str; 6] = ["0.5.2", "0.6.1", "0.7.0", "0.8.0", "0.10.3", "0.12.7"];

#[test]
fn sessions_of_every_client_are_read() {
    for version in VERSIONS {
        for vector in vectors(&format!("ssr-{version}.json")) {
            let session = read(&header(&vector), text(&vector, "storage_key"));
            let name = text(&vector, "name");
            assert_eq!(
                Value::Object(session.members().clone()),
                expected(&vector),
                "{version} {name}"
            );
            let order = |value: &Value| {
                value
                    .as_object()
                    .unwrap()
                    .keys()
                    .cloned()
                    .collect::<Vec<_>>()
            };
            assert_eq!(
                session.members().keys().cloned().collect::<Vec<_>>(),
                order(&expected(&vector)),
                "{version} {name}"
            );
            assert_eq!(
                session.format().encoding,
                encoding(&vector),
                "{version} {name}"
            );
            assert_eq!(
                session.format().with_user,
                !name.starts_with("tokens only"),
                "{version} {name}"
            );
            assert!(!session.format().foreign, "{version} {name}");
            assert_eq!(vector["read_by_itself"], true, "{version} {name}");
        }
    }
}

#[test]
fn sessions_are_written_as_the_same_client_writes_them() {
    for version in VERSIONS {
        for vector in vectors(&format!("ssr-{version}.json")) {
            let key = text(&vector, "storage_key");
            let name = text(&vector, "name");
            if name == "lone surrogate" {
                continue;
            }
            let session = read(&header(&vector), key);
            let ours = write_session(
                &session.to_cookies(key, session.format()),
                &strings(&vector["present"]),
                &attributes(vector["domain"].as_str()),
                None,
            );
            let theirs = strings(&vector["set_cookie"]);
            if vector["domain"].is_null() {
                assert_eq!(ours, theirs, "{version} {name}");
            } else {
                // The host-only twins are ours, at most some of them theirs.
                let mut rest = ours.iter();
                assert!(
                    theirs.iter().all(|line| rest.any(|own| own == line)),
                    "{version} {name}: {ours:?}"
                );
                let twins = ours.iter().filter(|line| !line.contains("Domain="));
                assert!(twins.clone().all(|line| line.contains("=; Max-Age=0;")));
                assert_eq!(twins.count(), 6, "{version} {name}");
            }
        }
    }
}

#[test]
fn the_broken_format_of_0_6_0_is_salvaged() {
    for vector in vectors("ssr-0.6.0.json") {
        let name = text(&vector, "name");
        let session = read(&header(&vector), text(&vector, "storage_key"));
        assert_eq!(
            Value::Object(session.members().clone()),
            expected(&vector),
            "{name}"
        );
        let is_raw = encoding(&vector) == Encoding::Raw;
        assert_eq!(session.format().foreign, !is_raw, "{name}");
        assert_eq!(vector["read_by_itself"], is_raw, "{name}");
    }
}

#[test]
fn arrays_of_auth_helpers_become_sessions_of_today() {
    for vector in vectors("auth-helpers.json") {
        let key = text(&vector, "storage_key");
        let written: Value = serde_json::from_str(text(&vector, "session_json")).unwrap();
        let session = read(text(&vector, "header"), key);
        assert!(session.format().foreign);
        assert_eq!(session.access_token(), written["access_token"]);
        assert_eq!(session.refresh_token(), written["refresh_token"]);
        assert_eq!(
            session.members().get("provider_token"),
            written.get("provider_token")
        );

        let shape = session.format();
        let again = cookie_header(
            &session
                .with_expiry(2_114_380_800, 2_114_380_000)
                .to_cookies(key, shape),
        );
        let again = read(&again, key);
        assert!(!again.format().foreign);
        assert_eq!(again.refresh_token(), written["refresh_token"]);
        assert_eq!(again.members()["expires_at"], 2_114_380_800_u64);
        assert_eq!(again.members()["expires_in"], 800);
        assert_eq!(again.members()["token_type"], "bearer");
    }
}

fn read(header: &str, key: &str) -> Session {
    let cookies = SessionCookies::read(header, key).expect("a session was sent");
    assert!(!cookies.duplicated);
    cookies
        .candidates
        .into_iter()
        .next()
        .unwrap()
        .session
        .expect("it can be read")
}

/// The header of a browser that got the vector's `Set-Cookie` lines.
fn header(vector: &Value) -> String {
    let lines = strings(&vector["set_cookie"]);
    let pairs = lines.iter().filter(|line| !line.contains("Max-Age=0"));
    let pairs: Vec<_> = pairs.map(|line| line.split(';').next().unwrap()).collect();
    pairs.join("; ")
}

fn cookie_header(cookies: &[(String, String)]) -> String {
    cookies
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect::<Vec<_>>()
        .join("; ")
}

fn expected(vector: &Value) -> Value {
    let json = text(vector, "session_json").replace("\\ud83d and \\udc00", "\u{fffd} and \u{fffd}");
    serde_json::from_str(&json).unwrap()
}

fn attributes(domain: Option<&str>) -> CookieAttributes {
    CookieAttributes {
        domain: domain.map(str::to_owned),
        has_twins: false,
        http_only: false,
        max_age_seconds: Some(34_560_000),
        partitioned: false,
        path: "/".to_owned(),
        same_site: SameSite::Lax,
        secure: false,
    }
}

fn encoding(vector: &Value) -> Encoding {
    if vector["encoding"] == "raw" {
        Encoding::Raw
    } else {
        Encoding::Base64Url
    }
}

fn vectors(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors")
        .join(file);
    let content: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let vectors = content["vectors"].as_array().unwrap().clone();
    assert!(!vectors.is_empty());
    vectors
}

fn text<'v>(vector: &'v Value, member: &str) -> &'v str {
    vector[member].as_str().unwrap()
}

fn strings(value: &Value) -> Vec<String> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item.as_str().unwrap().to_owned())
        .collect()
}
