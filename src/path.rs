//! The path of a request in every form that an origin could understand.
//!
//! Origins differ: one decodes percent escapes before it looks for a route and another after, one takes a backslash for a
//! slash, one drops duplicate slashes before it resolves `..` and another resolves first. `/a//../admin` is `/admin` to
//! the former and `/a/admin` to the latter. A guard that knows one order only can be walked round with another, so
//! [`RequestPath`] holds the results of all of them.
//!
//! Some readings drop a part. `new URL(request.url, base)` of Node.js and `parse_url` of PHP take what follows two slashes
//! for a host, so that `//any/admin` is `/admin`. Java's servlets drop `;…` from every segment, and code that counts on
//! C strings or on `?` ends a decoded path at `%00`, `%3f` or `%23`. Whoever parses a decoded path as a URL once more
//! loses its tabs and line breaks, so that `/ad%09min` is `/admin`.

use percent_encoding::percent_decode_str;
use std::fmt;

/// More readings than a path that anybody meant can have, where a form counts once decoded and once as it came; a path
/// beyond it is built to be misunderstood.
const MAX_READINGS: usize = 128;

/// Most bytes that all readings of one path may take together, so that a long path costs no more than a short one.
const MAX_BYTES: usize = 128 * 1024;

/// The steps besides decoding that an origin may or may not take, in any order.
const STEPS: [fn(&str) -> String; 8] = [
    backslashes_to_slashes,
    collapse_slashes,
    drop_authority,
    drop_parameters,
    drop_white_space,
    end_at_nul,
    end_at_query,
    resolve_dots,
];

/// A request's path: as it came, and as an origin could understand it.
#[derive(Clone, Debug)]
pub struct RequestPath<'p> {
    raw: &'p str,
    /// The other forms, none of them equal to `raw`; empty for the paths of everyday.
    others: Vec<String>,
}

/// Why a path is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathError {
    /// A `%` is not followed by two hexadecimal digits.
    BadEscape,
    /// The decoded bytes are not UTF-8.
    NotUtf8,
    /// Its escapes, slashes and dots can be read in more ways than a real path has.
    TooAmbiguous,
}

impl<'p> RequestPath<'p> {
    /// Reads the path of a URL, without its query.
    ///
    /// # Errors
    /// When the path cannot be decoded: an origin would have to guess, and it might guess something else.
    ///
    /// ```
    /// use edge_session::path::RequestPath;
    ///
    /// let path = RequestPath::parse("/x/../%61dmin").unwrap();
    /// assert!(path.forms().any(|form| form == "/admin"));
    /// assert!(RequestPath::parse("/%zz").is_err());
    /// ```
    pub fn parse(raw: &'p str) -> Result<Self, PathError> {
        if has_one_form(raw) {
            return Ok(Self {
                raw,
                others: Vec::new(),
            });
        }
        Ok(Self {
            raw,
            others: other_forms(raw)?,
        })
    }

    /// The path with the forms of `other` beside its own: the origin may go by either.
    ///
    /// # Errors
    /// When `other` cannot be decoded.
    pub fn or(mut self, other: &str) -> Result<Self, PathError> {
        let mut forms = vec![other.to_owned()];
        if !has_one_form(other) {
            forms.extend(other_forms(other)?);
        }
        forms.retain(|form| form != self.raw && !self.others.contains(form));
        self.others.extend(forms);
        Ok(self)
    }

    /// The path as it came.
    pub fn raw(&self) -> &'p str {
        self.raw
    }

    /// Every form, each once, the raw one first.
    pub fn forms(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.raw).chain(self.others.iter().map(String::as_str))
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::BadEscape => "the path holds a percent sign without two hexadecimal digits",
            Self::NotUtf8 => "the path does not decode to UTF-8",
            Self::TooAmbiguous => "the path can be read in too many ways",
        })
    }
}

impl std::error::Error for PathError {}

fn has_one_form(raw: &str) -> bool {
    let is_special = |mark: char| mark <= ' ' || "%\\;?#".contains(mark);
    !raw.contains(is_special) && !raw.contains("//") && !raw.contains("/.")
}

