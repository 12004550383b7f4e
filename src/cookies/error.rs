//! Why a session cookie cannot be read.
//!
//! The cookie is then deleted, but for [`UnknownEncoding`](SessionCookieError::UnknownEncoding), which a later client
//! may read. The codes are reasons of the log line.

use std::fmt;

/// Why a session cookie cannot be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SessionCookieError {
    /// What follows the `base64-` prefix is not base64url.
    NotBase64Url,
    /// The value is not JSON.
    NotJson,
    /// The decoded value is not UTF-8.
    NotUtf8,
    /// The session is larger than any real one.
    TooLarge,
    /// There are more chunks than any real session has.
    TooManyChunks,
    /// The prefix names an encoding that a later client may have introduced.
    UnknownEncoding,
    /// The JSON is not a session with both tokens.
    WrongShape,
}

impl SessionCookieError {
    /// The stable word for logs and tests.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotBase64Url => "not_base64url",
            Self::NotJson => "not_json",
            Self::NotUtf8 => "not_utf8",
            Self::TooLarge => "too_large",
            Self::TooManyChunks => "too_many_chunks",
            Self::UnknownEncoding => "unknown_encoding",
            Self::WrongShape => "wrong_shape",
        }
    }
}

impl fmt::Display for SessionCookieError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotBase64Url => "session is not base64url after its prefix",
            Self::NotJson => "session is not JSON",
            Self::NotUtf8 => "session is not UTF-8",
            Self::TooLarge => "session is larger than 64 KiB",
            Self::TooManyChunks => "session has more than 32 chunks",
            Self::UnknownEncoding => "session has an unknown encoding prefix",
            Self::WrongShape => "session is not an object with both tokens and an expiry",
        })
    }
}

impl std::error::Error for SessionCookieError {}
