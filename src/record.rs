//! The one log line of a request: enums, numbers and what the operator wrote himself, so that nothing secret can be in
//! it. Only where he asks for it (`LOG_PATH`) does it say what was requested.
//!
//! Every request has exactly one, whatever becomes of it; `docs/operating.md` shows it to operators. Metrics and
//! `X-Session-Explanation` are other forms of the same record.

use std::borrow::Cow;

use crate::json;

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Level {
    /// The operator must act.
    Error,
    /// The record of a request.
    #[default]
    Info,
}

/// Milliseconds spent waiting in each stage. The runtime's clock moves only
/// with I/O, so time of computing is not in it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Stages {
    /// Key set: `SESSION_KV` and Auth.
    pub keys: u64,
    /// Signature check.
    pub verify: u64,
    /// Refresh and `GET /user`.
    pub auth: u64,
    /// From the request to the origin to its first byte.
    pub origin: u64,
    /// The whole request up to the answer's head.
    pub total: u64,
}

/// The canonical log line.
#[derive(Clone, Debug, Default)]
pub struct RequestRecord {
    /// Error if the operator must act, else info.
    pub level: Level,
    /// What enforcing would have done; only while `MODE` is `observe`.
    pub would: Option<&'static str>,
    /// Whether enforcing would have deleted the session's cookies beside denying.
    pub would_delete: bool,
    /// The outcome's word.
    pub outcome: &'static str,
    /// The stable code of why.
    pub reason: &'static str,
    /// Index of the rule in `RULES`; none if no rule matched.
    pub rule: Option<usize>,
    /// What the operator calls the rule.
    pub rule_name: Option<String>,
    /// What the rule's guard missed: `session`, `decision`, or the code of a
    /// [`Shortfall`](crate::rules::Shortfall).
    pub denied: Option<&'static str>,
    /// Requests sent to Auth for this request.
    pub auth_calls: u32,
    /// How the gate served the refresh.
    pub gate: &'static str,
    /// Where the key set came from.
    pub keys: &'static str,
    /// Session cookies set or deleted.
    pub cookies: usize,
    /// Milliseconds per stage.
    pub ms: Stages,
    /// Status of the answer.
    pub status: u16,
    /// Why the origin did not answer, in the runtime's words.
    pub origin_error: Option<String>,
    /// Method, host and path of the request, if `LOG_PATH` is on.
    pub place: Option<Place>,
    /// Cloudflare's id of the request.
    pub ray: Option<String>,
}

/// What was requested. The query is left out: codes and tokens stand there.
#[derive(Clone, Debug)]
pub struct Place {
    /// The method.
    pub method: String,
    /// The host, with its port.
    pub host: String,
    /// The path.
    pub path: String,
}

impl Place {
    fn members(&self) -> String {
        [
            text(",\"method\":", Some(&self.method)),
            text(",\"host\":", Some(&self.host)),
            text(",\"path\":", Some(&self.path)),
        ]
        .concat()
    }
}

/// A member whose value others wrote, if there is one.
fn text(start: &str, value: Option<&str>) -> String {
    value.map_or_else(String::new, |value| [start, &json::write(&value)].concat())
}

/// Most numbers of a line are 0.
fn digits(number: u64) -> Cow<'static, str> {
    if number == 0 {
        Cow::Borrowed("0")
    } else {
        Cow::Owned(number.to_string())
    }
}

/// Longest cause that is logged, in words.
const MAX_WORDS: usize = 24;
/// Longest word of a cause: error messages have none that is longer, and every secret of the configuration has 32 bytes
/// at least.
const MAX_WORD_BYTES: usize = 31;

/// A message as it may be logged: plain words stay, and whatever could be an address, an e-mail address, a parameter or
/// a token becomes `…`.
///
/// ```
/// use edge_session::record::plain_words;
///
/// let words = plain_words("Network connection lost at http://inner/?token=abc");
/// assert_eq!(words, "Network connection lost at …");
/// ```
#[must_use]
pub fn plain_words(message: &str) -> String {
    let words: Vec<&str> = message
        .split_ascii_whitespace()
        .take(MAX_WORDS)
        .map(plain_word)
        .collect();
    words.join(" ")
}

