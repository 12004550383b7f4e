//! `gallery <folder>`: every page in every state and language as an HTML file, and `gallery.json` with their policies.

#![allow(
    clippy::expect_used,
    reason = "a program of the tests: a panic is how it fails"
)]

use std::path::PathBuf;

use edge_session::pages::{
    Confirm, ErrorPage, Factor, FactorKind, Forbidden, Fragment, Frame, Html, Language, Mfa,
    NewPassword, Notes, Offers, Recover, SignIn, SignUp, Site, SsoContinue, Verify,
};
use serde_json::json;

const EMAIL: Option<&str> = Some("maria.lindqvist@harbour.example");
const STATUSES: [u16; 10] = [400, 403, 404, 405, 413, 429, 500, 502, 503, 508];

fn main() {
    let folder = PathBuf::from(std::env::args().nth(1).expect("a folder"));
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let mut policies = serde_json::Map::new();
    for language in Language::ALL {
        for (name, html) in pages(language) {
            let file = format!("{name}.{}.html", language.tag());
            std::fs::write(folder.join(&file), html.body).expect("the file can be written");
            policies.insert(file, json!(html.csp));
        }
    }
    let policies = serde_json::Value::from(policies).to_string();
    std::fs::write(folder.join("gallery.json"), policies).expect("the file can be written");
}

fn pages(language: Language) -> Vec<(String, Html)> {
    let site = Site {
        name: "Harbour",
        logo: Some("/logo.svg"),
        color: Some("#0b6e69"),
        ..Site::default()
    };
    let frame = Frame {
        site: &site,
        language,
        next: "/members",
        ..Frame::default()
    };
    let plain = Frame {
        language,
        ..Frame::default()
    };
    let mut pages = before_a_session(frame);
    pages.extend(with_a_session(frame));
    pages.extend(links(frame));
    for status in STATUSES {
        let details = details(status);
        let page = |frame| {
            ErrorPage {
                frame,
                status,
                details: &details,
            }
            .html()
        };
        pages.push((format!("{status}-branded"), page(frame)));
        pages.push((format!("{status}-plain"), page(plain)));
    }
    pages
}

fn details(status: u16) -> Vec<String> {
    let details: &[&str] = match status {
        500 => &[
            "SUPABASE_URL must be a URL that begins with https://",
            "AUTH_TIMEOUT_MS must be a number from 100 to 30000",
        ],
        508 => &[
            "The request has been through edge-session five times: set ORIGIN_URL, ORIGIN or ASSETS to the site behind it",
        ],
        _ => &[],
    };
    details.iter().map(ToString::to_string).collect()
}

fn failed<'f>(frame: Frame<'f>, code: &'f str) -> Frame<'f> {
    let notes = Notes {
        error: Some(code),
        ..Notes::default()
    };
    Frame { notes, ..frame }
}

fn sent(frame: Frame<'_>) -> Frame<'_> {
    let notes = Notes {
        is_sent: true,
        ..Notes::default()
    };
    Frame { notes, ..frame }
}

fn before_a_session(frame: Frame<'_>) -> Vec<(String, Html)> {
    let few = Offers::default();
    let many = Offers::from_settings(&json!({
        "external": {"email": true, "phone": true, "google": true, "github": true, "azure": true},
        "saml_enabled": true, "passkeys_enabled": true,
    }));
    let sign_in = |frame, offers, email, is_by_phone| {
        SignIn {
            frame,
            offers,
            email,
            phone: None,
            is_by_phone,
        }
        .html()
    };
    let again = Notes {
        reason: Some("sign_in_again"),
        message: Some("confirm_other_address"),
        ..Notes::default()
    };
    let sign_up = |frame, email| SignUp { frame, email }.html();
    let recover = |frame, email| Recover { frame, email }.html();
    let domain = "harbour.example";
    [
        ("sign-in", sign_in(frame, &few, None, false)),
        (
            "sign-in-failed",
            sign_in(failed(frame, "invalid_credentials"), &many, EMAIL, false),
        ),
        ("sign-in-phone", sign_in(frame, &many, None, true)),
        (
            "sign-in-again",
            sign_in(
                Frame {
                    notes: again,
                    ..frame
                },
                &few,
                None,
                false,
            ),
        ),
        (
            "sign-in-domain",
            sign_in(failed(frame, "sso_provider_not_found"), &many, None, false),
        ),
        ("sign-up", sign_up(frame, None)),
        (
            "sign-up-failed",
            sign_up(failed(frame, "weak_password"), EMAIL),
        ),
        ("recover", recover(frame, None)),
        ("recover-sent", recover(sent(frame), EMAIL)),
        ("sso", SsoContinue { frame, domain }.html()),
    ]
    .map(|(name, html)| (name.to_owned(), html))
    .into()
}

fn with_a_session(frame: Frame<'_>) -> Vec<(String, Html)> {
    let app = Factor {
        id: "f1",
        kind: FactorKind::Totp,
        name: Some("Work phone"),
        phone: None,
    };
    let phone = Factor {
        id: "f2",
        kind: FactorKind::Phone,
        name: None,
        phone: Some("•••• 4711"),
    };
    let mfa = |frame, factors, factor_id, challenge_id| {
        Mfa {
            frame,
            factors,
            factor_id,
            challenge_id,
        }
        .html()
    };
    let wrong = failed(frame, "mfa_verification_failed");
    let password = |frame, asks_current, asks_code| {
        NewPassword {
            frame,
            account: EMAIL,
            asks_current,
            asks_code,
        }
        .html()
    };
    let forbidden = |account, can_sign_out| {
        Forbidden {
            frame,
            account,
            can_sign_out,
        }
        .html()
    };
    [
        ("mfa", mfa(frame, &[app][..], None, None)),
        (
            "mfa-failed",
            mfa(wrong, &[app, phone][..], Some("f2"), Some("c1")),
        ),
        ("mfa-choose", mfa(frame, &[app, phone][..], None, None)),
        ("mfa-send", mfa(frame, &[phone][..], None, None)),
        ("mfa-none", mfa(frame, &[][..], None, None)),
        ("password", password(frame, false, false)),
        (
            "password-failed",
            password(failed(frame, "current_password_invalid"), true, true),
        ),
        ("forbidden", forbidden(EMAIL, true)),
        ("forbidden-plain", forbidden(None, false)),
    ]
    .map(|(name, html)| (name.to_owned(), html))
    .into()
}

fn links(frame: Frame<'_>) -> Vec<(String, Html)> {
    let verify = |frame, email, phone, kind| {
        Verify {
            frame,
            email,
            phone,
            kind,
        }
        .html()
    };
    let confirm = |frame, kind| {
        Confirm {
            frame,
            token_hash: "pkce_0f1e2d",
            kind,
        }
        .html()
    };
    let turnstile = Frame {
        turnstile_site_key: Some("1x00000000000000000000AA"),
        ..frame
    };
    [
        ("verify", verify(sent(frame), EMAIL, None, "email")),
        (
            "verify-failed",
            verify(failed(frame, "otp_expired"), None, None, "sms"),
        ),
        ("confirm", confirm(frame, "signup")),
        ("confirm-recovery", confirm(turnstile, "recovery")),
        ("fragment", Fragment { frame }.html()),
    ]
    .map(|(name, html)| (name.to_owned(), html))
    .into()
}
