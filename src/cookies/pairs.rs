//! The header as a run of cookies that remember the bytes they came from.

use super::{is_family_name, is_session_name};

/// One cookie of the header.
pub(super) struct Pair<'h> {
    /// True if a `, ` between two header lines ended it, not a `;`.
    pub(super) ends_line: bool,
    /// The name; empty if the text has no `=`.
    pub(super) name: &'h str,
    /// All bytes between two separators, white space included.
    pub(super) raw: &'h str,
    /// The value as it stands on the wire.
    pub(super) value: &'h str,
}

/// The cookies of `header`, in order. Takes time linear in its length.
pub(super) fn pairs<'h>(header: &'h str, storage_key: &'h str) -> Pairs<'h> {
    Pairs {
        cuts_others: header.contains(", ") && !has_session(header, storage_key),
        ..all_pairs(header, storage_key)
    }
}

/// [`pairs`] with whatever any reader could take for a cookie of ours, for those that have to go.
pub(super) fn all_pairs<'h>(header: &'h str, storage_key: &'h str) -> Pairs<'h> {
    Pairs {
        cuts_others: true,
        rest: header.split(';'),
        segment: None,
        storage_key,
    }
}

/// True if a `;` or the beginning of the header stands in front of a name of the session.
fn has_session(header: &str, storage_key: &str) -> bool {
    header
        .split(';')
        .any(|segment| is_session_name(storage_key, name_and_value(segment).0))
}

pub(super) struct Pairs<'h> {
    /// Whether a `, ` in a cookie of somebody else can begin one of ours. A site may let a visitor, or whoever sent
    /// him a link, choose what such a cookie holds, so what stands there never competes with a session of its own.
    cuts_others: bool,
    rest: std::str::Split<'h, char>,
    /// What a `, ` left over of the current segment.
    segment: Option<&'h str>,
    storage_key: &'h str,
}

impl<'h> Iterator for Pairs<'h> {
    type Item = Pair<'h>;

    fn next(&mut self) -> Option<Pair<'h>> {
        let segment = match self.segment.take() {
            Some(segment) => segment,
            None => self.rest.next()?,
        };
        let end = line_end(segment, self.storage_key, self.cuts_others);
        let raw = end.and_then(|end| segment.get(..end)).unwrap_or(segment);
        self.segment = end.and_then(|end| segment.get(end + 1..));
        let (name, value) = name_and_value(raw);
        Some(Pair {
            ends_line: end.is_some(),
            name,
            raw,
            value,
        })
    }
}

fn name_and_value(text: &str) -> (&str, &str) {
    let white_space = [' ', '\t'];
    let (name, value) = text.split_once('=').unwrap_or_default();
    (
        name.trim_matches(white_space),
        value.trim_matches(white_space),
    )
}

/// Where a `, ` between two header lines stands in `segment`.
fn line_end(segment: &str, storage_key: &str, cuts_others: bool) -> Option<usize> {
    let is_ours = is_family_name(storage_key, name_and_value(segment).0);
    if !is_ours && !cuts_others {
        return None;
    }
    segment.match_indices(", ").map(|(at, _)| at).find(|at| {
        let after = segment.get(at + 2..).unwrap_or_default();
        // A name ends here at the latest, which keeps the whole scan linear.
        let end = after.find(['=', ',', ' ', '"']).unwrap_or(after.len());
        let (name, rest) = after.split_at_checked(end).unwrap_or_default();
        rest.starts_with('=') && (is_family_name(storage_key, name) || is_ours && is_token(name))
    })
}

/// A token of RFC 9110, which is what a cookie's name is.
fn is_token(name: &str) -> bool {
    let is_token_byte =
        |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_token_byte)
}
