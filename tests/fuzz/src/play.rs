//! One request against one answer of Auth, signatures checked for real.

use std::cell::RefCell;
use std::rc::Rc;

use edge_session::answer::Answer;
use edge_session::auth_api::{AuthReply, Unreachable, read_refresh_reply};
use edge_session::config::Config;
use edge_session::fingerprint::FingerprintKey;
use edge_session::handler::{
    Course, Effect, Gate, MAX_EFFECTS, Outgoing, RefreshAnswer, ResponseHead, SignatureCheck,
    SignatureKey, Turn,
};
use edge_session::head::{HeaderEdit, Headers, RequestHead};
use edge_session::jwks::{CachedKeys, KeySet, SignatureAlgorithm};
use edge_session::memory::Memory;
use edge_session::record::RequestRecord;
use edge_session::time::UnixTime;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde_json::{Value, json};

use super::site::{KID, NOW, encode};

/// What an origin sends before the Worker's edits.
const ORIGIN_CACHE_CONTROL: &str = "public, max-age=60";

/// What happened to a request.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) steps: Vec<&'static str>,
    /// What the origin was told; empty if it was not asked.
    pub(crate) request_edits: Vec<HeaderEdit>,
    pub(crate) outgoing: Outgoing,
    pub(crate) record: RequestRecord,
}

/// Plays a request with these headers to its end; Auth has one answer to everything.
pub(crate) fn play(
    config: &Rc<Config>,
    url: &str,
    headers: &[(&str, &str)],
    reply: &Result<AuthReply, Unreachable>,
) -> Played {
    let headers = Headers::from_pairs(headers.iter().copied());
    let head = RequestHead::new("GET".to_owned(), url.to_owned(), headers);
    let now = UnixTime::from_seconds(NOW);
    let mut memory = Memory::new(FingerprintKey::new([7; 16]));
    memory.store_keys(known_keys(now));
    let memory = Rc::new(RefCell::new(memory));
    let mut steps = Vec::new();
    let mut request_edits = Vec::new();
    let mut course = Course::new(Rc::clone(config), head, memory);
    for _ in 0..MAX_EFFECTS {
        let effect = match course.advance(now) {
            Turn::Ask(effect) => effect,
            Turn::End(ending) => {
                return Played {
                    steps,
                    request_edits,
                    outgoing: ending.outgoing,
                    record: ending.record,
                };
            }
        };
        steps.push(effect.name());
        match effect {
            Effect::IsEnded(ask) => ask.answer(false),
            Effect::AskUser(ask) => ask.answer(reply.clone()),
            Effect::CheckSignature(ask) => {
                let is_good = check_signature(ask.question());
                ask.answer(Ok(is_good));
            }
            Effect::FetchKeys(ask) => ask.answer(Ok(known_keys(now).set)),
            Effect::Forward(ask) => {
                request_edits.clone_from(&ask.question().request.edits);
                ask.answer(Ok(origin_answer()));
            }
            Effect::RefreshSession(ask) => ask.answer(RefreshAnswer {
                reply: read_refresh_reply(reply, now),
                auth_calls: 1,
                gate: Gate::None,
            }),
            other @ (Effect::AwaitKeys(_)
            | Effect::CallAuth(_)
            | Effect::RaiseSession(_)
            | Effect::CheckHealth(_)
            | Effect::DrawRandom(_)
            | Effect::EndSession(_)
            | Effect::CheckTurnstile(_)
            | Effect::LearnSession(_)
            | Effect::Limit(_)
            | Effect::Pause(_)
            | Effect::ReadBody(_)
            | Effect::ReadKeys(_)
            | Effect::ReadRevocation(_)
            | Effect::SignAssertion(_)
            | Effect::StoreRevocation(_)) => panic!("{} has no place here", other.name()),
        }
    }
    panic!("no end after {MAX_EFFECTS} effects: {steps:?}");
}

impl Played {
    /// The Worker's own `Set-Cookie` lines.
    pub(crate) fn set_cookies(&self) -> Vec<&str> {
        match &self.outgoing {
            Outgoing::Answer(answer) => values(answer, "set-cookie"),
            Outgoing::Origin(edits) => added(edits, "set-cookie"),
        }
    }

    /// The `Cache-Control` that the Worker sets, if it does.
    pub(crate) fn cache_control(&self) -> Option<&str> {
        match &self.outgoing {
            Outgoing::Answer(answer) => values(answer, "cache-control").first().copied(),
            Outgoing::Origin(edits) => added(edits, "cache-control").first().copied(),
        }
    }

    /// The user that the origin is told of.
    pub(crate) fn named_user(&self) -> Option<&str> {
        added(&self.request_edits, "x-session-user-id")
            .first()
            .copied()
    }

    /// The answer of the Worker itself, if the origin was not asked.
    pub(crate) const fn answer(&self) -> Option<&Answer> {
        match &self.outgoing {
            Outgoing::Answer(answer) => Some(answer),
            Outgoing::Origin(_) => None,
        }
    }
}

/// The values of a header of an answer.
pub(crate) fn values<'a>(answer: &'a Answer, name: &str) -> Vec<&'a str> {
    let headers = answer.headers().iter();
    let found = headers.filter(|(known, _)| *known == name);
    found.map(|(_, value)| value.as_str()).collect()
}

fn added<'e>(edits: &'e [HeaderEdit], name: &str) -> Vec<&'e str> {
    let value = |edit: &'e HeaderEdit| match edit {
        HeaderEdit::Append(known, value) | HeaderEdit::Set(known, value) => {
            (*known == name).then_some(value.as_str())
        }
        HeaderEdit::Remove(_) | HeaderEdit::SetNamed(..) => None,
    };
    edits.iter().filter_map(value).collect()
}

fn origin_answer() -> ResponseHead {
    ResponseHead {
        status: 200,
        headers: Headers::from_pairs([("cache-control", ORIGIN_CACHE_CONTROL)]),
    }
}

/// The project's public key, as a JWK.
pub(crate) fn public_jwk() -> Value {
    let mut keys: Value = serde_json::from_str(include_str!("../../it/keys/public.json")).unwrap();
    let mut key = keys["es256"].take();
    key["alg"] = json!("ES256");
    key["kid"] = json!(KID);
    key
}

fn known_keys(now: UnixTime) -> CachedKeys {
    thread_local! {
        static SET: KeySet = {
            let set = json!({"keys": [public_jwk()]}).to_string();
            KeySet::parse(set.as_bytes()).unwrap()
        };
    }
    CachedKeys {
        set: SET.with(Clone::clone),
        fetched_at: now,
    }
}

/// Answers as WebCrypto would.
fn check_signature(wait: &SignatureCheck) -> bool {
    let (key, algorithm) = match wait.key() {
        SignatureKey::Public(key) => {
            assert_eq!(
                key.algorithm(),
                SignatureAlgorithm::Es256,
                "the only public key"
            );
            let jwk = serde_json::from_str(key.jwk()).unwrap();
            (DecodingKey::from_jwk(&jwk).unwrap(), Algorithm::ES256)
        }
        SignatureKey::Secret(secret) => {
            let key = DecodingKey::from_secret(secret.expose().as_bytes());
            (key, Algorithm::HS256)
        }
    };
    let signature = encode(wait.signature());
    crypto::verify(&signature, wait.signing_input().as_bytes(), &key, algorithm).unwrap_or(false)
}
