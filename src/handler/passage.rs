//! What is asked of the origin, and what is read of its answer.
//!
//! It is the vocabulary between `origin_request` and `forward` on this side and the shell's `http` on the other;
//! nothing is decided here.

use crate::head::{HeaderEdit, Headers};
use crate::record;

/// What the origin is sent: the visitor's request with these changes.
///
/// The default is a request that goes on untouched.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OriginRequest {
    /// Another URL, if `ORIGIN_URL` is set.
    pub url: Option<String>,
    /// Changes to the headers; what none names stays as it came.
    pub edits: Vec<HeaderEdit>,
    /// True if Cloudflare's cache must neither answer nor store (a session is involved).
    pub bypass_cache: bool,
}

/// One passage through the origin.
#[derive(Clone, Debug)]
pub struct Passage {
    /// What to send.
    pub request: OriginRequest,
    /// Which headers of the answer are needed.
    pub reads: Reads,
    /// True if those of [`location::HEADERS`](crate::location::HEADERS) are needed too: `ORIGIN_URL` has a name that visitors do not know.
    pub reads_location: bool,
    /// True if only the head of the origin's answer may leave: a preflight passed a guard that its sender would not pass.
    ///
    /// Browsers read nothing but the head, and an origin that does not look at the method answers with the page.
    pub is_head_only: bool,
}

/// The head of the origin's answer.
#[derive(Clone, Debug, Default)]
pub struct ResponseHead {
    /// The status code.
    pub status: u16,
    /// The headers, as far as [`Passage::reads`] says that they matter.
    pub headers: Headers,
}

/// Which headers of the origin's answer matter to a request. Each one that is read costs CPU.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reads {
    /// All: whatever speaks to a cache has to go, under any name.
    All,
    /// `Set-Cookie`, and those of [`cache_control::names_read`](crate::cache_control::names_read).
    CacheHeaders,
    /// `Set-Cookie`, and the others too if there is one.
    Cookies,
    /// None.
    Nothing,
}

/// The origin did not answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OriginUnreachable {
    pub(super) cause: String,
}

impl OriginUnreachable {
    /// Takes the runtime's words for it; what could be a secret of the request is left out of them.
    #[must_use]
    pub fn new(words: &str) -> Self {
        Self {
            cause: record::plain_words(words),
        }
    }
}
