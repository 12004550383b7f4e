//! Letters without regard to their case.
//!
//! What Unicode says of letters beyond ASCII the runtime knows already: in the Worker it is asked for it, since a second
//! copy of its tables would be 18 KB gzip to fetch and compile.
//!
//! Natively Rust's own tables are used; both follow Unicode, and what they make of a text differs at most where one
//! of them is of a newer version of it.

/// The text in lower case.
pub(crate) fn lower(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    unicode::lower(text)
}

/// The text with its letters in one case, also those that have a lower-case form only by way of their upper-case one.
pub(crate) fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    unicode::folded(text)
}

#[cfg(target_arch = "wasm32")]
mod unicode {
    use js_sys::JsString;

    pub(super) fn lower(text: &str) -> String {
        JsString::from(text).to_lower_case().into()
    }

    pub(super) fn folded(text: &str) -> String {
        JsString::from(text).to_upper_case().to_lower_case().into()
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod unicode {
    pub(super) fn lower(text: &str) -> String {
        text.to_lowercase()
    }

    pub(super) fn folded(text: &str) -> String {
        text.to_uppercase().to_lowercase()
    }
}
