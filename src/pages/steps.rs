//! Pages for a step in between: a code, a second factor, a new password.

use super::errors::Concern;
use super::frame::{Frame, with_parameter};
use super::marks::{Outline, flag};
use super::page::{Html, Page};
use super::parts::{
    ACCOUNT, CODE, CURRENT_PASSWORD, EMAIL, NEW_PASSWORD, NONCE, PHONE, TOKEN, Way,
};

/// The page for a code that came by mail or as a text message.
#[derive(Clone, Debug)]
pub struct Verify<'p> {
    /// What all pages have.
    pub frame: Frame<'p>,
    /// The address the code went to.
    pub email: Option<&'p str>,
    /// The number the code went to.
    pub phone: Option<&'p str>,
    /// Auth's `type`: `email`, `signup`, `recovery`, `sms`…
    pub kind: &'p str,
}

impl Verify<'_> {
    /// The page.
    pub fn html(&self) -> Html {
        let frame = &self.frame;
        let (email, phone) = (
            self.email.unwrap_or_default(),
            self.phone.unwrap_or_default(),
        );
        let address = self.email.or(self.phone).unwrap_or_default();
        let is_by_phone = matches!(self.kind, "sms" | "phone_change");
        let asked = if is_by_phone { &PHONE } else { &EMAIL };
        let inputs = [(asked, ""), (&TOKEN, "")];
        // A known address needs no input that is seen.
        let fields = frame.fields(&inputs[usize::from(!address.is_empty())..], true);
        let texts = [
            ("address", address),
            ("again", &frame.action(self.again())),
            ("email", email),
            ("kind", self.kind),
            ("phone", if email.is_empty() { phone } else { "" }),
        ];
        let content = Outline {
            html: include_str!("verify.html"),
            texts: &texts,
            markup: &[("fields", &fields)],
        };
        frame.page(&Page {
            title: "verify.title",
            content,
            ..Page::default()
        })
    }

    /// The route that sends such a code once more.
    fn again(&self) -> &'static str {
        match self.kind {
            "recovery" => "recover",
            "email_change" | "phone_change" | "signup" => "resend",
            _ => "otp",
        }
    }
}

/// A way to prove a second time who one is.
#[derive(Clone, Copy, Debug)]
pub struct Factor<'p> {
    /// Auth's id.
    pub id: &'p str,
    /// Which kind it is.
    pub kind: FactorKind,
    /// Its friendly name, which the user gave it.
    pub name: Option<&'p str>,
    /// The phone number, as much of it as may be shown.
    pub phone: Option<&'p str>,
}

/// The kinds of second factors that a page without script can ask for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FactorKind {
    /// A code that Auth sends as a text message.
    Phone,
    /// A code that an app shows.
    Totp,
}

/// The page for a second factor.
#[derive(Clone, Debug)]
pub struct Mfa<'p> {
    /// What all pages have.
    pub frame: Frame<'p>,
    /// The account's verified factors.
    pub factors: &'p [Factor<'p>],
    /// The one that was chosen (`factor_id`); a single one needs no choice.
    pub factor_id: Option<&'p str>,
    /// The challenge of a phone factor, whose message is on its way.
    pub challenge_id: Option<&'p str>,
}

impl<'p> Mfa<'p> {
    /// The page.
    pub fn html(&self) -> Html {
        let frame = &self.frame;
        let factor = self.chosen();
        let is_app = factor.is_some_and(|factor| factor.kind == FactorKind::Totp);
        let has_code = is_app || self.challenge_id.is_some();
        let fields = frame.fields(&[(&CODE, "")][usize::from(!has_code)..], true);
        let phone = factor.and_then(|factor| factor.phone.or(factor.name));
        let texts = [
            ("app", flag(is_app)),
            ("challenge_id", self.challenge_id.unwrap_or_default()),
            ("factor_id", factor.map_or("", |factor| factor.id)),
            ("none", flag(self.factors.is_empty())),
            ("phone", phone.unwrap_or("…")),
        ];
        let content = Outline {
            html: include_str!("mfa.html"),
            texts: &texts,
            markup: &[("fields", &fields), ("others", &self.others())],
        };
        frame.page(&Page {
            title: "mfa.title",
            content,
            ..Page::default()
        })
    }

    fn chosen(&self) -> Option<&'p Factor<'p>> {
        match (self.factors, self.factor_id) {
            ([only], _) => Some(only),
            (factors, Some(id)) => factors.iter().find(|factor| factor.id == id),
            (_, None) => None,
        }
    }

    fn label(&self, factor: &Factor<'_>) -> String {
        let (kind, own) = match factor.kind {
            FactorKind::Phone => (self.frame.text("mfa.phone"), factor.phone.or(factor.name)),
            FactorKind::Totp => (self.frame.text("mfa.app"), factor.name),
        };
        match own {
            Some(own) if !own.is_empty() => format!("{kind} · {own}"),
            Some(_) | None => kind.to_owned(),
        }
    }

    /// The factors that are not asked for at the moment.
    fn others(&self) -> String {
        let chosen = self.chosen().map(|factor| factor.id);
        let mut others = String::new();
        for factor in self.factors {
            if Some(factor.id) == chosen {
                continue;
            }
            let address = with_parameter(&self.frame.action("mfa"), "factor_id", factor.id);
            others += &self.frame.way(&Way {
                address: &self.frame.with_next(&address),
                text: &self.label(factor),
                ..Way::default()
            });
        }
        others
    }
}

/// The page that sets a password.
#[derive(Clone, Debug)]
pub struct NewPassword<'p> {
    /// What all pages have.
    pub frame: Frame<'p>,
    /// The account, so that password managers know whose password it is.
    pub account: Option<&'p str>,
    /// Whether the project asks for the current password; an error that says so has the same effect.
    pub asks_current: bool,
    /// Whether the project asks for a mailed code; so have an error and a code that was sent.
    pub asks_code: bool,
}

impl NewPassword<'_> {
    /// The page.
    pub fn html(&self) -> Html {
        let frame = &self.frame;
        let concern = frame.concern();
        let has_code = self.asks_code || frame.notes.is_sent || concern == Concern::Code;
        let account = self.account.unwrap_or_default();
        let inputs = [
            (&ACCOUNT, !account.is_empty()),
            (
                &CURRENT_PASSWORD,
                self.asks_current || concern == Concern::CurrentPassword,
            ),
            (&NEW_PASSWORD, true),
            (&NONCE, has_code),
        ];
        let mut shown = Vec::new();
        for (input, is_shown) in inputs {
            if is_shown {
                shown.push((input, if shown.is_empty() { account } else { "" }));
            }
        }
        let content = Outline {
            html: include_str!("password.html"),
            texts: &[("code", flag(has_code))],
            markup: &[("fields", &frame.fields(&shown, true))],
        };
        frame.page(&Page {
            title: "password.title",
            content,
            ..Page::default()
        })
    }
}
