//! Outlines: what HTML files say by a mark where a page differs.
//!
//! A mark stands for a text, an address, what the page was given, or tells whether a part is shown. Templates that become
//! code cost a hundred bytes for each expression; a mark costs its own letters. All that is given is escaped, but for what
//! outlines made ([`Outline::markup`]), and what was written is never read for marks again.
//!
//! | mark | becomes |
//! |---|---|
//! | `<t key>` | the text of a key, with what was given in the place of names in braces |
//! | `<is name>` | what was given by this name |
//! | `<if name>`, `<else>`, `<end>` | what stands between, where something was given by this name, or where nothing was |
//! | `<about field …>`, `<else>`, `<end>` | the same, where the error is about one of these fields (`errors.txt`) |
//! | `<at route>` | the path of a route |
//! | `<to route>` | the address of one of these pages, which keeps `next` |
//! | `<next>`, `<sign-in>`, `<home>` | where the visitor wants to go, the sign-in page, the site's home page |
//! | `<lang>` | the tag of the language |
//! | `<turnstile>` | the place for Turnstile's widget, where the site has a key for it |

use super::frame::Frame;

/// How the place for Turnstile's widget begins. No text can write this, since texts are escaped.
pub(super) const WIDGET: &str =
    "<div class=\"cf-turnstile\" data-size=\"flexible\" data-language=\"";

/// A file with marks, and what it is given by name. What is empty counts as not given.
pub(super) struct Outline<'o> {
    frame: &'o Frame<'o>,
    html: &'static str,
    given: Vec<Given>,
}

struct Given {
    name: &'static str,
    value: String,
    is_markup: bool,
}

impl<'o> Outline<'o> {
    pub(super) fn new(frame: &'o Frame<'o>, html: &'static str) -> Self {
        Self {
            frame,
            html,
            given: Vec::new(),
        }
    }

    /// Gives a text, which is escaped.
    #[inline(never)]
    pub(super) fn text(&mut self, name: &'static str, value: Option<&str>) {
        let value = value.unwrap_or_default().to_owned();
        self.given.push(Given {
            name,
            value,
            is_markup: false,
        });
    }

    /// Gives something to ask for by `<if name>`.
    #[inline(never)]
    pub(super) fn flag(&mut self, name: &'static str, is_so: bool) {
        self.text(name, is_so.then_some(name));
    }

    /// Gives what an outline made, or what is a constant of this module.
    #[inline(never)]
    pub(super) fn markup(&mut self, name: &'static str, value: String) {
        self.given.push(Given {
            name,
            value,
            is_markup: true,
        });
    }

    fn given(&self, name: &str) -> Option<&Given> {
        let named = self.given.iter().find(|given| given.name == name);
        named.filter(|given| !given.value.is_empty())
    }

    /// The document; any tag that is no mark stays what it is.
    pub(super) fn fill(&self) -> String {
        let mut filler = Filler {
            outline: self,
            filled: String::with_capacity(self.html.len() * 2),
            branches: Vec::new(),
        };
        let mut rest = self.html;
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
}

struct Filler<'f> {
    outline: &'f Outline<'f>,
    filled: String,
    /// Of every `<if>` around the place that is read, whether this branch of it is shown.
    branches: Vec<bool>,
}

impl Filler<'_> {
    fn push(&mut self, html: &str) {
        if !self.branches.contains(&false) {
            self.filled.push_str(html);
        }
    }

    fn escape(&mut self, text: &str) {
        for (at, letter) in text.char_indices() {
            match letter {
                '"' => self.push("&#34;"),
                '&' => self.push("&#38;"),
                '\'' => self.push("&#39;"),
                '<' => self.push("&#60;"),
                '>' => self.push("&#62;"),
                _ => self.push(text.get(at..at + letter.len_utf8()).unwrap_or_default()),
            }
        }
    }

    /// Writes what a mark stands for; `false` if it is none.
    fn mark(&mut self, mark: &str) -> bool {
        let (name, argument) = mark.split_once(' ').unwrap_or((mark, ""));
        let frame = self.outline.frame;
        match name {
            "if" => self.branches.push(self.outline.given(argument).is_some()),
            "about" => {
                let concern = frame.concern();
                let is_about = argument.split(' ').any(|field| field == concern);
                self.branches.push(is_about);
            }
            "else" => {
                let branch = self.branches.pop().unwrap_or_default();
                self.branches.push(!branch);
            }
            "end" => drop(self.branches.pop()),
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
        match self.outline.given(name) {
            Some(given) if given.is_markup => self.push(&given.value),
            Some(given) => self.escape(&given.value),
            None => {}
        }
    }

    /// A text of `texts.txt` or of `PAGES.texts`, with what was given in the place of `{name}`.
    fn push_text(&mut self, mut text: &str) {
        while let Some((before, after)) = text.split_once('{') {
            self.escape(before);
            match after.split_once('}') {
                Some((name, after)) if self.outline.given(name).is_some() => {
                    self.push_given(name);
                    text = after;
                }
                _ => {
                    self.push("{");
                    text = after;
                }
            }
        }
        self.escape(text);
    }

    /// The place where Turnstile puts its widget, and the hidden field with its answer.
    fn push_turnstile(&mut self) {
        let frame = self.outline.frame;
        if let Some(site_key) = frame.turnstile_site_key {
            self.push(WIDGET);
            self.push(frame.language.tag());
            self.push("\" data-sitekey=\"");
            self.escape(site_key);
            self.push("\"></div>");
        }
    }
}
