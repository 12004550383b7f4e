//! What the origin is sent: the visitor's request, and what is changed of it.
//!
//! Only changes are said ([`HeaderEdit`]): what no edit names goes on as it came, byte for byte, as do method,
//! query and body. The order of removal and setting is the whole of the trust in identity headers: [`always`]
//! strips what the client sent in every mode, and only then is anything set.

use crate::authorization;
use crate::config::{Config, HttpUrl};
use crate::cookies::{self, Forwarding};
use crate::head::{HeaderEdit, RequestHead};
use crate::identity::{self, Assertion};
use crate::overrides::{self, is_same_name};
use crate::rules::Cache;

use super::desk::Desk;
use super::effect::Effect;
use super::passage::OriginRequest;
use super::settled::Settled;
use super::visit::{Outcome, Source, Visit};

/// Removed by hand since it is not among the names that only ask for another place ([`crate::overrides`]).
const PROTOCOL_HEADER: &str = "x-forwarded-proto";

/// The request as it goes on. The private key of an assertion is the runtime's to use, so it may be waited for.
pub(super) async fn origin_request(
    desk: &Desk,
    visit: &mut Visit,
    settled: &Settled,
) -> OriginRequest {
    let config = &visit.config;
    let headers = visit.head.headers();
    let mut edits = always(config, &visit.head);
    edits.extend(overrides::removals(headers));
    edits.push(identity::counted(headers));
    edits.extend(forwarded(visit));
    let is_shared = visit.rule().cache == Cache::Shared;
    let mut bypass_cache = !is_shared && visit.has_session();
    if settled.outcome() == Outcome::Bypass {
        // Nothing of the session is read or written.
    } else if is_shared {
        let shared = shared_cookies(visit);
        bypass_cache |= shared.is_some();
        edits.push(set_or_remove("cookie", shared));
        // The page is the same for everyone, so it must be asked for as by nobody.
        edits.push(HeaderEdit::Remove("authorization".to_owned()));
    } else {
        edits.extend(session(visit, settled));
        edits.extend(assertion(desk, visit, settled).await);
    }
    OriginRequest {
        url: origin_url(&visit.config, &visit.head),
        edits,
        bypass_cache,
    }
}

/// `MODE=observe`: the request as it goes on while nothing is decided. Its place changes if `ORIGIN_URL` names another,
/// and what nobody but the Worker and the operator may say is taken off and said by them.
#[must_use]
pub fn untouched(config: &Config, head: &RequestHead) -> OriginRequest {
    let headers = head.headers();
    let mut edits = always(config, head);
    // A loop through Workers of which one observes has to end as well.
    let is_counted = headers.value(identity::HOP_HEADER).is_some();
    edits.extend(is_counted.then(|| identity::counted(headers)));
    OriginRequest {
        url: origin_url(config, head),
        edits,
        bypass_cache: false,
    }
}

/// What holds in every mode and under every rule.
fn always(config: &Config, head: &RequestHead) -> Vec<HeaderEdit> {
    let headers = head.headers();
    let mut edits = identity::strip(config, headers);
    edits.extend(identity::origin_headers(config));
    // The runtime has answered it, and refuses to send it (RFC 9110 10.1.1: it is about one hop).
    let expect = headers.value("expect");
    edits.extend(expect.map(|_| HeaderEdit::Remove("expect".to_owned())));
    // What an operator tells this Worker by it may go on to the origin, his token does not.
    let operator = config.operator_token.as_ref().zip(head.bearer_token());
    let is_operators = operator.is_some_and(|(token, sent)| token.matches(sent));
    edits.extend(is_operators.then(|| HeaderEdit::Remove("authorization".to_owned())));
    edits
}

/// How the visitor called the site, where the origin cannot see it: `SITE_URL` knows better than a request that came
/// through another proxy. What the visitor says of it himself never passes.
fn forwarded(visit: &Visit) -> Vec<HeaderEdit> {
    let sent = visit.head.headers().beginning(b"x");
    let is_protocol = |(name, _): &(&str, &str)| is_same_name(name, PROTOCOL_HEADER);
    let mut edits: Vec<HeaderEdit> = sent
        .filter(is_protocol)
        .map(|(name, _)| HeaderEdit::Remove(name.to_owned()))
        .collect();
    let config = &visit.config;
    let is_other = |origin: &HttpUrl| origin.authority() != visit.head.authority();
    if config.site_url.is_some() || config.origin_url.as_ref().is_some_and(is_other) {
        let site = visit.site_origin();
        let (scheme, host) = site.split_once("://").unwrap_or_default();
        edits.push(HeaderEdit::Set("x-forwarded-host", host.to_owned()));
        edits.push(HeaderEdit::Set(PROTOCOL_HEADER, scheme.to_owned()));
    }
    edits
}

