//! The session in the `Cookie` header: finding it, reading it, and what of it the origin sees.
//!
//! Cookies are separated by `;` alone, since a comma is data in a cookie's value. One exception:
//! the runtime joins several `Cookie` header lines with `, `. So a `, ` also ends a cookie where a
//! name of the session's family and `=` follow it, and it ends a cookie of the family where any
//! token and `=` follow it. No client writes a bare comma into a cookie of the family, and
//! cookies of others are never cut except in front of one of ours, and not even there where the
//! session stands in the header by itself.

pub mod chunks;
pub mod encoding;
pub mod set_cookie;

mod forwarding;
mod pairs;

use std::collections::BTreeMap;

pub use self::forwarding::{Forwarding, forward_header, has_disguised_session};
use self::pairs::pairs;
use crate::session::{Session, SessionCookieError};

/// The most generations of duplicated cookies that are read. Real twins come in two or three;
/// each one read costs the decoding of a whole session.
const MAX_GENERATIONS: usize = 4;

/// What the `Cookie` header holds of the session.
#[derive(Debug)]
pub struct SessionCookies {
    /// The readings of the header, that of the first occurrence of every name first. Never empty.
    pub candidates: Vec<Candidate>,
    /// True if a name of the session comes more than once.
    pub duplicated: bool,
    /// The session's names in the header, each once, in its order.
    pub names: Vec<String>,
}

/// One reading of the header's session cookies.
#[derive(Debug)]
pub struct Candidate {
    /// The cookies it was read from: name, and which occurrence of that name, from 0.
    pub parts: Vec<(String, usize)>,
    /// The session, or why it cannot be read.
    pub session: Result<Session, SessionCookieError>,
}

impl SessionCookies {
    /// Reads the session of `storage_key`. `None` if none was sent: no cookie of that name, or
    /// only empty ones.
    pub fn read(header: &str, storage_key: &str) -> Option<Self> {
        if !header.contains(storage_key) {
            return None;
        }
        let mut found = Found::default();
        for pair in pairs(header, storage_key) {
            if is_session_name(storage_key, pair.name) {
                found.add(pair.name, pair.value);
            }
        }
        let generations = found.values.values().map(Vec::len).max()?;
        let mut candidates: Vec<Candidate> = Vec::new();
        for generation in 0..generations.min(MAX_GENERATIONS) {
            let Some(candidate) = found.candidate(storage_key, generation) else {
                continue;
            };
            if candidates.iter().all(|held| held.parts != candidate.parts) {
                candidates.push(candidate);
            }
        }
        if candidates.is_empty() {
            return None;
        }
        let names = found.names.iter().map(|name| (*name).to_owned()).collect();
        Some(Self {
            candidates,
            duplicated: generations > 1,
            names,
        })
    }
}

/// True for the storage key and its numbered chunks, `<key>.0`, `<key>.1`, ….
pub fn is_session_name(storage_key: &str, name: &str) -> bool {
    name.strip_prefix(storage_key)
        .is_some_and(|rest| rest.is_empty() || is_chunk_suffix(rest))
}

/// True for every cookie that clients keep for one storage key: the session, the user, the PKCE
/// verifiers with their index, and the chunks of each.
pub fn is_family_name(storage_key: &str, name: &str) -> bool {
    let Some(rest) = name.strip_prefix(storage_key) else {
        return false;
    };
    let item = match rest.rfind('.').and_then(|dot| rest.split_at_checked(dot)) {
        Some((item, suffix)) if is_chunk_suffix(suffix) => item,
        Some(_) | None => rest,
    };
    matches!(
        item,
        "" | "-user" | "-code-verifier" | "-flows-code-verifier"
    ) || is_flow_slot(item)
}

/// The value of the first cookie named `name`, percent-decoded as clients do.
pub fn value(header: &str, storage_key: &str, name: &str) -> Option<String> {
    let pair = pairs(header, storage_key).find(|pair| pair.name == name)?;
    Some(encoding::percent_decode(pair.value).into_owned())
}

