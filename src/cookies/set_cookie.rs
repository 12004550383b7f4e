//! The attributes of a `Set-Cookie`.

/// The `SameSite` attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Sent on top-level navigations from other sites.
    Lax,
    /// Sent on every request, which browsers accept with `Secure` only.
    None,
    /// Sent on requests of the same site only.
    Strict,
}
