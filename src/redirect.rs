//! Where a redirect may lead: to a path of the same site, or to a host that the operator named.
//!
//! An open redirect on a site's own host is what phishing begins with, so there is one door: [`Site`] for the
//! `next` that a visitor brings, [`Destination`] for the pages that the operator named. What neither knows becomes
//! `/`.
//!
//! `url`'s parser is used throughout, since the browser that follows a `Location` parses it by the same standard.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use url::Url;

/// A `Location` is an ASCII header value; everything else of a path stays as it came.
const NOT_IN_A_LOCATION: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>');

/// `next` if it is a path on this site, otherwise `/`.
///
/// A path is `/` followed by neither `/` nor `\`, because browsers read both as the start of another host, and holds no
/// control character, because browsers drop tabs and line breaks before they look at the rest. Percent escapes are left
/// alone: a browser does not decode them before it resolves a `Location`, so `/%5cevil.example` stays a path.
///
/// ```
/// use edge_session::redirect::safe_next;
///
/// assert_eq!(safe_next("/shop?page=2"), "/shop?page=2");
/// assert_eq!(safe_next("//evil.example"), "/");
/// assert_eq!(safe_next("/\t/evil.example"), "/");
/// ```
pub fn safe_next(next: &str) -> &str {
    let Some(rest) = next.strip_prefix('/') else {
        return "/";
    };
    if rest.starts_with(['/', '\\']) || rest.contains(char::is_control) {
        return "/";
    }
    next
}

/// The `Location` of a path on the site, absolute where `SITE_URL` names the site's origin.
///
/// The path goes through [`safe_next`], so no caller can forget it.
///
/// ```
/// use edge_session::redirect::site_location;
///
/// assert_eq!(site_location(None, "/a b?c=é"), "/a%20b?c=%C3%A9");
/// assert_eq!(site_location(Some("https://site.example"), "/a"), "https://site.example/a");
/// assert_eq!(site_location(Some("https://site.example"), "//evil.example"), "https://site.example/");
/// ```
pub fn site_location(site: Option<&str>, path: &str) -> String {
    let path = utf8_percent_encode(safe_next(path), NOT_IN_A_LOCATION);
    format!("{}{path}", site.unwrap_or_default())
}

/// A page that the operator sends visitors to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Destination {
    /// A page of another host.
    Elsewhere(Url),
    /// A path of the site, perhaps with a query.
    Site(String),
}

impl Destination {
    /// Reads a path of the site in the one form that a request for it has, or an absolute http or https URL; either may
    /// have a query.
    ///
    /// ```
    /// use edge_session::redirect::Destination;
    ///
    /// let login = Destination::parse("/login?theme=dark").expect("a path");
    /// assert_eq!(login.location(None, &[("next", "/a")]), "/login?theme=dark&next=%2Fa");
    /// assert!(login.is_at("https://site.example", "/login/"));
    /// assert!(Destination::parse("https://accounts.example/start").is_some());
    /// // Another spelling of a path would not be compared with a request's.
    /// assert_eq!(Destination::parse("/log%69n"), None);
    /// assert_eq!(Destination::parse("//accounts.example"), None);
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.starts_with('/') {
            let (path, query) = text.split_once('?').unwrap_or((text, ""));
            let is_query = |byte: u8| byte.is_ascii_graphic() && !b"#\\\"<>".contains(&byte);
            let is_good = is_canonical_path(path) && query.bytes().all(is_query);
            return is_good.then(|| Self::Site(text.to_owned()));
        }
        let url = absolute(text)?;
        url.fragment().is_none().then_some(Self::Elsewhere(url))
    }

    /// The page's path on a site with this origin, if it lies there.
    #[must_use]
    pub fn path_on(&self, origin: &str) -> Option<&str> {
        match self {
            Self::Elsewhere(url) => {
                (url.origin().ascii_serialization() == origin).then(|| url.path())
            }
            Self::Site(text) => Some(text.split_once('?').map_or(text, |(path, _)| path)),
        }
    }

    /// The host, and the port if it is not 443, of a page of another host that is reached by https.
    #[must_use]
    pub fn https_authority(&self) -> Option<String> {
        match self {
            Self::Elsewhere(url) if url.scheme() == "https" => Some(url.authority().to_owned()),
            Self::Elsewhere(_) | Self::Site(_) => None,
        }
    }

    /// True if `form` is the page's path. Sites that add or drop the last slash would send a visitor round for ever, so
    /// it does not count.
    #[must_use]
    pub fn is_at(&self, origin: &str, form: &str) -> bool {
        self.path_on(origin)
            .is_some_and(|path| path.trim_end_matches('/') == form.trim_end_matches('/'))
    }

    /// True if `path` begins with the page's, such as a page of the login page's in another language.
    #[must_use]
    pub fn begins(&self, origin: &str, path: &str) -> bool {
        let Some(own) = self.path_on(origin) else {
            return false;
        };
        let own = own.trim_end_matches('/');
        if own.is_empty() {
            return matches!(path.split(['?', '#']).next(), Some("/" | ""));
        }
        path.starts_with(own)
    }

    /// The address, with these fields added to its query.
    #[must_use]
    pub fn location(&self, site: Option<&str>, fields: &[(&str, &str)]) -> String {
        let address = match self {
            Self::Elsewhere(url) => url.as_str().to_owned(),
            Self::Site(text) => site_location(site, text),
        };
        if fields.is_empty() {
            return address;
        }
        let added = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let separator = match address.split_once('?') {
            None => "?",
            Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
            Some(_) => "&",
        };
        format!("{address}{separator}{added}")
    }
}

