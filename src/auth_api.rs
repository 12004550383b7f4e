//! Supabase Auth on the wire: the requests this Worker sends and what each answer means for a session.
//!
//! Answers are classified by what has to be done, never by the bare status:
//! only a code that Auth itself uses for a dead session ends one.

use std::fmt;

use serde_json::Value;

use crate::config::Config;
use crate::json::{self, json};
use crate::session::Session;
use crate::time::UnixTime;

/// Largest answer of Auth that is read. A session with a user of many identities stays far below.
pub const MAX_ANSWER_BYTES: usize = 256 * 1024;
/// The error format this module reads (`{"code":"…","message":"…"}`).
const API_VERSION: &str = "2024-01-01";
/// An attempt shorter than this cannot succeed, so it is not started.
const MIN_ATTEMPT_MS: u64 = 100;
/// Pause before the second attempt when Auth names none; shorter where the budget is small.
const RETRY_PAUSE_MS: u64 = 200;
/// The part of what is left that a pause may take.
const RETRY_PAUSE_PART: u64 = 4;
/// After a lost answer the same refresh token is sent again within this time of the first attempt:
/// Auth takes one that it upgraded to its second version for 10 s, and never afterwards.
const REPAIR_MS: u64 = 9_500;
/// Pause before each of these attempts: an outage may be short, and nobody waits.
const REPAIR_PAUSE_MS: u64 = 500;
/// While a call is open its answer may still come: it is asked for again no earlier than this after the first attempt. Auth
/// answers each sending of a token that it upgrades with another one.
const REPAIR_OPEN_MS: u64 = 4_000;
/// An answer is read on for so long after whoever waited for it has gone on: Auth gives up by itself after 10 s
/// (`GOTRUE_API_MAX_REQUEST_DURATION`).
pub const ANSWER_LIMIT_MS: u64 = 12_000;
/// A lost answer is asked for again once: whoever comes next asks anew.
const REPAIR_ATTEMPTS: u8 = 1;
/// The code of a refresh that was not sent since strangers had used up what there was for it.
pub const BUDGET_SPENT: &str = "refresh_budget_spent";
/// A visitor whose token is alive never waits longer than this for a refresh.
pub const ALIVE_BUDGET_MS: u64 = 2000;

/// A request to Auth.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AuthRequest {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The absolute URL.
    pub url: String,
    /// Header names and values.
    pub headers: Vec<(&'static str, String)>,
    /// A JSON body.
    pub body: Option<String>,
}

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

/// `GET /.well-known/jwks.json`.
#[must_use]
pub fn keys_request(config: &Config) -> AuthRequest {
    AuthRequest {
        method: "GET",
        url: config.jwks_url.clone(),
        headers: base_headers(config.publishable_key.expose()),
        body: None,
    }
}

/// `POST /token?grant_type=refresh_token`.
///
/// With the project's secret key the visitor's address is forwarded, so that
/// Auth limits the rate per visitor and not per Worker. The browser's
/// `User-Agent` is never sent: Auth refuses secret keys that come with one.
#[must_use]
pub fn refresh_request(
    config: &Config,
    refresh_token: &str,
    client_ip: Option<&str>,
) -> AuthRequest {
    let mut headers = session_headers(config, client_ip);
    headers.push(("content-type", "application/json".to_owned()));
    AuthRequest {
        method: "POST",
        url: format!("{}/token?grant_type=refresh_token", config.auth_base),
        headers,
        body: Some(json::write(&json!({ "refresh_token": refresh_token }))),
    }
}

/// `GET /user` with the token.
#[must_use]
pub fn user_request(config: &Config, access_token: &str) -> AuthRequest {
    let mut headers = base_headers(config.publishable_key.expose());
    headers.push(("authorization", format!("Bearer {access_token}")));
    AuthRequest {
        method: "GET",
        url: format!("{}/user", config.auth_base),
        headers,
        body: None,
    }
}

/// Headers of a request for a visitor at `client_ip`: with the secret key the
/// visitor's address counts against the rate limit, without it this Worker's.
#[must_use]
pub fn session_headers(config: &Config, client_ip: Option<&str>) -> Vec<(&'static str, String)> {
    match (&config.secret_key, client_ip) {
        (Some(secret), Some(ip)) => {
            let mut headers = base_headers(secret.expose());
            headers.push(("sb-forwarded-for", ip.to_owned()));
            headers
        }
        (Some(_) | None, _) => base_headers(config.publishable_key.expose()),
    }
}

