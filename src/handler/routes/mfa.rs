//! `POST /mfa`: a second factor raises the session to `aal2`.
//!
//! One route for two kinds of factors. An app shows the code at any time: challenge and verification go in one
//! breath. A phone has to be sent one: without a code the route asks for the message and answers with the
//! challenge's id, with the code it verifies. Auth answers with a new pair of tokens of the same session, its token
//! now `aal2`.

use serde_json::Value;

use crate::answer::Answer;
use crate::auth_api::AuthReply;
use crate::json::{self, json};
use crate::pages::{Factor, FactorKind};
use crate::secret::Secret;
use crate::session::Session;
use crate::sign_in_api;
use crate::token::is_uuid;

use super::super::desk::Desk;
use super::super::effect::{Effect, Learning};
use super::super::settled::Settled;
use super::super::verify::{self, Verdict};
use super::super::visit::{Outcome, Visit};
use super::ask::call_auth;
use super::errand::Errand;
use super::failure::{Failure, done};
use super::member::Member;
use super::reply::Reply;
use super::session;
use super::sign_in;

/// The code for a challenge that was asked for from another address, or was answered before.
const MISMATCH: &str = "mfa_ip_address_mismatch";
/// Factors that are looked at; Auth allows ten.
const MAX_FACTORS: usize = 32;

/// A verified factor of the visitor's.
pub(super) struct OwnFactor {
    id: String,
    kind: FactorKind,
    name: Option<String>,
    phone: Option<String>,
}

/// Unverified factors are left out: they are an enrolment that was never finished.
impl OwnFactor {
    fn read(factor: &Value) -> Option<Self> {
        let text = |name| factor.get(name).and_then(Value::as_str);
        let kind = match (text("factor_type")?, text("status")?) {
            ("totp", "verified") => FactorKind::Totp,
            ("phone", "verified") => FactorKind::Phone,
            _ => return None,
        };
        Some(Self {
            id: text("id").filter(|id| is_uuid(id))?.to_owned(),
            kind,
            name: text("friendly_name").map(str::to_owned),
            phone: text("phone").map(masked),
        })
    }

    /// The factor for its page.
    pub(super) fn shown(&self) -> Factor<'_> {
        Factor {
            id: &self.id,
            kind: self.kind,
            name: self.name.as_deref(),
            phone: self.phone.as_deref(),
        }
    }
}

/// The end of a number, by which its owner knows it.
fn masked(phone: &str) -> String {
    let skipped = phone.chars().count().saturating_sub(3);
    let end: String = phone.chars().skip(skipped).collect();
    format!("…{end}")
}

/// The visitor's verified factors, as Auth says.
///
/// # Errors
/// Those of `GET /user`; 503 where its answer is no JSON.
pub(super) async fn factors(
    desk: &Desk,
    visit: &mut Visit,
    access_token: &str,
) -> Result<Vec<OwnFactor>, Failure> {
    let ip = visit.client_ip();
    let request = sign_in_api::as_user(&visit.config, ("GET", "/user"), None, access_token, ip);
    let reply = Failure::of_auth(call_auth(desk, visit, request).await)?;
    let user: Value =
        json::read(&reply.body).map_err(|_| Failure::new(503, "unexpected_failure"))?;
    let factors = user.get("factors").and_then(Value::as_array);
    let factors = factors.into_iter().flatten().take(MAX_FACTORS);
    Ok(factors.filter_map(OwnFactor::read).collect())
}

/// What comes of a step.
enum Step {
    /// The message with the code is on its way.
    Challenged(String, String),
    /// Auth answered with the raised session.
    Raised(AuthReply),
}

/// A visitor without a session is refused first, one with `aal2` is asked for nothing less: a rule may want a fresh
/// proof.
pub(super) async fn step_up(desk: &Desk, visit: &mut Visit, errand: &Errand) -> Reply {
    let member = match Member::find(desk, visit, errand).await {
        Ok(member) => member,
        Err(refusal) => return refusal,
    };
    match step(desk, visit, errand, &member).await {
        Ok(Step::Raised(reply)) => take_over(desk, visit, errand, member, &reply).await,
        Ok(Step::Challenged(factor_id, challenge_id)) => {
            let answer = if errand.is_program {
                Answer::json(
                    200,
                    &json!({"challenge_id": challenge_id, "factor_id": factor_id}),
                )
            } else {
                next_step(visit, errand, &factor_id, &challenge_id)
            };
            let settled = member.settled;
            Reply { answer, settled }
        }
        Err(failure) => member.failed(visit, errand, &failure),
    }
}

/// The page the form stood on, which now asks for the code.
fn next_step(visit: &Visit, errand: &Errand, factor_id: &str, challenge_id: &str) -> Answer {
    let fields = [("factor_id", factor_id), ("challenge_id", challenge_id)];
    let location = errand.back(visit, &fields);
    Answer::see_other(location)
}

