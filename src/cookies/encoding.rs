//! How a session becomes a cookie value.

/// The encoding of a cookie value that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `base64-` and the base64url of the JSON.
    Base64Url,
    /// The JSON itself.
    Raw,
}
