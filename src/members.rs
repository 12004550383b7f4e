//! Some members of a JSON object, and nothing of the others.
//!
//! One reader for every object of which only a few members matter, however large it is. A derived one would be compiled
//! for each anew, with all that it could say of a mistake.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::json;

/// The members with these names, `null` included.
///
/// None if the text is no JSON object in UTF-8, or if one of them comes twice. The others are passed over without
/// recursion, however deep they are nested.
///
/// A member that comes twice has two readings, and another parser of the same token may take the
/// other one (RFC 7515 4, RFC 7519 4).
pub(crate) fn named(json: &[u8], names: &[&str]) -> Option<Map<String, Value>> {
    // What is passed over is not looked at: neither whether it is UTF-8 nor whether it is a whole surrogate pair.
    std::str::from_utf8(json).ok()?;
    read(json, names).or_else(|| read(json::healed(json)?.as_bytes(), names))
}

fn read(json: &[u8], names: &[&str]) -> Option<Map<String, Value>> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let found = reader.deserialize_any(Members(names)).ok()?;
    reader.end().ok()?;
    found
}

struct Members<'m>(&'m [&'m str]);

impl<'de> Visitor<'de> for Members<'_> {
    /// None for what is no object.
    type Value = Option<Map<String, Value>>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = Map::new();
        while let Some(name) = map.next_key_seed(Name(self.0))? {
            let Some(name) = name else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if found.insert(name.to_owned(), map.next_value()?).is_some() {
                return Err(A::Error::custom("twice"));
            }
        }
        Ok(Some(found))
    }

    // What a visitor does by default is to say what it found, for which numbers are formatted: 5 KB gzip.
    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Ok(None)
    }
}

/// A name, if it is one of these.
struct Name<'m>(&'m [&'m str]);

impl<'de, 'm> DeserializeSeed<'de> for Name<'m> {
    type Value = Option<&'m str>;

    fn deserialize<D: Deserializer<'de>>(self, key: D) -> Result<Self::Value, D::Error> {
        key.deserialize_str(self)
    }
}

impl<'m> Visitor<'_> for Name<'m> {
    type Value = Option<&'m str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().find(|known| **known == name).copied())
    }
}
