//! Outlines: what a page says by a mark instead of an expression of a template.
//!
//! Every page is an HTML file in which marks stand for what differs: a text, an address, what the page was given, and
//! whether a part is shown. A mark costs its own letters and no code, of which expressions cost a hundred bytes each.
//! What is given is written behind its mark and never read for marks, and texts are escaped; only what a template has
//! escaped already ([`Outline::markup`]) stands as it is.
//!
//! | mark | becomes |
//! |---|---|
//! | `<t key>` | the text of a key, with what was given in the place of names in braces |
//! | `<is name>` | what was given by this name |
//! | `<if name>`, `<else>`, `<end>` | what stands between, where something was given by this name, or where nothing was |
//! | `<at route>` | the path of a route |
//! | `<to route>` | the address of one of these pages, which keeps `next` |
//! | `<next>`, `<sign-in>`, `<home>` | where the visitor wants to go, the sign-in page, the site's home page |
//! | `<lang>` | the tag of the language |
//! | `<turnstile>` | the place for Turnstile's widget, where the site has a key for it |

use askama::filters::{Escaper as _, Html};

use super::frame::Frame;

/// An HTML file with marks, and what it is given by name. What is empty counts as not given.
#[derive(Clone, Copy, Default)]
pub(super) struct Outline<'o> {
    pub(super) html: &'static str,
    /// Escaped.
    pub(super) texts: &'o [(&'static str, &'o str)],
    /// Made by templates and outlines, which escape.
    pub(super) markup: &'o [(&'static str, &'o str)],
}

/// What stands for `true` in [`Outline::texts`].
pub(super) const fn flag(is_so: bool) -> &'static str {
    if is_so { "1" } else { "" }
}

/// The document of an outline; any tag that is no mark stays what it is.
pub(super) fn fill(outline: Outline<'_>, frame: &Frame<'_>) -> String {
    let mut filler = Filler {
        outline,
        frame,
        filled: String::with_capacity(outline.html.len() * 2),
        branches: Vec::new(),
    };
    let mut rest = outline.html;
    while let Some((before, after)) = rest.split_once('<') {
        filler.push(before);
        rest = after;
        match after.split_once('>') {
            Some((mark, after)) if filler.mark(mark) => rest = after,
            _ => filler.push("<"),
        }
    }
    filler.push(rest);
    filler.filled
}

struct Filler<'f> {
    outline: Outline<'f>,
    frame: &'f Frame<'f>,
    filled: String,
    /// Of every `<if>` around the place that is read, whether this branch of it is shown.
    branches: Vec<bool>,
}

impl Filler<'_> {
    fn is_shown(&self) -> bool {
        !self.branches.contains(&false)
    }

    fn push(&mut self, html: &str) {
        if self.is_shown() {
            self.filled.push_str(html);
        }
    }

    fn escape(&mut self, text: &str) {
        // Writing to a string does not fail.
        let _ = Html.write_escaped_str(&mut self.filled, text);
    }

    /// Writes what a mark stands for; `false` if it is none.
    fn mark(&mut self, mark: &str) -> bool {
        let (name, argument) = mark.split_once(' ').unwrap_or((mark, ""));
        let frame = self.frame;
        match name {
            "if" => {
                let is_given = |list| given(list, argument).is_some();
                let is_given = is_given(self.outline.texts) || is_given(self.outline.markup);
                self.branches.push(is_given);
            }
            "else" => self
                .branches
                .iter_mut()
                .next_back()
                .into_iter()
                .for_each(|is_shown| *is_shown = !*is_shown),
            "end" => drop(self.branches.pop()),
            _ if !self.is_shown() => return false,
            "is" => self.push_given(argument),
            "t" => self.push_text(frame.text(argument)),
            "at" => self.escape(&frame.action(argument)),
            "to" => self.escape(&frame.to(argument)),
            "next" => self.escape(frame.next()),
            "sign-in" => self.escape(frame.sign_in_address()),
            "home" => self.escape(frame.site.home()),
            "lang" => self.push(frame.language.tag()),
            "turnstile" => self.push_turnstile(),
            _ => return false,
        }
        true
    }

    fn push_given(&mut self, name: &str) {
        if let Some(text) = given(self.outline.texts, name) {
            self.escape(text);
        }
        if let Some(markup) = given(self.outline.markup, name) {
            self.push(markup);
        }
    }

    fn push_text(&mut self, mut text: &str) {
        while let Some((before, after)) = text.split_once('{') {
            self.escape(before);
            text = after;
            let name = after.split_once('}');
            match name.and_then(|(name, after)| Some((given(self.outline.texts, name)?, after))) {
                Some((value, after)) => {
                    self.escape(value);
                    text = after;
                }
                None => self.push("{"),
            }
        }
        self.escape(text);
    }

    /// The place where Turnstile puts its widget, and the hidden field with its answer.
    fn push_turnstile(&mut self) {
        if let Some(site_key) = self.frame.turnstile_site_key {
            self.push(WIDGET);
            self.push(self.frame.language.tag());
            self.push("\" data-sitekey=\"");
            self.escape(site_key);
            self.push("\"></div>");
        }
    }
}

/// How the place for Turnstile's widget begins. No text can write this, since texts are escaped.
pub(super) const WIDGET: &str =
    "<div class=\"cf-turnstile\" data-size=\"flexible\" data-language=\"";

fn given<'v>(list: &[(&str, &'v str)], name: &str) -> Option<&'v str> {
    let (_, value) = list.iter().find(|(given, _)| *given == name)?;
    Some(*value).filter(|value| !value.is_empty())
}
