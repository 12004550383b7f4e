//! The head of a request: method, URL and headers, without the body.
//!
//! It is plain text in Rust's own types, so everything that decides about a request runs without a runtime. Nothing
//! is normalised: the path and the URL are as sent, since an origin gets them as sent.

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
}

impl RequestHead {
    /// A head from the request's own method (any token), its absolute URL and its headers.
    #[must_use]
    pub const fn new(method: String, url: String, headers: Headers) -> Self {
        Self {
            method,
            url,
            headers,
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
        self.url.split_once("://").map_or("", |(scheme, _)| scheme)
    }

    /// The host with its port, if one is named.
    #[must_use]
    pub fn authority(&self) -> &str {
        let (authority, _) = split_authority(&self.url);
        authority
            .rsplit_once('@')
            .map_or(authority, |(_, host)| host)
    }

    /// True if the authority is one host and at most a port: two `Host` lines that were joined name none.
    #[must_use]
    pub fn has_plain_authority(&self) -> bool {
        let is_plain =
            |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:[]%".contains(&byte) || byte > 0x7f;
        let authority = self.authority();
        !authority.is_empty() && authority.bytes().all(is_plain)
    }

    /// True if whoever parses the URL and writes it down again (the WHATWG's URL standard) gets the same one.
    ///
    /// What could become another one may not: its host in another form, a default port, dot segments, and characters that
    /// would be escaped or dropped.
    #[must_use]
    pub fn has_plain_url(&self) -> bool {
        let (authority, rest) = split_authority(&self.url);
        let is_plain =
            |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&()*+,;=:@/?%".contains(&byte);
        is_plain_authority(authority)
            && rest.starts_with('/')
            && rest.bytes().all(is_plain)
            && !rest.as_bytes().windows(2).any(|pair| pair == b"/.")
            && !rest
                .as_bytes()
                .windows(3)
                .any(|escape| escape.eq_ignore_ascii_case(b"%2e"))
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
        format!("{}://{}", self.scheme(), self.authority())
    }

    /// Path and query, beginning with `/`, as sent.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        let (_, rest) = split_authority(&self.url);
        if rest.starts_with('/') { rest } else { "/" }
    }

    /// The path, as sent.
    #[must_use]
    pub fn path(&self) -> &str {
        let rest = self.path_and_query();
        rest.split_once('?').map_or(rest, |(path, _)| path)
    }

    /// The query, as sent, without its `?`.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        let (_, query) = self.path_and_query().split_once('?')?;
        Some(query)
    }

    /// The whole URL, as sent.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// As many as a browser sends through Cloudflare.
const TYPICAL_HEADERS: usize = 32;

fn split_authority(url: &str) -> (&str, &str) {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let end = after_scheme.find(['/', '?', '#']).unwrap_or_else(|| {
        // `OPTIONS *` is about the server: the runtime puts the star behind the host (RFC 9110 9.3.7).
        after_scheme
            .strip_suffix('*')
            .map_or(after_scheme.len(), str::len)
    });
    after_scheme.split_at(end)
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
        for line in text.split('\n') {
            let end = start + line.len();
            if let Some(comma) = line.find(',') {
                let comma = start + comma;
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
        self.values(name).next()
    }

    /// Every value of the header `name` (lower case): only `Set-Cookie` has a line for each.
    pub fn values<'h>(&'h self, name: &str) -> impl Iterator<Item = &'h str> {
        self.places
            .iter()
            .filter(move |place| self.name(place) == name)
            .map(|place| self.text_of(place))
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
