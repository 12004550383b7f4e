//! What can be read of a refresh token: its version, and in the second one how often Auth has rotated the session.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Length of Auth's refresh tokens of the first version; those of the second have 51 bytes or more.
const FIRST_VERSION_LENGTH: usize = 12;
/// Bytes of a session's id in a refresh token of the second version.
const ID_LENGTH: usize = 16;
/// Bytes behind its counter: an HMAC of 16 and a checksum of 4.
const SEAL_LENGTH: usize = 20;
/// Bytes of the longest counter.
const MAX_COUNTER_LENGTH: usize = 9;

/// Whether a refresh token is of the first version.
pub(super) const fn is_first(refresh_token: &str) -> bool {
    refresh_token.len() == FIRST_VERSION_LENGTH
}

/// The counter of a refresh token of the second version: `00`, the session's id, an unsigned LEB128, the seal. The seal is
/// Auth's to check: what a visitor sends may say anything.
pub(super) fn counter(refresh_token: &str) -> Option<u64> {
    let bytes = URL_SAFE_NO_PAD.decode(refresh_token).ok()?;
    let sealed = bytes.strip_prefix(&[0])?.get(ID_LENGTH..)?;
    let counter = sealed.get(..sealed.len().checked_sub(SEAL_LENGTH)?)?;
    let is_counter = (1..=MAX_COUNTER_LENGTH).contains(&counter.len());
    let digits = counter.iter().rev().map(|byte| u64::from(byte & 0x7f));
    is_counter.then(|| digits.fold(0, |sum, digit| sum << 7 | digit))
}
