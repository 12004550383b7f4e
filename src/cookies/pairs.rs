//! The header as a run of cookies that remember the bytes they came from.
//!
//! A parser of RFC 6265 5.4's header as servers read it: `;` separates, the first `=` ends a name, blanks around
//! both do not count. Nothing is decoded and nothing refused; what has no `=` is a cookie without a name, and is
//! passed on.

use super::names::is_session_name;

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

/// The iterator behind [`pairs`].
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
        let (name, value) = name_and_value(segment);
        let mut pair = Pair {
            ends_line: false,
            name,
            raw: segment,
            value,
        };
        // Nowhere but behind a cookie of the session does a comma end one.
        if is_session_name(self.storage_key, name)
            && let Some((raw, rest)) =
                line_end(segment).and_then(|end| segment.split_at_checked(end))
        {
            (pair.raw, pair.ends_line) = (raw, true);
            (pair.name, pair.value) = name_and_value(raw);
            self.segment = rest.get(1..);
        }
        Some(pair)
    }
}

fn name_and_value(text: &str) -> (&str, &str) {
    let white_space = [' ', '\t'];
    let Some((name, value)) = text.split_once('=') else {
        return ("", "");
    };
    (
        name.trim_matches(white_space),
        value.trim_matches(white_space),
    )
}

/// Where a `, ` between two header lines stands in `segment`.
///
/// Only a token and `=` behind the comma make it one: a bare comma stays part of the value.
fn line_end(segment: &str) -> Option<usize> {
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
