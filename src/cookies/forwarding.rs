//! The `Cookie` header for the origin.

use std::collections::{BTreeMap, BTreeSet};

use super::pairs::{Pair, all_pairs, pairs};
use super::{Candidate, is_family_name, is_session_name};

/// White space around a cookie and its name (RFC 6265 5.2).
const BLANKS: [char; 2] = [' ', '\t'];

/// How the session's cookies reach the origin.
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
    let mut seen = BTreeMap::new();
    let mut forwarded = String::with_capacity(header.len());
    let mut is_empty = true;
    let cookies = match forwarding {
        Forwarding::Keep(_) => pairs(header, storage_key),
        Forwarding::DropFamily | Forwarding::DropSession | Forwarding::Replace(_) => {
            all_pairs(header, storage_key)
        }
    };
    for pair in cookies {
        if !is_kept(&pair, storage_key, forwarding, &mut seen) {
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
    let mut seen = BTreeSet::new();
    pairs(header, storage_key).all(|pair| {
        let is_twin = is_session_name(storage_key, pair.name) && !seen.insert(pair.name);
        !is_twin && !pair.ends_line && !is_disguised(storage_key, pair.name)
    })
}

fn is_kept<'h>(
    pair: &Pair<'h>,
    storage_key: &str,
    forwarding: &Forwarding<'_>,
    seen: &mut BTreeMap<&'h str, usize>,
) -> bool {
    match forwarding {
        Forwarding::DropFamily => !is_family_name(storage_key, bare(pair.name)),
        Forwarding::DropSession | Forwarding::Replace(_) => {
            !is_session_name(storage_key, bare(pair.name))
        }
        Forwarding::Keep(candidate) => {
            if !is_session_name(storage_key, pair.name) {
                return !is_disguised(storage_key, pair.name);
            }
            let count = seen.entry(pair.name).or_default();
            let occurrence = *count;
            *count += 1;
            candidate
                .parts
                .iter()
                .any(|(name, at)| name == pair.name && *at == occurrence)
        }
    }
}

/// True if the header holds a cookie that is none of the session's, but becomes one where a reader takes more than
/// blanks off its name.
///
/// A sibling site can set such a cookie, and the origin would see a session that nobody verified.
pub fn has_disguised_session(header: &str, storage_key: &str) -> bool {
    let may_be_trimmed = |byte: u8| !byte.is_ascii() || matches!(byte, 0x0b | 0x0c);
    header.bytes().any(may_be_trimmed)
        && all_pairs(header, storage_key).any(|pair| is_disguised(storage_key, pair.name))
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
