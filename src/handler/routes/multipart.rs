//! `multipart/form-data` (RFC 7578), as far as a form of a few fields needs it.
//!
//! A browser's form sends it where the page says `enctype="multipart/form-data"`; nothing else is expected here, so
//! what a mail could also hold (encodings, nested parts, headers of parts) is not read. A body that is cut off is
//! none.

/// Parts that are read; no form of these routes has more fields.
const MAX_PARTS: usize = 64;
/// RFC 2046 5.1.1.
const MAX_BOUNDARY_BYTES: usize = 70;

/// The fields of a body, without files; `None` if it is none.
pub(super) fn fields(content_type: &str, body: &[u8]) -> Option<Vec<(String, String)>> {
    let boundary = boundary(content_type)?;
    let first = format!("--{boundary}");
    let next = format!("\r\n--{boundary}");
    let mut rest = body.strip_prefix(first.as_bytes())?;
    let mut fields = Vec::new();
    while !rest.starts_with(b"--") {
        if fields.len() == MAX_PARTS {
            return None;
        }
        let part = rest.strip_prefix(b"\r\n")?;
        let end = find(part, next.as_bytes())?;
        fields.push(field(part.get(..end)?)?);
        rest = part.get(end + next.len()..)?;
    }
    Some(fields.into_iter().flatten().collect())
}

/// Longer ones are refused: the work of [`find`] is the product of both lengths.
fn boundary(content_type: &str) -> Option<String> {
    let boundary = parameter(content_type, "boundary")?;
    let is_good = !boundary.is_empty() && boundary.len() <= MAX_BOUNDARY_BYTES;
    (is_good
        && boundary
            .bytes()
            .all(|byte| byte.is_ascii_graphic() || byte == b' '))
    .then_some(boundary)
}

/// One part: `Some(None)` for a file, of which no route wants anything.
fn field(part: &[u8]) -> Option<Option<(String, String)>> {
    let end = find(part, b"\r\n\r\n")?;
    let head = std::str::from_utf8(part.get(..end)?).ok()?;
    let value = std::str::from_utf8(part.get(end + 4..)?).ok();
    let disposition = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-disposition")
            .then_some(value)
    })?;
    let name = parameter(disposition, "name")?;
    if parameter(disposition, "filename").is_some() {
        return Some(None);
    }
    Some(Some((name, value?.to_owned())))
}

/// A parameter of a header's value, quoted or not. Browsers escape quotes in names as `%22`.
fn parameter(value: &str, wanted: &str) -> Option<String> {
    value.split(';').skip(1).find_map(|part| {
        let (name, value) = part.split_once('=')?;
        let value = value.trim().trim_matches('"');
        name.trim()
            .eq_ignore_ascii_case(wanted)
            .then(|| value.to_owned())
    })
}

/// At most the body's 64 KiB times a boundary's 74 bytes of comparisons.
fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len())
        .position(|window| window == wanted)
}
