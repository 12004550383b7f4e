//! The names that clients keep for one storage key `K`.
//!
//! ```text
//! K  K.0  K.1 …                the session
//! K-user                       the user of a client that keeps it apart
//! K-code-verifier              the PKCE verifier of the latest flow
//! K-flow-<id>-code-verifier    that of one flow
//! K-flows-code-verifier        the ids of the flows under way
//! ```
//!
//! Each of them can come in chunks, `<name>.0`, `<name>.1`, ….

use super::chunks::MAX_CHUNKS;

/// What a cookie of the family is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Member {
    /// The session itself, or a chunk of it.
    Session,
    /// The user, kept apart from the session.
    User,
    /// A PKCE verifier, or the index of them: a sign-in under way, which says nothing of the session.
    Verifier,
}

/// Where a cookie of the session stands in its value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// The storage key itself.
    Plain,
    /// One of the chunks that are read, and the one behind, which tells that there are too many.
    Chunk(usize),
    /// A chunk that no reader gets to.
    Beyond,
}

/// What the cookie `name` is to the clients of `storage_key`, if anything.
///
/// ```
/// use edge_session::cookies::{Member, member};
///
/// assert_eq!(member("K", "K.0"), Some(Member::Session));
/// assert_eq!(member("K", "K-user"), Some(Member::User));
/// assert_eq!(member("K", "K-code-verifier"), Some(Member::Verifier));
/// // Clients number without leading zeros, so this is somebody else's.
/// assert_eq!(member("K", "K.00"), None);
/// assert_eq!(member("K", "Kx"), None);
/// ```
pub fn member(storage_key: &str, name: &str) -> Option<Member> {
    let rest = name.strip_prefix(storage_key)?;
    let item = match rest.rfind('.').and_then(|dot| rest.split_at_checked(dot)) {
        Some((item, suffix)) if is_chunk_suffix(suffix) => item,
        Some(_) | None => rest,
    };
    match item {
        "" => Some(Member::Session),
        "-user" => Some(Member::User),
        "-code-verifier" | "-flows-code-verifier" => Some(Member::Verifier),
        _ => slot_id(item).map(|_| Member::Verifier),
    }
}

/// True for the storage key and its numbered chunks, `<key>.0`, `<key>.1`, ….
pub fn is_session_name(storage_key: &str, name: &str) -> bool {
    place(storage_key, name).is_some()
}

/// True for every cookie that clients keep for one storage key: the session, the user, the PKCE
/// verifiers with their index, and the chunks of each.
pub fn is_family_name(storage_key: &str, name: &str) -> bool {
    member(storage_key, name).is_some()
}

/// True for the ids of PKCE flows that clients accept: 8 to 64 characters of `A-Za-z0-9_-`.
pub(crate) fn is_flow_id(id: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (8..=64).contains(&id.len()) && id.bytes().all(is_allowed)
}

/// `None` for every name that is not the session's.
pub(super) fn place(storage_key: &str, name: &str) -> Option<Place> {
    let rest = name.strip_prefix(storage_key)?;
    if rest.is_empty() {
        return Some(Place::Plain);
    }
    is_chunk_suffix(rest).then(|| {
        let number = rest.get(1..).and_then(|digits| digits.parse().ok());
        match number {
            Some(number) if number <= MAX_CHUNKS => Place::Chunk(number),
            Some(_) | None => Place::Beyond,
        }
    })
}

/// `.0`, `.1`, … without leading zeros, of any magnitude.
fn is_chunk_suffix(suffix: &str) -> bool {
    match suffix.strip_prefix('.').map(str::as_bytes) {
        Some([b'0']) => true,
        Some([b'1'..=b'9', digits @ ..]) => digits.iter().all(u8::is_ascii_digit),
        Some(_) | None => false,
    }
}

/// The id in `<key>-flow-<id>-code-verifier`, the verifier of one PKCE flow.
pub(super) fn flow_of<'n>(storage_key: &str, name: &'n str) -> Option<&'n str> {
    name.strip_prefix(storage_key).and_then(slot_id)
}

fn slot_id(item: &str) -> Option<&str> {
    let rest = item.strip_prefix("-flow-")?;
    rest.strip_suffix("-code-verifier")
        .filter(|id| is_flow_id(id))
}