/// What the origin learns of the session.
///
/// Cookies, bearer token and identity headers, from one settled session: they cannot tell of different ones.
fn session(visit: &Visit, settled: &Settled) -> Vec<HeaderEdit> {
    let cookie = cookie_edit(visit, settled);
    let cookie_bytes = match &cookie {
        Some(HeaderEdit::Set(_, value)) => value.len(),
        Some(_) => 0,
        None => visit.head.header("cookie").map_or(0, str::len),
    };
    let mut edits = Vec::from_iter(cookie);
    edits.extend(bearer_edit(visit, settled));
    edits.extend(identity::edits(
        &visit.config,
        settled.claims(),
        settled.outcome().word(),
        cookie_bytes,
    ));
    edits
}

/// The assertion, signed by the private key if there is one.
async fn assertion(desk: &Desk, visit: &mut Visit, settled: &Settled) -> Option<HeaderEdit> {
    let config = std::rc::Rc::clone(&visit.config);
    if config.identity_key.is_none() && config.identity_secret.is_none() {
        return None;
    }
    let host = origin_host(visit);
    let outcome = settled.outcome().word();
    let assertion = Assertion::new(settled.claims(), outcome, &host, desk.now());
    let token = match (&config.identity_key, &config.identity_secret) {
        (Some(key), _) => {
            let input = assertion.signing_input(key.kid());
            let signature = desk.ask(Effect::SignAssertion, input.clone()).await;
            if signature.is_none() {
                visit.alarm();
            }
            signature.map(|signature| identity::signed(&input, &signature))
        }
        (None, secret) => secret
            .as_ref()
            .and_then(|secret| assertion.signed_by(secret)),
    };
    token.map(identity::assertion_header)
}

/// The cookies that a page which is the same for everyone may depend on, such as that of a preview.
fn shared_cookies(visit: &Visit) -> Option<String> {
    let config = &visit.config;
    let header = visit.head.header("cookie")?;
    cookies::named_only(header, &config.storage_key, &config.shared_cookies)
}

/// True if the answer depends on a cookie although the page is shared.
pub(super) fn has_shared_cookie(visit: &Visit) -> bool {
    visit.rule().cache == Cache::Shared && shared_cookies(visit).is_some()
}

fn set_or_remove(name: &'static str, value: Option<String>) -> HeaderEdit {
    value.map_or_else(
        || HeaderEdit::Remove(name.to_owned()),
        |value| HeaderEdit::Set(name, value),
    )
}

/// Where the request goes, if `ORIGIN_URL` says another place.
///
/// The prefix of `ORIGIN_URL` is put in front of the path as it came; `arrive` has made sure that it cannot be
/// left.
pub(super) fn origin_url(config: &Config, head: &RequestHead) -> Option<String> {
    let base = config.origin_url.as_ref()?.as_str().trim_end_matches('/');
    Some(format!("{base}{}", head.path_and_query()))
}

/// The host, with its port, that the request is for at the origin.
///
/// It is the `aud` of the assertion, so that one made for a site is of no use at another.
fn origin_host(visit: &Visit) -> String {
    let origin = visit.config.origin_url.as_ref();
    origin
        .map_or_else(|| visit.head.authority(), HttpUrl::authority)
        .to_owned()
}

/// The change to `Cookie`, if any.
///
/// `None` leaves the header untouched, which is the way of nearly every request: a header that is written anew is
/// bytes to copy, and one more chance to change what was not meant.
fn cookie_edit(visit: &Visit, settled: &Settled) -> Option<HeaderEdit> {
    let header = visit.head.header("cookie")?;
    let key = &visit.config.storage_key;
    let due = settled.chunks_due(visit);
    let trusted = settled.trusted_chunks(visit);
    let is_disguised = !visit.is_known && cookies::has_disguised_session(header, key);
    let forwarding = if !visit.config.forward_cookies {
        Forwarding::DropFamily
    } else if visit.source != Source::Cookies {
        let has_unverified = visit.cookies().is_some() && !visit.is_cookie_vouched;
        if !is_disguised && !has_unverified {
            return None;
        }
        Forwarding::DropSession
    } else if settled.claims().is_none() || settled.outcome() == Outcome::Unavailable {
        // An origin with its own client would start a refresh of its own.
        Forwarding::DropSession
    } else if let Some(chunks) = due.or(trusted.as_deref()) {
        Forwarding::Replace(chunks)
    } else if visit.is_duplicated() || is_disguised {
        Forwarding::Keep(visit.candidate()?)
    } else {
        return None;
    };
    let rewritten = cookies::forward_header(header, key, &forwarding);
    Some(set_or_remove("cookie", rewritten))
}

/// The change to `Authorization`, if `FORWARD_BEARER` asks for one: the origin may trust every JWT that it finds there.
fn bearer_edit(visit: &Visit, settled: &Settled) -> Option<HeaderEdit> {
    if !visit.config.forward_bearer {
        return None;
    }
    let verified = settled.access_token(visit);
    if let Some(token) = verified.filter(|_| settled.outcome() != Outcome::Unavailable) {
        return Some(HeaderEdit::Set("authorization", format!("Bearer {token}")));
    }
    let sent = visit.head.header("authorization")?;
    let is_token = authorization::holds_token(sent);
    is_token.then(|| HeaderEdit::Remove("authorization".to_owned()))
}
