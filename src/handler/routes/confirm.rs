//! `/confirm`: a mailed link opens a page, and only its button uses the token up.
//!
//! Mail scanners open every link, some twice; a token that a GET would use up
//! is gone before the person sees the mail.
//!
//! The template of the mail names this route with `token_hash` and `type`. A hash works in any browser: no verifier
//! is needed, since the mail itself is the proof.

use crate::answer::Answer;
use crate::pages::Confirm;
use crate::pkce;
use crate::sign_in_api;

use super::super::desk::Desk;
use super::super::line;
use super::super::visit::{Outcome, Visit};
use super::errand::Errand;
use super::failure::Failure;
use super::frame::{self, Told};
use super::reply::Reply;
use super::sign_in;

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

/// Both fields are checked before anything is shown or asked: they stand in the page and in a request to Auth.
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
        return malformed(visit, errand);
    };
    let html = frame::framed(visit, &errand.next, &Told::default(), &|frame| {
        Confirm {
            frame,
            token_hash: link.token_hash,
            kind: link.kind,
        }
        .html()
    });
    Reply::new(Answer::page(200, html), "confirm_page")
}

/// Uses the token up.
pub(super) async fn confirm(desk: &Desk, visit: &mut Visit, errand: &Errand) -> Reply {
    let Some(link) = Link::read(errand) else {
        return malformed(visit, errand);
    };
    let ip = visit.client_ip();
    let request = sign_in_api::verify(&visit.config, link.kind, link.token_hash, ip);
    let unchanged = pkce::Changes::default();
    match sign_in::begin(desk, visit, request).await {
        Ok(sign_in::Begun::Session(session)) => {
            sign_in::accept(desk, visit, errand, *session, &unchanged).await
        }
        Ok(sign_in::Begun::HalfWay) => sign_in::half_way(visit, errand),
        Err(failure) => used(desk, visit, errand, &failure).await,
    }
}

/// Whoever is signed in pressed the button of a used link a second time.
///
/// Auth answers `otp_expired` for a used token, an old one and a wrong one alike.
async fn used(desk: &Desk, visit: &mut Visit, errand: &Errand, failure: &Failure) -> Reply {
    if failure.code == "otp_expired" {
        let settled = line::session(desk, visit).await;
        if settled.claims().is_some() && settled.outcome() != Outcome::Unavailable {
            let answer = sign_in::answer_as(visit, errand, &settled);
            return Reply { answer, settled };
        }
    }
    failure.reply(visit, errand, "sign_in_failed")
}

fn malformed(visit: &Visit, errand: &Errand) -> Reply {
    Failure::invalid().reply(visit, errand, "confirm_malformed")
}
