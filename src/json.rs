//! JSON, read and written in one way.
//!
//! `serde_json` is compiled anew for each kind of source, destination and value that it is used with.
//!
//! [`read`], [`write()`] and [`json`](macro@json) take the place of `serde_json`'s own functions and macro everywhere
//! but where its types are built by hand; each has one copy in the wasm. How deep a text may be nested is bounded
//! by `serde_json` (128), and a member that comes twice counts as the last one: where that must not be,
//! [`crate::members`] reads.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value};

/// Reads a text.
///
/// # Errors
/// The place of the mistake; what is told of it is the line and the column, never the text.
pub(crate) fn read(text: &(impl AsRef<[u8]> + ?Sized)) -> serde_json::Result<Value> {
    read_bytes(text.as_ref())
}

fn read_bytes(text: &[u8]) -> serde_json::Result<Value> {
    serde_json::from_slice(text)
}

/// Reads what Auth and its clients wrote, half surrogate pairs as U+FFFD.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_healed(text: &(impl AsRef<[u8]> + ?Sized)) -> serde_json::Result<Value> {
    let text = text.as_ref();
    read_bytes(text).or_else(|error| match healed(text) {
        Some(healed) => read_bytes(healed.as_bytes()),
        None => Err(error),
    })
}

/// The text without half surrogate pairs, if it holds any and is UTF-8.
pub(crate) fn healed(text: &[u8]) -> Option<String> {
    match replace_lone_surrogates(std::str::from_utf8(text).ok()?) {
        Cow::Owned(healed) => Some(healed),
        Cow::Borrowed(_) => None,
    }
}

/// Writes what can always be written: a value, or a struct of such.
pub(crate) fn write(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// What `json!` makes of a member's value.
#[inline(never)]
pub(crate) fn value(value: &(impl Serialize + ?Sized)) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// An object; what is taken of each member leaves null behind.
#[inline(never)]
pub(crate) fn object(members: &mut [(&str, Value)]) -> Value {
    let members = members.iter_mut();
    let taken = members.map(|(name, value)| ((*name).to_owned(), value.take()));
    Value::Object(taken.collect::<Map<String, Value>>())
}

/// An object, as `serde_json::json!` writes one: that macro leaves the code of every insertion where it stands.
macro_rules! json {
    ({ $($name:tt: $value:expr),* $(,)? }) => {
        $crate::json::object(&mut [$(($name, $crate::json::value(&$value))),*])
    };
}
pub(crate) use json;

/// Replaces escapes of half a surrogate pair by that of U+FFFD. JavaScript reads and writes
/// them, `serde_json` refuses the whole text, and a nickname must not cost its owner the session.
fn replace_lone_surrogates(text: &str) -> Cow<'_, str> {
    let mut replaced = String::new();
    let mut copied = 0;
    let mut rest = 0;
    while let Some(at) = text
        .get(rest..)
        .and_then(|tail| tail.find('\\'))
        .map(|at| at + rest)
    {
        rest = match surrogate(text, at) {
            Some(Half::High) if surrogate(text, at + 6) == Some(Half::Low) => at + 12,
            Some(Half::High | Half::Low) => {
                replaced.push_str(text.get(copied..at).unwrap_or_default());
                replaced.push_str("\\ufffd");
                copied = at + 6;
                copied
            }
            // Skips the escaped character too, since it may be a backslash.
            None => at + 2,
        };
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    replaced.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(replaced)
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Half {
    High,
    Low,
}

/// Which half of a surrogate pair the escape at `at` stands for, if any.
fn surrogate(text: &str, at: usize) -> Option<Half> {
    let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
    match u16::from_str_radix(digits, 16).ok()? {
        0xD800..=0xDBFF => Some(Half::High),
        0xDC00..=0xDFFF => Some(Half::Low),
        _ => None,
    }
}
