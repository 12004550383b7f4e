//! Which session the visitor shows: a bearer token, or the best reading of the cookies.
//!
//! It is the first stage with effects: keys are found and signatures checked ([`verify`]). What it returns says how
//! far the session is trusted; whether it is due for a refresh, revoked or good enough for the rule is for the
//! stages behind it.
//!
//! Twins: a sibling domain or an old scope can put a second cookie of the same name into the request. The readings
//! are tried in the order of [`order`], and the first that verifies counts.

use crate::cookies::SessionCookies;
use crate::rules::Credentials;
use crate::session::SessionCookieError;
use crate::time::UnixTime;
use crate::token::{self, SignedClaims, Token, TokenError, VerifiedClaims};

use super::desk::Desk;
use super::keys;
use super::verify::{self, Verdict};
use super::visit::{Outcome, Source, Visit};

/// Most readings of a duplicated session that are tried. Each costs a signature check.
const MAX_CANDIDATES: usize = 3;

/// What the visitor shows.
///
/// Each variant is one way that the line goes on.
#[derive(Debug)]
pub(super) enum Presented {
    /// A session whose token is trusted now.
    Alive(VerifiedClaims),
    /// A session of the cookies whose token was good and has run out.
    Dead(SignedClaims),
    /// Nothing that a refresh could help: how it ends, and why.
    Ended(Outcome, &'static str),
    /// No session of any kind.
    Nothing,
    /// A session of the cookies whose token nobody here can check. A refresh would tell, but anybody can make one up.
    Unknown(Box<Token>),
}

/// Reads what was sent. A bearer token that verifies counts before the cookies; where it does not, they decide.
pub(super) async fn present(desk: &Desk, visit: &mut Visit) -> Presented {
    let credentials = visit.rule().credentials;
    let bearer = match credentials {
        Credentials::Any | Credentials::Bearer => bearer(desk, visit).await,
        Credentials::Cookie => None,
    };
    if let Some(Verdict::Alive(claims)) = bearer {
        visit.source = Source::Bearer;
        visit.is_cookie_vouched = vouches(desk, visit, &claims).await;
        return Presented::Alive(claims);
    }
    if credentials != Credentials::Bearer
        && let Some(presented) = cookies(desk, visit).await
    {
        return presented;
    }
    let Some(verdict) = bearer.or_else(|| foreign_bearer(visit)) else {
        return Presented::Nothing;
    };
    // Also of a token that is the origin's affair: whoever it stands for, caches keep the answer from others.
    visit.source = Source::Bearer;
    match verdict {
        Verdict::Alive(claims) => Presented::Alive(claims),
        Verdict::Dead(_) => Presented::Ended(Outcome::Expired, "token_expired"),
        Verdict::Failed(error) => Presented::Ended(Outcome::Invalid, error.code()),
        Verdict::Gone(code) => Presented::Ended(Outcome::Revoked, code),
        Verdict::KeyUnknown(_) | Verdict::Uncheckable(_) => {
            Presented::Ended(Outcome::Invalid, "token_unknown_key")
        }
        Verdict::Undecided(code) => Presented::Ended(Outcome::Unavailable, code),
    }
}

/// The verdict on the bearer token, if it is one of this project. Others are the origin's affair: keys of its own
/// API, tokens of other issuers.
async fn bearer(desk: &Desk, visit: &mut Visit) -> Option<Verdict> {
    let raw = visit.head.bearer_token()?;
    if !is_of_project(visit, raw) {
        return None;
    }
    let raw = raw.to_owned();
    Some(verify::verify(desk, visit, &raw).await)
}

/// A bearer token that is the origin's affair is no session of this project's either.
fn foreign_bearer(visit: &Visit) -> Option<Verdict> {
    if visit.rule().credentials == Credentials::Cookie {
        return None;
    }
    let raw = visit.head.bearer_token()?;
    let error = Token::parse(raw).err();
    Some(Verdict::Failed(error.unwrap_or(TokenError::IssuerMismatch)))
}

/// A token without an issuer is one of ours until its key says otherwise: self-hosted Auth writes none.
fn is_of_project(visit: &Visit, raw: &str) -> bool {
    match token::claimed_issuer(raw) {
        token::ClaimedIssuer::Named(issuer) => visit.config.issuers.contains(&issuer),
        token::ClaimedIssuer::NoToken => false,
        // Where an issuer is asked for, verification says that there is none.
        token::ClaimedIssuer::Unnamed => true,
    }
}

/// True if the cookies beside a good bearer token hold a session of the same user that verifies: the origin may have them.
async fn vouches(desk: &Desk, visit: &mut Visit, bearer: &VerifiedClaims) -> bool {
    let first = visit
        .cookies()
        .and_then(|cookies| cookies.candidates.first());
    let Some(Ok(session)) = first.map(|candidate| candidate.session.as_ref()) else {
        return false;
    };
    if visit.is_duplicated() {
        return false;
    }
    // Nobody signs the `user` beside the token, and the origin would believe it.
    if !session.has_trusted_user(&bearer.user_id) {
        return false;
    }
    let raw = session.access_token().to_owned();
    let verdict = verify::verify(desk, visit, &raw).await;
    matches!(verdict, Verdict::Alive(claims) if claims.user_id == bearer.user_id)
}

/// What the cookies hold: the first reading that verifies, or what comes closest.
async fn cookies(desk: &Desk, visit: &mut Visit) -> Option<Presented> {
    let known = visit.recognise(&mut desk.memory(), desk.now());
    if let Some(claims) = known {
        keys::want_fresh(desk, visit);
        return Some(Presented::Alive(claims));
    }
    let mut untried = visit.cookies().map(order)?;
    visit.source = Source::Cookies;
    // Anybody can make up a token that nobody here can check, and a sibling site can toss it in front of a session
    // that verifies. So such a reading waits until all others were tried.
    let mut open = None;
    let mut reason = None;
    while let Some(index) = untried.pop() {
        visit.chosen = Some(index);
        let Some(raw) = visit.access_token() else {
            continue;
        };
        match verify::verify(desk, visit, &raw).await {
            Verdict::Alive(claims) => {
                if !visit.is_first_sight {
                    visit.make_known(&raw, &claims.user_id, &mut desk.memory());
                }
                return Some(Presented::Alive(claims));
            }
            Verdict::Dead(claims) => return Some(Presented::Dead(claims)),
            Verdict::Failed(error) => reason = Some(error.code()),
            Verdict::Gone(code) => return Some(Presented::Ended(Outcome::Revoked, code)),
            Verdict::KeyUnknown(token) | Verdict::Uncheckable(token) => {
                open.get_or_insert((index, Presented::Unknown(token)));
            }
            Verdict::Undecided(code) => {
                let undecided = Presented::Ended(Outcome::Unavailable, code);
                open.get_or_insert((index, undecided));
            }
        }
    }
    if let Some((index, presented)) = open {
        visit.chosen = Some(index);
        return Some(presented);
    }
    Some(none_verifies(visit, reason))
}

/// Why the cookies hold no session, and whether it is ours to delete.
///
/// Deleting is right only for what is certainly no session: a forged or broken one would be sent again for ever.
fn none_verifies(visit: &Visit, reason: Option<&'static str>) -> Presented {
    match unreadable(visit.cookies()) {
        // A format of a later client may well be alive: it is not ours to delete, whatever stands beside it.
        Some(foreign @ SessionCookieError::UnknownEncoding) => {
            Presented::Ended(Outcome::Unavailable, foreign.code())
        }
        other => {
            let reason = reason.or(other.map(SessionCookieError::code));
            Presented::Ended(Outcome::Invalid, reason.unwrap_or("cookie_malformed"))
        }
    }
}

/// What is wrong with the cookies: a format that is not known yet, or the error of the first reading.
fn unreadable(cookies: Option<&SessionCookies>) -> Option<SessionCookieError> {
    let candidates = &cookies?.candidates;
    let mut errors = candidates
        .iter()
        .filter_map(|candidate| candidate.session.as_ref().err().copied());
    let first = errors.next();
    errors
        .find(|error| *error == SessionCookieError::UnknownEncoding)
        .or(first)
}

/// The order in which candidates are tried, best last: those about the first
/// one's user, latest expiry first, then the others as they came.
///
/// Nothing of a twin is verified yet, so its claims only decide what is tried first, and all that are tried have to
/// verify.
fn order(cookies: &SessionCookies) -> Vec<usize> {
    let readable: Vec<(usize, Option<String>, UnixTime)> = cookies
        .candidates
        .iter()
        .enumerate()
        .filter_map(|(index, candidate)| {
            let session = candidate.session.as_ref().ok()?;
            if !cookies.duplicated {
                return Some((index, None, UnixTime::default()));
            }
            let token = Token::parse(session.access_token()).ok();
            let subject = token.as_ref().and_then(Token::claimed_subject);
            let expiry = token.as_ref().and_then(Token::claimed_expiry);
            Some((
                index,
                subject.map(str::to_owned),
                expiry.unwrap_or_default(),
            ))
        })
        .take(MAX_CANDIDATES)
        .collect();
    let Some((_, first_subject, _)) = readable.first() else {
        return Vec::new();
    };
    let mut same: Vec<&(usize, Option<String>, UnixTime)> = Vec::new();
    let mut others = Vec::new();
    for candidate in &readable {
        if candidate.1 == *first_subject {
            let at = same.partition_point(|(_, _, expiry)| *expiry >= candidate.2);
            same.insert(at, candidate);
        } else {
            others.push(candidate);
        }
    }
    same.extend(others);
    same.into_iter().rev().map(|(index, _, _)| *index).collect()
}
