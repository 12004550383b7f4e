//! How the texts of a rule may be spelt: globs, hosts, methods, pointers, origins.
//!
//! Each function says what is wrong with a text, to be read behind its position, or nothing. They are strict where
//! a lenient reading would leave a page open: a glob that can match nothing is a mistake and no guard.

use percent_encoding::percent_decode_str;

use crate::redirect::{is_spelled_out, parse_url};

/// The claims that users write themselves: who may put anything there proves nothing by it.
const USERS_OWN_CLAIMS: &str = "/user_metadata";

/// `in_a_list` allows a `!` in front.
pub(super) fn path_problem(glob: &str, in_a_list: bool) -> Option<&'static str> {
    let included = match glob.strip_prefix('!') {
        Some(_) if !in_a_list => return Some("may exclude with ! inside a list only"),
        Some(excluded) => excluded,
        None => glob,
    };
    if !included.starts_with(['/', '*']) {
        return Some("must begin with / or *, otherwise it matches nothing");
    }
    if included.contains(char::is_control) {
        return Some("must not hold a control character");
    }
    let decoded = percent_decode_str(included).decode_utf8_lossy();
    if decoded.contains('\0') {
        return Some("must not hold an escaped NUL, at which a path may end");
    }
    let stars = |text: &str| text.matches('*').count();
    // Decoded, the star would match everything.
    (stars(&decoded) > stars(included))
        .then_some("must not hold an escaped star, which cannot be told from a wildcard")
}

/// Hosts come as browsers send them, an international name in its `xn--` form.
pub(super) fn host_problem(glob: &str) -> Option<&'static str> {
    let allowed =
        |character: char| character.is_ascii_alphanumeric() || "-._*:[]".contains(character);
    (!glob.chars().all(allowed))
        .then_some("must be a host name in ASCII, without scheme or path, * allowed")
}

/// A method is a token (RFC 9110 9.1). There is no wildcard, since a rule without methods holds for all.
pub(super) fn method_problem(method: &str) -> Option<&'static str> {
    let token = |character: char| {
        character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character)
    };
    (method.contains('*') || !method.chars().all(token)).then_some("must be the name of a method")
}

pub(super) fn pointer_problem(pointer: &str) -> Option<&'static str> {
    if !is_json_pointer(pointer) {
        return Some("must be named by a JSON pointer, such as /app_metadata/role");
    }
    let is_users_own = pointer
        .strip_prefix(USERS_OWN_CLAIMS)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    is_users_own.then_some(
        "must not point into /user_metadata, which users write themselves; /app_metadata is the server's",
    )
}

/// Compared with the `Origin` header letter by letter, so it has to be in the form that browsers send.
pub(super) fn origin_problem(origin: &str) -> Option<&'static str> {
    let is_origin = is_spelled_out(origin)
        && parse_url(origin).is_some_and(|url| url.origin().ascii_serialization() == origin);
    (!is_origin).then_some("must be an origin such as https://app.example.com")
}

/// True for a JSON pointer (RFC 6901) to anything but the whole.
///
/// `~` must be followed by `0` or `1` (RFC 6901 3); the empty pointer, which is the whole, is none here.
pub(crate) fn is_json_pointer(pointer: &str) -> bool {
    pointer.starts_with('/')
        && pointer
            .split('~')
            .skip(1)
            .all(|rest| rest.starts_with(['0', '1']))
}
