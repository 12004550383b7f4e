//! Answers of the Worker itself: refusals, errors, redirects.
//!
//! Every one of them is uncacheable, and none repeats anything a client sent. What a browser navigates to is told in
//! the words of a page ([`Answer::in_words`]), everything else in JSON.

use crate::cache_control;
use crate::config::ConfigError;
use crate::json::{self, json};
use crate::pages::{ErrorPage, Forbidden, Frame, Html};

/// Seconds after which a visitor whose session could not be decided may try again.
const RETRY_AFTER_SECONDS: &str = "5";

const HTML: &str = "text/html; charset=utf-8";

/// What the client can read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Medium {
    /// A person with a browser.
    Html,
    /// A program.
    Json,
}

/// A complete answer.
///
/// ```
/// use edge_session::answer::{Answer, Medium};
///
/// let answer = Answer::unauthorized(Medium::Json, "expired");
/// assert_eq!(answer.status(), 401);
/// assert_eq!(answer.body(), r#"{"error":"unauthorized","reason":"expired"}"#);
/// assert!(answer.headers().contains(&("cache-control", "private, no-store".to_owned())));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
    words: Words,
}

/// What a page says in place of the body.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Words {
    /// That the account may not see what it asked for.
    Forbidden,
    /// Nothing: the body stays.
    None,
    /// What the status means, and for the operator these details.
    Status(Vec<String>),
}

/// Who reads a page.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reader<'r> {
    /// The account's own name for itself.
    pub account: Option<&'r str>,
    /// Whether there is a route to sign out at.
    pub can_sign_out: bool,
}

impl Answer {
    /// The status code.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The headers; `set-cookie` may come several times.
    #[must_use]
    pub fn headers(&self) -> &[(&'static str, String)] {
        &self.headers
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }

    fn new(status: u16, content_type: Option<&str>, body: String) -> Self {
        let mut headers = vec![
            ("cache-control", cache_control::DENIAL.to_owned()),
            ("vary", "Cookie".to_owned()),
            ("x-content-type-options", "nosniff".to_owned()),
        ];
        headers.extend(content_type.map(|kind| ("content-type", kind.to_owned())));
        Self {
            status,
            headers,
            body,
            words: Words::None,
        }
    }

    /// JSON with any status.
    #[must_use]
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::new(status, Some("application/json"), json::write(&body))
    }

    /// A problem (RFC 9457); a page says `details` of it.
    fn problem_with(status: u16, title: &str, detail: &str, details: Vec<String>) -> Self {
        let body =
            json!({"type": "about:blank", "title": title, "status": status, "detail": detail});
        Self {
            words: Words::Status(details),
            ..Self::new(status, Some("application/problem+json"), json::write(&body))
        }
    }

    fn problem(status: u16, title: &str, detail: &str) -> Self {
        Self::problem_with(status, title, detail, vec![detail.to_owned()])
    }

    /// One of the Worker's own pages, with the policy it has to be sent with.
    #[must_use]
    pub fn page(status: u16, page: Html) -> Self {
        Self::new(status, Some(HTML), page.body).with_policy(page.csp)
    }

    fn with_policy(self, policy: String) -> Self {
        self.with_header("content-security-policy", policy)
            .with_header("x-frame-options", "DENY".to_owned())
    }

    /// An answer that has to be told [`in_words`](Self::in_words).
    fn told(status: u16, words: Words) -> Self {
        Self {
            words,
            ..Self::new(status, Some(HTML), String::new())
        }
    }

    /// True if there are words for it.
    #[must_use]
    pub fn has_words(&self) -> bool {
        self.words != Words::None
    }

    /// The answer as a page, for whoever navigates; other headers stay. What has no words stays as it is.
    #[must_use]
    pub fn in_words(mut self, frame: Frame<'_>, reader: Reader<'_>) -> Self {
        let page = match &self.words {
            Words::None => return self,
            Words::Forbidden => Forbidden {
                frame,
                account: reader.account,
                can_sign_out: reader.can_sign_out,
            }
            .html(),
            Words::Status(details) => ErrorPage {
                frame,
                status: self.status,
                details,
            }
            .html(),
        };
        self.set("content-type", HTML.to_owned());
        self.body = page.body;
        self.words = Words::None;
        self.with_policy(page.csp)
    }

    /// Lets scripts of these origins read the answer (Fetch 3.2), if `origin` is one of them.
    ///
    /// `Vary: Origin` is said to every origin, also to one that is none of these: the answer differs by it.
    #[must_use]
    pub fn with_cors(mut self, allowed: &[String], origin: Option<&str>) -> Self {
        if allowed.is_empty() {
            return self;
        }
        self.set("vary", "Cookie, Origin".to_owned());
        let Some(origin) = origin.filter(|origin| allowed.iter().any(|known| known == origin))
        else {
            return self;
        };
        self.with_header("access-control-allow-origin", origin.to_owned())
            .with_header("access-control-allow-credentials", "true".to_owned())
    }

