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

    /// Puts the fields of a body before those that are here.
    pub(super) fn extend(&mut self, content_type: &str, body: &[u8]) -> Result<(), BodyError> {
        if body.len() > MAX_BODY_BYTES {
            return Err(BodyError::TooLarge);
        }
        if body.is_empty() {
            return Ok(());
        }
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        let mut fields = match media_type {
            "application/x-www-form-urlencoded" => {
                form_urlencoded::parse(body).into_owned().collect()
            }
            "application/json" => json_fields(body).ok_or(BodyError::Malformed)?,
            _ => return Err(BodyError::Malformed),
        };
        fields.append(&mut self.0);
        self.0 = fields;
        Ok(())
    }

    /// Takes one field over from others.
    pub(super) fn adopt(&mut self, name: &str, others: &Self) {
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
