//! The first decisions: loops, paths, rules, and what the visitor sent.

use std::rc::Rc;

use crate::answer::Answer;
use crate::config::Config;
use crate::cookies::SessionCookies;
use crate::head::RequestHead;
use crate::identity;
use crate::memory::Memory;
use crate::overrides;
use crate::path::RequestPath;
use crate::session::SessionCookieError;
use crate::time::UnixTime;
use crate::token::Token;

use super::observe::{self, Would};
use super::refresh;
use super::routes;
use super::settle::{self, Settled};
use super::verify::{self, Purpose, Verdict};
use super::visit::{Outcome, Source, Visit};
use super::{Respond, Step};

/// Most readings of a duplicated session that are tried. Each costs a signature check.
const MAX_CANDIDATES: usize = 3;

/// Begins a request.
pub fn begin(config: Rc<Config>, head: RequestHead, memory: &mut Memory, now: UnixTime) -> Step {
    let mut visit = Box::new(Visit::new(config, head, now));
    if visit.head.header(identity::HOP_HEADER).is_some() {
        return refuse(visit, Answer::loop_detected(), "loop", now);
    }
    if !visit.head.has_plain_authority() {
        return refuse(visit, Answer::bad_request("Host"), "host_malformed", now);
    }
    let raw_path = visit.head.path().to_owned();
    let path = RequestPath::new(&raw_path);
    let config = Rc::clone(&visit.config);
    if let Some(rest) = own_path(&config, &path) {
        if config.is_observing() {
            return observe::pass(visit, "own_route", Would::Serve, now);
        }
        return routes::begin_route(visit, rest, memory, now);
    }
    if leaves_origin(&config, &path) {
        return refuse(visit, Answer::path_outside(), "path_outside", now);
    }
    let methods = overrides::methods(&visit.head);
    let methods: Vec<&str> = methods.iter().map(AsRef::as_ref).collect();
    let (index, rule) = config.rules.find(&methods, visit.head.authority(), &path);
    visit.rule = index;
    visit.record.rule = index;
    if rule.bypass {
        return settle::settle(
            visit,
            Settled::plain(Outcome::Bypass, "bypass"),
            memory,
            now,
        );
    }
    visit.is_exempt = config.is_exempt(config.rules.rule(index), &visit.site_origin(), &path);
    read_session(visit, memory, now)
}

/// Answers a request that no origin should get; while observing it passes all the same.
fn refuse(visit: Box<Visit>, answer: Answer, reason: &'static str, now: UnixTime) -> Step {
    if visit.config.is_observing() {
        return observe::pass(visit, reason, Would::Refuse, now);
    }
    Step::Respond(Respond::refuse(visit, answer, reason, now))
}

/// True if an origin could take the path for one that is not below the path of `ORIGIN_URL`.
fn leaves_origin(config: &Config, path: &RequestPath<'_>) -> bool {
    let prefix = config
        .origin_url
        .as_ref()
        .map_or("", |origin| origin.path().trim_end_matches('/'));
    if prefix.is_empty() || (!path.is_ambiguous() && path.forms().nth(1).is_none()) {
        return false;
    }
    let joined = format!("{prefix}{}", path.raw());
    let (prefix, joined) = (RequestPath::new(prefix), RequestPath::new(&joined));
    let is_below = |form: &str| {
        prefix
            .forms()
            .filter_map(|prefix| form.strip_prefix(prefix))
            .any(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    !joined.all(is_below)
}

/// The part of the path below `AUTH_PATH`, if every form of the path lies there.
fn own_path<'p>(config: &Config, path: &RequestPath<'p>) -> Option<&'p str> {
    let base = config.auth_path.as_deref()?;
    let below = |form: &str| {
        form.strip_prefix(base)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    if !path.all(below) {
        return None;
    }
    path.raw().strip_prefix(base)
}

pub(super) fn read_session(mut visit: Box<Visit>, memory: &mut Memory, now: UnixTime) -> Step {
    if let Some(claims) = visit.recognise(memory, now) {
        return refresh::assess(visit, Verdict::Alive(claims), memory, now);
    }
    if let Some(untried) = visit.cookies().map(order) {
        visit.source = Source::Cookies;
        visit.untried = untried;
        return try_next(visit, None, memory, now);
    }
    let bearer = visit.head.header("authorization").and_then(bearer_token);
    let Some(raw) = bearer.map(str::to_owned) else {
        return settle::settle(
            visit,
            Settled::plain(Outcome::Anonymous, "no_session"),
            memory,
            now,
        );
    };
    visit.source = Source::Bearer;
    verify::verify(visit, Purpose::Presented, &raw, memory, now)
}

/// Tries the best candidate left; with none left, `reason` says why the last one failed.
pub(super) fn try_next(
    mut visit: Box<Visit>,
    reason: Option<&'static str>,
    memory: &mut Memory,
    now: UnixTime,
) -> Step {
    let Some(index) = visit.untried.pop() else {
        if let Some((index, verdict)) = visit.postponed.take() {
            visit.chosen = Some(index);
            return refresh::assess(visit, verdict, memory, now);
        }
        let settled = match unreadable(visit.cookies()) {
            // A format of a later client may well be alive: it is not ours to delete, whatever stands beside it.
            Some(foreign @ SessionCookieError::UnknownEncoding) => {
                Settled::plain(Outcome::Unavailable, foreign.code())
            }
            other => {
                let reason = reason.or(other.map(SessionCookieError::code));
                Settled::plain(Outcome::Invalid, reason.unwrap_or("cookie_malformed"))
            }
        };
        return settle::settle(visit, settled, memory, now);
    };
    visit.chosen = Some(index);
    let Some(raw) = visit
        .session()
        .map(|session| session.access_token().to_owned())
    else {
        return try_next(visit, reason, memory, now);
    };
    verify::verify(visit, Purpose::Presented, &raw, memory, now)
}

/// True if other readings of the cookies wait for their turn, or had it.
pub(super) fn has_rivals(visit: &Visit) -> bool {
    !visit.untried.is_empty() || visit.postponed.is_some()
}

/// Lets the other candidates go first where nobody could say who signed this one: anyone can make it up, and a sibling
/// site can toss it in front of a session that verifies. The best one of these is taken up again if none does.
pub(super) fn postpone(
    mut visit: Box<Visit>,
    verdict: Verdict,
    memory: &mut Memory,
    now: UnixTime,
) -> Step {
    if let Some(index) = visit.chosen {
        visit.postponed.get_or_insert((index, verdict));
    }
    try_next(visit, None, memory, now)
}

/// Why the cookies hold no session: a format that is not known yet, or what is wrong with the first reading.
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

/// The token of `Authorization: Bearer …`; the scheme is compared without case (RFC 9110 11.1).
pub(super) fn bearer_token(value: &str) -> Option<&str> {
    let (scheme, token) = value.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}
