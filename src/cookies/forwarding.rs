//! The `Cookie` header for the origin.
//!
//! The rule is that the origin sees the session that was verified here, or none: whichever parser it has, with
//! whichever rule for duplicates, it must not find another one. Cookies that are not the session's are none of our
//! business and stay byte for byte.

use super::found::{Candidate, Found};
use super::names::{Place, is_family_name, is_session_name, place};
use super::pairs::{Pair, pairs};

/// White space around a cookie and its name (RFC 6265 5.2).
const BLANKS: [char; 2] = [' ', '\t'];

/// How the session's cookies reach the origin.
///
/// Which of them holds is decided by the handler's `origin_request`.
#[derive(Debug)]
pub enum Forwarding<'a> {
    /// No cookie of the session's family does.
    DropFamily,
    /// None of the session's own cookies does; PKCE verifiers do.
    DropSession,
    /// The session does as it came. Of duplicated names only the cookies of this reading do, so
    /// that an origin whose parser lets the last name win sees the session that was verified.
    Keep(&'a Candidate),
    /// These names and wire values stand for the session.
    Replace(&'a [(String, String)]),
}

/// The `Cookie` header for the origin; `None` if no cookie is left.
///
/// Cookies that are not the session's stay byte for byte and in order. New ones follow them.
///
/// ```
/// use edge_session::cookies::{Forwarding, forward_header};
///
/// let header = "a=1;  K=old; K-code-verifier=v; b=2";
/// let none = forward_header(header, "K", &Forwarding::DropSession);
/// assert_eq!(none.as_deref(), Some("a=1; K-code-verifier=v; b=2"));
/// let none = forward_header(header, "K", &Forwarding::DropFamily);
/// assert_eq!(none.as_deref(), Some("a=1; b=2"));
///
/// let new = [("K".to_owned(), "new".to_owned())];
/// let replaced = forward_header("K=old; b=2", "K", &Forwarding::Replace(&new));
/// assert_eq!(replaced.as_deref(), Some("b=2; K=new"));
/// ```
pub fn forward_header(
    header: &str,
    storage_key: &str,
    forwarding: &Forwarding<'_>,
) -> Option<String> {
    let added: &[(String, String)] = match forwarding {
        Forwarding::Keep(_) if is_unambiguous(header, storage_key) => {
            return (!header.is_empty()).then(|| header.to_owned());
        }
        Forwarding::Replace(cookies) => cookies,
        Forwarding::DropFamily | Forwarding::DropSession | Forwarding::Keep(_) => &[],
    };
    let mut kept = Kept::new(forwarding);
    let mut forwarded = String::with_capacity(header.len());
    let mut is_empty = true;
    for pair in pairs(header, storage_key) {
        if !is_kept(&pair, storage_key, forwarding, &mut kept) {
            continue;
        }
        append(&mut forwarded, pair.raw);
        is_empty &= pair.raw.trim_matches(BLANKS).is_empty();
    }
    for (name, value) in added {
        append(&mut forwarded, &format!(" {name}={value}"));
        is_empty = false;
    }
    (!is_empty).then_some(forwarded)
}

/// The cookies of these names alone, byte for byte and in order; `None` if there is none.
///
/// For paths whose page is the same for everyone: what is not named here, the origin must not know.
pub fn named_only(header: &str, storage_key: &str, names: &[String]) -> Option<String> {
    let mut kept = String::new();
    for pair in pairs(header, storage_key) {
        if names.iter().any(|name| name == pair.name) {
            append(&mut kept, pair.raw);
        }
    }
    (!kept.is_empty()).then_some(kept)
}

/// The first cookie loses the blanks in front of it, which separated it from one that is gone.
fn append(header: &mut String, raw: &str) {
    if header.is_empty() {
        header.push_str(raw.trim_start_matches(BLANKS));
    } else {
        header.push(';');
        header.push_str(raw);
    }
}

/// True if every reader finds the same session in the header as it stands.
fn is_unambiguous(header: &str, storage_key: &str) -> bool {
    let found = Found::read(header, storage_key);
    !found.has_twins
        && !found.is_full
        && pairs(header, storage_key)
            .all(|pair| !pair.ends_line && !is_disguised(storage_key, pair.name))
}

/// The cookies of the reading that is kept, and how often the name of each was met so far.
struct Kept<'a>(Vec<(&'a (String, usize), usize)>);

impl<'a> Kept<'a> {
    fn new(forwarding: &Forwarding<'a>) -> Self {
        let parts = match forwarding {
            Forwarding::Keep(candidate) => candidate.parts.as_slice(),
            Forwarding::DropFamily | Forwarding::DropSession | Forwarding::Replace(_) => &[],
        };
        Self(parts.iter().map(|part| (part, 0)).collect())
    }

    /// True for the occurrence of `name` that belongs to the reading; each call is one more of them.
    fn takes(&mut self, place: Place, name: &str) -> bool {
        // A reading is the plain cookie alone, or the chunks in the order of their numbers.
        let index = match place {
            Place::Plain => 0,
            Place::Chunk(number) => number,
            Place::Beyond => return false,
        };
        match self.0.get_mut(index) {
            Some(((known, wanted), met)) if known == name => {
                *met += 1;
                *met == *wanted + 1
            }
            Some(_) | None => false,
        }
    }
}

/// With a session kept, verifiers and whatever else is the family's stay as well.
fn is_kept(
    pair: &Pair<'_>,
    storage_key: &str,
    forwarding: &Forwarding<'_>,
    kept: &mut Kept<'_>,
) -> bool {
    match forwarding {
        Forwarding::DropFamily => !is_family_name(storage_key, bare(pair.name)),
        Forwarding::DropSession | Forwarding::Replace(_) => {
            !is_session_name(storage_key, bare(pair.name))
        }
        Forwarding::Keep(_) => match place(storage_key, pair.name) {
            Some(place) => kept.takes(place, pair.name),
            None => !is_disguised(storage_key, pair.name),
        },
    }
}

/// True if the header holds a cookie that is none of the session's, but becomes one where a reader takes more than
/// blanks off its name.
///
/// A sibling site can set such a cookie, and the origin would see a session that nobody verified.
pub fn has_disguised_session(header: &str, storage_key: &str) -> bool {
    let may_be_trimmed = |byte: u8| !byte.is_ascii() || matches!(byte, 0x0b | 0x0c);
    header.bytes().any(may_be_trimmed)
        && pairs(header, storage_key).any(|pair| is_disguised(storage_key, pair.name))
}

fn is_disguised(storage_key: &str, name: &str) -> bool {
    let bare = bare(name);
    bare.len() < name.len() && is_session_name(storage_key, bare)
}

/// The name without anything that `trim` of JavaScript takes off, such as a no-break space.
///
/// U+FFFD goes as well: it stands here for bytes that are no UTF-8. They reach the origin as they came, and one that
/// reads single bytes (Node.js does) finds a no-break space in the byte A0.
fn bare(name: &str) -> &str {
    name.trim_matches(|character: char| {
        character.is_whitespace() || matches!(character, '\u{feff}' | '\u{fffd}')
    })
}
