//! `Set-Cookie` lines, read back by the `cookie` crate and by a browser's algorithm.
//!
//! - Both find the names, values and attributes that were meant, and nothing else: no configuration that is accepted
//!   and no session injects an attribute, a line or another cookie.
//! - In a jar full of leftovers at the configured scope and at its twin, only what was written is left.
//! - The session is read back from the jar.

use cookie::Cookie;
use edge_session::cookies::SessionCookies;
use edge_session::cookies::set_cookie::{
    CookieAttributes, SameSite, delete, set_cookie_name, write_session,
};
use edge_session::session::{Format, Session};

use super::browser::Jar;
use super::config::vars;
use super::site::{NOW, try_config};

/// The input is lines of `NAME=value`, an empty line and the body of a token response.
pub fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    let Ok(config) = try_config(&vars(head)) else {
        return;
    };
    let Ok(session) = Session::from_token_response(body.as_bytes(), NOW) else {
        return;
    };
    let key = &config.storage_key;
    let shape = Format {
        encoding: config.cookie.encoding,
        ..session.format()
    };
    let chunks = session.to_cookies(key, shape);
    let present = [key.clone(), format!("{key}.0"), format!("{key}.7")];
    let domain = config.cookie.domain.as_deref();
    let below = domain.map(|domain| {
        let domain = domain.trim_start_matches('.').to_ascii_lowercase();
        format!("www.{domain}")
    });
    let elsewhere = "site.example".to_owned();
    let hosts = below.into_iter().chain([elsewhere]);
    for (host, is_https) in hosts.flat_map(|host| [(host.clone(), true), (host, false)]) {
        let attributes = CookieAttributes {
            has_twins: true,
            ..config.cookie.attributes(&host, is_https)
        };
        if attributes.secure && !is_https {
            continue;
        }
        let lines = write_session(&chunks, &present, &attributes, Some(&host));
        let mut jar = leftovers(&present, &attributes, &host);
        for line in &lines {
            assert_no_injection(line, &attributes);
            let is_heeded = jar.take(line, &host, is_https);
            // A twin that no browser would have taken either.
            let is_void = line.contains("=; Max-Age=0; Domain=");
            assert!(is_heeded || is_void, "a browser ignores {line:?}");
        }
        let left: Vec<(String, String)> = jar
            .0
            .iter()
            .map(|cookie| (cookie.name.clone(), cookie.value.clone()))
            .collect();
        assert_eq!(left, chunks);
        assert_scope(&jar, &attributes, &host);
        let header: Vec<String> = left
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let back = SessionCookies::read(&header.join("; "), key).expect("the session");
        let back = back.candidates[0].session.as_ref().expect("a session");
        assert_eq!(back.members(), session.members());
        let mut jar = leftovers(&present, &attributes, &host);
        for line in delete(&present, &attributes, Some(&host)) {
            assert_no_injection(&line, &attributes);
            jar.take(&line, &host, is_https);
        }
        assert!(jar.0.is_empty(), "{jar:?}");
    }
}

/// Old cookies at the scope that is written, host-only, and for the host with its subdomains; in each partition.
fn leftovers(names: &[String], attributes: &CookieAttributes, host: &str) -> Jar {
    let mut jar = Jar::default();
    let here = format!("; Domain={host}");
    let domain = attributes.domain.as_deref();
    let domain = domain.map_or(String::new(), |domain| format!("; Domain={domain}"));
    let partitions: &[&str] = match attributes.partitioned {
        true => &["", "; Partitioned"],
        false => &[""],
    };
    for name in names {
        for partition in partitions {
            // A host-only twin from before the partition is left alone with a configured domain.
            let is_settled = partition.is_empty() && attributes.partitioned;
            let scopes: &[&str] = match is_settled {
                true => &[domain.as_str()],
                false => &[domain.as_str(), "", here.as_str()],
            };
            for scope in scopes {
                let line = format!(
                    "{name}=old; Path={}{scope}{partition}; Secure",
                    attributes.path
                );
                jar.take(&line, host, true);
            }
        }
    }
    assert!(!jar.0.is_empty());
    jar
}

/// The line is one header value, and the `cookie` crate finds in it what was meant.
fn assert_no_injection(line: &str, attributes: &CookieAttributes) {
    assert!(
        line.bytes().all(|byte| (0x20..0x7f).contains(&byte)),
        "{line:?}"
    );
    let cookie = Cookie::parse(line).expect("a cookie");
    assert_eq!(set_cookie_name(line), Some(cookie.name()));
    assert_eq!(cookie.path(), Some(attributes.path.as_str()));
    assert_eq!(cookie.http_only().unwrap_or(false), attributes.http_only);
    assert_eq!(cookie.secure().unwrap_or(false), attributes.secure);
    assert_eq!(cookie.same_site(), Some(attributes.same_site));
    let seconds = cookie.max_age().map(|age| age.whole_seconds());
    let wanted = if cookie.value().is_empty() {
        Some(0)
    } else {
        attributes.max_age_seconds.map(i64::from)
    };
    assert_eq!(seconds, wanted);
    assert!(!attributes.partitioned || attributes.secure);
    assert!(attributes.same_site != SameSite::None || attributes.secure);
}

/// What is in the jar has the scope and the attributes of the configuration.
fn assert_scope(jar: &Jar, attributes: &CookieAttributes, host: &str) {
    for cookie in &jar.0 {
        let domain = attributes
            .domain
            .as_deref()
            .map(|domain| domain.trim_start_matches('.').to_ascii_lowercase());
        assert_eq!(cookie.is_host_only, domain.is_none());
        assert_eq!(cookie.domain, domain.unwrap_or_else(|| host.to_owned()));
        assert_eq!(cookie.path, attributes.path);
        assert_eq!(
            (cookie.is_secure, cookie.is_http_only),
            (attributes.secure, attributes.http_only)
        );
        assert_eq!(cookie.same_site, attributes.same_site.to_string());
        assert_eq!(cookie.is_partitioned, attributes.partitioned);
        assert_eq!(
            cookie.max_age_seconds,
            attributes.max_age_seconds.map(i64::from)
        );
    }
}
