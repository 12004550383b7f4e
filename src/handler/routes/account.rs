//! The pages of `ACCOUNT_PAGES`, and what every page of the routes is framed by.
//!
//! A page shows what a form needs and changes nothing: each form is sent to the route of the same name, which is
//! served whether there are pages or not. Pages that need a session (`/mfa`, `/password`) send everybody else to
//! the login page; `/login` and `/signup` send whoever is signed in on to `next`, and `/recover` and `/verify` are
//! shown to anybody.

use serde_json::Value;

use crate::answer::{Answer, Medium};
use crate::json;
use crate::pages::{
    Factor, Html, Mfa, NewPassword, Offers, Recover, SignIn, SignUp, SsoContinue, Verify,
};
use crate::sign_in_api;
use crate::token::VerifiedClaims;

use super::super::desk::Desk;
use super::super::line;
use super::super::settled::Settled;
use super::super::visit::{Outcome, Visit};
use super::ask::call_auth;
use super::errand::{ASKS_CODE, ASKS_CURRENT, Errand};
use super::fields::Fields;
use super::frame::{Told, framed};
use super::mfa;
use super::oauth;
use super::reply::Reply;
use super::table::{Page, Route};

/// Shows a page.
///
/// `reason=sign_in_again` shows the login page although a session is there: a rule sent the visitor here for a
/// fresh one.
pub(super) async fn show(desk: &Desk, visit: &mut Visit, errand: &Errand, page: Page) -> Reply {
    let is_asked_again = errand.fields.value("reason") == Some("sign_in_again");
    let settled = match page {
        Page::Login | Page::SignUp if is_asked_again => None,
        Page::Recover | Page::Verify => None,
        Page::Login | Page::Mfa | Page::Password | Page::SignUp => {
            Some(line::session(desk, visit).await)
        }
    };
    let Some(settled) = settled else {
        let html = open(desk, visit, errand, page).await;
        return Reply::new(Answer::page(200, html), "account_page");
    };
    let answer = match (page, settled.claims()) {
        (Page::Mfa | Page::Password, _) if settled.outcome() == Outcome::Unavailable => {
            Answer::unavailable(Medium::Html, settled.reason())
        }
        (Page::Mfa | Page::Password, None) => {
            let origin = visit.site_origin();
            let here = visit.head.path_and_query();
            let site = visit.site(&origin);
            Answer::see_other(site.send_to(&visit.config.login, here, None))
        }
        (Page::Mfa, Some(claims)) if claims.aal.as_deref() == Some("aal2") => {
            Answer::see_other(visit.next_location(&errand.next))
        }
        (Page::Mfa, Some(_)) => second_step(desk, visit, errand, &settled).await,
        (Page::Password, Some(claims)) => Answer::page(200, new_password(visit, errand, claims)),
        (_, Some(_)) if settled.outcome() != Outcome::Unavailable => {
            Answer::see_other(visit.next_location(&errand.next))
        }
        (_, Some(_) | None) => Answer::page(200, open(desk, visit, errand, page).await),
    };
    Reply { answer, settled }
}

/// A page that needs no session.
async fn open(desk: &Desk, visit: &mut Visit, errand: &Errand, page: Page) -> Html {
    if page == Page::Login {
        if let Some(domain) = errand
            .fields
            .value("domain")
            .filter(|name| oauth::is_domain(name))
        {
            return framed(visit, &errand.next, &Told::default(), &|frame| {
                SsoContinue { frame, domain }.html()
            });
        }
        let offers = offers(desk, visit).await;
        return sign_in_page(visit, errand, &told_by(&errand.fields), &offers);
    }
    let told = told_by(&errand.fields);
    public(visit, errand, page, &told)
}

fn sign_in_page(visit: &Visit, errand: &Errand, told: &Told<'_>, offers: &Offers) -> Html {
    let phone = errand.fields.value("phone");
    framed(visit, &errand.next, told, &|frame| {
        SignIn {
            frame,
            offers,
            email: errand.fields.value("email"),
            phone,
            is_by_phone: errand.fields.value("by") == Some("phone") || phone.is_some(),
        }
        .html()
    })
}

