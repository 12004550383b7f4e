//! JSON, read and written in one way.
//!
//! `serde_json` is compiled anew for each kind of source, destination and value that it is used with.
//!
//! [`read`], [`write()`] and [`json`](macro@json) take the place of `serde_json`'s own functions and macro everywhere
//! but where its types are built by hand; each has one copy in the wasm. How deep a text may be nested is bounded
//! by `serde_json` (128), and a member that comes twice counts as the last one: where that must not be,
//! [`crate::members`] reads.

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
