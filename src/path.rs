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
//!
//! No path is refused: an escape that cannot be decoded stands for itself, and bytes that are no UTF-8 are read with
//! replacements and as Latin-1. A path that can be read in more ways than anybody means is
//! [ambiguous](RequestPath::is_ambiguous), and could be any.

use std::cell::OnceCell;
use std::collections::HashSet;

use percent_encoding::percent_decode_str;

use crate::letters;

/// More readings than a path that anybody meant can have, where a form counts once decoded and once as it came; a path
/// beyond it is built to be misunderstood.
const MAX_READINGS: usize = 128;

/// Most bytes that all readings of one path may take together, so that a long path costs no more than a short one.
/// Cloudflare takes URLs of 16 KiB, which may so be read in two ways.
const MAX_BYTES: usize = 32 * 1024;

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
    readings: Readings,
    folded: OnceCell<Vec<String>>,
}

#[derive(Clone, Debug, Default)]
struct Readings {
    /// The forms that are not equal to the raw one; empty for the paths of everyday.
    others: Vec<String>,
    is_ambiguous: bool,
    work: usize,
}

impl<'p> RequestPath<'p> {
    /// Reads the path of a URL, without its query.
    ///
    /// ```
    /// use edge_session::path::RequestPath;
    ///
    /// let path = RequestPath::new("/x/../%61dmin");
    /// assert!(path.forms().any(|form| form == "/admin"));
    /// assert!(RequestPath::new("/50%-off").forms().eq(["/50%-off"]));
    /// ```
    #[must_use]
    pub fn new(raw: &'p str) -> Self {
        let readings = if has_one_form(raw) {
            Readings::default()
        } else {
            read(raw)
        };
        Self {
            raw,
            readings,
            folded: OnceCell::new(),
        }
    }

    /// The path as it came.
    #[must_use]
    pub fn raw(&self) -> &'p str {
        self.raw
    }

    /// Every form that was found, each once, the raw one first.
    pub fn forms(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.raw).chain(self.readings.others.iter().map(String::as_str))
    }

    /// Every form with its letters in one case; as many as there are [`forms`](Self::forms).
    pub fn folded_forms(&self) -> impl Iterator<Item = &str> {
        self.folded
            .get_or_init(|| self.forms().map(letters::folded).collect())
            .iter()
            .map(String::as_str)
    }

    /// True if there are more readings than were looked for: the path could be any other.
    ///
    /// A guard takes such a path for its own, and a bypass does not.
    #[must_use]
    pub const fn is_ambiguous(&self) -> bool {
        self.readings.is_ambiguous
    }

    /// True if `holds` for every reading there could be.
    ///
    /// ```
    /// use edge_session::path::RequestPath;
    ///
    /// let below = |path: &str| RequestPath::new(path).all(|form| form.starts_with("/public/"));
    /// assert!(below("/public/a"));
    /// assert!(!below("/public/..%2fsecret"));
    /// // More ways to read it than anybody means: it could be any path at all.
    /// let built = RequestPath::new("/%09/.//;b%09/.%5c\\");
    /// assert!(built.is_ambiguous() && !built.all(|_| true));
    /// ```
    pub fn all(&self, holds: impl FnMut(&str) -> bool) -> bool {
        !self.is_ambiguous() && self.forms().all(holds)
    }

    /// How many bytes were read to find the forms: what a bound on the work is held against.
    #[must_use]
    pub const fn work(&self) -> usize {
        self.readings.work
    }
}

/// Nearly every path is such a one, and costs no allocation.
fn has_one_form(raw: &str) -> bool {
    let mut before = b'\0';
    for byte in raw.as_bytes() {
        let is_special = match byte {
            b'/' | b'.' => before == b'/',
            b'%' | b'\\' | b';' | b'?' | b'#' => true,
            byte => *byte <= b' ',
        };
        if is_special {
            return false;
        }
        before = *byte;
    }
    true
}

/// Applies the steps in every order, until nothing new comes out.
fn read(raw: &str) -> Readings {
    let mut readings = Readings::default();
    let mut others = Vec::new();
    let (mut as_it_came, mut decoded) = (HashSet::from([raw.to_owned()]), HashSet::new());
    let mut found = vec![(raw.to_owned(), false)];
    let mut next = 0;
    while let Some((form, is_decoded)) = found.get(next).cloned() {
        next += 1;
        let steps = STEPS.iter().map(|step| (step(&form), is_decoded));
        let more = if is_decoded {
            Vec::new()
        } else {
            decode(&form)
        };
        for (form, is_decoded) in steps.chain(more.into_iter().map(|form| (form, true))) {
            readings.work += form.len();
            let (seen, elsewhere) = if is_decoded {
                (&mut decoded, &as_it_came)
            } else {
                (&mut as_it_came, &decoded)
            };
            if seen.insert(form.clone()) {
                if !elsewhere.contains(&form) {
                    others.push(form.clone());
                }
                found.push((form, is_decoded));
            }
        }
        if found.len() > MAX_READINGS || found.len() * raw.len() > MAX_BYTES {
            readings.is_ambiguous = true;
            return readings;
        }
    }
    readings.others = others;
    readings
}

/// Decodes once: `%2561` is `%61` afterwards and stays so. Bytes that are no UTF-8 have two readings.
fn decode(path: &str) -> Vec<String> {
    let bytes: Vec<u8> = percent_decode_str(path).collect();
    match String::from_utf8(bytes) {
        Ok(decoded) => vec![decoded],
        Err(error) => {
            let bytes = error.into_bytes();
            let latin1 = bytes.iter().map(|&byte| char::from(byte)).collect();
            vec![String::from_utf8_lossy(&bytes).into_owned(), latin1]
        }
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
///
/// ```text
/// /a/./b → /a/b      /a/../b → /b      /a/.. → /      /a/b/. → /a/b/
/// ```
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
