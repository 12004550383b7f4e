//! Where a redirect may lead: only ever to a path of the same site.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

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
pub fn site_location(site: Option<&str>, path: &str) -> String {
    let path = utf8_percent_encode(safe_next(path), NOT_IN_A_LOCATION);
    format!("{}{path}", site.unwrap_or_default())
}

/// The `Location` of the login page, which leads back to `next` afterwards.
pub fn login_location(site: Option<&str>, login_path: &str, next: &str) -> String {
    let next: String = form_urlencoded::byte_serialize(safe_next(next).as_bytes()).collect();
    format!("{}?next={next}", site_location(site, login_path))
}
