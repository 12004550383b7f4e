//! Splitting a value over the cookies `name.0`, `name.1`, … and joining them again.
//!
//! A chunk is cut so that it can be percent-decoded by itself: readers decode each cookie before they join them.
//! Numbers begin at 0 and have no gap; the first chunk that is missing or empty ends the value, as in the clients.

use std::borrow::Cow;

use super::encoding::{self, Encoding, MAX_SESSION_BYTES};
use super::error::SessionCookieError;

/// The most bytes of one cookie's percent-encoded value, as in `@supabase/ssr`
/// since 0.0.7: what browsers allow (4096), less room for name and attributes.
pub const MAX_CHUNK_BYTES: usize = 3180;

/// The most chunks that are read. 32 chunks hold more than [`MAX_SESSION_BYTES`].
pub const MAX_CHUNKS: usize = 32;

/// The cookies that carry a JSON text, with the values that stand on the wire.
///
/// A raw text that takes more chunks than are read goes as base64url, which takes half as much and less: whoever reads
/// raw sessions reads these too.
pub fn write(name: &str, json: &str, encoding: Encoding) -> Vec<(String, String)> {
    let value = encoding.encode(json);
    if encoding == Encoding::Base64Url {
        // None of its characters is escaped, so nothing has to be looked at.
        return named(name, &cut_bytes(&value, MAX_CHUNK_BYTES));
    }
    let mut cookies = split(name, &value);
    if cookies.len() > MAX_CHUNKS {
        return write(name, json, Encoding::Base64Url);
    }
    for (_, value) in &mut cookies {
        *value = encoding::percent_encode(value).into_owned();
    }
    cookies
}

/// The cookies that carry `value`: `name` alone if it fits into one, else `name.0`, `name.1`, ….
///
/// ```
/// use edge_session::cookies::chunks::{MAX_CHUNK_BYTES, join, split};
///
/// assert_eq!(split("K", "short"), [("K".to_owned(), "short".to_owned())]);
///
/// let long = "x".repeat(MAX_CHUNK_BYTES + 1);
/// let chunks = split("K", &long);
/// assert_eq!(chunks[0].0, "K.0");
/// assert_eq!(chunks[1], ("K.1".to_owned(), "x".to_owned()));
///
/// let joined = join(chunks.iter().map(|(_, value)| value.as_str().into()));
/// assert_eq!(joined.as_deref(), Ok(long.as_str()));
/// ```
pub fn split(name: &str, value: &str) -> Vec<(String, String)> {
    split_at(name, value, MAX_CHUNK_BYTES)
}

/// [`split`] with another limit on the percent-encoded length of a chunk.
/// A character that is longer than the limit gets a chunk of its own.
pub fn split_at(name: &str, value: &str, limit: usize) -> Vec<(String, String)> {
    named(name, &cut(value, limit))
}

fn named(name: &str, chunks: &[&str]) -> Vec<(String, String)> {
    if let [only] = chunks {
        return vec![(name.to_owned(), (*only).to_owned())];
    }
    let numbered = chunks.iter().enumerate();
    numbered
        .map(|(index, chunk)| (format!("{name}.{index}"), (*chunk).to_owned()))
        .collect()
}

/// Joins chunks in ascending order, up to the first empty one.
///
/// # Errors
/// [`SessionCookieError::TooManyChunks`] above [`MAX_CHUNKS`], [`SessionCookieError::TooLarge`] for what would
/// decode to more than [`MAX_SESSION_BYTES`].
pub fn join<'v>(
    chunks: impl IntoIterator<Item = Cow<'v, str>>,
) -> Result<Cow<'v, str>, SessionCookieError> {
    // A value of this length cannot decode to a session within the limit.
    const MAX_JOINED_BYTES: usize = MAX_SESSION_BYTES * 2;
    let mut joined = Cow::Borrowed("");
    let filled = chunks.into_iter().take_while(|chunk| !chunk.is_empty());
    for (count, chunk) in filled.enumerate() {
        if count == MAX_CHUNKS {
            return Err(SessionCookieError::TooManyChunks);
        }
        if joined.len() + chunk.len() > MAX_JOINED_BYTES {
            return Err(SessionCookieError::TooLarge);
        }
        joined += chunk;
    }
    Ok(joined)
}

/// Cuts a text of ASCII alone, which is not empty.
fn cut_bytes(value: &str, limit: usize) -> Vec<&str> {
    let mut chunks = Vec::new();
    let mut rest = value;
    while let Some((chunk, after)) = rest.split_at_checked(limit) {
        chunks.push(chunk);
        rest = after;
    }
    if !rest.is_empty() {
        chunks.push(rest);
    }
    chunks
}

/// Cuts between characters, so that every chunk can be percent-decoded by itself.
fn cut(value: &str, limit: usize) -> Vec<&str> {
    let mut chunks = Vec::new();
    let mut start = 0;
    let mut length = 0;
    for (index, character) in value.char_indices() {
        let cost = encoding::encoded_length(character);
        if length + cost > limit && index > start {
            chunks.push(value.get(start..index).unwrap_or_default());
            start = index;
            length = 0;
        }
        length += cost;
    }
    chunks.push(value.get(start..).unwrap_or_default());
    chunks
}
