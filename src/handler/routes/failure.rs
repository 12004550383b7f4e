//! Why a route did not do what it was asked for, and what it answers when it did.
//!
//! Programs are told the code and its status; a form is sent back to its page with `error=<code>`, where the page
//! finds words for it. Auth's own sentence is never repeated: it may name an address, and its wording is no
//! contract.

use serde_json::Value;

use crate::answer::Answer;
use crate::auth_api::{AuthReply, Unreachable, error_code};
use crate::json::json;

use super::super::visit::Visit;
use super::errand::Errand;
use super::reply::Reply;

/// Why a route did not do what it was asked for.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) status: u16,
    pub(super) code: String,
}

impl Failure {
    pub(super) fn new(status: u16, code: &str) -> Self {
        let code = code.to_owned();
        Self { status, code }
    }

    /// Something that the request itself lacks.
    pub(super) fn invalid() -> Self {
        Self::new(400, "validation_failed")
    }

    /// What Auth's answer means where it is no success. Without a code it is a gateway's, or no answer of Auth at
    /// all, and nothing that a visitor could mend.
    ///
    /// # Errors
    /// Codes of 4xx answers reach the visitor, since they say what he can mend. Anything else is 503.
    pub(super) fn of_auth(reply: Result<AuthReply, Unreachable>) -> Result<AuthReply, Self> {
        let reply = reply.map_err(|reason| Self::new(503, reason.code()))?;
        if (200..300).contains(&reply.status) {
            return Ok(reply);
        }
        let code = error_code(&reply.body).map(|code| plain_code(&code));
        Err(match (reply.status, code) {
            (429, None) => Self::new(429, "over_request_rate_limit"),
            (status @ 400..=499, Some(code)) => Self { status, code },
            (_, Some(code)) => Self { status: 503, code },
            (_, None) => Self::new(503, "unexpected_failure"),
        })
    }

    /// The answer: back to the form with the code, or the code itself.
    pub(super) fn answer(&self, visit: &Visit, errand: &Errand) -> Answer {
        if errand.is_program {
            return Answer::json(self.status, &json!({ "error": self.code }));
        }
        Answer::see_other(errand.back(visit, &[("error", &self.code)]))
    }

    pub(super) fn reply(&self, visit: &Visit, errand: &Errand, reason: &'static str) -> Reply {
        Reply::new(self.answer(visit, errand), reason)
    }
}

/// The answer to what is done: on to `next`, or what there is to say; 204 where that is nothing.
pub(super) fn done(visit: &Visit, errand: &Errand, said: Option<&Value>) -> Answer {
    match (errand.is_program, said) {
        (true, Some(said)) => Answer::json(200, said),
        (true, None) => Answer::no_content(),
        (false, _) => Answer::see_other(visit.next_location(&errand.next)),
    }
}

/// An error code as it may stand in a URL; anything else came from nowhere we know.
pub(super) fn plain_code(code: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if code.is_empty() || code.len() > 64 || !code.bytes().all(is_plain) {
        return "unspecified_error".to_owned();
    }
    code.to_owned()
}
