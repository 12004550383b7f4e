//! The header as a run of cookies that remember the bytes they came from.

use super::is_session_name;

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
        rest: header.split(';'),
        segment: None,
        storage_key,
    }
}

pub(super) struct Pairs<'h> {
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
        let end = line_end(segment, self.storage_key);
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

/// Where a `, ` between two header lines stands in `segment`: nowhere but behind a cookie of the session.
fn line_end(segment: &str, storage_key: &str) -> Option<usize> {
    if !is_session_name(storage_key, name_and_value(segment).0) {
        return None;
    }
    segment.match_indices(", ").map(|(at, _)| at).find(|at| {
        let after = segment.get(at + 2..).unwrap_or_default();
        // A name ends here at the latest, which keeps the whole scan linear.
        let end = after.find(['=', ',', ' ', '"']).unwrap_or(after.len());
        let (name, rest) = after.split_at_checked(end).unwrap_or_default();
        rest.starts_with('=') && is_token(name)
    })
}

/// A token of RFC 9110, which is what a cookie's name is.
fn is_token(name: &str) -> bool {
    let is_token_byte =
        |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_token_byte)
}
