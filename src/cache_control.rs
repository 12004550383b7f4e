//! Which caches may keep an answer (RFC 9111), so that none hands one user's session to another.
//!
//! Each function is one situation and returns what has to be changed of the origin's headers ([`HeaderEdit`]);
//! which situation it is, the handler's `forward` decides. They err in one direction: a page that could have been
//! kept is asked for again.

use crate::head::{HeaderEdit, Headers};

/// What `@supabase/ssr` asks for on every response that writes a session.
pub const NO_STORE: &str = "private, no-cache, no-store, must-revalidate, max-age=0";
/// For answers that may be kept by the visitor's browser alone, and asked about each time.
pub const PRIVATE: &str = "private, no-cache";
/// For refusals.
pub const DENIAL: &str = "private, no-store";

/// Headers that speak to a CDN over the head of `Cache-Control` (RFC 9213, Edge Architecture 1.0).
const CDN_HEADERS: [&str; 8] = [
    "cdn-cache-control",
    "cloudflare-cdn-cache-control",
    "edge-control",
    "netlify-cdn-cache-control",
    "surrogate-control",
    "surrogate-key",
    "vercel-cdn-cache-control",
    "x-accel-expires",
];
/// How every CDN may name its own (RFC 9213 2).
const TARGETED_SUFFIX: &str = "-cdn-cache-control";
/// What would let a cache answer or revalidate with a response that carries a session.
const VALIDATORS: [&str; 3] = ["age", "etag", "last-modified"];

/// Every header of an answer that the functions here look at.
///
/// The shell reads no others where a session is known and none is written.
pub fn names_read() -> impl Iterator<Item = &'static str> {
    let rewritten = ["cache-control", "vary"];
    rewritten.into_iter().chain(CDN_HEADERS).chain(VALIDATORS)
}

/// Edits for a response that carries a session cookie: no cache may keep it.
///
/// Every header goes that could let a cache answer by itself, under any name that a CDN has for it.
///
/// ```
/// use edge_session::cache_control::{NO_STORE, carries_session};
/// use edge_session::head::{HeaderEdit, Headers};
///
/// let origin = Headers::from_pairs([("Cache-Control", "public, max-age=60"), ("ETag", "\"1\"")]);
/// let edits = carries_session(&origin);
/// assert!(edits.contains(&HeaderEdit::Set("cache-control", NO_STORE.to_owned())));
/// assert!(edits.contains(&HeaderEdit::Remove("etag".to_owned())));
/// assert!(edits.contains(&HeaderEdit::Set("vary", "Cookie".to_owned())));
/// ```
#[must_use]
pub fn carries_session(origin: &Headers) -> Vec<HeaderEdit> {
    let mut edits = vec![
        cache_control(NO_STORE, origin),
        HeaderEdit::Set("expires", "0".to_owned()),
        HeaderEdit::Set("pragma", "no-cache".to_owned()),
    ];
    edits.extend(remove_targeted(origin));
    edits.extend(remove(&VALIDATORS, origin));
    edits.extend(vary_cookie(origin));
    edits
}

/// Edits for an answer that carries an explanation: it is meant for one reader, once. Validators stay.
pub fn explained(origin: &Headers) -> impl Iterator<Item = HeaderEdit> {
    std::iter::once(cache_control(NO_STORE, origin)).chain(remove_targeted(origin))
}

/// Edits for an answer to a request with a session: only the browser may keep
/// it. What the origin marked as private already stays as it is.
///
/// ```
/// use edge_session::cache_control::{PRIVATE, with_session};
/// use edge_session::head::{HeaderEdit, Headers};
///
/// let kept = with_session(&Headers::from_pairs([("Cache-Control", "private, max-age=60")]));
/// assert!(kept.is_empty());
/// // A field list is about those fields alone, so a shared cache could keep the rest.
/// let open = with_session(&Headers::from_pairs([("Cache-Control", "private=\"set-cookie\"")]));
/// assert!(open.contains(&HeaderEdit::Set("cache-control", PRIVATE.to_owned())));
/// ```
#[must_use]
pub fn with_session(origin: &Headers) -> Vec<HeaderEdit> {
    if origin.value("cache-control").is_some_and(is_marked_private) {
        return remove_targeted(origin).collect();
    }
    revalidate(origin)
}

/// Edits for an answer that the browser may keep and has to ask about each time; validators stay.
#[must_use]
pub fn revalidate(origin: &Headers) -> Vec<HeaderEdit> {
    let mut edits = vec![cache_control(PRIVATE, origin)];
    edits.extend(remove_targeted(origin));
    edits.extend(vary_cookie(origin));
    edits
}

/// What caches may do, and `no-transform` if the origin asked for it: it is about the bytes and not about who may keep
/// them, and compression would hold an event stream back.
fn cache_control(value: &str, origin: &Headers) -> HeaderEdit {
    let mut asked = origin.values("cache-control").flat_map(directives);
    let keeps_bytes = asked.any(|directive| directive.eq_ignore_ascii_case("no-transform"));
    let transform = if keeps_bytes { ", no-transform" } else { "" };
    HeaderEdit::Set("cache-control", format!("{value}{transform}"))
}

/// Removes what speaks to a CDN, each under its own name for it, as far as the headers were read.
fn remove_targeted(origin: &Headers) -> impl Iterator<Item = HeaderEdit> {
    let others = origin
        .iter()
        .map(|(name, _)| name)
        .filter(|name| name.ends_with(TARGETED_SUFFIX) && !CDN_HEADERS.contains(name));
    let others = others.map(|name| HeaderEdit::Remove(name.to_owned()));
    remove(&CDN_HEADERS, origin).chain(others)
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
