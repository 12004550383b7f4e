//! The head of a request: method, URL and headers, without the body.
//!
//! It is plain text in Rust's own types, so everything that decides about a request runs without a runtime. Nothing
//! is normalised: the path and the URL are as sent, since an origin gets them as sent.
//!
//! An isolate runs what it has compiled in a hurry for its first thousands of requests, and there a call costs more than a
//! step of a loop. So what every request is searched for is searched for byte by byte, in loops without a call.

use std::ops::Range;

use memchr::memchr;

/// The head of one request as the runtime received it.
///
/// ```
/// use edge_session::head::{Headers, RequestHead};
///
/// let headers = Headers::from_pairs([("Accept", "text/html"), ("Authorization", "bearer t")]);
/// let url = "https://site.example:8443/a//b?c".to_owned();
/// let head = RequestHead::new("GET".to_owned(), url, headers);
/// assert_eq!(head.host(), "site.example");
/// assert_eq!(head.origin(), "https://site.example:8443");
/// assert_eq!((head.path(), head.query()), ("/a//b", Some("c")));
/// assert_eq!(head.bearer_token(), Some("t"));
/// assert!(head.is_navigation());
/// ```
#[derive(Clone, Debug, Default)]
pub struct RequestHead {
    method: String,
    url: String,
    headers: Headers,
    /// Where the authority stands in the URL: found once, since half of the decisions ask for what is beside it.
    authority: Range<usize>,
}

impl RequestHead {
    /// A head from the request's own method (any token), its absolute URL and its headers.
    #[must_use]
    pub fn new(method: String, url: String, headers: Headers) -> Self {
        let authority = authority(&url);
        Self {
            method,
            url,
            headers,
            authority,
        }
    }

    /// The method, as sent.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// True for GET and HEAD, the methods a browser may repeat after a redirect.
    #[must_use]
    pub fn is_read(&self) -> bool {
        matches!(self.method.as_str(), "GET" | "HEAD")
    }

    /// True if a person is looking at the answer. Browsers say so themselves
    /// (Fetch Metadata); without that header the method and `Accept` tell.
    #[must_use]
    pub fn is_navigation(&self) -> bool {
        let accepts_pages = || {
            let accept = self.header("accept");
            accept.is_some_and(|accept| accept.contains("text/html"))
        };
        match self.header("sec-fetch-mode") {
            Some(mode) => mode.eq_ignore_ascii_case("navigate"),
            None => self.is_read() && accepts_pages(),
        }
    }

    /// The headers.
    #[must_use]
    pub const fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The value of the header `name` (lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.value(name)
    }

    /// The scheme: `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &str {
        let before = self.url.get(..self.authority.start).unwrap_or_default();
        before.strip_suffix("://").unwrap_or_default()
    }

    /// The host with its port, if one is named.
    #[must_use]
    pub fn authority(&self) -> &str {
        let authority = self.url.get(self.authority.clone()).unwrap_or_default();
        let user = authority.as_bytes().iter().rposition(|byte| *byte == b'@');
        user.and_then(|at| authority.get(at + 1..))
            .unwrap_or(authority)
    }

    /// True if the authority is one host and at most a port: two `Host` lines that were joined name none.
    #[must_use]
    pub fn has_plain_authority(&self) -> bool {
        let is_plain = |byte: &u8| {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b'-' | b'.' | b'_' | b'~' | b':' | b'[' | b']' | b'%')
                || *byte > 0x7f
        };
        let authority = self.authority();
        !authority.is_empty() && authority.as_bytes().iter().all(is_plain)
    }

    /// True if whoever parses the URL and writes it down again (the WHATWG's URL standard) gets the same one.
    ///
    /// What could become another one may not: its host in another form, a default port, dot segments, and characters that
    /// would be escaped or dropped.
    #[must_use]
    pub fn has_plain_url(&self) -> bool {
        let authority = self.url.get(self.authority.clone()).unwrap_or_default();
        let rest = self.after_authority();
        is_plain_authority(authority) && rest.starts_with('/') && is_plain_rest(rest.as_bytes())
    }

    /// The token of `Authorization: Bearer …`; the scheme is compared without case (RFC 9110 11.1).
    #[must_use]
    pub fn bearer_token(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.trim().split_once(' ')?;
        let token = token.trim();
        (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
    }

    /// The host without its port.
    #[must_use]
    pub fn host(&self) -> &str {
        let authority = self.authority();
        match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            Some(_) | None => authority,
        }
    }

    /// `scheme://host:port`, as in the `Origin` header.
    #[must_use]
    pub fn origin(&self) -> String {
        [self.scheme(), "://", self.authority()].concat()
    }

    /// Path and query, beginning with `/`, as sent.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        let rest = self.after_authority();
        if rest.starts_with('/') { rest } else { "/" }
    }

    fn after_authority(&self) -> &str {
        self.url.get(self.authority.end..).unwrap_or_default()
    }

    /// The path, as sent.
    #[must_use]
    pub fn path(&self) -> &str {
        let rest = self.path_and_query();
        let query = rest.as_bytes().iter().position(|byte| *byte == b'?');
        query.and_then(|at| rest.get(..at)).unwrap_or(rest)
    }

    /// The query, as sent, without its `?`.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        let rest = self.path_and_query();
        let query = rest.as_bytes().iter().position(|byte| *byte == b'?')?;
        rest.get(query + 1..)
    }

    /// The whole URL, as sent.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// As many as a browser sends through Cloudflare.
const TYPICAL_HEADERS: usize = 32;

