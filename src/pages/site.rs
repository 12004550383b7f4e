//! What `PAGES` says about the site, and which of it may stand in a page.

use super::texts::Texts;
use crate::redirect::safe_next;

/// How the site wants its pages to look and read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Site<'s> {
    /// Its name.
    pub name: &'s str,
    /// The address of its logo: https, or a path of the site.
    pub logo: Option<&'s str>,
    /// Its colour, `#rrggbb`.
    pub color: Option<&'s str>,
    /// Where its home link leads: https, or a path of the site.
    pub home: Option<&'s str>,
    /// Texts in place of the built-in ones.
    pub texts: Option<&'s Texts>,
}

impl<'s> Site<'s> {
    pub(super) fn home(&self) -> &'s str {
        self.home.and_then(link).unwrap_or("/")
    }

    /// The logo, if its address is one that a policy can name.
    pub(super) fn logo(&self) -> Option<&'s str> {
        let logo = link(self.logo?)?;
        image_source(logo).map(|_| logo)
    }
}

/// An address that a link of a page may have. `javascript:` and `data:` are none, and neither is `//host`.
pub(crate) fn link(address: &str) -> Option<&str> {
    let is_plain = !address.contains(|c: char| c.is_control() || c == '\\');
    let is_path = safe_next(address) == address;
    (is_plain && (is_path || address.starts_with("https://"))).then_some(address)
}

/// What `img-src` has to name for an image at this address.
pub(super) fn image_source(address: &str) -> Option<String> {
    let Some(rest) = address.strip_prefix("https://") else {
        return Some("'self'".to_owned());
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    is_host(host).then(|| ["https://", host].concat())
}

/// A host, perhaps with a port, that cannot add anything to a policy.
pub(super) fn is_host(host: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]*".contains(&byte);
    !host.is_empty() && host.bytes().all(is_allowed)
}
