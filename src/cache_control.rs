//! Which caches may keep an answer (RFC 9111), so that none hands one user's session to another.

use crate::head::{HeaderEdit, Headers};

/// What `@supabase/ssr` asks for on every response that writes a session.
pub const NO_STORE: &str = "private, no-cache, no-store, must-revalidate, max-age=0";
/// For answers that may be kept by the visitor's browser alone, and asked about each time.
pub const PRIVATE: &str = "private, no-cache";
/// For refusals.
pub const DENIAL: &str = "private, no-store";

/// Headers that speak to a CDN over the head of `Cache-Control` (RFC 9213, Edge Architecture 1.0).
const CDN_HEADERS: [&str; 4] = [
    "cdn-cache-control",
    "cloudflare-cdn-cache-control",
    "surrogate-control",
    "surrogate-key",
];
/// What would let a cache answer or revalidate with a response that carries a session.
const VALIDATORS: [&str; 3] = ["age", "etag", "last-modified"];

/// Every header of an answer that the functions here look at.
pub fn names_read() -> impl Iterator<Item = &'static str> {
    let rewritten = ["cache-control", "vary"];
    rewritten.into_iter().chain(CDN_HEADERS).chain(VALIDATORS)
}

/// Edits for a response that carries a session cookie: no cache may keep it.
#[must_use]
pub fn carries_session(origin: &Headers) -> Vec<HeaderEdit> {
    let mut edits = vec![
        HeaderEdit::Set("cache-control", NO_STORE.to_owned()),
        HeaderEdit::Set("expires", "0".to_owned()),
        HeaderEdit::Set("pragma", "no-cache".to_owned()),
    ];
    edits.extend(remove(&CDN_HEADERS, origin));
    edits.extend(remove(&VALIDATORS, origin));
    edits.extend(vary_cookie(origin));
    edits
}

/// Edits for an answer that carries an explanation: it is meant for one reader, once. Validators stay.
pub fn explained(origin: &Headers) -> impl Iterator<Item = HeaderEdit> {
    let no_store = HeaderEdit::Set("cache-control", NO_STORE.to_owned());
    std::iter::once(no_store).chain(remove(&CDN_HEADERS, origin))
}

/// Edits for an answer to a request with a session: only the browser may keep
/// it. What the origin marked as private already stays as it is.
#[must_use]
pub fn with_session(origin: &Headers) -> Vec<HeaderEdit> {
    if origin.value("cache-control").is_some_and(is_marked_private) {
        return remove(&CDN_HEADERS, origin).collect();
    }
    revalidate(origin)
}

/// Edits for an answer that the browser may keep and has to ask about each time; validators stay.
#[must_use]
pub fn revalidate(origin: &Headers) -> Vec<HeaderEdit> {
    let mut edits = vec![HeaderEdit::Set("cache-control", PRIVATE.to_owned())];
    edits.extend(remove(&CDN_HEADERS, origin));
    edits.extend(vary_cookie(origin));
    edits
}

/// Removes those that are there: an edit that changes nothing costs as much as one that does.
fn remove(names: &'static [&'static str], origin: &Headers) -> impl Iterator<Item = HeaderEdit> {
    names
        .iter()
        .filter(|name| origin.value(name).is_some())
        .map(|name| HeaderEdit::Remove((*name).to_owned()))
}

/// Adds `Cookie` to `Vary` unless it says so, or says `*`, already.
fn vary_cookie(origin: &Headers) -> Option<HeaderEdit> {
    let vary = origin.value("vary");
    let Some(listed) = vary.map(str::trim).filter(|listed| !listed.is_empty()) else {
        return Some(HeaderEdit::Set("vary", "Cookie".to_owned()));
    };
    let mut members = listed.split(',').map(str::trim);
    let is_covered = members.any(|name| name == "*" || name.eq_ignore_ascii_case("cookie"));
    (!is_covered).then(|| HeaderEdit::Set("vary", format!("{listed}, Cookie")))
}

/// True if no shared cache may serve the response without asking. The forms
/// with a field list (`private="set-cookie"`) only cover those fields (RFC 9111 5.2.2).
fn is_marked_private(cache_control: &str) -> bool {
    directives(cache_control).any(|directive| {
        ["private", "no-store", "no-cache"]
            .iter()
            .any(|known| directive.eq_ignore_ascii_case(known))
    })
}

/// The directives. A comma inside a quoted string separates nothing (RFC 9110 5.6.4).
fn directives(cache_control: &str) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let is_separator = move |character: char| {
        if is_escaped {
            is_escaped = false;
            return false;
        }
        is_escaped = is_quoted && character == '\\';
        is_quoted ^= character == '"';
        character == ',' && !is_quoted
    };
    cache_control.split(is_separator).map(str::trim)
}
