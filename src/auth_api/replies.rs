//! What an answer of Auth means for a session.
//!
//! Auth's errors have three shapes ([`error_code`]), and their codes are the contract; statuses and sentences are
//! not. A code that is not known here ends nothing: what a later Auth may mean by it is found out by an operator,
//! from the log, while the visitor keeps his session.

use std::fmt;

use serde_json::Value;

use crate::json;
use crate::session::Session;
use crate::time::UnixTime;

/// Largest answer of Auth that is read. A session with a user of many identities stays far below.
pub const MAX_ANSWER_BYTES: usize = 256 * 1024;
/// Auth's code for a refresh token that is no longer the newest.
pub const ALREADY_USED: &str = "refresh_token_already_used";
/// The code of a refresh that was not sent since strangers had used up what there was for it.
pub const BUDGET_SPENT: &str = "refresh_budget_spent";

/// An answer of Auth.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AuthReply {
    /// The status code.
    pub status: u16,
    /// `Retry-After`, if sent.
    pub retry_after: Option<String>,
    /// The body, at most [`MAX_ANSWER_BYTES`].
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unreachable {
    /// The connection failed or broke.
    Network,
    /// The attempt's time was over.
    TimedOut,
    /// The answer is larger than [`MAX_ANSWER_BYTES`].
    TooLarge,
}

impl Unreachable {
    /// The stable code for logs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Network => "auth_network",
            Self::TimedOut => "auth_timeout",
            Self::TooLarge => "auth_answer_too_large",
        }
    }
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Network => "expected an answer of Auth, found a broken connection",
            Self::TimedOut => "expected an answer of Auth in time",
            Self::TooLarge => "expected a shorter answer of Auth",
        })
    }
}

impl std::error::Error for Unreachable {}

