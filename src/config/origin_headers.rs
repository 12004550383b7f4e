//! Headers for the origin that the operator names: `IDENTITY_CLAIMS` and `ORIGIN_HEADERS`.
//!
//! Both are tables of header names. No name may be one that something else goes by: the Worker's own, HTTP's, those
//! that ask an origin for another place ([`crate::overrides`]), or one that is named already. Compared is as a CGI
//! server reads names ([`is_same_name`]), which cannot tell `X_A` from `X-A`.

use serde_json::{Map, Value};

use super::parse::Reader;
use crate::json;
use crate::overrides::{is_method, is_place, is_same_name};
use crate::rules::is_json_pointer;
use crate::secret::Secret;

const CLAIMS: &str = "IDENTITY_CLAIMS";
const HEADERS: &str = "ORIGIN_HEADERS";

/// The Worker's own: it sets them or reads a session from them, or Cloudflare does.
const OWNED_BY_THE_WORKER: [&str; 9] = [
    "authorization",
    "cdn-loop",
    "cf-connecting-ip",
    "cf-ray",
    "cf-worker",
    "cookie",
    "set-cookie",
    "x-forwarded-for",
    "x-forwarded-proto",
];

/// What HTTP itself goes by: framing, connections and conditions (RFC 9110, RFC 9112, Fetch).
const OWNED_BY_HTTP: [&str; 34] = [
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "age",
    "allow",
    "cache-control",
    "connection",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-range",
    "content-type",
    "date",
    "expect",
    "expires",
    "host",
    "keep-alive",
    "location",
    "max-forwards",
    "origin",
    "pragma",
    "range",
    "referer",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "vary",
    "via",
    "www-authenticate",
    "x-http-method-override",
];

/// CORS, conditions, proxies, Fetch Metadata and the Worker's own.
const OWNED_PREFIXES: [&str; 5] = ["access-control-", "if-", "proxy-", "sec-", "x-session-"];

/// How the origin is told the claims.
///
/// [`crate::identity`] writes them, and removes what a client sent under these names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum IdentityClaims {
    /// All of them, in `X-Session-Claims`.
    #[default]
    All,
    /// Header names, in lower case, each with the JSON pointer of its claim.
    Named(Vec<(String, String)>),
    /// Not at all.
    None,
}

impl IdentityClaims {
    /// The header names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let named: &[(String, String)] = match self {
            Self::Named(named) => named,
            Self::All | Self::None => &[],
        };
        named.iter().map(|(name, _)| name.as_str())
    }
}

/// A wrong pointer is a problem with its position; the name beside it may be a secret that slipped.
pub(super) fn identity_claims<F: Fn(&str) -> Option<String>>(
    reader: &mut Reader<F>,
) -> IdentityClaims {
    match reader.text(CLAIMS).to_ascii_lowercase().as_str() {
        "all" => return IdentityClaims::All,
        "none" => return IdentityClaims::None,
        _ => {}
    }
    let Some(table) = table(
        reader,
        CLAIMS,
        "must be all, none or a table of header names and JSON pointers",
    ) else {
        return IdentityClaims::None;
    };
    let mut named: Vec<(String, String)> = Vec::new();
    for (at, (name, pointer)) in table.iter().enumerate() {
        check_name(
            reader,
            CLAIMS,
            at,
            name,
            named.iter().map(|(name, _)| name.as_str()),
        );
        let pointer = pointer.as_str().filter(|pointer| is_json_pointer(pointer));
        if pointer.is_none() {
            let rule = format!(
                "must have a JSON pointer such as /app_metadata/role as member {}",
                at + 1
            );
            reader.problem(CLAIMS, rule);
        }
        named.push((
            name.to_ascii_lowercase(),
            pointer.unwrap_or_default().to_owned(),
        ));
    }
    IdentityClaims::Named(named)
}

/// Headers that every request to the origin carries, names in lower case.
pub(super) fn origin_headers<F: Fn(&str) -> Option<String>>(
    reader: &mut Reader<F>,
    claims: &IdentityClaims,
) -> Vec<(String, Secret)> {
    let Some(table) = table(
        reader,
        HEADERS,
        "must be a table of header names and values",
    ) else {
        return Vec::new();
    };
    let mut headers: Vec<(String, Secret)> = Vec::new();
    for (at, (name, value)) in table.iter().enumerate() {
        let taken = headers.iter().map(|(name, _)| name.as_str());
        check_name(reader, HEADERS, at, name, taken.chain(claims.names()));
        let is_good = |value: &&str| {
            !value.is_empty()
                && value.trim() == *value
                && value
                    .bytes()
                    .all(|byte| byte.is_ascii_graphic() || byte == b' ')
        };
        let value = value.as_str().filter(is_good);
        if value.is_none() {
            let rule = format!(
                "must have a text of visible ASCII characters as member {}",
                at + 1
            );
            reader.problem(HEADERS, rule);
        }
        headers.push((
            name.to_ascii_lowercase(),
            Secret::new(value.unwrap_or_default()),
        ));
    }
    headers
}

/// Members keep the order in which they were written, so that a position in a message can be counted.
fn table<F: Fn(&str) -> Option<String>>(
    reader: &mut Reader<F>,
    variable: &'static str,
    rule: &'static str,
) -> Option<Map<String, Value>> {
    let text = reader.set(variable)?;
    match json::read(&text) {
        Ok(Value::Object(table)) => Some(table),
        Ok(_) | Err(_) => {
            reader.problem(variable, rule);
            None
        }
    }
}

/// A name might be a value in the wrong place, so a problem names its position.
fn check_name<'n, F: Fn(&str) -> Option<String>>(
    reader: &mut Reader<F>,
    variable: &'static str,
    at: usize,
    name: &str,
    mut taken: impl Iterator<Item = &'n str>,
) {
    let position = at + 1;
    let rule = if !is_token(name) {
        format!("must have a header name as member {position}")
    } else if is_owned(name) {
        format!("must not name a header that the Worker or HTTP owns, as member {position} does")
    } else if taken.any(|known| is_same_name(known, name)) {
        format!("must not name a header that is named already, as member {position} does")
    } else {
        return;
    };
    reader.problem(variable, rule);
}

/// A token (RFC 9110 5.6.2).
fn is_token(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_allowed)
}

fn is_owned(name: &str) -> bool {
    let begins = |prefix: &str| {
        name.get(..prefix.len())
            .is_some_and(|start| is_same_name(start, prefix))
    };
    let mut owned = OWNED_BY_THE_WORKER.iter().chain(&OWNED_BY_HTTP);
    is_place(name)
        || is_method(name)
        || OWNED_PREFIXES.iter().any(|prefix| begins(prefix))
        || owned.any(|known| is_same_name(name, known))
}
