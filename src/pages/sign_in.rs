//! Pages for who has no session yet: sign in, sign up, forgotten password.

use super::frame::{Frame, with_parameter};
use super::marks::Outline;
use super::offers::{Offers, provider_name};
use super::page::{Extras, Html};

/// Shows the button for a passkey where the browser has them, and sends what it answers. At most 2 KB.
const PASSKEY_SCRIPT: &str = include_str!("passkey.js");

/// Icons of providers; another has its first letter.
const ICONS: [(&str, &str); 3] = [
    ("azure", include_str!("icons/azure.svg")),
    ("github", include_str!("icons/github.svg")),
    ("google", include_str!("icons/google.svg")),
];

/// The sign-in page.
#[derive(Clone, Debug)]
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

impl SignIn<'_> {
    /// The page.
    pub fn html(&self) -> Html {
        let (frame, offers) = (&self.frame, self.offers);
        let Offers { email, phone, .. } = *offers;
        // Because that was chosen, or because there is nothing else.
        let is_by_phone = phone && (self.is_by_phone || !email);
        let address = if is_by_phone { self.phone } else { self.email };
        let providers = self.providers();
        let has_ways = offers.passkeys || offers.sso || !providers.is_empty();
        let mut content = Outline::new(frame, include_str!("sign_in.html"));
        content.text("address", address);
        content.flag("by_phone", is_by_phone);
        content.flag("email", email);
        content.flag("form", email || phone);
        content.flag("links", email && (phone || offers.sign_up));
        content.text("no_script", frame.turnstile_site_key);
        content.flag("passkeys", offers.passkeys);
        content.flag("phone", phone);
        content.markup("providers", providers);
        content.flag("sign_up", offers.sign_up);
        content.flag("sso", offers.sso);
        // The account waits for the code of its first message, which can be asked for again.
        let is_unconfirmed = frame.notes.error == Some("email_not_confirmed");
        content.flag("unconfirmed", is_unconfirmed);
        content.flag("ways", has_ways);
        let extras = Extras {
            script: offers.passkeys.then_some(PASSKEY_SCRIPT),
            refresh: None,
        };
        frame.page("sign_in.title", &content, &extras)
    }

    /// The ways to sign in at somebody else's.
    fn providers(&self) -> String {
        let mut ways = String::new();
        for identifier in &self.offers.providers {
            let login = self.frame.action("login");
            let address = with_parameter(&login, "provider", identifier);
            let name = provider_name(identifier);
            let icon = ICONS.iter().find(|(of, _)| of == identifier);
            let icon = icon.map_or("", |(_, icon)| icon.trim_ascii_end());
            let mut way = Outline::new(&self.frame, include_str!("way.html"));
            way.text("address", Some(&self.frame.with_next(&address)));
            way.text("provider", Some(&name));
            if icon.is_empty() {
                way.text("initial", name.get(..1));
            }
            way.markup("icon", icon.to_owned());
            ways.push_str(&way.fill());
        }
        ways
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
        let mut content = Outline::new(&self.frame, include_str!("sign_up.html"));
        content.text("email", self.email);
        self.frame
            .page("sign_in.create", &content, &Extras::default())
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
        let mut content = Outline::new(&self.frame, include_str!("recover.html"));
        content.text("email", self.email);
        self.frame
            .page("sign_in.forgotten", &content, &Extras::default())
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
        let sso = self.frame.action("sso");
        let sso = with_parameter(&sso, "domain", self.domain);
        let address = self.frame.with_next(&sso);
        let mut content = Outline::new(&self.frame, include_str!("sso.html"));
        content.text("address", Some(&address));
        content.text("domain", Some(self.domain));
        let extras = Extras {
            script: None,
            refresh: Some(&address),
        };
        self.frame.page("sign_in.sso", &content, &extras)
    }
}
