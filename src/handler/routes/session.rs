//! `GET /session`: who the visitor is, by his verified token.
//!
//! And `GET /token`, and the public key of the assertion. All of them answer JSON to scripts of the site;
//! `/session` says who it is also to pages of `cors` origins, `/token` never does.

use serde_json::Value;

use crate::answer::{Answer, Medium};
use crate::json::json;
use crate::token::VerifiedClaims;

use super::super::desk::Desk;
use super::super::line;
use super::super::visit::{Outcome, Visit};
use super::errand::is_same_site;
use super::reply::Reply;

/// Nobody signed in is an answer and no error: 200 `{"user": null}`. A dead session is deleted on the way like
/// anywhere.
pub(super) async fn session(desk: &Desk, visit: &mut Visit) -> Reply {
    let settled = line::session(desk, visit).await;
    let answer = if settled.outcome() == Outcome::Unavailable {
        Answer::unavailable(Medium::Json, settled.reason())
    } else {
        let body = settled
            .claims()
            .map_or_else(|| json!({"user": Value::Null}), body);
        Answer::json(200, &body)
    };
    Reply { answer, settled }
}

/// The session's access token, for a script of this site that cannot read its cookies.
///
/// Needed where `COOKIE_HTTP_ONLY` hides the cookies and a script talks to the project's API itself.
pub(super) async fn token(desk: &Desk, visit: &mut Visit) -> Reply {
    if !is_same_site(visit) {
        let answer = Answer::json(403, &json!({"error": "cross_site"}));
        return Reply::new(answer, "cross_site");
    }
    let settled = line::session(desk, visit).await;
    let answer = if settled.outcome() == Outcome::Unavailable {
        Answer::unavailable(Medium::Json, settled.reason())
    } else {
        match (settled.claims(), settled.access_token(visit)) {
            (Some(claims), Some(token)) => {
                let expires_at = claims.expires_at.seconds();
                Answer::json(
                    200,
                    &json!({"access_token": token, "expires_at": expires_at}),
                )
            }
            (Some(_) | None, _) => Answer::unauthorized(Medium::Json, settled.outcome().word()),
        }
    };
    Reply { answer, settled }
}

/// The public key of the identity assertion.
pub(super) fn identity_keys(visit: &Visit) -> Reply {
    let key = visit.config.identity_key.as_ref();
    let set = key.map_or_else(
        || json!({"keys": Value::Array(Vec::new())}),
        |key| key.public_set(),
    );
    Reply::new(Answer::json(200, &set), "identity_keys")
}

/// What is told of a session: verified claims, never the cookie's own `user`.
pub(super) fn body(claims: &VerifiedClaims) -> Value {
    let all = claims.json().unwrap_or_default();
    let claim = |name| all.get(name).cloned().unwrap_or_default();
    json!({
        "user": json!({
            "id": claims.user_id,
            "email": claim("email"),
            "role": claims.role,
            "aal": claims.aal,
            "is_anonymous": claims.is_anonymous,
            "app_metadata": claim("app_metadata"),
            "user_metadata": claim("user_metadata"),
        }),
        "expires_at": claims.expires_at.seconds(),
    })
}