fn base_headers(key: &str) -> Vec<(&'static str, String)> {
    vec![
        ("apikey", key.to_owned()),
        ("accept", "application/json".to_owned()),
        (
            "x-client-info",
            concat!("edge-session/", env!("CARGO_PKG_VERSION")).to_owned(),
        ),
        ("x-supabase-api-version", API_VERSION.to_owned()),
    ]
}

/// What Auth's answer to a refresh means.
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

/// Classifies the answer to [`refresh_request`].
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

fn unavailable(code: &'static str, may_retry: bool, retry_after_ms: Option<u64>) -> RefreshReply {
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

/// What Auth's answer to [`user_request`] means.
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

/// Classifies the answer to [`user_request`] for a token whose `sub` is `subject`.
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

/// The attempts of one refresh: how many, how long, and after which pause.
///
/// Every attempt sends the same refresh token. That is safe: Auth answers the
/// parent of the current token with the current one, without a time limit.
#[derive(Clone, Debug)]
pub struct Attempts {
    deadline: UnixTime,
    is_alive: bool,
    left: u8,
    made: u8,
    pause_ms: u64,
    started: UnixTime,
}

/// What to do next in a refresh.
#[derive(Clone, Debug)]
pub enum Attempt {
    /// No further attempt: this is the result.
    Done(RefreshReply),
    /// Wait, then send the request with this time limit.
    Send {
        /// Milliseconds to wait before sending.
        pause_ms: u64,
        /// Milliseconds the attempt may take.
        timeout_ms: u64,
    },
}

impl Attempts {
    /// The plan for a token that is still alive (one attempt) or dead (two), within `budget_ms` from `now`.
    #[must_use]
    pub const fn new(is_alive: bool, budget_ms: u64, now: UnixTime) -> Self {
        Self {
            deadline: now.plus_millis(budget_ms),
            is_alive,
            left: if is_alive { 1 } else { 2 },
            made: 0,
            pause_ms: RETRY_PAUSE_MS,
            started: now,
        }
    }

    /// The plan for after a lost answer, which nobody waits for. The visitor of a dead token has seen that nothing could
    /// be decided, and comes again by himself.
    #[must_use]
    pub const fn repair(&self) -> Self {
        Self {
            deadline: self.started.plus_millis(REPAIR_MS),
            is_alive: self.is_alive,
            left: if self.is_alive { REPAIR_ATTEMPTS } else { 0 },
            made: 0,
            pause_ms: REPAIR_PAUSE_MS,
            started: self.started,
        }
    }

    /// How long a plan for after a lost answer waits before it begins, longer if a call `is_open`; `None` where it would be
    /// too late for it.
    #[must_use]
    pub fn pause_before_repair(&self, is_open: bool, now: UnixTime) -> Option<u64> {
        let open_until = self.started.plus_millis(REPAIR_OPEN_MS);
        let open_ms = if is_open {
            now.millis_until(open_until)
        } else {
            0
        };
        let pause_ms = self.pause_ms.max(open_ms);
        self.clone().send(pause_ms, now)?;
        Some(pause_ms)
    }

    /// Attempts started so far.
    #[must_use]
    pub const fn made(&self) -> u8 {
        self.made
    }

    /// The first attempt.
    #[must_use]
    pub fn first(&mut self, now: UnixTime) -> Attempt {
        self.send(0, now)
            .unwrap_or_else(|| Attempt::Done(unavailable("auth_budget_spent", false, None)))
    }

    /// The next attempt after `reply`, or the end.
    #[must_use]
    pub fn after(&mut self, reply: RefreshReply, now: UnixTime) -> Attempt {
        let RefreshReply::Unavailable {
            may_retry: true,
            retry_after_ms,
            ..
        } = &reply
        else {
            return Attempt::Done(reply);
        };
        let left_ms = now.millis_until(self.deadline);
        let short_ms = self.pause_ms.min(left_ms / RETRY_PAUSE_PART);
        let pause_ms = retry_after_ms.unwrap_or(short_ms);
        self.send(pause_ms, now).unwrap_or(Attempt::Done(reply))
    }

    fn send(&mut self, pause_ms: u64, now: UnixTime) -> Option<Attempt> {
        let left_ms = now.millis_until(self.deadline).checked_sub(pause_ms)?;
        if self.left == 0 || left_ms < MIN_ATTEMPT_MS {
            return None;
        }
        // A first attempt that hangs must leave time for the second.
        let timeout_ms = if self.left > 1 {
            left_ms * 3 / 5
        } else {
            left_ms
        };
        self.left -= 1;
        self.made += 1;
        Some(Attempt::Send {
            pause_ms,
            timeout_ms,
        })
    }
}