/// What Auth's answer to a refresh means.
///
/// Only `Ended` and `Revoked` cost the visitor his session.
#[derive(Clone, Debug)]
pub enum RefreshReply {
    /// Auth says that the session is gone; the code says why.
    Ended(&'static str),
    /// Auth or its gateway refuses this Worker: the operator must act, the session stays.
    Misconfigured(&'static str),
    /// A new session, not verified yet.
    Renewed(Box<Session>),
    /// The session ended before, as its gate knows: Auth was not asked.
    Revoked,
    /// No decision now; the session stays and the same refresh token may be sent again.
    Unavailable {
        /// The stable code for logs.
        code: &'static str,
        /// Whether another attempt can help within this request.
        may_retry: bool,
        /// What the answer says to wait, in milliseconds.
        retry_after_ms: Option<u64>,
    },
}

impl RefreshReply {
    /// The new session, if this is one.
    #[must_use]
    pub fn into_session(self) -> Option<Box<Session>> {
        match self {
            Self::Renewed(session) => Some(session),
            Self::Ended(_) | Self::Misconfigured(_) | Self::Revoked | Self::Unavailable { .. } => {
                None
            }
        }
    }
}

/// Classifies the answer to [`refresh_request`](super::refresh_request).
///
/// | status | meaning |
/// |---|---|
/// | 200 with a session | `Renewed` |
/// | 400 or 403 with a terminal code | `Ended` |
/// | 401, 403, 404, 413 without a code | `Misconfigured`: a gateway that does not know our key |
/// | a refusal with `bad_json` or `captcha_failed` | `Misconfigured`: the request is not what Auth wants |
/// | everything else | `Unavailable` |
///
/// A 429 may be tried again only if it says when: Auth itself never does, so that is a gateway's.
///
/// ```
/// use edge_session::auth_api::{AuthReply, RefreshReply, read_refresh_reply};
/// use edge_session::time::UnixTime;
///
/// let answer = |status, body: &str| {
///     let body = body.as_bytes().to_vec();
///     read_refresh_reply(&Ok(AuthReply { status, body, ..AuthReply::default() }), UnixTime::default())
/// };
/// let gone = answer(400, r#"{"code":"refresh_token_not_found","message":"…"}"#);
/// assert!(matches!(gone, RefreshReply::Ended("refresh_token_not_found")));
/// // The same code with another status is none that Auth gives: nothing ends.
/// let odd = answer(500, r#"{"code":"refresh_token_not_found"}"#);
/// assert!(matches!(odd, RefreshReply::Unavailable { may_retry: true, .. }));
/// let gateway = answer(401, r#"{"message":"Invalid API key"}"#);
/// assert!(matches!(gateway, RefreshReply::Misconfigured("auth_refuses_worker")));
/// ```
#[must_use]
pub fn read_refresh_reply(answer: &Result<AuthReply, Unreachable>, now: UnixTime) -> RefreshReply {
    let reply = match answer {
        Ok(reply) => reply,
        Err(reason) => return unavailable(reason.code(), true, None),
    };
    let retry_after_ms = retry_after_ms(reply.retry_after.as_deref());
    match reply.status {
        200 => Session::from_token_response(&reply.body, now.seconds()).map_or_else(
            |_| unavailable("auth_answer_malformed", true, retry_after_ms),
            |session| RefreshReply::Renewed(Box::new(session)),
        ),
        429 => unavailable(
            "auth_rate_limited",
            retry_after_ms.is_some(),
            retry_after_ms,
        ),
        409 => unavailable("auth_conflict", true, retry_after_ms),
        500..=599 => unavailable("auth_error", true, retry_after_ms),
        201..=299 => unavailable("auth_answer_malformed", true, retry_after_ms),
        status => read_refusal(status, &reply.body),
    }
}

/// No decision, for the reason that `code` names.
pub(super) const fn unavailable(
    code: &'static str,
    may_retry: bool,
    retry_after_ms: Option<u64>,
) -> RefreshReply {
    RefreshReply::Unavailable {
        code,
        may_retry,
        retry_after_ms,
    }
}

/// A 3xx or 4xx: only a terminal code of Auth itself ends the session.
fn read_refusal(status: u16, body: &[u8]) -> RefreshReply {
    let code = error_code(body);
    if let Some(code) = code.as_deref().and_then(|code| terminal_code(status, code)) {
        return RefreshReply::Ended(code);
    }
    match (status, code) {
        // A gateway that does not know our key answers without a code of Auth.
        (401 | 403 | 404 | 413, None) => RefreshReply::Misconfigured("auth_refuses_worker"),
        (_, Some(code)) if matches!(code.as_str(), "bad_json" | "captcha_failed") => {
            RefreshReply::Misconfigured("auth_refuses_request")
        }
        _ => unavailable("auth_refusal_unknown", false, None),
    }
}

/// The codes after which no refresh token of the session can succeed again.
///
/// Source: the token endpoint of Supabase Auth; `invalid_client` is its answer
/// to a session of an OAuth client that no longer exists.
fn terminal_code(status: u16, code: &str) -> Option<&'static str> {
    const AT_400: [&str; 7] = [
        "invalid_client",
        "refresh_token_already_used",
        "refresh_token_not_found",
        "session_expired",
        "session_not_found",
        "user_banned",
        "validation_failed",
    ];
    const AT_403: [&str; 4] = [
        "session_expired",
        "session_not_found",
        "user_banned",
        "user_not_found",
    ];
    let known: &[&'static str] = match status {
        400 => &AT_400,
        403 => &AT_403,
        _ => &[],
    };
    known.iter().copied().find(|known| *known == code)
}

/// The codes of every [`RefreshReply`] but a new session.
///
/// In the order of the alphabet. A gate tells codes as text, and they become these again.
const CODES: [&str; 20] = [
    "auth_answer_malformed",
    "auth_answer_too_large",
    "auth_budget_spent",
    "auth_conflict",
    "auth_error",
    "auth_network",
    "auth_rate_limited",
    "auth_refusal_unknown",
    "auth_refuses_request",
    "auth_refuses_worker",
    "auth_timeout",
    "invalid_client",
    BUDGET_SPENT,
    "refresh_token_already_used",
    "refresh_token_not_found",
    "session_expired",
    "session_not_found",
    "user_banned",
    "user_not_found",
    "validation_failed",
];

/// The code as this module writes it, from a message of another isolate.
///
/// `None` for one of a version that knows more.
#[must_use]
pub fn known_code(code: &str) -> Option<&'static str> {
    CODES.iter().copied().find(|known| *known == code)
}

