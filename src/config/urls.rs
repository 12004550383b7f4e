//! URLs and paths of the configuration.
//!
//! Each is read to the type that its users need: [`HttpUrl`] for what is called, [`Destination`] for where visitors
//! are sent, an origin for what is compared. Paths have to be written in the one form that a browser sends, so that
//! comparing texts is enough.

use super::http_url::HttpUrl;
use super::parse::{Reader, default_text};
use crate::redirect::{Destination, RedirectHosts, is_canonical_path};

/// What the Auth server is reached by, all of it derived from `SUPABASE_URL`.
///
/// Both texts have to be what `createClient` of the Supabase clients makes of the same URL: another storage key
/// would be another cookie.
pub(super) struct Project {
    pub(super) auth_base: String,
    pub(super) storage_key: String,
}

/// Reads `SUPABASE_URL` exactly as the Supabase clients do, so that both sides name the cookie alike.
///
/// `None` without a URL that names a project: the one problem without which nothing else can be read.
pub(super) fn project<F: Fn(&str) -> Option<String>>(reader: &mut Reader<F>) -> Option<Project> {
    const NAME: &str = "SUPABASE_URL";
    let Some(text) = reader.set(NAME) else {
        reader.problem(NAME, "must be set: the URL of the Supabase project");
        return None;
    };
    let slash = if text.ends_with('/') { "" } else { "/" };
    let url = match HttpUrl::parse(&format!("{text}{slash}")) {
        Ok(url) => url,
        Err(error) => {
            reader.problem(NAME, error.rule("must be a URL that begins with https://"));
            return None;
        }
    };
    if url.has_user_info() {
        reader.problem(NAME, "must not hold a user name or password");
        return None;
    }
    if !url.is_https() && !url.is_safe_without_tls() {
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

/// A path of it is put in front of every request's path.
pub(super) fn origin_url<F: Fn(&str) -> Option<String>>(reader: &mut Reader<F>) -> Option<HttpUrl> {
    const RULE: &str = "must be an http or https URL without user name, query and fragment";
    checked(reader, "ORIGIN_URL", RULE, |url| {
        !url.has_user_info() && !url.has_query_or_fragment()
    })
}

/// Where another proxy stands in front, only the operator knows how visitors call the site.
pub(super) fn site_url<F: Fn(&str) -> Option<String>>(reader: &mut Reader<F>) -> Option<String> {
    const RULE: &str = "must be an http or https origin, such as https://www.example.com";
    let url = checked(reader, "SITE_URL", RULE, |url| {
        !url.has_user_info() && url.path() == "/" && !url.has_query_or_fragment()
    })?;
    Some(url.origin())
}

fn checked<F: Fn(&str) -> Option<String>>(
    reader: &mut Reader<F>,
    name: &'static str,
    rule: &'static str,
    is_good: impl Fn(&HttpUrl) -> bool,
) -> Option<HttpUrl> {
    let problem = match HttpUrl::parse(&reader.set(name)?) {
        Ok(url) if is_good(&url) => return Some(url),
        Ok(_) => rule,
        Err(error) => error.rule(rule),
    };
    reader.problem(name, problem);
    None
}

/// `AUTH_PATH` without a slash at its end, so that routes can be put behind it.
pub(super) fn auth_path<F: Fn(&str) -> Option<String>>(reader: &mut Reader<F>) -> Option<String> {
    const NAME: &str = "AUTH_PATH";
    let path = reader.set(NAME)?;
    if !is_canonical_path(&path) {
        reader.problem(NAME, "must be a path that begins with / and holds no escape, query, fragment, // or dot segment");
    }
    if path == "/" {
        reader.problem(NAME, "must not be /, below which the whole site lies");
    }
    Some(path.strip_suffix('/').unwrap_or(&path).to_owned())
}

/// Where visitors are sent to sign in, and to give a second factor.
pub(super) struct Pages {
    pub(super) login: Destination,
    pub(super) mfa: Option<Destination>,
}

/// `LOGIN_PATH` and `MFA_PATH`, which are by default the Worker's own pages where it serves them below `own`.
pub(super) fn pages<F: Fn(&str) -> Option<String>>(
    reader: &mut Reader<F>,
    own: Option<&str>,
) -> Pages {
    let page = |reader: &mut Reader<F>, name: &'static str, default: Option<String>| {
        let text = reader.set(name).or(default)?;
        let page = Destination::parse(&text);
        if page.is_none() {
            let rule = "must be a path that begins with / and holds no escape, fragment, // or dot segment, or an absolute http or https URL of another host, its name in ASCII";
            reader.problem(name, rule);
        }
        page
    };
    let login = own.map_or_else(
        || default_text("LOGIN_PATH").to_owned(),
        |own| format!("{own}/login"),
    );
    let mfa = own.map(|own| format!("{own}/mfa"));
    Pages {
        login: page(reader, "LOGIN_PATH", Some(login))
            .unwrap_or_else(|| Destination::Site("/".to_owned())),
        mfa: page(reader, "MFA_PATH", mfa),
    }
}

/// What one of them may be is said by [`RedirectHosts::parse`].
pub(super) fn redirect_hosts<F: Fn(&str) -> Option<String>>(
    reader: &mut Reader<F>,
) -> RedirectHosts {
    const NAME: &str = "REDIRECT_HOSTS";
    let hosts = reader.list(NAME, "");
    let hosts = RedirectHosts::parse(hosts.iter().map(String::as_str));
    hosts.unwrap_or_else(|| {
        reader.problem(
            NAME,
            "must be hosts in ASCII, without scheme and path, comma separated, *. in front for subdomains",
        );
        RedirectHosts::default()
    })
}
