//! `/confirm`: a mailed link opens a page, and only its button uses the token up.
//!
//! Mail scanners open every link, some twice; a token that a GET would use up
//! is gone before the person sees the mail.

use crate::answer::Answer;
use crate::pkce;
use crate::sign_in_api;

use super::super::desk::Desk;
use super::super::visit::Visit;
use super::{Errand, Reply, sign_in};

/// The kinds of mailed tokens that lead to a session.
const TYPES: [&str; 6] = [
    "signup",
    "invite",
    "magiclink",
    "recovery",
    "email_change",
    "email",
];
/// A token hash is 56 characters, 61 with the mark of PKCE.
const MAX_HASH_BYTES: usize = 128;

struct Link<'e> {
    token_hash: &'e str,
    kind: &'e str,
}

impl<'e> Link<'e> {
    fn read(errand: &'e Errand) -> Option<Self> {
        let token_hash = errand.fields.value("token_hash")?;
        let kind = errand.fields.value("type")?;
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let is_hash = token_hash.len() <= MAX_HASH_BYTES && token_hash.bytes().all(is_allowed);
        (is_hash && TYPES.contains(&kind)).then_some(Self { token_hash, kind })
    }
}

/// The page with one button. Showing it changes nothing, however often.
pub(super) fn page(visit: &Visit, errand: &Errand) -> Reply {
    let Some(link) = Link::read(errand) else {
        return malformed(visit);
    };
    let fields = [
        ("token_hash", link.token_hash),
        ("type", link.kind),
        ("next", errand.next()),
    ];
    let (title, text) = match link.kind {
        "recovery" => ("Reset your password", "Continue to choose a new password."),
        "email_change" => (
            "Confirm your new e-mail address",
            "Continue to use this address.",
        ),
        "invite" => ("Accept the invitation", "Continue to sign in."),
        _ => ("Sign in", "Continue to sign in on this device."),
    };
    let answer = Answer::button_page(title, text, "Continue", &fields);
    Reply::new(answer, "confirm_page")
}

/// Uses the token up.
pub(super) async fn confirm(desk: &Desk, visit: &mut Visit, errand: &Errand) -> Reply {
    let Some(link) = Link::read(errand) else {
        return malformed(visit);
    };
    let ip = visit.client_ip();
    let request = sign_in_api::verify(&visit.config, link.kind, link.token_hash, ip);
    sign_in::exchange(desk, visit, errand, request, &pkce::Changes::default()).await
}

fn malformed(visit: &Visit) -> Reply {
    let answer = Answer::see_other(visit.login_with("error", "validation_failed"));
    Reply::new(answer, "confirm_malformed")
}
