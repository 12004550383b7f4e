//! A page: its frame around its content, and the policy that it is sent with.

use std::fmt;

use askama::Template;

use super::color;
use super::errors::{self, Concern};
use super::frame::Frame;
use super::marks;
use super::parts::{Field, Form, Notice};
use super::policy::Contents;

const STYLE: &str = include_str!("style.css");

/// A page, and the policy that it has to be sent with.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub struct Html {
    /// The document, `text/html; charset=utf-8`.
    pub body: String,
    /// The value of `Content-Security-Policy`.
    pub csp: String,
}

#[derive(Template)]
#[template(path = "layout.html")]
struct Layout<'l> {
    frame: &'l Frame<'l>,
    title: &'l str,
    style: &'l str,
    content: &'l str,
    script: Option<&'static str>,
    has_turnstile: bool,
    refresh: Option<&'l str>,
}

/// What few pages have.
#[derive(Default)]
pub(super) struct Extras<'e> {
    pub(super) script: Option<&'static str>,
    /// Where the browser goes by itself.
    pub(super) refresh: Option<&'e str>,
}

impl<'f> Frame<'f> {
    /// A form that is sent to a route, with the field that every form carries, so that the visitor gets where he wanted
    /// to go.
    pub(super) fn form<'p>(
        &'p self,
        route: &str,
        mut fields: Vec<Field<'p>>,
        button: &str,
    ) -> Form<'p> {
        fields.insert(0, Field::hidden("next", self.next()));
        Form {
            action: self.action(route),
            fields,
            button: self.text(button),
            ..Form::default()
        }
    }

    /// What there is to tell, in the order of its weight.
    pub(super) fn notices(&self) -> Vec<Notice<'f>> {
        let notes = self.notes;
        let mut notices = Vec::new();
        if let Some(code) = notes.error {
            notices.push(Notice {
                text: self.text(errors::explain(code).0),
                is_error: true,
            });
        } else if notes.is_sent {
            notices.push(self.notice("note.sent"));
        }
        if notes.message == Some("confirm_other_address") {
            notices.push(self.notice("note.confirm_other_address"));
        }
        if notes.reason == Some("sign_in_again") && notes.error.is_none() {
            notices.push(self.notice("note.sign_in_again"));
        }
        notices
    }

    fn notice(&self, key: &str) -> Notice<'f> {
        Notice {
            text: self.text(key),
            is_error: false,
        }
    }

    /// What the error is about, if there is one.
    pub(super) fn concern(&self) -> Concern {
        self.notes
            .error
            .map_or(Concern::Nothing, |code| errors::explain(code).1)
    }

    /// The page around what a template makes of its content.
    pub(super) fn page(&self, title: &str, content: &dyn Content, extras: &Extras<'_>) -> Html {
        let style = format!("{}{STYLE}", color::properties(self.site.color));
        let content = render(content);
        let has_turnstile = self.turnstile_site_key.is_some() && content.contains("<turnstile>");
        let layout = Layout {
            frame: self,
            title,
            style: &style,
            content: &content,
            script: extras.script,
            has_turnstile,
            refresh: extras.refresh,
        };
        let contents = Contents {
            style: &style,
            script: extras.script,
            has_turnstile,
            logo: self.site.logo(),
            redirect_hosts: self.redirect_hosts,
        };
        Html {
            body: marks::fill(&render(&layout), self),
            csp: contents.policy(),
        }
    }
}

/// A page with something to read, one thing to do, and a way back; most are such.
#[derive(Default, Template)]
#[template(path = "step.html")]
pub(super) struct Step<'s> {
    pub(super) text: &'s str,
    /// A link that goes on.
    pub(super) way: Option<(&'s str, &'s str)>,
    /// What an operator has to know, in English.
    pub(super) details: &'s [String],
    pub(super) form: Option<Form<'s>>,
    /// What the link to the sign-in page says.
    pub(super) back: Option<&'s str>,
}

impl Step<'_> {
    /// The page.
    pub(super) fn page(&self, frame: &Frame<'_>, title: &str) -> Html {
        frame.page(frame.text(title), self, &Extras::default())
    }
}

/// A template behind a pointer. Askama has such a trait of its own, which makes six functions of every template.
pub(super) trait Content {
    fn write(&self, text: &mut dyn fmt::Write) -> askama::Result<()>;
}

impl<T: Template> Content for T {
    fn write(&self, text: &mut dyn fmt::Write) -> askama::Result<()> {
        self.render_into(text)
    }
}

/// Writing to a string does not fail, and neither does any filter of these templates.
fn render(content: &dyn Content) -> String {
    let mut text = String::new();
    match content.write(&mut text) {
        Ok(()) => text,
        Err(_) => String::new(),
    }
}
