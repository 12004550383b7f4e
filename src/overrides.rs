//! Headers and a query member by which a client may ask an origin for another path, host or method than its request names.
//!
//! Frameworks made to stand behind a rewriting server go by them, whoever sent them. Those that name a path or a host are
//! taken off the request, so that the path and the host that a rule was chosen by are the ones that the origin sees.
//! Those that name a method may be what a form of the site needs, so they stay, and each is a further reading of the
//! method.

use std::borrow::Cow;

use crate::head::{HeaderEdit, Headers, RequestHead};

/// IIS and the frameworks that imitate it, what proxies write, and what servers take for the host.
const PLACES: [&str; 9] = [
    "forwarded",
    "x-forwarded-host",
    "x-forwarded-path",
    "x-forwarded-uri",
    "x-host",
    "x-original-host",
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

/// How the names of all these headers begin.
const LETTERS: &[u8] = b"fx";

/// The query member that the forms of Rails, Laravel and Express send.
const QUERY_MEMBER: &str = "_method";

/// More methods than a request that anybody meant can name.
const MAX_METHODS: usize = 16;

/// Stands for every method there is: a rule cannot name it, and a request line that does is read as any.
pub const ANY_METHOD: &str = "*";

/// True if the two names are one to a server that follows CGI, which cannot tell `_` from `-`, and of which some turn
/// every character that is no letter or digit into `_`.
///
/// ```
/// use edge_session::overrides::is_same_name;
///
/// assert!(is_same_name("X-Original-URL", "x_original.url"));
/// assert!(!is_same_name("X-Original-URL", "X-Original-URI"));
/// ```
#[must_use]
#[inline(always)]
pub fn is_same_name(one: &str, other: &str) -> bool {
    // Nearly every header has another length than any name that matters.
    one.len() == other.len() && is_same_folded(one, other)
}

fn is_same_folded(one: &str, other: &str) -> bool {
    let fold = |byte: u8| match byte.to_ascii_lowercase() {
        byte if byte.is_ascii_alphanumeric() => byte,
        _ => b'-',
    };
    one.bytes().map(fold).eq(other.bytes().map(fold))
}

/// True for a header that names a path or a host for the origin to go by.
#[must_use]
pub fn is_place(name: &str) -> bool {
    PLACES.iter().any(|place| is_same_name(name, place))
}

/// True for a header that names a method for the origin to go by.
#[must_use]
pub fn is_method(name: &str) -> bool {
    METHODS.iter().any(|known| is_same_name(name, known))
}

/// Removes what names another path or host.
pub fn removals(headers: &Headers) -> impl Iterator<Item = HeaderEdit> {
    headers
        .beginning(LETTERS)
        .filter(|(name, _)| is_place(name))
        .map(|(name, _)| HeaderEdit::Remove(name.to_owned()))
}

/// Every method that an origin could take the request's for, its own first; [`ANY_METHOD`] among them where there are
/// more than anybody means.
///
/// ```
/// use edge_session::head::{Headers, RequestHead};
/// use edge_session::overrides::methods;
///
/// let headers = Headers::from_pairs([("X-HTTP-Method-Override", "DELETE")]);
/// let url = "https://site.example/a?_method=PUT".to_owned();
/// let head = RequestHead::new("POST".to_owned(), url, headers);
/// assert_eq!(methods(&head), ["POST", "DELETE", "PUT"]);
/// ```
#[must_use]
pub fn methods(head: &RequestHead) -> Vec<Cow<'_, str>> {
    let mut methods = vec![Cow::Borrowed(head.method())];
    for method in named(head) {
        if methods.len() >= MAX_METHODS {
            methods.push(Cow::Borrowed(ANY_METHOD));
            break;
        }
        methods.push(method);
    }
    methods
}

/// True if the request names another path, host or method than its request line, which no browser does by itself.
#[must_use]
pub fn asks_for_another(head: &RequestHead) -> bool {
    named(head).next().is_some() || removals(head.headers()).next().is_some()
}

/// The methods named beside the request line. Several lines of one header come as one value with commas.
fn named(head: &RequestHead) -> impl Iterator<Item = Cow<'_, str>> {
    let in_headers = head
        .headers()
        .beginning(LETTERS)
        .filter(|(name, _)| is_method(name))
        .flat_map(|(_, values)| values.split(','))
        .map(|method| Cow::Borrowed(method.trim()));
    let in_query = head
        .query()
        .into_iter()
        // Some parsers take a semicolon for an ampersand.
        .flat_map(|query| query.split(['&', ';']))
        .filter_map(|member| form_urlencoded::parse(member.as_bytes()).next())
        .filter(|(name, _)| name.eq_ignore_ascii_case(QUERY_MEMBER))
        .map(|(_, method)| method);
    in_headers
        .chain(in_query)
        .filter(|method| !method.is_empty())
}
