//! `POST /fragment`: tokens that came in the fragment of an address, and whose account the visitor has seen.
//!
//! Implicit flows end with `#access_token=…&refresh_token=…`, as the links of invitations do whatever the client
//! is. The page of `/callback` shows whose account it is before it sends them here, since anybody can make a link
//! with his own tokens in it and have another sign in to his account.
//!
//! Auth itself is asked for the user: a token's claims may be an hour old, and the cookie carries the user that
//! clients read.

use serde_json::Value;

use crate::auth_api::{self, UserReply};
use crate::json::{self, json};
use crate::pkce;
use crate::session::Session;

use super::super::desk::Desk;
use super::super::verify::{self, Verdict};
use super::super::visit::Visit;
use super::errand::Errand;
use super::failure::Failure;
use super::reply::Reply;
use super::sign_in;

/// Refresh tokens have 12 to some 60 characters.
const MAX_REFRESH_TOKEN_BYTES: usize = 512;

pub(super) async fn take_over(desk: &Desk, visit: &mut Visit, errand: &Errand) -> Reply {
    match session(desk, visit, errand).await {
        Ok(session) => {
            sign_in::accept(desk, visit, errand, session, &pkce::Changes::default()).await
        }
        Err(failure) => failure.reply(visit, errand, "sign_in_failed"),
    }
}

/// The session of the tokens: the signature of the one is good, and Auth says that it lives.
///
/// # Errors
/// 400 for what are no tokens, 403 `bad_jwt` for those that nobody trusts, 503 where that cannot be said now.
async fn session(desk: &Desk, visit: &mut Visit, errand: &Errand) -> Result<Session, Failure> {
    let is_token = |token: &&str| {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        token.len() <= MAX_REFRESH_TOKEN_BYTES && token.bytes().all(is_allowed)
    };
    let access_token = errand.fields.value("access_token");
    let refresh_token = errand.fields.value("refresh_token").filter(is_token);
    let (Some(access_token), Some(refresh_token)) = (access_token, refresh_token) else {
        return Err(Failure::invalid());
    };
    let claims = match verify::verify(desk, visit, access_token).await {
        // A token of somebody else's app is no session of this site.
        Verdict::Alive(claims) if claims.client_id.is_none() => claims,
        Verdict::Undecided(_) => return Err(Failure::new(503, "unavailable")),
        Verdict::Alive(_)
        | Verdict::Dead(_)
        | Verdict::Failed(_)
        | Verdict::Gone(_)
        | Verdict::KeyUnknown(_)
        | Verdict::Uncheckable(_) => return Err(Failure::new(403, "bad_jwt")),
    };
    let answer = verify::ask_user(desk, visit, access_token).await;
    match auth_api::read_user_reply(&answer, &claims.user_id) {
        UserReply::Live => {}
        UserReply::Gone(code) => return Err(Failure::new(403, code)),
        UserReply::Rejected | UserReply::WrongUser => return Err(Failure::new(403, "bad_jwt")),
        UserReply::Unavailable(_) => return Err(Failure::new(503, "unavailable")),
    }
    let user = answer.ok().map(|reply| reply.body).unwrap_or_default();
    let user: Value = json::read(&user).unwrap_or_default();
    let expires_at = claims.expires_at.seconds();
    let tokens = json!({
        "access_token": access_token,
        "token_type": "bearer",
        "expires_in": expires_at.saturating_sub(desk.now().seconds()).max(1),
        "expires_at": expires_at,
        "refresh_token": refresh_token,
        "user": user,
    });
    Session::from_token_response(json::write(&tokens).as_bytes(), desk.now().seconds())
        .map_err(|_| Failure::invalid())
}
