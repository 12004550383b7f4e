//! Strings that must not be seen: a key that lands in a log line or a panic message is a key to rotate.

use std::fmt;

use hmac::digest::CtOutput;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

/// A key, a token or another value that is shown to nobody.
///
/// `Debug` prints `[redacted]`, and there is no `Display`, so that the value leaves only where `expose` is written.
///
/// ```
/// use edge_session::secret::Secret;
///
/// let key = Secret::new("sb_secret_abc");
/// assert_eq!(format!("{key:?}"), "[redacted]");
/// assert!(key.matches("sb_secret_abc") && !key.matches("sb_secret_ab"));
/// ```
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

    /// Whether `sent` is the value. It compares keyed digests, which takes the same time whatever was sent.
    #[must_use]
    pub fn matches(&self, sent: &str) -> bool {
        let digest = |text: &str| -> Option<CtOutput<Hmac<Sha256>>> {
            let mut mac = Hmac::<Sha256>::new_from_slice(b"edge-session secret").ok()?;
            mac.update(text.as_bytes());
            Some(mac.finalize())
        };
        digest(&self.0).is_some_and(|expected| digest(sent) == Some(expected))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}
