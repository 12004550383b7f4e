//! Bodies that the Worker reads itself, and why one cannot be read.
//!
//! Only routes below `AUTH_PATH` read one; every other body passes as a stream that nobody here sees. The reading
//! itself is [`Effect::ReadBody`](super::Effect::ReadBody), the fields are taken out of it by the routes.

use std::fmt;

/// Largest body that a route reads: a form of a few fields.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// Why a body cannot be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BodyError {
    /// The client broke off.
    Broken,
    /// Neither a form nor a JSON object of strings.
    Malformed,
    /// Longer than [`MAX_BODY_BYTES`].
    TooLarge,
}

impl BodyError {
    /// The stable code for logs and answers.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Broken => "body_broken",
            Self::Malformed => "body_malformed",
            Self::TooLarge => "body_too_large",
        }
    }

    /// The status it is answered with.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Broken | Self::Malformed => 400,
            Self::TooLarge => 413,
        }
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken => f.write_str("expected a body, found a broken connection"),
            Self::Malformed => f.write_str("expected a form or a JSON object"),
            Self::TooLarge => write!(f, "expected a body of at most {MAX_BODY_BYTES} bytes"),
        }
    }
}

impl std::error::Error for BodyError {}
