//! The words of the pages, in every language, and what `PAGES.texts` puts in their place.
//!
//! `texts.txt` has one block for each text: its key, and a line for each language in the order of [`Language::ALL`].
//! One file says every key once, and whoever changes a text sees what it is called elsewhere.

use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::language::Language;

/// `PAGES.texts` as it was read: language (or `*`) → key → text.
pub type Texts = Map<String, Value>;

const LANGUAGES: usize = Language::ALL.len();

struct Entry {
    key: &'static str,
    words: [&'static str; LANGUAGES],
}

static TABLE: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let mut lines = include_str!("texts.txt").lines();
    let mut table = Vec::new();
    while let Some(key) = lines.next() {
        let mut words = [""; LANGUAGES];
        words.fill_with(|| lines.next().unwrap_or_default());
        table.push(Entry { key, words });
        lines.next();
    }
    table
});

/// Every key with its text in a language.
pub fn keys(language: Language) -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE
        .iter()
        .map(move |entry| (entry.key, entry.in_language(language)))
}

/// The text of a key: the site's own for the language, the site's own for all, or the built-in one.
pub(super) fn look_up<'t>(texts: Option<&'t Texts>, language: Language, key: &str) -> &'t str {
    let own = texts.and_then(|texts| {
        let of = |name: &str| texts.get(name)?.get(key)?.as_str();
        of(language.tag()).or_else(|| of("*"))
    });
    if let Some(text) = own {
        return text;
    }
    let entry = TABLE.iter().find(|entry| entry.key == key);
    entry.map_or("", |entry| entry.in_language(language))
}

impl Entry {
    fn in_language(&self, language: Language) -> &'static str {
        self.words
            .get(language as usize)
            .copied()
            .unwrap_or_default()
    }
}