/// True for a path that a browser sends just so.
///
/// ```
/// use edge_session::redirect::is_canonical_path;
///
/// assert!(is_canonical_path("/auth/login"));
/// assert!(!is_canonical_path("/auth//login"));
/// assert!(!is_canonical_path("/auth/../login"));
/// assert!(!is_canonical_path("/auth/log%69n"));
/// ```
#[must_use]
pub fn is_canonical_path(path: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"?#%\\\"<>^`{}".contains(&byte);
    path.starts_with('/')
        && path.bytes().all(is_plain)
        && !path.contains("//")
        && !path.split('/').any(|segment| matches!(segment, "." | ".."))
}

/// The hosts of `REDIRECT_HOSTS`.
///
/// Only https on the named port counts, so that nobody between the visitor and such a host gets what he is sent
/// with.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RedirectHosts(Vec<String>);

impl RedirectHosts {
    /// Takes hosts, each perhaps with a port, and with `*.` in front for every subdomain.
    ///
    /// ```
    /// use edge_session::redirect::RedirectHosts;
    ///
    /// assert!(RedirectHosts::parse(["app.example.com", "*.example.org"]).is_some());
    /// assert!(RedirectHosts::parse(["https://app.example.com"]).is_none());
    /// ```
    #[must_use]
    pub fn parse<'h>(hosts: impl IntoIterator<Item = &'h str>) -> Option<Self> {
        let read = |host: &str| {
            let host = host.to_ascii_lowercase();
            let name = host.strip_prefix("*.").unwrap_or(&host);
            let url = parse_url(&format!("https://{name}/"))?;
            let is_host = host_and_port(&url)? == name && url.path() == "/" && !name.contains('*');
            is_host.then(|| host.clone())
        };
        hosts.into_iter().map(read).collect::<Option<_>>().map(Self)
    }

    /// The hosts as they were named, in lower case.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    fn allows(&self, url: &Url) -> bool {
        let Some(host) = host_and_port(url).filter(|_| url.scheme() == "https") else {
            return false;
        };
        self.iter().any(|known| match known.strip_prefix("*.") {
            Some(domain) => host
                .strip_suffix(domain)
                .is_some_and(|labels| labels.len() > 1 && labels.ends_with('.')),
            None => host == known,
        })
    }
}

fn host_and_port(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    Some(match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    })
}

/// An absolute http or https URL that every parser reads alike: spelled out, without user name, backslash and anything
/// that a browser would drop.
fn absolute(text: &str) -> Option<Url> {
    let is_odd = |character: char| character.is_control() || character == '\\' || character == ' ';
    if !is_spelled_out(text) || text.contains(is_odd) {
        return None;
    }
    let url = parse_url(text)?;
    let is_bare = url.username().is_empty() && url.password().is_none() && !has_user_info(text);
    is_bare.then_some(url)
}

/// The URL standard would also take `https:host` and `https:///host`.
pub(crate) fn is_spelled_out(text: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| {
        text.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
            && !text
                .get(scheme.len()..)
                .is_some_and(|rest| rest.starts_with(['/', '\\']))
    })
}

fn has_user_info(text: &str) -> bool {
    authority(text).contains('@')
}

/// What stands between `//` and the path; nothing where more slashes follow, of either kind, which the URL standard skips.
pub(crate) fn authority(text: &str) -> &str {
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    rest.split(['/', '?', '#', '\\']).next().unwrap_or_default()
}

/// The URL standard's parser, for hosts in plain ASCII. It is built without the tables for international names, so a host
/// that needs them, written out or escaped, is none; nor is one behind slashes or control characters that it would skip.
pub(crate) fn parse_url(text: &str) -> Option<Url> {
    let authority = authority(text);
    let has_controls = text.bytes().any(|byte| byte.is_ascii_control());
    if has_controls || authority.is_empty() || !authority.is_ascii() || authority.contains('%') {
        return None;
    }
    Url::parse(text).ok()
}

