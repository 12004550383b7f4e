//! What templates say by a mark instead of an expression: texts, and addresses of the site.
//!
//! A mark begins with `<`, which an expression of a template can never write, since it is escaped. So a mark stands
//! where a template has it and nowhere else, and the hundred texts cost no code each.
//!
//! | mark | becomes |
//! |---|---|
//! | `<t key>` | the text of a key |
//! | `<at route>` | the path of a route |
//! | `<to route>` | the address of one of these pages, which keeps `next` |
//! | `<next>`, `<sign-in>`, `<home>` | where the visitor wants to go, the sign-in page, the site's home page |
//! | `<lang>` | the tag of the language |
//! | `<turnstile>` | the place for Turnstile's widget, where the site has a key for it |

use askama::filters::{Escaper as _, Html};

use super::frame::Frame;

/// A document with every mark filled; any other tag stays what it is.
pub(super) fn fill(template: &str, frame: &Frame<'_>) -> String {
    let mut filled = String::with_capacity(template.len() + template.len() / 2);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('<') {
        filled.push_str(before);
        rest = after;
        let mark = after
            .split_once('>')
            .filter(|(mark, _)| push(&mut filled, mark, frame));
        match mark {
            Some((_, after)) => rest = after,
            None => filled.push('<'),
        }
    }
    filled.push_str(rest);
    filled
}

/// Writes what a mark stands for; `false` if it is none.
fn push(filled: &mut String, mark: &str, frame: &Frame<'_>) -> bool {
    let (name, argument) = mark.split_once(' ').unwrap_or((mark, ""));
    match name {
        "t" => escape(filled, frame.text(argument)),
        "at" => escape(filled, &frame.action(argument)),
        "to" => escape(filled, &frame.to(argument)),
        "next" => escape(filled, frame.next()),
        "sign-in" => escape(filled, frame.sign_in_address()),
        "home" => escape(filled, frame.site.home()),
        "lang" => filled.push_str(frame.language.tag()),
        "turnstile" => push_turnstile(filled, frame),
        _ => return false,
    }
    true
}

/// The place where Turnstile puts its widget, and the hidden field with its answer.
fn push_turnstile(filled: &mut String, frame: &Frame<'_>) {
    if let Some(site_key) = frame.turnstile_site_key {
        filled.push_str("<div class=\"cf-turnstile\" data-size=\"flexible\" data-language=\"");
        filled.push_str(frame.language.tag());
        filled.push_str("\" data-sitekey=\"");
        escape(filled, site_key);
        filled.push_str("\"></div>");
    }
}

fn escape(filled: &mut String, text: &str) {
    // Writing to a string does not fail.
    let _ = Html.write_escaped_str(filled, text);
}