/// Where the authority stands in a URL.
fn authority(url: &str) -> Range<usize> {
    let bytes = url.as_bytes();
    let mut start = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if *byte == b':' && bytes.get(at + 1..at + 3) == Some(b"//") {
            start = at + 3;
            break;
        }
    }
    let after = bytes.get(start..).unwrap_or_default();
    let is_end = |byte: &u8| matches!(byte, b'/' | b'?' | b'#');
    let length = after.iter().position(is_end).unwrap_or_else(|| {
        // `OPTIONS *` is about the server: the runtime puts the star behind the host (RFC 9110 9.3.7).
        after.len() - usize::from(after.ends_with(b"*"))
    });
    start..start + length
}

/// What [`RequestHead::has_plain_url`] asks of path and query.
fn is_plain_rest(rest: &[u8]) -> bool {
    let mut before = b'\0';
    for (at, byte) in rest.iter().enumerate() {
        let is_plain = match byte {
            b'.' => before != b'/',
            b'%' => !rest
                .get(at + 1..at + 3)
                .is_some_and(|escaped| escaped.eq_ignore_ascii_case(b"2e")),
            b'-' | b'_' | b'~' | b'!' | b'$' | b'&' | b'(' | b')' | b'*' | b'+' | b',' | b';'
            | b'=' | b':' | b'@' | b'/' | b'?' => true,
            byte => byte.is_ascii_alphanumeric(),
        };
        if !is_plain {
            return false;
        }
        before = *byte;
    }
    true
}

fn is_plain_authority(authority: &str) -> bool {
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let is_plain_port = |port: &str| {
        let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
        is_number && !port.starts_with('0') && !["", "80", "443"].contains(&port)
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_name = last.starts_with(|first: char| first.is_ascii_lowercase());
    let is_plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    // A name whose last label is a number is an address, and addresses have many forms.
    (is_name || host.parse::<std::net::Ipv4Addr>().is_ok())
        && host.bytes().all(is_plain)
        && !host.as_bytes().windows(4).any(|start| start == b"xn--")
        && port.is_none_or(is_plain_port)
}

/// The headers of a request or an answer: the runtime's own list, taken over in one piece.
///
/// Crossing between JavaScript and wasm costs more than searching a short
/// text, so the shell hands all headers over as one string: a line
/// `name,value` each. A line break cannot occur in a header (RFC 9110 5.5) and
/// a comma cannot occur in a name (RFC 9110 5.6.2), so the text is unambiguous.
#[derive(Clone, Debug, Default)]
pub struct Headers {
    text: String,
    /// Found once: a request asks for some ten headers by name.
    places: Vec<Place>,
}

/// Where a header stands in the text.
#[derive(Clone, Copy, Debug)]
struct Place {
    start: usize,
    comma: usize,
    end: usize,
}

impl Headers {
    /// Takes over lines of `name,value`, names in lower case.
    #[must_use]
    pub fn from_lines(text: String) -> Self {
        let mut places = Vec::with_capacity(TYPICAL_HEADERS);
        let mut start = 0;
        while let Some(line) = text.get(start..).filter(|line| !line.is_empty()) {
            let is_mark = |byte: &u8| matches!(byte, b',' | b'\n');
            let mark = line.as_bytes().iter().position(is_mark);
            let comma = start + mark.unwrap_or(line.len());
            let value = text.get(comma..).unwrap_or_default();
            let end = comma + memchr(b'\n', value.as_bytes()).unwrap_or(value.len());
            if comma < end {
                places.push(Place { start, comma, end });
            }
            start = end + 1;
        }
        Self { text, places }
    }

    /// Headers from pairs; names are lower-cased.
    #[must_use]
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let lines: Vec<String> = pairs
            .into_iter()
            .map(|(name, value)| format!("{},{value}", name.to_ascii_lowercase()))
            .collect();
        Self::from_lines(lines.join("\n"))
    }

    /// All headers, in the runtime's order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.places
            .iter()
            .map(|place| (self.name(place), self.text_of(place)))
    }

    /// The value of the header `name` (lower case).
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.next_value(name, &mut 0)
    }

    /// Every value of the header `name` (lower case): only `Set-Cookie` has a line for each.
    pub fn values<'h>(&'h self, name: &str) -> impl Iterator<Item = &'h str> {
        let mut from = 0;
        std::iter::from_fn(move || self.next_value(name, &mut from))
    }

    fn next_value(&self, name: &str, from: &mut usize) -> Option<&str> {
        let text = self.text.as_bytes();
        while let Some(place) = self.places.get(*from) {
            *from += 1;
            let is_as_long = place.comma - place.start == name.len();
            if is_as_long && text.get(place.start..place.comma) == Some(name.as_bytes()) {
                return Some(self.text_of(place));
            }
        }
        None
    }

    /// The headers whose name begins with one of these letters (lower case): what a client may not say is told by its first
    /// letter from nearly all that he says.
    pub fn beginning<'h>(&'h self, letters: &'h [u8]) -> impl Iterator<Item = (&'h str, &'h str)> {
        let mut from = 0;
        std::iter::from_fn(move || {
            while let Some(place) = self.places.get(from) {
                from += 1;
                let first = self.text.as_bytes().get(place.start);
                if first.is_some_and(|first| letters.iter().any(|letter| letter == first)) {
                    return Some((self.name(place), self.text_of(place)));
                }
            }
            None
        })
    }

    fn name(&self, place: &Place) -> &str {
        self.text.get(place.start..place.comma).unwrap_or_default()
    }

    fn text_of(&self, place: &Place) -> &str {
        self.text
            .get(place.comma + 1..place.end)
            .unwrap_or_default()
    }
}

/// One change to a header list. What no edit names stays as it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HeaderEdit {
    /// Adds a further value.
    Append(&'static str, String),
    /// Removes every value. The name may be one that a client made up.
    Remove(String),
    /// Replaces every value by this one.
    Set(&'static str, String),
    /// [`Set`](Self::Set) for a name of the configuration.
    SetNamed(String, String),
}