/// The site that a redirect starts from.
#[derive(Clone, Copy, Debug)]
pub struct Site<'s> {
    /// Its public origin, `scheme://host[:port]`: `SITE_URL`, or that of the request.
    pub origin: &'s str,
    /// Whether `SITE_URL` names it, so that a `Location` has to.
    pub is_configured: bool,
    /// The other hosts that a redirect may lead to.
    pub hosts: &'s RedirectHosts,
    /// Where a visitor signs in.
    pub login: &'s Destination,
}

impl Site<'_> {
    /// `next` if it is safe: a path, or an absolute URL of one of the hosts. An absolute URL of the site's own origin
    /// becomes its path, and anything else `/`.
    ///
    /// ```
    /// use edge_session::redirect::{Destination, RedirectHosts, Site};
    ///
    /// let hosts = RedirectHosts::parse(["app.example.com"]).expect("hosts");
    /// let login = Destination::Site("/login".to_owned());
    /// let site = Site { origin: "https://site.example", is_configured: false, hosts: &hosts, login: &login };
    ///
    /// assert_eq!(site.next("/shop?page=2"), "/shop?page=2");
    /// assert_eq!(site.next("https://site.example/shop"), "/shop");
    /// assert_eq!(site.next("https://app.example.com/x"), "https://app.example.com/x");
    /// assert_eq!(site.next("http://app.example.com/x"), "/");
    /// assert_eq!(site.next("https://app.example.com@evil.example/"), "/");
    /// ```
    #[must_use]
    pub fn next<'n>(&self, next: &'n str) -> Cow<'n, str> {
        if next.starts_with('/') {
            return Cow::Borrowed(safe_next(next));
        }
        let Some(url) = absolute(next) else {
            return Cow::Borrowed("/");
        };
        if url.origin().ascii_serialization() == self.origin {
            return Cow::Owned(safe_next(&after_origin(&url)).to_owned());
        }
        if self.hosts.allows(&url) {
            return Cow::Owned(url.into());
        }
        Cow::Borrowed("/")
    }

    /// The `Location` of a `next` that is made safe first.
    #[must_use]
    pub fn next_location(&self, next: &str) -> String {
        let next = self.next(next);
        if next.starts_with('/') {
            return self.location(&next);
        }
        utf8_percent_encode(&next, NOT_IN_A_LOCATION).to_string()
    }

    /// The `Location` of a path of the site.
    #[must_use]
    pub fn location(&self, path: &str) -> String {
        site_location(self.configured(), path)
    }

    /// The `Location` of a page that leads back to `next` afterwards, with a `reason` if there is one.
    ///
    /// A page of the login page's own cannot be led back to: each redirect would wrap the one before. What such an
    /// address names as its own `next` counts instead.
    ///
    /// ```
    /// use edge_session::redirect::{Destination, RedirectHosts, Site};
    ///
    /// let hosts = RedirectHosts::default();
    /// let login = Destination::Site("/login".to_owned());
    /// let site = Site { origin: "https://site.example", is_configured: false, hosts: &hosts, login: &login };
    ///
    /// assert_eq!(site.send_to(&login, "/shop", None), "/login?next=%2Fshop");
    /// assert_eq!(site.send_to(&login, "/login?next=/shop", None), "/login?next=%2Fshop");
    /// ```
    #[must_use]
    pub fn send_to(&self, page: &Destination, next: &str, reason: Option<&str>) -> String {
        let next = self.unnested(page, next);
        let next = match page {
            // A page of another host cannot tell whose path it is given.
            Destination::Elsewhere(url)
                if next.starts_with('/') && url.origin().ascii_serialization() != self.origin =>
            {
                Cow::Owned(format!("{}{next}", self.origin))
            }
            Destination::Elsewhere(_) | Destination::Site(_) => next,
        };
        let mut fields = vec![("next", next.as_ref())];
        fields.extend(reason.map(|reason| ("reason", reason)));
        page.location(self.configured(), &fields)
    }

    fn unnested<'n>(&self, page: &Destination, next: &'n str) -> Cow<'n, str> {
        // Of other pages only the page itself leads round in a circle.
        let path = |next: &str| next.split(['?', '#']).next().unwrap_or_default().to_owned();
        let is_nested = |next: &str| {
            self.login.begins(self.origin, next) || page.is_at(self.origin, &path(next))
        };
        let safe = self.next(next);
        if !is_nested(&safe) {
            return safe;
        }
        let query = safe.split_once('?').map_or("", |(_, query)| query);
        let query = query.split('#').next().unwrap_or_default();
        let inner = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "next");
        let inner = inner.map(|(_, inner)| self.next(&inner).into_owned());
        Cow::Owned(
            inner
                .filter(|inner| !is_nested(inner))
                .unwrap_or_else(|| "/".to_owned()),
        )
    }

    fn configured(&self) -> Option<&str> {
        self.is_configured.then_some(self.origin)
    }
}

/// Path, query and fragment.
fn after_origin(url: &Url) -> String {
    url[url::Position::BeforePath..].to_owned()
}
