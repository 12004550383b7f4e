//! URLs and paths of the configuration.

use super::http_url::{Host, HttpUrl};
use super::parse::Reader;
use crate::redirect::safe_next;

/// What the Auth server is reached by, all of it derived from `SUPABASE_URL`.
pub(super) struct Project {
    pub(super) auth_base: String,
    pub(super) storage_key: String,
}

/// Reads `SUPABASE_URL` exactly as the Supabase clients do, so that both sides name the cookie alike.
pub(super) fn project<F: Fn(&str) -> Option<String>>(reader: &mut Reader<F>) -> Option<Project> {
    const NAME: &str = "SUPABASE_URL";
    let Some(text) = reader.set(NAME) else {
        reader.problem(NAME, "must be set: the URL of the Supabase project");
        return None;
    };
    let slash = if text.ends_with('/') { "" } else { "/" };
    let Some(url) = parse_http(reader, &format!("{text}{slash}")) else {
        reader.problem(NAME, "must be a URL that begins with https://");
        return None;
    };
    if url.has_user_info() {
        reader.problem(NAME, "must not hold a user name or password");
        return None;
    }
    if url.scheme() == "http" && !is_near(&url) {
        reader.problem(
            NAME,
            "must be https: plain http is for loopback and private addresses, single-label hosts, .local and .internal",
        );
        return None;
    }
    let label = url.host_text().split('.').next().unwrap_or_default();
    // What `new URL("auth/v1", url)` does: the last segment, the query and the fragment go.
    let folder = url.path().rsplit_once('/').map_or("", |(folder, _)| folder);
    Some(Project {
        auth_base: format!("{}{folder}/auth/v1", url.origin()),
        storage_key: format!("sb-{label}-auth-token"),
    })
}

pub(super) fn origin_url<F: Fn(&str) -> Option<String>>(reader: &mut Reader<F>) -> Option<HttpUrl> {
    const NAME: &str = "ORIGIN_URL";
    let text = reader.set(NAME)?;
    let url = parse_http(reader, &text)
        .filter(|url| !url.has_user_info() && !url.has_query_or_fragment());
    if url.is_none() {
        reader.problem(
            NAME,
            "must be an http or https URL without user name, query and fragment",
        );
    }
    url
}

pub(super) fn site_url<F: Fn(&str) -> Option<String>>(reader: &mut Reader<F>) -> Option<String> {
    const NAME: &str = "SITE_URL";
    let text = reader.set(NAME)?;
    let url = parse_http(reader, &text)
        .filter(|url| !url.has_user_info() && url.path() == "/" && !url.has_query_or_fragment());
    if url.is_none() {
        reader.problem(
            NAME,
            "must be an http or https origin, such as https://www.example.com",
        );
    }
    url.map(|url| url.origin())
}

/// A path of the site, in the one form that a request for it has.
pub(super) fn site_path<F: Fn(&str) -> Option<String>>(
    reader: &mut Reader<F>,
    variable: &'static str,
) -> String {
    let path = reader.text(variable);
    let plain = path
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !b"?#%\\\"<>^`{}".contains(&byte));
    let absolute = path.starts_with('/') && safe_next(&path) == path;
    if !plain
        || !absolute
        || path.contains("//")
        || path.split('/').any(|segment| matches!(segment, "." | ".."))
    {
        reader.problem(variable, "must be a path that begins with / and holds no escape, query, fragment, // or dot segment");
    }
    path
}

/// `AUTH_PATH` without a slash at its end, so that routes can be put behind it.
pub(super) fn auth_path<F: Fn(&str) -> Option<String>>(reader: &mut Reader<F>) -> Option<String> {
    const NAME: &str = "AUTH_PATH";
    reader.set(NAME)?;
    let path = site_path(reader, NAME);
    let trimmed = path.strip_suffix('/').unwrap_or(&path);
    if path == "/" {
        reader.problem(NAME, "must not be /, below which the whole site lies");
    }
    Some(trimmed.to_owned())
}

/// A URL that spells out `http://` or `https://`; the URL standard would also take `https:host`.
fn parse_http<F: Fn(&str) -> Option<String>>(reader: &Reader<F>, text: &str) -> Option<HttpUrl> {
    let spelled = ["http://", "https://"].iter().any(|scheme| {
        text.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    if !spelled {
        return None;
    }
    HttpUrl::from_href(reader.parse_url(text)?)
}

/// Whether the host is on this machine or in a network where nobody else listens.
fn is_near(url: &HttpUrl) -> bool {
    match url.host() {
        Host::Domain(domain) => {
            let domain = domain.strip_suffix('.').unwrap_or(domain);
            let suffixes = [".localhost", ".local", ".internal"];
            !domain.contains('.') || suffixes.iter().any(|suffix| domain.ends_with(suffix))
        }
        Host::Ipv4(address) => is_near_v4(address),
        Host::Ipv6(address) => match address.to_ipv4_mapped() {
            Some(address) => is_near_v4(address),
            None => {
                address.is_loopback()
                    || address.is_unique_local()
                    || address.is_unicast_link_local()
            }
        },
    }
}

fn is_near_v4(address: std::net::Ipv4Addr) -> bool {
    address.is_loopback() || address.is_private() || address.is_link_local()
}
