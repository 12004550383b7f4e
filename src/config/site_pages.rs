//! `PAGES`: how the Worker's own pages look and read.
//!
//! Everything in it ends in HTML and is escaped there ([`crate::pages`]); what is checked here is what escaping
//! cannot mend: an address that would run a script, a colour that would be another style, a text that is no line.
//! Which keys `texts` may have is not checked: a text for a page that no longer exists does no harm.

use serde_json::{Map, Value};

use super::http_url::HttpUrl;
use super::parse::Reader;
use crate::pages::{is_color, link};

const NAME: &str = "PAGES";
const MEMBERS: &str = "color, home, logo, name, texts";

/// What the site says about itself; what it leaves out is as built in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pages {
    /// The site's name.
    pub name: Option<String>,
    /// The address of its logo: https, or a path of the site.
    pub logo: Option<String>,
    /// Its colour, `#rgb` or `#rrggbb`.
    pub color: Option<String>,
    /// Where its home link leads: https, or a path of the site.
    pub home: Option<String>,
    /// Language (or `*`) → key → text.
    pub texts: Map<String, Value>,
}

/// Unknown members are named as such without repeating them.
pub(super) fn pages<F: Fn(&str) -> Option<String>>(reader: &mut Reader<F>) -> Pages {
    let mut pages = Pages::default();
    let Some(value) = reader.json(NAME) else {
        return pages;
    };
    let Value::Object(members) = value else {
        reader.problem(NAME, format!("must be an object of {MEMBERS}"));
        return pages;
    };
    for (member, value) in &members {
        match member.as_str() {
            "color" => {
                pages.color = text(
                    reader,
                    "color",
                    value,
                    is_color,
                    "must be a colour as #rgb or #rrggbb",
                )
            }
            "home" => pages.home = text(reader, "home", value, is_address, ADDRESS),
            "logo" => pages.logo = text(reader, "logo", value, is_address, ADDRESS),
            "name" => {
                pages.name = text(reader, "name", value, is_line, "must be a text in one line")
            }
            "texts" => pages.texts = texts(reader, value),
            _ => reader.problem(NAME, format!("holds a member that is none of {MEMBERS}")),
        }
    }
    pages
}

const ADDRESS: &str = "must be an https URL or a path that begins with /";

fn text<F: Fn(&str) -> Option<String>>(
    reader: &mut Reader<F>,
    member: &str,
    value: &Value,
    is_good: fn(&str) -> bool,
    rule: &str,
) -> Option<String> {
    let text = value.as_str().filter(|text| is_good(text));
    if text.is_none() {
        reader.problem(NAME, format!("{rule} in {member}"));
    }
    text.map(str::to_owned)
}

fn texts<F: Fn(&str) -> Option<String>>(
    reader: &mut Reader<F>,
    value: &Value,
) -> Map<String, Value> {
    let of_language = |(language, words): (&String, &Value)| {
        let words = words.as_object();
        is_language(language) && words.is_some_and(|words| words.values().all(Value::is_string))
    };
    match value.as_object() {
        Some(texts) if texts.iter().all(of_language) => texts.clone(),
        Some(_) | None => {
            let rule =
                "must hold objects of texts in texts, each named by a language such as de, or *";
            reader.problem(NAME, rule);
            Map::new()
        }
    }
}

/// A language tag (RFC 5646), or `*` for all.
fn is_language(tag: &str) -> bool {
    let is_subtag = |subtag: &str| {
        (1..=8).contains(&subtag.len()) && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    tag == "*" || tag.split('-').all(is_subtag)
}

/// `javascript:` and `data:` are no addresses of a link, and neither is `//host`.
fn is_address(text: &str) -> bool {
    let is_good = || HttpUrl::parse(text).is_ok_and(|url| !url.has_user_info());
    link(text).is_some() && (text.starts_with('/') || is_good())
}

fn is_line(text: &str) -> bool {
    !text.trim().is_empty() && !text.contains(char::is_control)
}
