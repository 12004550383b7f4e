//! A browser's side of `Set-Cookie`: RFC 6265bis 5.6 (parsing) and 5.7 (storing), to the letter.
//!
//! Left out is what no line of the Worker has or what its tests have no use for: `Expires`, public suffixes, and the
//! rules for scripts and for other sites.

/// The most bytes of a name and a value together.
const MAX_PAIR_BYTES: usize = 4096;
/// The most bytes of an attribute's value; a longer one does not count.
const MAX_ATTRIBUTE_BYTES: usize = 1024;

/// A cookie in the jar.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Stored {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) domain: String,
    pub(crate) is_host_only: bool,
    pub(crate) path: String,
    pub(crate) is_partitioned: bool,
    pub(crate) is_secure: bool,
    pub(crate) is_http_only: bool,
    pub(crate) same_site: String,
    pub(crate) max_age_seconds: Option<i64>,
}

/// Names in lower case, and values.
type Attributes<'l> = Vec<(String, &'l str)>;

/// The cookies that a browser keeps.
#[derive(Clone, Debug, Default)]
pub(crate) struct Jar(pub(crate) Vec<Stored>);

impl Jar {
    /// Takes one line of a response from `host`; tells whether the browser heeded it.
    pub(crate) fn take(&mut self, line: &str, host: &str, is_https: bool) -> bool {
        let Some((name, value, attributes)) = parse(line) else {
            return false;
        };
        let Some(cookie) = store(name, value, &attributes, host, is_https) else {
            return false;
        };
        let is_same = |old: &Stored| {
            let scope = |cookie: &Stored| (cookie.is_host_only, cookie.is_partitioned);
            (&old.name, &old.domain, &old.path) == (&cookie.name, &cookie.domain, &cookie.path)
                && scope(old) == scope(&cookie)
        };
        self.0.retain(|old| !is_same(old));
        if cookie.max_age_seconds.is_none_or(|seconds| seconds > 0) {
            self.0.push(cookie);
        }
        true
    }
}

/// 5.6: the name, the value and the attributes of a line, the last of each name counting.
fn parse(line: &str) -> Option<(&str, &str, Attributes<'_>)> {
    if line
        .bytes()
        .any(|byte| matches!(byte, 0x00..=0x08 | 0x0a..=0x1f | 0x7f))
    {
        return None;
    }
    let (pair, rest) = line.split_once(';').unwrap_or((line, ""));
    let (name, value) = pair.split_once('=').unwrap_or(("", pair));
    let (name, value) = (trim(name), trim(value));
    if name.len() + value.len() > MAX_PAIR_BYTES {
        return None;
    }
    let attributes = rest.split(';').filter_map(|attribute| {
        let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        let value = trim(value);
        (value.len() <= MAX_ATTRIBUTE_BYTES).then(|| (trim(name).to_ascii_lowercase(), value))
    });
    Some((name, value, attributes.collect()))
}

/// 5.7: the cookie to store, or `None` where a browser ignores it.
fn store(
    name: &str,
    value: &str,
    attributes: &Attributes<'_>,
    host: &str,
    is_https: bool,
) -> Option<Stored> {
    let attribute = |wanted: &str| {
        attributes
            .iter()
            .rev()
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| *value)
    };
    let domain = attribute("domain").map(|domain| {
        domain
            .strip_prefix('.')
            .unwrap_or(domain)
            .to_ascii_lowercase()
    });
    let domain = domain.filter(|domain| !domain.is_empty());
    let path = attribute("path").filter(|path| path.starts_with('/'));
    let is_secure = attribute("secure").is_some();
    // CHIPS: one partition per site that embeds this one; here it is always the same.
    let is_partitioned = attribute("partitioned").is_some();
    let same_site = attribute("samesite").unwrap_or("Default").to_owned();
    let has_prefix = |prefix: &str| {
        name.get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    let matches_host = domain.as_ref().is_none_or(|domain| {
        host == domain
            || host
                .strip_suffix(domain.as_str())
                .is_some_and(|rest| rest.ends_with('.'))
    });
    let is_ignored = name.is_empty() && value.is_empty()
        || !matches_host
        || is_secure && !is_https
        || same_site.eq_ignore_ascii_case("none") && !is_secure
        || is_partitioned && !is_secure
        || has_prefix("__secure-") && !is_secure
        || has_prefix("__host-") && (!is_secure || domain.is_some() || path != Some("/"));
    (!is_ignored).then(|| Stored {
        name: name.to_owned(),
        value: value.to_owned(),
        is_host_only: domain.is_none(),
        domain: domain.unwrap_or_else(|| host.to_owned()),
        path: path.unwrap_or("/default-path").to_owned(),
        is_partitioned,
        is_secure,
        is_http_only: attribute("httponly").is_some(),
        same_site,
        max_age_seconds: attribute("max-age").and_then(|value| value.parse().ok()),
    })
}

/// SP and HTAB.
fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}
