//! Auth's opinion of a verified session, where a rule demands it (`verify = "live"`).
//!
//! A signature proves what was true when the token was issued, up to an hour ago. For pages where that is not
//! enough, every request costs one `GET /user`, which fails once the session is deleted or its user banned. The
//! verdict on the token is forgotten on any other answer than "alive", so that the next request looks anew.

use crate::auth_api::{self, UserReply};
use crate::rules::Verify;

use super::desk::Desk;
use super::settled::Settled;
use super::verify;
use super::visit::{Outcome, Visit};

/// Asks Auth whether the session still lives, if the rule wants to know.
pub(super) async fn ask(desk: &Desk, visit: &mut Visit, settled: Settled) -> Settled {
    if visit.rule().verify != Verify::Live {
        return settled;
    }
    let (Some(access_token), Some(claims)) = (settled.access_token(visit), settled.claims()) else {
        return settled;
    };
    let access_token = access_token.to_owned();
    let user_id = claims.user_id.clone();
    let answer = verify::ask_user(desk, visit, &access_token).await;
    let (outcome, reason) = match auth_api::read_user_reply(&answer, &user_id) {
        UserReply::Live => return settled,
        UserReply::Gone(code) => (Outcome::Revoked, code),
        // Auth no longer accepts a token that its own key signed: the key was just
        // revoked, or the token ran out on the way. The session may well live on.
        UserReply::Rejected => (Outcome::Unavailable, "token_rejected"),
        UserReply::Unavailable(code) => (Outcome::Unavailable, code),
        UserReply::WrongUser => (Outcome::Invalid, "token_subject"),
    };
    let mut memory = desk.memory();
    let fingerprint = memory.fingerprint(&access_token);
    memory.verdicts.forget(fingerprint);
    if outcome == Outcome::Unavailable {
        // A session that was just renewed must reach the browser even though the
        // page is refused: its old refresh token is used up.
        return settled.undecided(reason);
    }
    Settled::plain(outcome, reason)
}