fn public(visit: &Visit, errand: &Errand, page: Page, told: &Told<'_>) -> Html {
    let fields = &errand.fields;
    let email = fields.value("email");
    framed(visit, &errand.next, told, &|frame| match page {
        Page::Recover => Recover { frame, email }.html(),
        Page::SignUp => SignUp { frame, email }.html(),
        Page::Login | Page::Mfa | Page::Password | Page::Verify => {
            let phone = fields.value("phone");
            let usual = if phone.is_some() { "sms" } else { "email" };
            let kind = fields.value("type").unwrap_or(usual);
            Verify {
                frame,
                email,
                phone,
                kind,
            }
            .html()
        }
    })
}

/// The page that a refused form stood on, if that is one of these and needs nothing of Auth.
pub(super) fn again(visit: &Visit, errand: &Errand, told: &Told<'_>) -> Option<Html> {
    if !visit.config.account_pages || !errand.came_from_own_page(visit) {
        return None;
    }
    match (errand.route, Page::of(errand.route)) {
        (Route::Login | Route::Otp, None) => {
            Some(sign_in_page(visit, errand, told, &Offers::default()))
        }
        (_, Some(page @ (Page::Recover | Page::SignUp | Page::Verify))) => {
            Some(public(visit, errand, page, told))
        }
        (_, Some(Page::Login | Page::Mfa | Page::Password) | None) => None,
    }
}

/// The fields of the address that a route wrote into its redirect: anybody can write them too, so each page shows
/// texts that it has for known codes, and nothing of their own words.
fn told_by(fields: &Fields) -> Told<'_> {
    Told {
        error: fields.value("error"),
        is_sent: fields.value("sent") == Some("1"),
        message: fields.value("message"),
        reason: fields.value("reason"),
    }
}

/// The form asks neither for the old password nor for a code until Auth has refused the new one without it; from then on
/// it asks for what it asked for before, too.
fn new_password(visit: &Visit, errand: &Errand, claims: &VerifiedClaims) -> Html {
    let claims = claims.json().unwrap_or_default();
    let name = |name| claims.get(name).and_then(Value::as_str);
    let account = name("email").filter(|email| !email.is_empty());
    framed(visit, &errand.next, &told_by(&errand.fields), &|frame| {
        NewPassword {
            frame,
            account: account.or_else(|| name("phone")),
            asks_current: errand.fields.has(ASKS_CURRENT),
            asks_code: errand.fields.has(ASKS_CODE),
        }
        .html()
    })
}

/// Factors are asked for on every showing: a factor that was just removed must not be offered.
async fn second_step(desk: &Desk, visit: &mut Visit, errand: &Errand, settled: &Settled) -> Answer {
    let token = settled.access_token(visit).unwrap_or_default().to_owned();
    let Ok(factors) = mfa::factors(desk, visit, &token).await else {
        return Answer::unavailable(Medium::Html, "factors_unknown");
    };
    let shown: Vec<Factor<'_>> = factors.iter().map(mfa::OwnFactor::shown).collect();
    let html = framed(visit, &errand.next, &told_by(&errand.fields), &|frame| {
        Mfa {
            frame,
            factors: &shown,
            factor_id: errand.fields.value("factor_id"),
            challenge_id: errand.fields.value("challenge_id"),
        }
        .html()
    });
    Answer::page(200, html)
}

/// Which ways to sign in there are: as Auth's `/settings` said within the hour, or as every project has.
async fn offers(desk: &Desk, visit: &mut Visit) -> Offers {
    let held = desk.memory().offers.find(desk.now());
    if let Some(offers) = held {
        return offers;
    }
    let request = sign_in_api::settings(&visit.config);
    let answer = call_auth(desk, visit, request).await;
    let settings = answer.ok().filter(|reply| reply.status == 200);
    let settings = settings.and_then(|reply| json::read(&reply.body).ok());
    let offers = settings.map(|settings| Offers::from_settings(&settings));
    desk.memory().offers.learn(offers, desk.now())
}
