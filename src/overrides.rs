//! Headers by which a client may ask an origin for another path or method than its request line names.
//!
//! Frameworks made to stand behind a rewriting server go by some of them, whoever sent them. They reach the origin as they
//! came, so for a guard each one is a further reading of the request.

use crate::head::Headers;

/// IIS and the frameworks that imitate it (`X-Original-URL`, `X-Rewrite-URL`), and what proxies write.
const PATHS: [&str; 5] = [
    "x-forwarded-path",
    "x-forwarded-uri",
    "x-original-uri",
    "x-original-url",
    "x-rewrite-url",
];
/// Spelled in three ways by Google, Microsoft and IBM; most frameworks know all of them.
const METHODS: [&str; 3] = [
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
];

/// The paths that headers name, without their queries.
pub fn paths(headers: &Headers) -> impl Iterator<Item = String> {
    named(headers, &PATHS).map(|value| {
        let local = value.split_once("://").map_or(value, |(_, rest)| {
            rest.find('/')
                .map_or("/", |at| rest.get(at..).unwrap_or("/"))
        });
        let path = local.split_once('?').map_or(local, |(path, _)| path);
        let slash = if path.starts_with('/') { "" } else { "/" };
        format!("{slash}{path}")
    })
}

/// The methods that headers name.
pub fn methods(headers: &Headers) -> impl Iterator<Item = &str> {
    named(headers, &METHODS)
}

/// The values of these headers. Several lines of one name come as one value with commas.
fn named<'h>(
    headers: &'h Headers,
    names: &'static [&'static str],
) -> impl Iterator<Item = &'h str> {
    headers
        .iter()
        .filter(|(name, _)| name.starts_with("x-") && names.contains(name))
        .flat_map(|(_, values)| values.split(',').map(str::trim))
        .filter(|value| !value.is_empty())
}
