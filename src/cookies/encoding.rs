//! The value encodings of a session cookie: tolerant on read, strict on write.
//!
//! | prefix | written by | its text |
//! |---|---|---|
//! | `base64-` | `@supabase/ssr` since 0.4.0 | base64url of the JSON |
//! | none | the clients before, and `cookieEncoding: "raw"` | the JSON |
//! | `base64l-<length>-` | `@supabase/ssr` 0.6.0 alone | either, and no other version reads it |
//! | `base64…-`, another | perhaps a later client | not known: the session stays and is not touched |
//!
//! Percent encoding is another layer, that of the cookie's value on the wire, and is on top of each of them.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, URL_SAFE_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::error::SessionCookieError;

/// The most bytes of decoded JSON that are read, so that no cookie makes the
/// parser work for long. Real sessions stay below 16 KiB.
pub const MAX_SESSION_BYTES: usize = 64 * 1024;

/// What `encodeURIComponent` leaves as it is, besides letters and digits.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

const BASE64URL_PREFIX: &str = "base64-";
const LENGTH_PREFIX: &str = "base64l-";

/// Real clients drop padding, but their decoder skips it and ignores trailing bits.
const TOLERANT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How a session's JSON stands in its cookies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Encoding {
    /// `base64-` and the unpadded base64url of the JSON, the default since `@supabase/ssr` 0.4.0.
    Base64Url,
    /// The JSON itself, percent-encoded on the wire.
    Raw,
}

/// A cookie value with its encoding taken off.
#[derive(Debug, Eq, PartialEq)]
pub struct Decoded<'v> {
    /// The encoding it came in.
    pub encoding: Encoding,
    /// True for `base64l-…`, which no released client can read back.
    pub foreign: bool,
    /// The text inside, usually JSON.
    pub text: Cow<'v, str>,
}

impl Encoding {
    /// The cookie value of `json`, before it is split and percent-encoded.
    ///
    /// ```
    /// use edge_session::cookies::encoding::{Encoding, decode};
    ///
    /// let value = Encoding::Base64Url.encode(r#"{"a":"ü"}"#);
    /// assert_eq!(value, "base64-eyJhIjoiw7wifQ");
    /// let decoded = decode(&value).ok().flatten().expect("it was just written");
    /// assert_eq!(decoded.text, r#"{"a":"ü"}"#);
    /// assert_eq!(decoded.encoding, Encoding::Base64Url);
    /// ```
    pub fn encode(self, json: &str) -> String {
        match self {
            Self::Base64Url => {
                let mut value = String::from(BASE64URL_PREFIX);
                URL_SAFE_NO_PAD.encode_string(json, &mut value);
                value
            }
            Self::Raw => json.to_owned(),
        }
    }
}

/// Takes the encoding off a joined cookie value; `None` if it holds nothing.
///
/// # Errors
/// Everything but [`SessionCookieError::NotJson`], [`SessionCookieError::WrongShape`] and
/// [`SessionCookieError::TooManyChunks`]: what the text says is not looked at here.
pub fn decode(value: &str) -> Result<Option<Decoded<'_>>, SessionCookieError> {
    if value.is_empty() || value == BASE64URL_PREFIX {
        return Ok(None);
    }
    let decoded = if let Some(payload) = value.strip_prefix(BASE64URL_PREFIX) {
        Decoded {
            encoding: Encoding::Base64Url,
            foreign: false,
            text: Cow::Owned(decode_base64url(payload)?),
        }
    } else if let Some(rest) = value.strip_prefix(LENGTH_PREFIX) {
        decode_with_length(rest)?
    } else if has_unknown_prefix(value) {
        return Err(SessionCookieError::UnknownEncoding);
    } else {
        Decoded {
            encoding: Encoding::Raw,
            foreign: false,
            text: Cow::Borrowed(value),
        }
    };
    if decoded.text.len() > MAX_SESSION_BYTES {
        return Err(SessionCookieError::TooLarge);
    }
    Ok(Some(decoded))
}

