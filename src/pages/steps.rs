//! Pages for a step in between: a code, a second factor, a new password.

use askama::Template;

use super::errors::Concern;
use super::frame::{Frame, with_parameter};
use super::page::{Extras, Html, Step};
use super::parts::{Field, Form};
use super::sign_in::{email_field, new_password_field, phone_field};

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
        let address = self.known_address().unwrap_or_else(|| self.address_field());
        let kind = Field::hidden("type", self.kind);
        let fields = vec![kind, address, self.code_field()];
        let form = self.frame.form("verify", fields, "continue");
        let text = self.text();
        let step = Step {
            text: &text,
            form: Some(Form {
                other: Some((self.frame.text("verify.again"), self.resend())),
                ..form
            }),
            back: Some(self.frame.text("sign_in.back")),
            ..Step::default()
        };
        step.page(&self.frame, "verify.title")
    }

    fn text(&self) -> String {
        match self.email.or(self.phone) {
            Some(address) => self.frame.filled("verify.text", "address", address),
            None => self.frame.text("verify.text_unknown").to_owned(),
        }
    }

    /// The address as a field that nobody has to see, where it is known.
    fn known_address(&self) -> Option<Field<'_>> {
        let hidden = |name, value: Option<_>| Some(Field::hidden(name, value?));
        hidden("email", self.email).or_else(|| hidden("phone", self.phone))
    }

    fn address_field(&self) -> Field<'_> {
        if matches!(self.kind, "sms" | "phone_change") {
            phone_field(&self.frame, None)
        } else {
            email_field(&self.frame, None, "email")
        }
    }

    fn code_field(&self) -> Field<'_> {
        code_field(&self.frame, "token", self.known_address().is_some())
    }

    /// The route that sends such a code once more.
    fn resend(&self) -> String {
        self.frame.action(match self.kind {
            "recovery" => "recover",
            "email_change" | "phone_change" | "signup" => "resend",
            _ => "otp",
        })
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
#[derive(Clone, Debug, Template)]
#[template(path = "mfa.html")]
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
        self.frame
            .page(self.frame.text("mfa.title"), self, &Extras::default())
    }

    fn chosen(&self) -> Option<&'p Factor<'p>> {
        match (self.factors, self.factor_id) {
            ([only], _) => Some(only),
            (factors, Some(id)) => factors.iter().find(|factor| factor.id == id),
            (_, None) => None,
        }
    }

    /// Whether a code can be entered now, or has to be sent first.
    fn has_code(&self, factor: &Factor<'_>) -> bool {
        factor.kind == FactorKind::Totp || self.challenge_id.is_some()
    }

    fn text(&self, factor: &Factor<'_>) -> String {
        let key = match factor.kind {
            FactorKind::Totp => return self.frame.text("mfa.app.text").to_owned(),
            FactorKind::Phone if self.has_code(factor) => "mfa.phone.text",
            FactorKind::Phone => "mfa.phone.send_text",
        };
        let phone = factor.phone.or(factor.name).unwrap_or("…");
        self.frame.filled(key, "phone", phone)
    }

    /// What can be sent for a factor: its code, or the wish for one; and where a code was sent, the wish for another.
    fn forms(&self, factor: &Factor<'p>) -> Vec<Form<'_>> {
        let factor_id = || Field::hidden("factor_id", factor.id);
        let send = |button| self.frame.form("mfa", vec![factor_id()], button);
        if !self.has_code(factor) {
            return vec![send("mfa.send")];
        }
        let challenge = self
            .challenge_id
            .map(|id| Field::hidden("challenge_id", id));
        let code = code_field(&self.frame, "code", true);
        let fields = [Some(factor_id()), challenge, Some(code)];
        let fields = fields.into_iter().flatten().collect();
        let mut forms = vec![self.frame.form("mfa", fields, "continue")];
        if self.challenge_id.is_some() {
            forms.push(Form {
                is_quiet: true,
                ..send("mfa.again")
            });
        }
        forms
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
    fn others(&self) -> Vec<(String, String)> {
        let chosen = self.chosen().map(|factor| factor.id);
        let others = self
            .factors
            .iter()
            .filter(|factor| Some(factor.id) != chosen);
        let choice = |factor: &Factor<'_>| {
            let address = with_parameter(&self.frame.action("mfa"), "factor_id", factor.id);
            (self.label(factor), self.frame.with_next(&address))
        };
        others.map(choice).collect()
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
        let fields = [
            self.account_field(),
            self.current_field(),
            Some(self.password_field()),
            self.code_field(),
        ];
        let fields = fields.into_iter().flatten().collect();
        let send_code = || {
            (
                self.frame.text("password.send_code"),
                self.frame.action("reauthenticate"),
            )
        };
        let form = self.frame.form("password", fields, "password.submit");
        let step = Step {
            text: self.frame.text("password.text"),
            form: Some(Form {
                other: self.is_code_asked().then(send_code),
                ..form
            }),
            ..Step::default()
        };
        step.page(&self.frame, "password.title")
    }

    fn account_field(&self) -> Option<Field<'_>> {
        let account = self.account.filter(|account| !account.is_empty())?;
        Some(Field {
            kind: "text",
            is_fixed: true,
            ..email_field(&self.frame, Some(account), "username")
        })
    }

    fn current_field(&self) -> Option<Field<'_>> {
        let is_about_it = self.frame.concern() == Concern::CurrentPassword;
        (self.asks_current || is_about_it).then(|| Field {
            id: "current_password",
            name: "current_password",
            label: self.frame.text("field.current_password"),
            kind: "password",
            autocomplete: "current-password",
            is_faulty: is_about_it,
            is_focused: is_about_it,
            ..Field::default()
        })
    }

    fn password_field(&self) -> Field<'_> {
        let field = new_password_field(&self.frame, "field.new_password", "new_password");
        Field {
            is_focused: field.is_focused || self.frame.concern() == Concern::Nothing,
            ..field
        }
    }

    fn is_code_asked(&self) -> bool {
        let is_about_it = self.frame.concern() == Concern::Code;
        self.asks_code || self.frame.notes.is_sent || is_about_it
    }

    fn code_field(&self) -> Option<Field<'_>> {
        let is_about_it = self.frame.concern() == Concern::Code;
        self.is_code_asked()
            .then(|| code_field(&self.frame, "nonce", is_about_it))
    }
}

fn code_field<'f>(frame: &Frame<'f>, name: &'f str, is_focused: bool) -> Field<'f> {
    Field {
        id: name,
        name,
        label: frame.text("field.code"),
        kind: "text",
        autocomplete: "one-time-code",
        is_faulty: frame.concern() == Concern::Code,
        is_focused,
        ..Field::default()
    }
}
