//! Pages for who has no session yet: sign in, sign up, forgotten password.

use super::errors::Concern;
use super::frame::{Frame, with_parameter};
use super::marks::{Outline, flag};
use super::offers::{Offers, provider_name};
use super::page::{Html, Page};
use super::parts::{DOMAIN, EMAIL, FIRST_PASSWORD, PASSWORD, PHONE, USER_NAME, Way};

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
        let address = if is_by_phone {
            (&PHONE, self.phone.unwrap_or_default())
        } else {
            (&USER_NAME, self.email.unwrap_or_default())
        };
        let has_form = email || phone;
        let is_about_domain = frame.concern() == Concern::Domain;
        let inputs = [address, (&PASSWORD, "")];
        let fields = frame.fields(&inputs[usize::from(!has_form) * 2..], !is_about_domain);
        let domain = frame.fields(
            &[(&DOMAIN, "")][usize::from(!offers.sso)..],
            is_about_domain,
        );
        let providers = self.providers();
        let has_ways = offers.passkeys || offers.sso || !providers.is_empty();
        let texts = [
            ("about_domain", flag(is_about_domain)),
            ("by_phone", flag(is_by_phone)),
            ("email", flag(email)),
            ("links", flag(email && (phone || offers.sign_up))),
            (
                "no_script",
                flag(has_form && frame.turnstile_site_key.is_some()),
            ),
            ("passkeys", flag(offers.passkeys)),
            ("phone", flag(phone)),
            ("sign_up", flag(offers.sign_up)),
            // The account waits for the code of its first message, which can be asked for again.
            (
                "unconfirmed",
                flag(frame.notes.error == Some("email_not_confirmed")),
            ),
            ("ways", flag(has_ways)),
        ];
        let content = Outline {
            html: include_str!("sign_in.html"),
            texts: &texts,
            markup: &[
                ("domain", &domain),
                ("fields", &fields),
                ("providers", &providers),
            ],
        };
        frame.page(&Page {
            title: "sign_in.title",
            content,
            script: offers.passkeys.then_some(PASSKEY_SCRIPT),
            ..Page::default()
        })
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
            let initial = name.split_at_checked(usize::from(icon.is_empty()));
            ways += &self.frame.way(&Way {
                address: &self.frame.with_next(&address),
                provider: &name,
                icon,
                initial: initial.map_or("", |(initial, _)| initial),
                ..Way::default()
            });
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
        let inputs = [
            (&EMAIL, self.email.unwrap_or_default()),
            (&FIRST_PASSWORD, ""),
        ];
        let content = Outline {
            html: include_str!("sign_up.html"),
            markup: &[("fields", &self.frame.fields(&inputs, true))],
            ..Outline::default()
        };
        self.frame.page(&Page {
            title: "sign_up.title",
            content,
            ..Page::default()
        })
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
        let inputs = [(&EMAIL, self.email.unwrap_or_default())];
        let content = Outline {
            html: include_str!("recover.html"),
            markup: &[("fields", &self.frame.fields(&inputs, true))],
            ..Outline::default()
        };
        self.frame.page(&Page {
            title: "recover.title",
            content,
            ..Page::default()
        })
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
        let content = Outline {
            html: include_str!("sso.html"),
            texts: &[("address", &address), ("domain", self.domain)],
            ..Outline::default()
        };
        self.frame.page(&Page {
            title: "sso.title",
            content,
            refresh: &address,
            ..Page::default()
        })
    }
}
