//! Pieces that pages share: inputs, messages, ways to go on.

use askama::Template;

use super::errors::Concern;
use super::frame::Frame;
use super::marks::{Outline, fill};
use super::page::render;

/// What an input is, whatever page it is on.
pub(super) struct Input {
    id: &'static str,
    name: &'static str,
    /// The key of its label; a hint has the same with `.hint` behind it.
    label: &'static str,
    hint: &'static str,
    kind: &'static str,
    autocomplete: &'static str,
    /// What errors are about it.
    concerns: &'static [Concern],
    is_fixed: bool,
}

const TEXT: Input = Input {
    id: "",
    name: "",
    label: "",
    hint: "",
    kind: "text",
    autocomplete: "off",
    concerns: &[],
    is_fixed: false,
};
pub(super) static EMAIL: Input = Input {
    id: "email",
    name: "email",
    label: "field.email",
    kind: "email",
    autocomplete: "email",
    concerns: &[Concern::Address],
    ..TEXT
};
/// The e-mail address beside its password.
pub(super) static USER_NAME: Input = Input {
    id: "email",
    name: "email",
    label: "field.email",
    kind: "email",
    autocomplete: "username",
    concerns: &[Concern::Address, Concern::Credentials],
    ..TEXT
};
/// Whose password it is, for password managers.
pub(super) static ACCOUNT: Input = Input {
    id: "email",
    name: "email",
    label: "field.email",
    autocomplete: "username",
    is_fixed: true,
    ..TEXT
};
pub(super) static PHONE: Input = Input {
    id: "phone",
    name: "phone",
    label: "field.phone",
    hint: "field.phone.hint",
    kind: "tel",
    autocomplete: "tel",
    concerns: &[Concern::Address, Concern::Credentials],
    ..TEXT
};
pub(super) static PASSWORD: Input = Input {
    id: "password",
    name: "password",
    label: "field.password",
    kind: "password",
    autocomplete: "current-password",
    concerns: &[Concern::Credentials],
    ..TEXT
};
pub(super) static CURRENT_PASSWORD: Input = Input {
    id: "current_password",
    name: "current_password",
    label: "field.current_password",
    kind: "password",
    autocomplete: "current-password",
    concerns: &[Concern::CurrentPassword],
    ..TEXT
};
/// The password of a new account.
pub(super) static FIRST_PASSWORD: Input = Input {
    id: "password",
    name: "password",
    label: "field.password",
    kind: "password",
    autocomplete: "new-password",
    concerns: &[Concern::NewPassword],
    ..TEXT
};
pub(super) static NEW_PASSWORD: Input = Input {
    id: "new_password",
    label: "field.new_password",
    ..FIRST_PASSWORD
};
pub(super) static TOKEN: Input = code("token");
pub(super) static CODE: Input = code("code");
pub(super) static NONCE: Input = code("nonce");
pub(super) static DOMAIN: Input = Input {
    id: "domain",
    name: "domain",
    label: "field.domain",
    concerns: &[Concern::Domain],
    ..TEXT
};

const fn code(name: &'static str) -> Input {
    Input {
        id: name,
        name,
        label: "field.code",
        autocomplete: "one-time-code",
        concerns: &[Concern::Code],
        ..TEXT
    }
}

/// An input with its label, and its hint where there is one.
#[derive(Template)]
#[template(path = "field.html")]
struct Field<'f> {
    input: &'static Input,
    label: &'f str,
    hint: &'f str,
    value: &'f str,
    is_faulty: bool,
    is_focused: bool,
}

impl Field<'_> {
    /// Codes are digits: a phone shows its number keys, and a password manager or the keyboard offers the code.
    fn is_code(&self) -> bool {
        self.input.autocomplete == "one-time-code"
    }

    /// Addresses are no words of a language, which keyboards would mend.
    fn is_spelt(&self) -> bool {
        self.input.kind == "email" || self.input.name == "domain"
    }
}

/// A message above a form.
#[derive(Template)]
#[template(path = "notice.html")]
pub(super) struct Notice<'n> {
    pub(super) text: &'n str,
    pub(super) is_error: bool,
}

/// What an operator has to know, in English.
#[derive(Template)]
#[template(path = "details.html")]
pub(super) struct Details<'d> {
    pub(super) details: &'d [String],
}

/// A link among others that lead on, by a provider or a factor.
#[derive(Default)]
pub(super) struct Way<'w> {
    pub(super) address: &'w str,
    pub(super) text: &'w str,
    pub(super) provider: &'w str,
    pub(super) icon: &'static str,
    /// What stands where there is no icon.
    pub(super) initial: &'w str,
}

impl<'f> Frame<'f> {
    /// Inputs with their values. Where the page begins, or where the error is, is the focus, if this form is to have it.
    pub(super) fn fields(&self, inputs: &[(&'static Input, &str)], has_focus: bool) -> String {
        let concern = self.concern();
        let is_faulty = |input: &Input| input.concerns.contains(&concern);
        let at = |is: &dyn Fn(&Input) -> bool| inputs.iter().position(|(input, _)| is(input));
        let focus = at(&is_faulty).or_else(|| at(&|input| !input.is_fixed));
        let mut fields = String::new();
        for (place, (input, value)) in inputs.iter().enumerate() {
            let field = Field {
                input,
                label: self.text(input.label),
                hint: self.text(input.hint),
                value,
                is_faulty: is_faulty(input),
                is_focused: has_focus && focus == Some(place),
            };
            render(&mut fields, &field);
        }
        fields
    }

    pub(super) fn way(&self, way: &Way<'_>) -> String {
        let texts = [
            ("address", way.address),
            ("initial", way.initial),
            ("provider", way.provider),
            ("text", way.text),
        ];
        let outline = Outline {
            html: include_str!("way.html"),
            texts: &texts,
            markup: &[("icon", way.icon)],
        };
        fill(outline, self)
    }
}
