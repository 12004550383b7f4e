//! The fields of a query, a form or a JSON body.

use std::fmt;

use serde_json::Value;

use super::MAX_BODY_BYTES;

/// Why a body cannot be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BodyError {
    /// The client broke off.
    Broken,
    /// Neither a form nor a JSON object of strings.
    Malformed,
    /// Longer than [`MAX_BODY_BYTES`].
    TooLarge,
}

impl BodyError {
    /// The stable code for logs and answers.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Broken => "body_broken",
            Self::Malformed => "body_malformed",
            Self::TooLarge => "body_too_large",
        }
    }

    /// The status it is answered with.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Broken | Self::Malformed => 400,
            Self::TooLarge => 413,
        }
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken => f.write_str("expected a body, found a broken connection"),
            Self::Malformed => f.write_str("expected a form or a JSON object"),
            Self::TooLarge => write!(f, "expected a body of at most {MAX_BODY_BYTES} bytes"),
        }
    }
}

impl std::error::Error for BodyError {}

/// Fields by name; the first of a name counts.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    pub(super) fn from_form(text: &str) -> Self {
        Self(
            form_urlencoded::parse(text.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// Reads a body. A body without a type that is read here is none of ours.
    pub(super) fn from_body(content_type: &str, body: &[u8]) -> Result<Self, BodyError> {
        if body.len() > MAX_BODY_BYTES {
            return Err(BodyError::TooLarge);
        }
        if body.is_empty() {
            return Ok(Self::default());
        }
        let fields = match media_type(content_type).as_str() {
            FORM => form_urlencoded::parse(body).into_owned().collect(),
            "application/json" => json_fields(body).ok_or(BodyError::Malformed)?,
            _ => return Err(BodyError::Malformed),
        };
        Ok(Self(fields))
    }

    /// Takes one field over from others, unless it is here.
    pub(super) fn adopt(&mut self, name: &str, others: &Self) {
        if self.value(name).is_some() {
            return;
        }
        if let Some(value) = others.value(name) {
            self.0.push((name.to_owned(), value.to_owned()));
        }
    }

    /// The value of a field that is not empty.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let mut named = self.0.iter().filter(|(known, _)| known == name);
        let (_, value) = named.next()?;
        (!value.is_empty()).then_some(value)
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

/// True for what a browser's form sends.
pub(super) fn is_form(content_type: &str) -> bool {
    media_type(content_type) == FORM
}

/// The media type without its parameters; its case says nothing (RFC 9110 8.3.1).
fn media_type(content_type: &str) -> String {
    let media_type = content_type.split(';').next().unwrap_or_default();
    media_type.trim().to_ascii_lowercase()
}

fn json_fields(body: &[u8]) -> Option<Vec<(String, String)>> {
    let Value::Object(members) = serde_json::from_slice(body).ok()? else {
        return None;
    };
    let texts = members.into_iter().filter_map(|(name, value)| match value {
        Value::String(text) => Some((name, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    });
    Some(texts.collect())
}
