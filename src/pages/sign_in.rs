//! Pages for who has no session yet: sign in, sign up, forgotten password.

use askama::Template;

use super::errors::Concern;
use super::frame::{Frame, with_parameter};
use super::offers::{Offers, provider_name};
use super::page::{Extras, Html, Step};
use super::parts::Field;

/// Shows the button for a passkey where the browser has them, and sends what it answers. At most 2 KB.
const PASSKEY_SCRIPT: &str = include_str!("passkey.js");

/// The sign-in page.
#[derive(Clone, Debug, Template)]
#[template(path = "sign_in.html")]
pub struct SignIn<'p> {
    /// What all pages have.
    pub frame: Frame<'p>,
    /// Which ways to sign in there are.
    pub offers: &'p Offers,
    /// The e-mail address to begin with.
    pub email: Option<&'p str>,
    /// The phone number to begin with.
    pub phone: Option<&'p str>,
    /// Whether the form asks for a phone number (`by=phone`).
    pub is_by_phone: bool,
}

/// A way to sign in at somebody else's.
struct Provider<'p> {
    identifier: &'p str,
    name: String,
    text: String,
    address: String,
}

impl Provider<'_> {
    /// What stands where there is no icon.
    fn initial(&self) -> String {
        self.name.chars().take(1).collect()
    }
}

impl SignIn<'_> {
    /// The page.
    pub fn html(&self) -> Html {
        self.frame.page(
            self.frame.text("sign_in.title"),
            self,
            &Extras {
                script: self.offers.passkeys.then_some(PASSKEY_SCRIPT),
                refresh: None,
            },
        )
    }

    fn has_form(&self) -> bool {
        self.offers.email || self.offers.phone
    }

    /// Whether the form asks for a phone number: because that was chosen, or because there is nothing else.
    fn is_phone_form(&self) -> bool {
        self.offers.phone && (self.is_by_phone || !self.offers.email)
    }

    fn address_field(&self) -> Field<'_> {
        let field = if self.is_phone_form() {
            phone_field(&self.frame, self.phone)
        } else {
            email_field(&self.frame, self.email, "username")
        };
        Field {
            is_faulty: matches!(
                self.frame.concern(),
                Concern::Address | Concern::Credentials
            ),
            is_focused: self.frame.concern() != Concern::Domain,
            ..field
        }
    }

    fn password_field(&self) -> Field<'_> {
        Field {
            id: "password",
            name: "password",
            label: self.frame.text("field.password"),
            kind: "password",
            autocomplete: "current-password",
            is_faulty: self.frame.concern() == Concern::Credentials,
            ..Field::default()
        }
    }

    fn domain_field(&self) -> Field<'_> {
        Field {
            id: "domain",
            name: "domain",
            label: self.frame.text("field.domain"),
            kind: "text",
            autocomplete: "off",
            is_faulty: self.is_about_domain(),
            is_focused: self.is_about_domain(),
            ..Field::default()
        }
    }

    fn is_about_domain(&self) -> bool {
        self.frame.concern() == Concern::Domain
    }

    fn providers(&self) -> Vec<Provider<'_>> {
        let login = self.frame.action("login");
        let provider = |identifier| {
            let name = provider_name(identifier);
            Provider {
                identifier,
                text: self.frame.filled("sign_in.provider", "provider", &name),
                address: self
                    .frame
                    .with_next(&with_parameter(&login, "provider", identifier)),
                name,
            }
        };
        let identifiers = self.offers.providers.iter().map(String::as_str);
        identifiers.map(provider).collect()
    }

    /// Whether the account waits for the code of its first message, which can be asked for again.
    fn is_unconfirmed(&self) -> bool {
        self.frame.notes.error == Some("email_not_confirmed")
    }

    fn to_verify(&self) -> String {
        let verify = self.frame.action("verify");
        self.frame
            .with_next(&with_parameter(&verify, "type", "signup"))
    }

    fn to_other_address(&self) -> String {
        let login = self.frame.action("login");
        let address = if self.is_phone_form() {
            login
        } else {
            with_parameter(&login, "by", "phone")
        };
        self.frame.with_next(&address)
    }
}

