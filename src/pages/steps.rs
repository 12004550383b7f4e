//! Pages for a step in between: a code, a second factor, a new password.

use super::frame::{Frame, with_parameter};
use super::marks::Outline;
use super::page::{Extras, Html};

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
        let is_by_phone = matches!(self.kind, "sms" | "phone_change");
        let again = self.frame.action(self.again());
        let mut content = Outline::new(&self.frame, include_str!("verify.html"));
        content.text("address", self.email.or(self.phone));
        content.text("again", Some(&again));
        content.flag("by_phone", is_by_phone);
        content.text("email", self.email);
        content.text("kind", Some(self.kind));
        content.text("phone", self.phone);
        self.frame
            .page("verify.title", &content, &Extras::default())
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
        let factor = self.chosen();
        let is_app = factor.is_some_and(|factor| factor.kind == FactorKind::Totp);
        let phone = factor.and_then(|factor| factor.phone.or(factor.name));
        let mut content = Outline::new(&self.frame, include_str!("mfa.html"));
        content.flag("app", is_app);
        content.flag("code", is_app || self.challenge_id.is_some());
        content.text("challenge_id", self.challenge_id);
        content.text("factor_id", factor.map(|factor| factor.id));
        content.flag("none", self.factors.is_empty());
        content.text("address", phone.or(Some("…")));
        content.markup("others", self.others());
        self.frame.page("mfa.title", &content, &Extras::default())
    }

    fn chosen(&self) -> Option<&'p Factor<'p>> {
        match (self.factors, self.factor_id) {
            ([only], _) => Some(only),
            (factors, Some(id)) => factors.iter().find(|factor| factor.id == id),
            (_, None) => None,
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
            let mut way = Outline::new(&self.frame, include_str!("way.html"));
            way.text("address", Some(&self.frame.with_next(&address)));
            let is_app = factor.kind == FactorKind::Totp;
            way.flag("app", is_app);
            let phone = factor.phone.filter(|_| !is_app);
            way.text("own", phone.or(factor.name));
            others.push_str(&way.fill());
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
    /// Whether the form asked for the current password before; an error that wants it has the same effect.
    pub asks_current: bool,
    /// Whether the form asked for a mailed code before; an error that wants it and a code that was sent have the same effect.
    pub asks_code: bool,
}

impl NewPassword<'_> {
    /// The page.
    pub fn html(&self) -> Html {
        let concern = self.frame.concern();
        let has_code = self.asks_code || self.frame.notes.is_sent || concern == "code";
        let has_current = self.asks_current || concern == "current_password";
        let mut content = Outline::new(&self.frame, include_str!("password.html"));
        content.text("account", self.account);
        content.flag("code", has_code);
        content.flag("current", has_current);
        self.frame
            .page("password.title", &content, &Extras::default())
    }
}
