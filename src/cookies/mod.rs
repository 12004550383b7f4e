//! The session in the `Cookie` header: finding it, reading it, and what of it the origin sees.
//!
//! Cookies are separated by `;` alone, since a comma is data in a cookie's value: whoever may choose what another
//! cookie holds chooses no session by it. One exception: the runtime joins several `Cookie` header lines with `, `.
//! So a `, ` ends a cookie of the session where a token and `=` follow it, for no client writes a bare comma there.
//!
//! A header may hold thousands of cookies: each function here reads it in one or two passes, and keeps a bounded part.
//!
//! | file | holds |
//! |---|---|
//! | `pairs` | the header as a run of cookies |
//! | `names` | which names are the session's, and which its family's |
//! | `found` | the session's cookies of one header, and the readings of them |
//! | `chunks`, `encoding` | one value: how it is split, and how it is encoded |
//! | `forwarding` | what of the header the origin sees |
//! | `set_cookie` | the lines that write or delete a session |
//! | `error` | why a session cannot be read |
//!
//! The wire format is that of `@supabase/ssr` and, where it differs, of the clients before it. What the JSON inside
//! means is [`crate::session`]'s.

pub mod chunks;
pub mod encoding;
pub mod set_cookie;

pub(crate) mod error;
mod forwarding;
mod found;
mod names;
mod pairs;

pub use self::error::SessionCookieError;
pub use self::forwarding::{Forwarding, forward_header, has_disguised_session, named_only};
pub use self::found::{Candidate, MAX_NAMES_DELETED};
use self::found::{Found, MAX_GENERATIONS, insert};
pub(crate) use self::names::is_flow_id;
pub use self::names::{Member, is_family_name, is_session_name, member};
use self::pairs::pairs;

/// What the `Cookie` header holds of the session.
#[derive(Debug)]
pub struct SessionCookies {
    /// The readings of the header, that of the first occurrence of every name first. Never empty.
    pub candidates: Vec<Candidate>,
    /// True if a name of the session comes more than once.
    pub duplicated: bool,
    /// The session's names in the header, each once, in its order, [`MAX_NAMES_DELETED`] at most:
    /// all that a session was read from, and of the others the first.
    pub names: Vec<String>,
}

impl SessionCookies {
    /// Reads the session of `storage_key`. `None` if none was sent: no cookie of that name, or
    /// only empty ones.
    ///
    /// ```
    /// use edge_session::cookies::SessionCookies;
    ///
    /// let header = r#"theme=dark; K={"access_token":"a","refresh_token":"r","expires_at":1}"#;
    /// let read = SessionCookies::read(header, "K").expect("a session was sent");
    /// let session = read.candidates[0].session.as_ref().expect("it can be read");
    /// assert_eq!(session.refresh_token(), "r");
    /// assert_eq!(read.names, ["K"]);
    /// assert!(SessionCookies::read("theme=dark", "K").is_none());
    /// ```
    pub fn read(header: &str, storage_key: &str) -> Option<Self> {
        if !header.contains(storage_key) {
            return None;
        }
        let found = Found::read(header, storage_key);
        let generations = found.generations()?;
        let mut candidates: Vec<Candidate> = Vec::new();
        for generation in 0..generations.min(MAX_GENERATIONS) {
            let Some(candidate) = found.candidate(generation) else {
                continue;
            };
            if candidates.iter().all(|held| held.parts != candidate.parts) {
                candidates.push(candidate);
            }
        }
        if candidates.is_empty() {
            return None;
        }
        Some(Self {
            candidates,
            duplicated: found.has_twins,
            names: found.names().into_iter().map(str::to_owned).collect(),
        })
    }
}

/// The value of the first cookie named `name`, percent-decoded as clients do.
///
/// Also for cookies in one piece that are not the session's, such as a code verifier.
pub fn value(header: &str, storage_key: &str, name: &str) -> Option<String> {
    let pair = pairs(header, storage_key).find(|pair| pair.name == name)?;
    Some(encoding::percent_decode(pair.value).into_owned())
}

/// The names of the slots in the header whose flow `is_over`, each once and in its order, `most` at most.
pub fn flow_slots(
    header: &str,
    storage_key: &str,
    is_over: impl Fn(&str) -> bool,
    most: usize,
) -> Vec<String> {
    let mut seen = Vec::new();
    let mut names = Vec::new();
    for pair in pairs(header, storage_key) {
        let is_slot = names::flow_of(storage_key, pair.name).is_some_and(&is_over);
        if is_slot && names.len() < most && insert(&mut seen, pair.name) {
            names.push(pair.name.to_owned());
        }
    }
    names
}

/// The names of the family's cookies in the header, each once and in its order, `most` at most. The
/// session's own come before all others, so that no heap of verifiers keeps a sign-out from ending it.
pub fn family_names(header: &str, storage_key: &str, most: usize) -> Vec<String> {
    let mut session = Found::read(header, storage_key).names();
    session.truncate(most);
    let room = most.saturating_sub(session.len());
    let mut session = session.into_iter().peekable();
    let mut others = Vec::new();
    let mut names = Vec::new();
    for pair in pairs(header, storage_key) {
        let is_new = match member(storage_key, pair.name) {
            Some(Member::Session) => session.next_if_eq(&pair.name).is_some(),
            Some(Member::User | Member::Verifier) => {
                others.len() < room && insert(&mut others, pair.name)
            }
            None => false,
        };
        if is_new {
            names.push(pair.name.to_owned());
        }
    }
    names
}
