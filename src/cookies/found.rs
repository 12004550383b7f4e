//! The session's cookies of one header, by their place in the session's value.
//!
//! What is kept of a header is bounded, whatever it holds: the names and values that a session can be read from, and
//! as many names besides as one answer deletes. So the work grows with the header's length alone.
//!
//! A *generation* is one occurrence of every name: the first of each make the first reading, the second of each the
//! next. Browsers send twins of one name in the order of their paths and ages, and no reader can tell which belongs
//! to which site, so all are read, and the handler's `present` verifies which one counts.

use super::chunks::{self, MAX_CHUNKS};
use super::encoding;
use super::error::SessionCookieError;
use super::names::{Place, place};
use super::pairs::pairs;
use crate::session::Session;

/// The most cookies that one answer deletes. A session has a few; a header made up of thousands must not be answered
/// by as many lines, which no client would read.
pub const MAX_NAMES_DELETED: usize = 64;

/// The most generations of duplicated cookies that are read. Real twins come in two or three;
/// each one read costs the decoding of a whole session.
pub(super) const MAX_GENERATIONS: usize = 4;

/// One reading of the header's session cookies.
///
/// A candidate that cannot be read is kept too: its error says what is told where none can.
#[derive(Debug)]
pub struct Candidate {
    /// The cookies it was read from: name, and which occurrence of that name, from 0.
    pub parts: Vec<(String, usize)>,
    /// The session, or why it cannot be read.
    pub session: Result<Session, SessionCookieError>,
}

/// The session's cookies of one header.
pub(super) struct Found<'h> {
    /// The storage key itself.
    plain: Occurrences<'h>,
    /// The chunks that are read, by number. The last one tells that there are too many.
    chunks: [Occurrences<'h>; MAX_CHUNKS + 1],
    /// The names of chunks that no reader gets to, as many as one answer deletes, sorted.
    unread: Vec<&'h str>,
    /// All of these names, in the order in which they first occur.
    names: Vec<(Place, &'h str)>,
    /// A name comes more than once.
    pub(super) has_twins: bool,
    /// There are more names than are remembered.
    pub(super) is_full: bool,
}

/// The values of one name.
#[derive(Default)]
struct Occurrences<'h> {
    name: &'h str,
    count: usize,
    /// The first ones, as many as are read.
    values: Vec<&'h str>,
}

type Parts<'h> = Vec<(&'h str, usize, &'h str)>;

/// What to do with a chunk that occurs less often than the first one.
///
/// Neither is right by itself: a longer session of before may have left its last chunks behind.
#[derive(Clone, Copy)]
enum Surplus {
    Join,
    LeaveOut,
}

impl<'h> Found<'h> {
    pub(super) fn read(header: &'h str, storage_key: &'h str) -> Self {
        let mut found = Self {
            plain: Occurrences::default(),
            chunks: std::array::from_fn(|_| Occurrences::default()),
            unread: Vec::new(),
            names: Vec::new(),
            has_twins: false,
            is_full: false,
        };
        for pair in pairs(header, storage_key) {
            if let Some(place) = place(storage_key, pair.name) {
                found.add(place, pair.name, pair.value);
            }
        }
        found
    }

    /// The names to delete where the session has to go, each once and in the header's order. Those that a session
    /// can be read from are among them, whatever stands in front of them.
    pub(super) fn names(&self) -> Vec<&'h str> {
        let read = self.names.len().saturating_sub(self.unread.len());
        let mut room = MAX_NAMES_DELETED.saturating_sub(read);
        let mut is_named = |place: &Place| {
            let is_read = *place != Place::Beyond;
            let is_named = is_read || room > 0;
            room = room.saturating_sub(usize::from(!is_read));
            is_named
        };
        let named = self.names.iter().filter(|(place, _)| is_named(place));
        named.map(|(_, name)| *name).collect()
    }

    /// How often the name occurs that occurs most often; `None` if there is nothing to read.
    pub(super) fn generations(&self) -> Option<usize> {
        let counts = self.chunks.iter().map(|chunk| chunk.count);
        let most = counts.fold(self.plain.count, usize::max);
        (most > 0).then_some(most)
    }

    /// The reading of one generation; `None` if it holds nothing.
    ///
    /// Twins may have different numbers of chunks, so where the names occur unequally often it is
    /// not known which of them owns the surplus: the reading that makes a session counts.
    pub(super) fn candidate(&self, generation: usize) -> Option<Candidate> {
        let all = self.parts(generation, Surplus::Join);
        let whole = read_parts(&all)?;
        if whole.session.is_ok() {
            return Some(whole);
        }
        let fewer = self.parts(generation, Surplus::LeaveOut);
        if fewer == all {
            return Some(whole);
        }
        let short = read_parts(&fewer).filter(|short| short.session.is_ok());
        short.or(Some(whole))
    }

    fn add(&mut self, place: Place, name: &'h str, value: &'h str) {
        let found = match place {
            Place::Plain => Some(&mut self.plain),
            Place::Chunk(number) => self.chunks.get_mut(number),
            Place::Beyond => None,
        };
        let is_new = match found {
            Some(found) => found.add(name, value),
            None if self.unread.len() < MAX_NAMES_DELETED => insert(&mut self.unread, name),
            None => {
                let is_known = self.unread.binary_search(&name).is_ok();
                self.is_full |= !is_known;
                self.has_twins |= is_known;
                return;
            }
        };
        if is_new {
            self.names.push((place, name));
        } else {
            self.has_twins = true;
        }
    }

    /// The cookies to join: the plain one if it holds anything, else the chunks from 0 up to the
    /// first that is missing or empty. Of a name that comes less often the last one counts again.
    fn parts(&self, generation: usize, surplus: Surplus) -> Parts<'h> {
        if let Some(value) = self.plain.values.get(generation)
            && !value.is_empty()
        {
            return vec![(self.plain.name, generation, value)];
        }
        let mut parts = Parts::new();
        let mut first_count = None;
        for chunk in &self.chunks {
            let is_surplus = chunk.count < *first_count.get_or_insert(chunk.count);
            if is_surplus && matches!(surplus, Surplus::LeaveOut) {
                break;
            }
            let occurrence = generation.min(chunk.count.saturating_sub(1));
            match chunk.values.get(occurrence) {
                Some(value) if !value.is_empty() => parts.push((chunk.name, occurrence, value)),
                Some(_) | None => break,
            }
        }
        parts
    }
}

impl<'h> Occurrences<'h> {
    /// True for the first occurrence.
    fn add(&mut self, name: &'h str, value: &'h str) -> bool {
        self.name = name;
        self.count += 1;
        if self.values.len() < MAX_GENERATIONS {
            self.values.push(value);
        }
        self.count == 1
    }
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

/// Puts `name` into a sorted list; false if it is in it.
pub(super) fn insert<'h>(sorted: &mut Vec<&'h str>, name: &'h str) -> bool {
    let place = sorted.binary_search(&name);
    if let Err(at) = place {
        sorted.insert(at, name);
    }
    place.is_err()
}
