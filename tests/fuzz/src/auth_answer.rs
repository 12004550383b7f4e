//! An answer of Auth, whatever it says.
//!
//! - A session ends only by a code that Auth has for a dead one, with the status that belongs to it.
//! - Only a session that a good signature gives to the same user, for longer, is written.
//! - An answer to `GET /user` confirms only the user it was asked about.
//! - Whatever is written or deleted, no cache keeps it.

use std::rc::Rc;

use edge_session::auth_api::{
    AuthReply, RefreshReply, Unreachable, UserReply, known_code, read_refresh_reply,
    read_user_reply,
};
use edge_session::config::Config;
use edge_session::time::UnixTime;
use serde_json::{Value, json};

use super::lines;
use super::play::{Played, play};
use super::site::{
    JWT_SECRET, NOW, SESSION, USER, claims, cookie_header, decode, guarded, hs256, mac,
};

const NO_STORE: &str = "private, no-cache, no-store, must-revalidate, max-age=0";

/// The input is a status, a `Retry-After` and a body, in which `$0` … `$9` stand for tokens.
pub fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let [status, retry_after, body] = lines(&text);
    let reply = match status.parse() {
        Ok(status) => Ok(AuthReply {
            status,
            retry_after: Some(retry_after.to_owned()).filter(|value| !value.is_empty()),
            body: without_surrogates(&with_tokens(body)).into_bytes(),
        }),
        Err(_) => Err(Unreachable::TimedOut),
    };
    classified(&reply);
    thread_local! {
        static SITE: [Rc<Config>; 2] = [guarded(&[]), guarded(&[("RULES", r#"[{"verify":"live"}]"#)])];
    }
    let visit = |site: usize, exp: u64| {
        let token = hs256(&changed(&json!({"exp": exp})), JWT_SECRET);
        let headers = [
            ("cookie", cookie_header(&token)),
            ("x-session-user-id", "forged".to_owned()),
        ];
        let headers = headers
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        SITE.with(|sites| play(&sites[site], "https://site.example/page", &headers, &reply))
    };
    refreshed(&visit(0, NOW - 60), &reply, NOW - 60);
    refreshed(&visit(0, NOW + 30), &reply, NOW + 30);
    asked(&visit(1, NOW + 3600), &reply);
}

/// What the answer means by itself.
fn classified(reply: &Result<AuthReply, Unreachable>) {
    match read_refresh_reply(reply, UnixTime::from_seconds(NOW)) {
        RefreshReply::Ended(code) => assert!(ends(reply) && known_code(code) == Some(code)),
        RefreshReply::Misconfigured(code) => {
            assert!(!ends(reply) && known_code(code) == Some(code))
        }
        RefreshReply::Renewed(session) => {
            let body = json_body(reply, 200).expect("an object");
            assert_eq!(body["access_token"], session.access_token());
            assert_eq!(body["refresh_token"], session.refresh_token());
        }
        RefreshReply::Revoked => unreachable!("only a gate says so"),
        RefreshReply::Unavailable { code, .. } => {
            assert!(!ends(reply) && known_code(code) == Some(code))
        }
    }
    let is_user = json_body(reply, 200).is_some_and(|body| body["id"] == USER);
    assert_eq!(read_user_reply(reply, USER) == UserReply::Live, is_user);
}

/// A visitor whose token is dead or about to be.
fn refreshed(played: &Played, reply: &Result<AuthReply, Unreachable>, exp: u64) {
    assert!(
        played.steps.contains(&"refresh_session"),
        "{:?}",
        played.steps
    );
    let (written, deleted) = cookies(played);
    let renewed =
        json_body(reply, 200).and_then(|body| body["access_token"].as_str().map(str::to_owned));
    let is_renewed = renewed.is_some_and(|token| renews(&token, exp));
    assert!(!written || is_renewed, "{played:?}");
    assert_eq!(deleted && !written, ends(reply), "{played:?}");
    let is_alive = exp > NOW && !ends(reply);
    let is_named = written || is_alive;
    assert_eq!(played.named_user(), is_named.then_some(USER), "{played:?}");
}

/// A visitor whose session Auth was asked about.
fn asked(played: &Played, reply: &Result<AuthReply, Unreachable>) {
    assert!(played.steps.contains(&"ask_user"), "{:?}", played.steps);
    let is_live = read_user_reply(reply, USER) == UserReply::Live;
    assert_eq!(played.named_user(), is_live.then_some(USER));
    let (written, deleted) = cookies(played);
    assert!(!written);
    let is_other_user =
        json_body(reply, 200).is_some_and(|body| body["id"].is_string() && body["id"] != USER);
    let gone = ["session_not_found", "user_not_found", "user_banned"];
    let is_gone = code(reply).is_some_and(|(status, code)| {
        gone.contains(&code.as_str()) && (status == 403 || status == 400 && code == "user_banned")
    });
    assert_eq!(deleted, is_other_user || is_gone, "{played:?}");
}

/// Whether a session was written, and whether a cookie of one was deleted.
fn cookies(played: &Played) -> (bool, bool) {
    let lines = played.set_cookies();
    let (deleting, writing): (Vec<&str>, Vec<&str>) =
        lines.iter().partition(|line| line.contains("; Max-Age=0;"));
    assert!(
        lines.is_empty() || played.cache_control() == Some(NO_STORE),
        "{played:?}"
    );
    (!writing.is_empty(), !deleting.is_empty())
}

/// True if Auth says that the session is over: its codes, from the source of its token endpoint.
fn ends(reply: &Result<AuthReply, Unreachable>) -> bool {
    const AT_BOTH: [&str; 3] = ["session_expired", "session_not_found", "user_banned"];
    const AT_400: [&str; 4] = [
        "invalid_client",
        "refresh_token_already_used",
        "refresh_token_not_found",
        "validation_failed",
    ];
    code(reply).is_some_and(|(status, code)| match status {
        400 => AT_BOTH.contains(&code.as_str()) || AT_400.contains(&code.as_str()),
        403 => AT_BOTH.contains(&code.as_str()) || code == "user_not_found",
        _ => false,
    })
}

/// The status and the first of the three members in which Auth names a code.
fn code(reply: &Result<AuthReply, Unreachable>) -> Option<(u16, String)> {
    let status = reply.as_ref().ok()?.status;
    let body = json_body(reply, status)?;
    let mut named = ["code", "error_code", "error"]
        .into_iter()
        .filter_map(|name| body[name].as_str());
    named.next().map(|code| (status, code.to_owned()))
}

fn json_body(reply: &Result<AuthReply, Unreachable>, status: u16) -> Option<Value> {
    let reply = reply.as_ref().ok().filter(|reply| reply.status == status)?;
    serde_json::from_slice(&reply.body)
        .ok()
        .filter(Value::is_object)
}

/// True if the token is one of the visitor's session and ends later.
fn renews(token: &str, exp: u64) -> bool {
    let parts = token.rsplit_once('.');
    let is_signed = parts.is_some_and(|(input, signature)| mac(input, JWT_SECRET) == signature);
    let claims = token.split('.').nth(1).and_then(decode);
    let claims: Option<Value> = claims.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    is_signed
        && claims.is_some_and(|claims| {
            claims["sub"] == USER
                && claims["session_id"] == SESSION
                && claims["exp"].as_u64() > Some(exp.max(NOW - 5))
        })
}

/// The visitor's claims with some of them changed.
fn changed(changes: &Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

/// The Worker also reads escapes of half a surrogate pair, as JavaScript does and the parser of this judge does not.
fn without_surrogates(body: &str) -> String {
    body.replace("\\ud", "\\u0").replace("\\uD", "\\u0")
}

/// Puts tokens in the place of their marks.
fn with_tokens(body: &str) -> String {
    if !body.contains('$') {
        return body.to_owned();
    }
    let other = "11111111-2222-4333-8444-555555555555";
    let later = json!({"exp": NOW + 7200});
    let tokens = [
        hs256(&changed(&later), JWT_SECRET),
        hs256(&changed(&later), "another secret of at least 32 bytes"),
        hs256(
            &changed(&json!({"exp": NOW + 7200, "sub": other})),
            JWT_SECRET,
        ),
        hs256(
            &changed(&json!({"exp": NOW + 7200, "session_id": other})),
            JWT_SECRET,
        ),
        hs256(&changed(&json!({"exp": NOW - 120})), JWT_SECRET),
        hs256(&changed(&json!({"exp": NOW + 20})), JWT_SECRET),
        hs256(
            &changed(&json!({"exp": NOW + 7200, "aud": "anon"})),
            JWT_SECRET,
        ),
        hs256(
            &changed(&json!({"exp": NOW + 7200, "iat": NOW + 60})),
            JWT_SECRET,
        ),
        hs256(
            &changed(&json!({"exp": NOW + 7200, "session_id": null})),
            JWT_SECRET,
        ),
        USER.to_owned(),
    ];
    let put =
        |body: String, (index, token): (usize, &String)| body.replace(&format!("${index}"), token);
    tokens.iter().enumerate().fold(body.to_owned(), put)
}
