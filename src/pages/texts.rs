//! The words of the pages, in every language, and what `PAGES.texts` puts in their place.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::language::Language;

/// `PAGES.texts`: language (or `*`) → key → text.
pub type Texts = BTreeMap<String, BTreeMap<String, String>>;

type Words = LazyLock<Map<String, Value>>;

static DE: Words = LazyLock::new(|| parse(include_str!("texts/de.json")));
static EN: Words = LazyLock::new(|| parse(include_str!("texts/en.json")));
static ES: Words = LazyLock::new(|| parse(include_str!("texts/es.json")));
static FR: Words = LazyLock::new(|| parse(include_str!("texts/fr.json")));
static JA: Words = LazyLock::new(|| parse(include_str!("texts/ja.json")));
static PT: Words = LazyLock::new(|| parse(include_str!("texts/pt.json")));

/// A file of this crate that is no object of texts does not get past the tests.
fn parse(file: &str) -> Map<String, Value> {
    serde_json::from_str(file).unwrap_or_default()
}

fn words(language: Language) -> &'static Map<String, Value> {
    match language {
        Language::De => &DE,
        Language::En => &EN,
        Language::Es => &ES,
        Language::Fr => &FR,
        Language::Ja => &JA,
        Language::Pt => &PT,
    }
}

/// Every key with its text, as the file of the language has them.
pub fn keys(language: Language) -> impl Iterator<Item = (&'static str, &'static str)> {
    let text = |(key, text): (&'static String, &'static Value)| {
        (key.as_str(), text.as_str().unwrap_or_default())
    };
    words(language).iter().map(text)
}

/// The text of a key: the site's own for the language, the site's own for all, or the built-in one.
pub(super) fn look_up<'t>(texts: Option<&'t Texts>, language: Language, key: &str) -> &'t str {
    let own = texts.and_then(|texts| {
        let of = |name: &str| texts.get(name)?.get(key);
        of(language.tag()).or_else(|| of("*"))
    });
    match own {
        Some(text) => text,
        None => words(language)
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default(),
    }
}
