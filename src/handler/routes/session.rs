//! `GET /session`: who the visitor is, by his verified token.

use serde_json::{Value, json};

use crate::answer::{Answer, Medium};
use crate::token::VerifiedClaims;

use super::super::desk::Desk;
use super::super::line;
use super::super::visit::{Outcome, Visit};
use super::Reply;

pub(super) async fn session(desk: &Desk, visit: &mut Visit) -> Reply {
    let settled = line::session(desk, visit).await;
    let answer = if settled.outcome() == Outcome::Unavailable {
        Answer::unavailable(Medium::Json, settled.reason())
    } else {
        let body = settled.claims().map_or_else(|| json!({"user": null}), body);
        Answer::json(200, &body)
    };
    Reply { answer, settled }
}

/// What is told of a session: verified claims, never the cookie's own `user`.
pub(super) fn body(claims: &VerifiedClaims) -> Value {
    let all = claims.json().unwrap_or_default();
    let claim = |name| all.get(name).cloned().unwrap_or_default();
    json!({
        "user": {
            "id": claims.user_id,
            "email": claim("email"),
            "role": claims.role,
            "aal": claims.aal,
            "is_anonymous": claims.is_anonymous,
            "app_metadata": claim("app_metadata"),
            "user_metadata": claim("user_metadata"),
        },
        "expires_at": claims.expires_at.seconds(),
    })
}