    fn set(&mut self, name: &str, value: String) {
        for (known, held) in &mut self.headers {
            if *known == name {
                held.clone_from(&value);
            }
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Adds the session's `Set-Cookie` lines, and then forbids every cache to keep the answer.
    #[must_use]
    pub fn with_cookies(mut self, lines: Vec<String>) -> Self {
        if lines.is_empty() {
            return self;
        }
        self.set("cache-control", cache_control::NO_STORE.to_owned());
        self.headers.push(("expires", "0".to_owned()));
        self.headers.push(("pragma", "no-cache".to_owned()));
        self.headers
            .extend(lines.into_iter().map(|line| ("set-cookie", line)));
        self
    }

    /// Keeps the address, in which a code or a token stands, from the next page.
    #[must_use]
    pub fn without_referrer(self) -> Self {
        self.with_header("referrer-policy", "no-referrer".to_owned())
    }

    /// 204.
    #[must_use]
    pub fn no_content() -> Self {
        Self::new(204, None, String::new())
    }

    /// 400 that names what is wrong with the request.
    #[must_use]
    pub fn bad_request(what: &str) -> Self {
        Self::problem(
            400,
            "Bad Request",
            &format!("{what} is missing or not allowed"),
        )
    }

    /// 303 to a page of the site.
    #[must_use]
    pub fn see_other(location: String) -> Self {
        Self::new(303, None, String::new()).with_header("location", location)
    }

    /// 308 to the same address of another host.
    #[must_use]
    pub fn permanent_redirect(location: String) -> Self {
        Self::new(308, None, String::new()).with_header("location", location)
    }

    /// 401 for a client without a session that is not sent to the login page.
    #[must_use]
    pub fn unauthorized(medium: Medium, reason: &str) -> Self {
        let answer = match medium {
            Medium::Html => Self::told(401, Words::Status(Vec::new())),
            Medium::Json => Self::json(401, &json!({"error": "unauthorized", "reason": reason})),
        };
        answer.with_header("www-authenticate", "Bearer".to_owned())
    }

    /// 403 for a session that falls short of the rule.
    #[must_use]
    pub fn forbidden(medium: Medium, reason: &str) -> Self {
        match medium {
            Medium::Html => Self::told(403, Words::Forbidden),
            Medium::Json => Self::json(403, &json!({"error": "forbidden", "reason": reason})),
        }
    }

    /// 503 where the session cannot be decided now.
    #[must_use]
    pub fn unavailable(medium: Medium, reason: &str) -> Self {
        let answer = match medium {
            Medium::Html => Self::told(503, Words::Status(Vec::new())),
            Medium::Json => Self::json(503, &json!({"error": "unavailable", "reason": reason})),
        };
        answer.with_header("retry-after", RETRY_AFTER_SECONDS.to_owned())
    }

    /// 502 where the origin does not answer.
    #[must_use]
    pub fn origin_unreachable() -> Self {
        Self::problem_with(502, "Bad Gateway", "the origin does not answer", Vec::new())
    }

    /// 400 for a path that could lead out of the path of `ORIGIN_URL`.
    #[must_use]
    pub fn path_outside() -> Self {
        Self::problem(
            400,
            "Bad Request",
            "the path can be read as one outside of the site",
        )
    }

    /// 508 for a request that comes back to the Worker that sent it (RFC 5842 7.2).
    #[must_use]
    pub fn loop_detected() -> Self {
        Self::problem(
            508,
            "Loop Detected",
            "the request has been through edge-session five times: set ORIGIN_URL to the site behind it, or bind that as ORIGIN or ASSETS",
        )
    }

    /// 500 that names every variable that is wrong, never its value.
    #[must_use]
    pub fn misconfigured(error: &ConfigError) -> Self {
        let problems: Vec<serde_json::Value> = error
            .problems
            .iter()
            .map(|problem| json!({"variable": problem.variable, "rule": problem.rule}))
            .collect();
        let body = json!({
            "type": "about:blank",
            "title": "Configuration error",
            "status": 500,
            "detail": error.to_string(),
            "problems": problems,
        });
        let details = error.problems.iter().map(ToString::to_string).collect();
        let mut answer = Self {
            words: Words::Status(details),
            ..Self::new(500, Some("application/problem+json"), json::write(&body))
        };
        answer.set("cache-control", "no-store".to_owned());
        answer
    }
}
