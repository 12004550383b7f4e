//! The only notion of time: a value that callers pass in.
//!
//! Nothing outside of the shell reads a clock: the shell reads it once for each step, and tests pass whatever they
//! like.

/// A point in time, in milliseconds since 1970-01-01T00:00:00Z.
///
/// Arithmetic saturates, so that no token can make it overflow.
///
/// ```
/// use edge_session::time::UnixTime;
///
/// let issued = UnixTime::from_seconds(1_790_000_000);
/// let expires = issued.plus_seconds(3_600);
/// assert_eq!(expires.millis_since(issued), 3_600_000);
/// // What lies behind is 0 milliseconds away, never less.
/// assert_eq!(issued.millis_since(expires), 0);
/// assert_eq!(UnixTime::from_seconds(u64::MAX).plus_seconds(1).seconds(), u64::MAX / 1000);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct UnixTime(u64);

impl UnixTime {
    /// The point `millis` milliseconds after the epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// The point `seconds` seconds after the epoch.
    #[must_use]
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0 / 1000
    }

    /// This point, `millis` milliseconds later.
    #[must_use]
    pub const fn plus_millis(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// This point, `seconds` seconds later.
    #[must_use]
    pub const fn plus_seconds(self, seconds: u64) -> Self {
        self.plus_millis(seconds.saturating_mul(1000))
    }

    /// Milliseconds from `earlier` to here; 0 if `earlier` is later.
    #[must_use]
    pub const fn millis_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Milliseconds from here to `later`; 0 if it has passed.
    #[must_use]
    pub const fn millis_until(self, later: Self) -> u64 {
        later.0.saturating_sub(self.0)
    }
}