/// Whether Auth may have done its work although its answer did not arrive: the token may be rotated.
///
/// Whatever else has a status is an answer: Auth rolls back what it began with a 500, and a gateway's 502 is mostly about
/// a request that never arrived.
#[must_use]
pub const fn may_be_lost(answer: &Result<AuthReply, Unreachable>) -> bool {
    match answer {
        // A gateway that waited for Auth in vain.
        Ok(reply) => reply.status == 504,
        Err(reason) => matches!(reason, Unreachable::Network | Unreachable::TimedOut),
    }
}

/// The error code in any of Auth's three shapes: `code` (text), `error_code`, `error`.
///
/// | shape | the code stands in |
/// |---|---|
/// | 2024-01-01 | `code` |
/// | before that, where `code` is the status as a number | `error_code` |
/// | OAuth (RFC 6749 5.2) | `error` |
///
/// ```
/// use edge_session::auth_api::error_code;
///
/// let code = |body: &str| error_code(body.as_bytes());
/// assert_eq!(code(r#"{"code":"conflict"}"#).as_deref(), Some("conflict"));
/// assert_eq!(code(r#"{"code":403,"error_code":"bad_jwt"}"#).as_deref(), Some("bad_jwt"));
/// assert_eq!(code(r#"{"error":"invalid_client"}"#).as_deref(), Some("invalid_client"));
/// assert_eq!(code("<html>502</html>"), None);
/// ```
#[must_use]
pub fn error_code(body: &[u8]) -> Option<String> {
    let body: Value = json::read(body).ok()?;
    ["code", "error_code", "error"]
        .into_iter()
        .find_map(|member| body.get(member)?.as_str())
        .map(str::to_owned)
}

/// `Retry-After` in seconds (RFC 9110 10.2.3); the date form is not honoured, since it needs the sender's clock.
fn retry_after_ms(value: Option<&str>) -> Option<u64> {
    let seconds: u64 = value?.trim().parse().ok()?;
    Some(seconds.saturating_mul(1000))
}

/// What Auth's answer to [`user_request`](super::user_request) means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum UserReply {
    /// The session or its user is gone; the code says which.
    Gone(&'static str),
    /// The token belongs to a live session of the expected user.
    Live,
    /// This access token is not accepted; that says nothing of the session.
    Rejected,
    /// No decision now.
    Unavailable(&'static str),
    /// The token belongs to somebody else.
    WrongUser,
}

/// Classifies the answer to [`user_request`](super::user_request) for a token whose `sub` is `subject`.
///
/// The user's id is compared, since `GET /user` answers for whoever the token is about: it must be the one that was
/// meant. A refused access token says nothing of its session: `bad_jwt` may be a key that was just revoked.
#[must_use]
pub fn read_user_reply(answer: &Result<AuthReply, Unreachable>, subject: &str) -> UserReply {
    let reply = match answer {
        Ok(reply) => reply,
        Err(reason) => return UserReply::Unavailable(reason.code()),
    };
    if reply.status == 200 {
        let user: Option<Value> = json::read(&reply.body).ok();
        let id = user.as_ref().and_then(|user| user.get("id")?.as_str());
        return match id {
            Some(id) if id == subject => UserReply::Live,
            Some(_) => UserReply::WrongUser,
            None => UserReply::Unavailable("auth_answer_malformed"),
        };
    }
    let code = error_code(&reply.body);
    match (reply.status, code.as_deref()) {
        (403, Some("session_not_found")) => UserReply::Gone("session_not_found"),
        (403, Some("user_not_found")) => UserReply::Gone("user_not_found"),
        (400 | 403, Some("user_banned")) => UserReply::Gone("user_banned"),
        (400 | 401 | 403, Some("bad_jwt" | "no_authorization")) => UserReply::Rejected,
        (429, _) => UserReply::Unavailable("auth_rate_limited"),
        (500..=599, _) => UserReply::Unavailable("auth_error"),
        _ => UserReply::Unavailable("auth_refusal_unknown"),
    }
}
