//! Strings that must not be seen: a key that lands in a log line or a panic message is a key to rotate.

use std::fmt;

/// A key, a token or another value that is shown to nobody.
///
/// `Debug` prints `[redacted]`, and there is no `Display`, so that the value leaves only where `expose` is written.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a value into custody.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the request header or the signature that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}