async fn step(
    desk: &Desk,
    visit: &mut Visit,
    errand: &Errand,
    member: &Member,
) -> Result<Step, Failure> {
    let factor = choose(desk, visit, errand, member).await?;
    let code: Option<String> = errand.fields.value("code").map(digits);
    match (factor.kind, code) {
        (FactorKind::Phone, None) => {
            let channel = errand.fields.value("channel").unwrap_or("sms");
            let body = json!({ "channel": channel });
            let challenge = challenge(desk, visit, member, &factor.id, &body).await?;
            Ok(Step::Challenged(factor.id, challenge))
        }
        (FactorKind::Totp, None) => Err(Failure::invalid()),
        (kind, Some(code)) => {
            let given = errand.fields.value("challenge_id").filter(|id| is_uuid(id));
            if kind == FactorKind::Phone && given.is_none() {
                return Err(Failure::invalid());
            }
            let given = given.map(str::to_owned);
            let first = verify_code(desk, visit, member, &factor.id, given.clone(), &code).await;
            match first {
                Err(failure) if failure.code == MISMATCH => {
                    let again = given.filter(|_| kind == FactorKind::Phone);
                    verify_code(desk, visit, member, &factor.id, again, &code).await
                }
                other => other,
            }
        }
    }
}

/// People type codes as their app shows them, in groups.
fn digits(code: &str) -> String {
    code.chars().filter(char::is_ascii_digit).take(16).collect()
}

/// The factor that is named, or the only one.
///
/// # Errors
/// 404 `mfa_factor_not_found`, and `validation_failed` where there are several and none is named.
async fn choose(
    desk: &Desk,
    visit: &mut Visit,
    errand: &Errand,
    member: &Member,
) -> Result<OwnFactor, Failure> {
    let mut factors = factors(desk, visit, &member.access_token).await?;
    let missing = || Failure::new(404, "mfa_factor_not_found");
    match errand.fields.value("factor_id") {
        Some(id) => factors
            .into_iter()
            .find(|factor| factor.id == id)
            .ok_or_else(missing),
        None if factors.len() > 1 => Err(Failure::invalid()),
        None => factors.pop().ok_or_else(missing),
    }
}

async fn challenge(
    desk: &Desk,
    visit: &mut Visit,
    member: &Member,
    factor_id: &str,
    body: &Value,
) -> Result<String, Failure> {
    let path = format!("/factors/{factor_id}/challenge");
    let reply = member.ask(desk, visit, ("POST", &path), Some(body)).await?;
    let challenge: Value = json::read(&reply.body).unwrap_or_default();
    let id = challenge.get("id").and_then(Value::as_str);
    let id = id.filter(|id| is_uuid(id)).map(str::to_owned);
    id.ok_or_else(|| Failure::new(503, "unexpected_failure"))
}

/// Verifies a code. Auth wants it from the address that the challenge was asked for from: without one at hand both
/// go in one breath.
async fn verify_code(
    desk: &Desk,
    visit: &mut Visit,
    member: &Member,
    factor_id: &str,
    challenge_id: Option<String>,
    code: &str,
) -> Result<Step, Failure> {
    let challenge_id = match challenge_id {
        Some(id) => id,
        None => challenge(desk, visit, member, factor_id, &json!({})).await?,
    };
    let path = format!("/factors/{factor_id}/verify");
    let body = json!({"challenge_id": challenge_id, "code": code});
    let reply = member
        .raise(desk, visit, ("POST", &path), Some(&body))
        .await?;
    Ok(Step::Raised(reply))
}

/// Takes the raised session over: the gate is told, since the refresh token of before is used up.
async fn take_over(
    desk: &Desk,
    visit: &mut Visit,
    errand: &Errand,
    member: Member,
    reply: &AuthReply,
) -> Reply {
    let untrusted = Failure::new(503, "auth_answer_not_trusted");
    let Ok(raised) = Session::from_token_response(&reply.body, desk.now().seconds()) else {
        visit.alarm();
        return member.failed(visit, errand, &untrusted);
    };
    let verdict = verify::verify_answer(desk, visit, raised.access_token()).await;
    let own = match verdict {
        Verdict::Alive(claims) => Some(claims),
        Verdict::KeyUnknown(_) | Verdict::Uncheckable(_) | Verdict::Undecided(_) => {
            // The refresh token of before is used up all the same, and whoever gets this one verifies it.
            learn(desk, &member, &raised, true).await;
            None
        }
        Verdict::Dead(_) | Verdict::Failed(_) | Verdict::Gone(_) => None,
    };
    let Some(claims) = own.filter(|claims| claims.user_id == member.claims.user_id) else {
        visit.alarm();
        return member.failed(visit, errand, &untrusted);
    };
    if learn(desk, &member, &raised, false).await {
        let failure = Failure::new(401, "unauthorized");
        let settled = member.settled.withheld();
        let answer = failure.answer(visit, errand);
        return Reply { answer, settled };
    }
    let answer = done(visit, errand, Some(&session::body(&claims)));
    // The session is the same, and stays written as its clients wrote it.
    let shape = visit.session().map(Session::format);
    let shape = shape.filter(|shape| !shape.foreign);
    let lines = sign_in::session_lines(visit, &raised, shape);
    let answer = answer.with_cookies(lines);
    let settled = Settled::plain(Outcome::Valid, "signed_in");
    Reply { answer, settled }
}

/// Tells the gate of the raised session; true if the session has ended.
async fn learn(desk: &Desk, member: &Member, raised: &Session, is_late: bool) -> bool {
    let (Some(session_id), Some(used)) = (&member.claims.session_id, &member.refresh_token) else {
        return false;
    };
    let learning = Learning {
        session_id: session_id.clone(),
        session: raised.clone(),
        used: Secret::new(used),
        expires_at: member.claims.expires_at,
        is_late,
    };
    desk.ask(Effect::LearnSession, Box::new(learning)).await
}
