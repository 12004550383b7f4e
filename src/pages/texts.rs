//! The words of the pages, in every language, and what `PAGES.texts` puts in their place.
//!
//! `texts.txt` has one block for each text: its key, and a line for each language in the order of [`Language::ALL`].
//! One file says every key once, and whoever changes a text sees what it is called elsewhere. In the module each
//! language stands by itself, since what is sent is packed, and a language is like nothing but itself.

use serde_json::{Map, Value};

use super::language::Language;

/// `PAGES.texts` as it was read: language (or `*`) → key → text.
pub type Texts = Map<String, Value>;

/// The keys, and the languages.
const PARTS: usize = Language::ALL.len() + 1;
/// In which order the parts stand in the module: such as are like each other side by side.
const ORDER: [usize; PARTS] = [4, 3, 6, 2, 1, 5, 0];
const BY_KEY: &[u8] = include_bytes!("texts.txt");
const BY_LANGUAGE: ([u8; BY_KEY.len()], [[usize; 2]; PARTS]) = by_language();

static LINES: &str = match str::from_utf8(&BY_LANGUAGE.0) {
    Ok(lines) => lines,
    Err(_) => panic!("texts.txt is UTF-8"),
};
/// Where each part begins and ends.
static BOUNDS: [[usize; 2]; PARTS] = BY_LANGUAGE.1;

/// All first lines of the blocks, all second ones, and so on.
#[allow(
    long_running_const_eval,
    reason = "a file of thirty kilobytes is read once for each of its parts"
)]
const fn by_language() -> ([u8; BY_KEY.len()], [[usize; 2]; PARTS]) {
    let (mut sorted, mut bounds) = ([0; BY_KEY.len()], [[0; 2]; PARTS]);
    let (mut place, mut end) = (0, 0);
    while place < PARTS {
        let part = ORDER[place];
        bounds[part][0] = end;
        let (mut at, mut line) = (0, 0);
        while at < BY_KEY.len() {
            if line == part {
                sorted[end] = BY_KEY[at];
                end += 1;
            }
            if BY_KEY[at] == b'\n' {
                // Behind the parts stands an empty line.
                line = if line == PARTS { 0 } else { line + 1 };
            }
            at += 1;
        }
        bounds[part][1] = end;
        place += 1;
    }
    (sorted, bounds)
}

fn part(part: usize) -> impl Iterator<Item = &'static str> {
    let bounds = BOUNDS.get(part);
    let lines = bounds.and_then(|[start, end]| LINES.get(*start..*end));
    lines.unwrap_or_default().lines()
}

/// Every key with its text in a language.
pub fn keys(language: Language) -> impl Iterator<Item = (&'static str, &'static str)> {
    part(0).zip(part(1 + language as usize))
}

/// The text of a key: the site's own for the language, the site's own for all, or the built-in one.
pub(super) fn look_up<'t>(texts: Option<&'t Texts>, language: Language, key: &str) -> &'t str {
    let own = texts.and_then(|texts| {
        let of = |name: &str| texts.get(name)?.get(key)?.as_str();
        of(language.tag()).or_else(|| of("*"))
    });
    own.or_else(|| {
        let at = part(0).position(|known| known == key)?;
        part(1 + language as usize).nth(at)
    })
    .unwrap_or_default()
}