/// The names of the family's cookies in the header, each once, `most` at most: a
/// header made up of thousands must not be answered by as many lines.
pub fn family_names(header: &str, storage_key: &str, most: usize) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for pair in pairs(header, storage_key) {
        if names.len() == most {
            break;
        }
        if is_family_name(storage_key, pair.name) && !names.iter().any(|name| name == pair.name) {
            names.push(pair.name.to_owned());
        }
    }
    names
}

/// The session's cookies by name. A map, because a hostile header holds thousands of names.
#[derive(Default)]
struct Found<'h> {
    /// The distinct names, in the order in which they first occur.
    names: Vec<&'h str>,
    values: BTreeMap<&'h str, Vec<&'h str>>,
}

type Parts<'h> = Vec<(&'h str, usize, &'h str)>;

impl<'h> Found<'h> {
    fn add(&mut self, name: &'h str, value: &'h str) {
        let values = self.values.entry(name).or_default();
        if values.is_empty() {
            self.names.push(name);
        }
        values.push(value);
    }

    /// The reading of one generation; `None` if it holds nothing.
    ///
    /// Twins may have different numbers of chunks, so where the names occur unequally often it is
    /// not known which of them owns the surplus: the reading that makes a session counts.
    fn candidate(&self, storage_key: &str, generation: usize) -> Option<Candidate> {
        let all = self.parts(storage_key, generation, Surplus::Join);
        let whole = read_parts(&all)?;
        if whole.session.is_ok() {
            return Some(whole);
        }
        let fewer = self.parts(storage_key, generation, Surplus::LeaveOut);
        if fewer == all {
            return Some(whole);
        }
        let short = read_parts(&fewer).filter(|short| short.session.is_ok());
        short.or(Some(whole))
    }

    /// The cookies to join: the plain one if it holds anything, else the chunks from 0 up to the
    /// first that is missing or empty. Of a name that comes less often the last one counts again.
    fn parts(&self, storage_key: &str, generation: usize, surplus: Surplus) -> Parts<'h> {
        if let Some((name, values)) = self.values.get_key_value(storage_key)
            && let Some(value) = values.get(generation)
            && !value.is_empty()
        {
            return vec![(name, generation, value)];
        }
        let mut parts = Parts::new();
        let mut first_count = None;
        // One more than allowed is collected, so that joining can tell that there are too many.
        for index in 0..=chunks::MAX_CHUNKS {
            let chunk_name = format!("{storage_key}.{index}");
            let Some((name, values)) = self.values.get_key_value(chunk_name.as_str()) else {
                break;
            };
            let is_surplus = values.len() < *first_count.get_or_insert(values.len());
            if is_surplus && matches!(surplus, Surplus::LeaveOut) {
                break;
            }
            let occurrence = generation.min(values.len().saturating_sub(1));
            match values.get(occurrence) {
                Some(value) if !value.is_empty() => parts.push((name, occurrence, value)),
                Some(_) | None => break,
            }
        }
        parts
    }
}

/// What to do with a chunk that occurs less often than the first one.
#[derive(Clone, Copy)]
enum Surplus {
    Join,
    LeaveOut,
}

fn read_parts(parts: &Parts<'_>) -> Option<Candidate> {
    let values = parts
        .iter()
        .map(|(_, _, value)| encoding::percent_decode(value));
    let session = match chunks::join(values) {
        Ok(value) => Session::from_cookie(&value).transpose()?,
        Err(error) => Err(error),
    };
    let parts = parts
        .iter()
        .map(|(name, at, _)| ((*name).to_owned(), *at))
        .collect();
    Some(Candidate { parts, session })
}

/// `.0`, `.1`, … without leading zeros, of any magnitude.
fn is_chunk_suffix(suffix: &str) -> bool {
    match suffix.strip_prefix('.').map(str::as_bytes) {
        Some([b'0']) => true,
        Some([b'1'..=b'9', digits @ ..]) => digits.iter().all(u8::is_ascii_digit),
        Some(_) | None => false,
    }
}

/// `-flow-<id>-code-verifier`, the verifier of one PKCE flow.
fn is_flow_slot(item: &str) -> bool {
    let id = item
        .strip_prefix("-flow-")
        .and_then(|rest| rest.strip_suffix("-code-verifier"));
    id.is_some_and(|id| {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (8..=64).contains(&id.len()) && id.bytes().all(is_allowed)
    })
}
