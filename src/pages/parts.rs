//! Pieces that pages share.

use askama::Template;
use askama::filters::HtmlSafe;

/// An input with its label, and its hint where there is one.
#[derive(Clone, Default, Template)]
#[template(path = "field.html")]
pub(super) struct Field<'f> {
    /// Its id, and its name unless that is another.
    pub(super) id: &'f str,
    pub(super) name: &'f str,
    pub(super) label: &'f str,
    pub(super) kind: &'f str,
    pub(super) autocomplete: &'f str,
    pub(super) value: &'f str,
    pub(super) hint: &'f str,
    pub(super) is_faulty: bool,
    pub(super) is_focused: bool,
    pub(super) is_fixed: bool,
}

impl<'f> Field<'f> {
    /// Something that the form says and nobody sees.
    pub(super) fn hidden(name: &'f str, value: &'f str) -> Self {
        Self {
            name,
            value,
            kind: "hidden",
            ..Self::default()
        }
    }

    /// Codes are digits: a phone shows its number keys, and a password manager or the keyboard offers the code.
    fn is_code(&self) -> bool {
        self.autocomplete == "one-time-code"
    }

    /// Ids of what explains the field.
    fn described_by(&self) -> String {
        let hint = if self.hint.is_empty() {
            String::new()
        } else {
            format!("{}-hint", self.id)
        };
        match (self.is_faulty, hint.is_empty()) {
            (true, true) => "error".to_owned(),
            (true, false) => format!("error {hint}"),
            (false, _) => hint,
        }
    }
}

/// A form: its fields in their order, then its buttons.
#[derive(Default, Template)]
#[template(path = "form.html")]
pub(super) struct Form<'f> {
    pub(super) action: String,
    pub(super) fields: Vec<Field<'f>>,
    pub(super) button: &'f str,
    /// Whether the button is not the first thing to press on the page.
    pub(super) is_quiet: bool,
    /// Another button, and the route that it sends the form to.
    pub(super) other: Option<(&'f str, String)>,
}

/// A message above a form.
#[derive(Template)]
#[template(path = "notice.html")]
pub(super) struct Notice<'n> {
    pub(super) text: &'n str,
    pub(super) is_error: bool,
}

// Each is rendered by a template that escapes what it is given.
impl HtmlSafe for Field<'_> {}
impl HtmlSafe for Form<'_> {}
impl HtmlSafe for Notice<'_> {}