fn plain_word(word: &str) -> &str {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".,:;()'_-\"".contains(&byte);
    if word.len() <= MAX_WORD_BYTES && word.bytes().all(is_plain) {
        word
    } else {
        "…"
    }
}

impl Level {
    /// The level's word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Info => "info",
        }
    }
}

impl RequestRecord {
    /// The line: one object of JSON.
    ///
    /// Joined of its pieces: what walks through a struct to write it makes as many calls as all decisions about a request
    /// to the site. Only what others wrote needs to be escaped.
    #[must_use]
    pub fn line(&self) -> String {
        let [would, would_word] = self
            .would
            .map_or([""; 2], |would| ["\",\"would\":\"", would]);
        let [denied, denied_word, denied_end] = self
            .denied
            .map_or([""; 3], |denied| [",\"denied\":\"", denied, "\""]);
        let would_delete = if self.would_delete {
            "\",\"would_delete\":true,\"outcome\":\""
        } else {
            "\",\"outcome\":\""
        };
        let rule = self
            .rule
            .map_or(Cow::Borrowed("null"), |rule| digits(rule as u64));
        let ms = &self.ms;
        [
            "{\"level\":\"",
            self.level.word(),
            would,
            would_word,
            would_delete,
            self.outcome,
            "\",\"reason\":\"",
            self.reason,
            "\",\"rule\":",
            &rule,
            &text(",\"rule_name\":", self.rule_name.as_deref()),
            denied,
            denied_word,
            denied_end,
            ",\"auth_calls\":",
            &digits(self.auth_calls.into()),
            ",\"gate\":\"",
            self.gate,
            "\",\"keys\":\"",
            self.keys,
            "\",\"cookies\":",
            &digits(self.cookies as u64),
            ",\"ms\":{\"keys\":",
            &digits(ms.keys),
            ",\"verify\":",
            &digits(ms.verify),
            ",\"auth\":",
            &digits(ms.auth),
            ",\"origin\":",
            &digits(ms.origin),
            ",\"total\":",
            &digits(ms.total),
            "},\"status\":",
            &digits(self.status.into()),
            &text(",\"origin_error\":", self.origin_error.as_deref()),
            &self.place.as_ref().map(Place::members).unwrap_or_default(),
            &text(",\"ray\":", self.ray.as_deref()),
            "}",
        ]
        .concat()
    }

    /// Adds the origin's time, which passed before the decision and not after it.
    pub const fn add_origin_time(&mut self, ms: u64) {
        self.ms.origin = ms;
        self.ms.total = self.ms.total.saturating_add(ms);
    }

    /// The record for an operator, as a dictionary of structured fields (RFC 9651).
    ///
    /// ```
    /// use edge_session::record::RequestRecord;
    ///
    /// let record = RequestRecord {
    ///     outcome: "valid",
    ///     reason: "token_valid",
    ///     keys: "memory",
    ///     gate: "none",
    ///     status: 200,
    ///     ..RequestRecord::default()
    /// };
    /// assert!(record.explanation().starts_with("outcome=valid, reason=token_valid, status=200, keys=memory"));
    /// ```
    #[must_use]
    pub fn explanation(&self) -> String {
        let (outcome, reason, status) = (self.outcome, self.reason, self.status);
        let mut text = format!("outcome={outcome}, reason={reason}, status={status}");
        let options = [("would", self.would), ("denied", self.denied)];
        for (name, value) in options {
            text.extend(value.map(|value| format!(", {name}={value}")));
        }
        text.extend(self.rule.map(|rule| format!(", rule={rule}")));
        let (keys, gate, calls, cookies) = (self.keys, self.gate, self.auth_calls, self.cookies);
        let ms = &self.ms;
        text + &format!(
            ", keys={keys}, gate={gate}, auth_calls={calls}, cookies={cookies}, ms={};keys={};verify={};auth={};origin={}",
            ms.total, ms.keys, ms.verify, ms.auth, ms.origin
        )
    }

    /// The `Server-Timing` entry of the request (Server Timing, W3C): outcome and whole time.
    #[must_use]
    pub fn server_timing(&self) -> String {
        format!(
            "edge-session;desc=\"{}\";dur={}",
            self.outcome, self.ms.total
        )
    }
}