/// Applies the steps in every order, until nothing new comes out.
fn other_forms(raw: &str) -> Result<Vec<String>, PathError> {
    let mut found = vec![(raw.to_owned(), false)];
    let mut next = 0;
    while let Some((form, decoded)) = found.get(next).cloned() {
        next += 1;
        for step in STEPS {
            remember(&mut found, (step(&form), decoded));
        }
        if !decoded {
            remember(&mut found, (decode(&form)?, true));
        }
        if found.len() > MAX_READINGS || found.len() * raw.len() > MAX_BYTES {
            return Err(PathError::TooAmbiguous);
        }
    }
    let mut others: Vec<String> = Vec::new();
    for (form, _) in found {
        if form != raw && !others.contains(&form) {
            others.push(form);
        }
    }
    Ok(others)
}

fn remember(found: &mut Vec<(String, bool)>, form: (String, bool)) {
    if !found.contains(&form) {
        found.push(form);
    }
}

/// Decodes once: `%2561` is `%61` afterwards and stays so.
fn decode(path: &str) -> Result<String, PathError> {
    let mut rest = path.as_bytes();
    while let Some(at) = rest.iter().position(|&byte| byte == b'%') {
        let escape = rest.get(at + 1..at + 3).ok_or(PathError::BadEscape)?;
        if !escape.iter().all(u8::is_ascii_hexdigit) {
            return Err(PathError::BadEscape);
        }
        rest = rest.get(at + 3..).unwrap_or_default();
    }
    match percent_decode_str(path).decode_utf8() {
        Ok(decoded) => Ok(decoded.into_owned()),
        Err(_) => Err(PathError::NotUtf8),
    }
}

fn backslashes_to_slashes(path: &str) -> String {
    path.replace('\\', "/")
}

fn collapse_slashes(path: &str) -> String {
    let mut collapsed = String::with_capacity(path.len());
    for character in path.chars() {
        if character != '/' || !collapsed.ends_with('/') {
            collapsed.push(character);
        }
    }
    collapsed
}

/// `//host/path` read as a reference to another host (RFC 3986 4.2), however many slashes there are.
fn drop_authority(path: &str) -> String {
    if !path.starts_with("//") {
        return path.to_owned();
    }
    let authority_and_path = path.trim_start_matches('/');
    let path = authority_and_path
        .find('/')
        .and_then(|at| authority_and_path.get(at..));
    path.unwrap_or("/").to_owned()
}

/// Takes the parameters off every segment: `/admin;v=1/x` is `/admin/x` (RFC 3986 3.3).
fn drop_parameters(path: &str) -> String {
    let bare = |segment: &str| {
        segment
            .split_once(';')
            .map_or(segment, |(bare, _)| bare)
            .to_owned()
    };
    path.split('/').map(bare).collect::<Vec<_>>().join("/")
}

/// Drops what parsers of the URL standard and Python's `urlsplit` drop: tabs and line breaks, and what stands at the end
/// of the text and is a control character or a space.
fn drop_white_space(path: &str) -> String {
    let path = path.trim_end_matches(|character| character <= ' ');
    path.replace(['\t', '\n', '\r'], "")
}

/// Ends a decoded path where a C string ends.
fn end_at_nul(path: &str) -> String {
    path.split_once('\0')
        .map_or(path, |(path, _)| path)
        .to_owned()
}

/// Ends a decoded path where a URL that is parsed again ends its path (RFC 3986 3.3).
fn end_at_query(path: &str) -> String {
    path.split_once(['?', '#'])
        .map_or(path, |(path, _)| path)
        .to_owned()
}

/// Removes `.` and `..` as the URL standard does, for which `%2e` is a dot as well.
fn resolve_dots(path: &str) -> String {
    let Some(below) = path.strip_prefix('/') else {
        return path.to_owned();
    };
    let mut segments: Vec<&str> = Vec::new();
    let mut ends_in_dots = false;
    for segment in below.split('/') {
        let dots = dots(segment);
        ends_in_dots = dots.is_some();
        match dots {
            None => segments.push(segment),
            Some(1) => {}
            Some(_) => {
                segments.pop();
            }
        }
    }
    let slash = if ends_in_dots && !segments.is_empty() {
        "/"
    } else {
        ""
    };
    format!("/{}{slash}", segments.join("/"))
}

/// How many dots a segment stands for, if it is one of the two that move.
fn dots(segment: &str) -> Option<usize> {
    let mut rest = segment;
    let mut count = 0;
    while !rest.is_empty() {
        rest = match rest.strip_prefix('.') {
            Some(rest) => rest,
            None if rest
                .get(..3)
                .is_some_and(|dot| dot.eq_ignore_ascii_case("%2e")) =>
            {
                rest.get(3..)?
            }
            None => return None,
        };
        count += 1;
    }
    (1..=2).contains(&count).then_some(count)
}