/// What `encodeURIComponent` makes of `text`.
///
/// ```
/// use edge_session::cookies::encoding::{percent_decode, percent_encode};
///
/// assert_eq!(percent_encode(r#"{"é":1}"#), "%7B%22%C3%A9%22%3A1%7D");
/// assert_eq!(percent_decode("%7B%22%C3%A9%22%3A1%7D"), r#"{"é":1}"#);
/// // What is not an escape leaves the whole text as it came.
/// assert_eq!(percent_decode("100%-%41"), "100%-%41");
/// ```
pub fn percent_encode(text: &str) -> Cow<'_, str> {
    utf8_percent_encode(text, ENCODED).into()
}

/// What the `cookie` package reads: percent-decoded if that works, else the text as it is.
pub fn percent_decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') || !has_whole_escapes(text) {
        return Cow::Borrowed(text);
    }
    percent_encoding::percent_decode_str(text)
        .decode_utf8()
        .unwrap_or(Cow::Borrowed(text))
}

/// How many bytes `percent_encode` makes of one character.
pub(super) const fn encoded_length(character: char) -> usize {
    match character {
        'a'..='z' | 'A'..='Z' | '0'..='9' => 1,
        '-' | '_' | '.' | '!' | '~' | '*' | '\'' | '(' | ')' => 1,
        other => 3 * other.len_utf8(),
    }
}

fn decode_base64url(payload: &str) -> Result<String, SessionCookieError> {
    // Checked before decoding; the quarter of slack is for skipped whitespace.
    if payload.len() > MAX_SESSION_BYTES * 5 / 3 {
        return Err(SessionCookieError::TooLarge);
    }
    let is_skipped = |byte: u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'=');
    let mut symbols = Cow::Borrowed(payload.as_bytes());
    if payload.bytes().any(is_skipped) {
        symbols = payload.bytes().filter(|byte| !is_skipped(*byte)).collect();
    }
    // A single left-over symbol carries no whole byte; real decoders drop it,
    // but only if it is a symbol at all.
    let whole = match symbols.split_last() {
        Some((last, whole)) if symbols.len() % 4 == 1 && is_symbol(*last) => whole,
        Some(_) | None => &symbols,
    };
    let bytes = TOLERANT
        .decode(whole)
        .map_err(|_| SessionCookieError::NotBase64Url)?;
    String::from_utf8(bytes).map_err(|_| SessionCookieError::NotUtf8)
}

/// `base64l-<base-36 length>-<payload>` of `@supabase/ssr` 0.6.0: the length is that of
/// another text than the payload, so it is ignored. Servers wrote base64url, browsers the JSON.
fn decode_with_length(rest: &str) -> Result<Decoded<'_>, SessionCookieError> {
    let Some((length, payload)) = rest.split_once('-') else {
        return Err(SessionCookieError::UnknownEncoding);
    };
    if length.is_empty() || !length.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(SessionCookieError::UnknownEncoding);
    }
    if payload.starts_with(['{', '[']) {
        let text = Cow::Borrowed(payload);
        return Ok(Decoded {
            encoding: Encoding::Raw,
            foreign: true,
            text,
        });
    }
    let text = Cow::Owned(decode_base64url(payload)?);
    Ok(Decoded {
        encoding: Encoding::Base64Url,
        foreign: true,
        text,
    })
}

/// `base64`, letters or digits, `-`: an encoding that a later client may have written.
///
/// Taken for JSON it would be broken, and its cookies deleted: a newer client of the site would be signed out for
/// ever.
fn has_unknown_prefix(value: &str) -> bool {
    value
        .strip_prefix("base64")
        .and_then(|rest| rest.split_once('-'))
        .is_some_and(|(mark, _)| mark.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

const fn is_symbol(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// True if every `%` begins an escape; `decodeURIComponent` refuses any other text.
fn has_whole_escapes(text: &str) -> bool {
    text.split('%').skip(1).all(|escape| {
        let mut digits = escape.bytes();
        let mut is_digit = || digits.next().is_some_and(|digit| digit.is_ascii_hexdigit());
        is_digit() && is_digit()
    })
}
