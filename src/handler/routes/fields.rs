//! The fields of a query, a form or a JSON body.
//!
//! One value has one place, whatever the form: a route asks for `email` and does not know what was sent. Only texts
//! are handed out as fields; what JSON can say beyond them (`create_user`, `data`, `credential`) has a function of
//! its own.

use serde_json::{Map, Value};

use super::super::body::{BodyError, MAX_BODY_BYTES};
use super::multipart;
use crate::json;

/// The value of a field.
#[derive(Debug)]
enum Field {
    Json(Value),
    Text(String),
}

/// Fields by name; the first of a name counts.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(String, Field)>);

impl Fields {
    /// Reads `application/x-www-form-urlencoded` (the URL standard, 5.1). Every text is one: this cannot fail.
    pub(super) fn from_form(text: &str) -> Self {
        Self(texts(form_urlencoded::parse(text.as_bytes()).into_owned()))
    }

    /// Reads a body. A body without a type that is read here is none of ours.
    ///
    /// # Errors
    /// [`BodyError::TooLarge`] above [`MAX_BODY_BYTES`], [`BodyError::Malformed`] for another type or for what is
    /// not what its type says.
    pub(super) fn from_body(content_type: &str, body: &[u8]) -> Result<Self, BodyError> {
        if body.len() > MAX_BODY_BYTES {
            return Err(BodyError::TooLarge);
        }
        if body.is_empty() {
            return Ok(Self::default());
        }
        let fields = match media_type(content_type).as_str() {
            FORM => Some(texts(form_urlencoded::parse(body).into_owned())),
            MULTIPART => multipart::fields(content_type, body).map(texts),
            JSON => json_fields(body),
            _ => None,
        };
        fields.map(Self).ok_or(BodyError::Malformed)
    }

    /// Takes one field over from others, unless it is here.
    pub(super) fn adopt(&mut self, name: &str, others: &Self) {
        if self.value(name).is_some() {
            return;
        }
        if let Some(value) = others.value(name) {
            let value = Field::Text(value.to_owned());
            self.0.push((name.to_owned(), value));
        }
    }

    fn field(&self, name: &str) -> Option<&Field> {
        let mut named = self.0.iter().filter(|(known, _)| known == name);
        named.next().map(|(_, value)| value)
    }

    /// The value of a field that is not empty.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        match self.field(name)? {
            Field::Text(text) => (!text.is_empty()).then_some(text),
            Field::Json(_) => None,
        }
    }

    /// True if there is such a field, an empty one too.
    pub(super) fn has(&self, name: &str) -> bool {
        self.field(name).is_some()
    }

    /// False only where the field says so: a form's `false`, or JSON's.
    pub(super) fn allows(&self, name: &str) -> bool {
        match self.field(name) {
            Some(Field::Text(text)) => text != "false",
            Some(Field::Json(value)) => *value != Value::Bool(false),
            None => true,
        }
    }

    /// An object: a JSON member, a form's field with JSON in it, or a form's fields `<name>.<member>`.
    ///
    /// # Errors
    /// There is one that is none.
    pub(super) fn object(&self, name: &str) -> Result<Option<Map<String, Value>>, BodyError> {
        match self.field(name) {
            Some(Field::Json(Value::Object(members))) => return Ok(Some(members.clone())),
            Some(Field::Text(text)) if !text.is_empty() => {
                let Ok(Value::Object(members)) = json::read(text) else {
                    return Err(BodyError::Malformed);
                };
                return Ok(Some(members));
            }
            Some(_) | None => {}
        }
        let member = |(known, value): &(String, Field)| {
            let member = known.strip_prefix(name)?.strip_prefix('.')?;
            match value {
                Field::Text(text) => Some((member.to_owned(), Value::from(text.as_str()))),
                Field::Json(_) => None,
            }
        };
        let members: Map<String, Value> = self.0.iter().filter_map(member).collect();
        Ok((!members.is_empty()).then_some(members))
    }
}

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
const MULTIPART: &str = "multipart/form-data";

/// Members of JSON that are texts.
///
/// A number in place of a text (`"token": 123456`) has lost its leading zeros, so it is refused and not converted.
const TEXTS: [&str; 18] = [
    "access_token",
    "captcha_token",
    "cf-turnstile-response",
    "challenge_id",
    "channel",
    "code",
    "current_password",
    "email",
    "factor_id",
    "next",
    "nonce",
    "password",
    "phone",
    "refresh_token",
    "scope",
    "token",
    "token_hash",
    "type",
];
/// Members of JSON that are objects.
const OBJECTS: [&str; 2] = ["credential", "data"];

fn texts(pairs: impl IntoIterator<Item = (String, String)>) -> Vec<(String, Field)> {
    let pairs = pairs.into_iter();
    pairs
        .map(|(name, value)| (name, Field::Text(value)))
        .collect()
}

/// True for what a browser's form sends.
pub(super) fn is_form(content_type: &str) -> bool {
    matches!(media_type(content_type).as_str(), FORM | MULTIPART)
}

/// True for what a script sends.
pub(super) fn is_json(content_type: &str) -> bool {
    media_type(content_type) == JSON
}

/// The media type without its parameters; its case says nothing (RFC 9110 8.3.1).
fn media_type(content_type: &str) -> String {
    let media_type = content_type.split(';').next().unwrap_or_default();
    media_type.trim().to_ascii_lowercase()
}

/// The members of an object. One of a wrong type is refused, since what its sender meant is not known.
fn json_fields(body: &[u8]) -> Option<Vec<(String, Field)>> {
    let Value::Object(members) = json::read(body).ok()? else {
        return None;
    };
    let mut fields = Vec::new();
    for (name, value) in members {
        let is_known = |names: &[&str]| names.contains(&name.as_str());
        let is_right = match &value {
            Value::Null => continue,
            Value::String(_) => !is_known(&OBJECTS) && name != "create_user",
            Value::Bool(_) => !is_known(&OBJECTS) && !is_known(&TEXTS),
            Value::Object(_) => !is_known(&TEXTS) && name != "create_user",
            Value::Number(_) | Value::Array(_) => {
                !is_known(&OBJECTS) && !is_known(&TEXTS) && name != "create_user"
            }
        };
        if !is_right {
            return None;
        }
        let field = match value.as_str() {
            Some(text) => Field::Text(text.to_owned()),
            None => Field::Json(value),
        };
        fields.push((name, field));
    }
    Some(fields)
}
