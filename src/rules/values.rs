//! The values that members of a rule can have, and what is told where they have others.
//!
//! A reader here answers with a harmless value after a problem, so that what stands behind it is still read. A
//! message is a position and what must be there; the value itself is never repeated.

use serde_json::Value;

/// Field names longer than this, or of other characters, are not repeated in a message.
const MAX_NAME_BYTES: usize = 40;

/// In the order in which they were met, which is that of the text.
pub(super) struct Problems(pub(super) Vec<String>);

impl Problems {
    pub(super) fn add(&mut self, at: &str, rule: &str) {
        self.0.push(format!("{at} {rule}"));
    }
}

/// JSON's own `true` and `false`; a text is a mistake.
pub(super) fn boolean(at: &str, value: &Value, problems: &mut Problems) -> bool {
    value.as_bool().unwrap_or_else(|| {
        problems.add(at, "must be true or false");
        false
    })
}

/// One of a closed set of words, in their case; the type's default after a problem.
pub(super) fn word<T: Copy + Default>(
    at: &str,
    value: &Value,
    words: &[(&str, T)],
    problems: &mut Problems,
) -> T {
    let found = value
        .as_str()
        .and_then(|text| words.iter().find(|(word, _)| *word == text));
    if let Some((_, meaning)) = found {
        return *meaning;
    }
    let known = words.iter().map(|(word, _)| *word).collect();
    no_word(at, known, problems);
    T::default()
}

fn no_word(at: &str, known: Vec<&str>, problems: &mut Problems) {
    problems.add(at, &format!("must be one of {}", known.join(", ")));
}

/// A string or a list of strings, each of them checked.
///
/// `check` says what is wrong with a text, if anything.
pub(super) fn texts(
    at: &str,
    value: &Value,
    check: &dyn Fn(&str) -> Option<&'static str>,
    problems: &mut Problems,
) -> Vec<String> {
    let members = match value {
        Value::Array(members) => members.iter().collect(),
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::Object(_) | Value::String(_) => {
            vec![value]
        }
    };
    if members.is_empty() {
        problems.add(at, "must not be an empty list; leave it out to mean all");
    }
    let mut texts = Vec::new();
    for (index, member) in members.iter().enumerate() {
        let at = if value.is_array() {
            format!("{at}[{index}]")
        } else {
            at.to_owned()
        };
        match member.as_str() {
            None | Some("") => problems.add(&at, "must be a string that is not empty"),
            Some(text) => {
                if let Some(problem) = check(text) {
                    problems.add(&at, problem);
                }
                texts.push(text.to_owned());
            }
        }
    }
    texts
}

/// A field name as a message may repeat it: what does not look like a name might be a value in the wrong place.
pub(super) fn shown(name: &str) -> &str {
    let looks_like_a_name = name.len() <= MAX_NAME_BYTES
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if looks_like_a_name && !name.is_empty() {
        name
    } else {
        "(unnamed)"
    }
}