/// The page that creates an account.
#[derive(Clone, Debug)]
pub struct SignUp<'p> {
    /// What all pages have.
    pub frame: Frame<'p>,
    /// The e-mail address to begin with.
    pub email: Option<&'p str>,
}

impl SignUp<'_> {
    /// The page.
    pub fn html(&self) -> Html {
        let fields = vec![self.email_field(), self.password_field()];
        let step = Step {
            form: Some(self.frame.form("signup", fields, "sign_up.submit")),
            back: Some(self.frame.text("sign_up.known")),
            ..Step::default()
        };
        step.page(&self.frame, "sign_up.title")
    }

    fn email_field(&self) -> Field<'_> {
        Field {
            is_faulty: matches!(self.frame.concern(), Concern::Address),
            is_focused: self.frame.concern() != Concern::NewPassword,
            ..email_field(&self.frame, self.email, "email")
        }
    }

    fn password_field(&self) -> Field<'_> {
        new_password_field(&self.frame, "field.password", "password")
    }
}

/// The page for a forgotten password.
#[derive(Clone, Debug)]
pub struct Recover<'p> {
    /// What all pages have.
    pub frame: Frame<'p>,
    /// The e-mail address to begin with.
    pub email: Option<&'p str>,
}

impl Recover<'_> {
    /// The page.
    pub fn html(&self) -> Html {
        let fields = vec![self.email_field()];
        let step = Step {
            text: self.frame.text("recover.text"),
            form: Some(self.frame.form("recover", fields, "recover.submit")),
            back: Some(self.frame.text("sign_in.back")),
            ..Step::default()
        };
        step.page(&self.frame, "recover.title")
    }

    fn email_field(&self) -> Field<'_> {
        Field {
            is_faulty: self.frame.concern() == Concern::Address,
            is_focused: true,
            ..email_field(&self.frame, self.email, "email")
        }
    }
}

/// What `GET /login?domain=…` shows: it goes on to `/sso` by itself.
///
/// The form on the sign-in page cannot lead to an identity provider directly, since browsers hold `form-action` against
/// the redirect, and a policy that named every host would also let the form with the password lead anywhere.
#[derive(Clone, Debug)]
pub struct SsoContinue<'p> {
    /// What all pages have.
    pub frame: Frame<'p>,
    /// The organisation's domain.
    pub domain: &'p str,
}

impl SsoContinue<'_> {
    /// The page.
    pub fn html(&self) -> Html {
        let address = self.address();
        let text = self.frame.filled("sso.text", "domain", self.domain);
        let step = Step {
            text: &text,
            way: Some((self.frame.text("continue"), &address)),
            ..Step::default()
        };
        let extras = Extras {
            script: None,
            refresh: Some(&address),
        };
        let title = self.frame.text("sso.title");
        self.frame.page(title, &step, &extras)
    }

    fn address(&self) -> String {
        let sso = self.frame.action("sso");
        self.frame
            .with_next(&with_parameter(&sso, "domain", self.domain))
    }
}

pub(super) fn email_field<'f>(
    frame: &Frame<'f>,
    value: Option<&'f str>,
    autocomplete: &'f str,
) -> Field<'f> {
    Field {
        id: "email",
        name: "email",
        label: frame.text("field.email"),
        kind: "email",
        autocomplete,
        value: value.unwrap_or_default(),
        ..Field::default()
    }
}

pub(super) fn phone_field<'f>(frame: &Frame<'f>, value: Option<&'f str>) -> Field<'f> {
    Field {
        id: "phone",
        name: "phone",
        label: frame.text("field.phone"),
        kind: "tel",
        autocomplete: "tel",
        value: value.unwrap_or_default(),
        hint: frame.text("field.phone.hint"),
        ..Field::default()
    }
}

pub(super) fn new_password_field<'f>(frame: &Frame<'f>, key: &str, id: &'f str) -> Field<'f> {
    let is_about_it = frame.concern() == Concern::NewPassword;
    Field {
        id,
        name: "password",
        label: frame.text(key),
        kind: "password",
        autocomplete: "new-password",
        is_faulty: is_about_it,
        is_focused: is_about_it,
        ..Field::default()
    }
}
