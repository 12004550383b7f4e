//! One request from its head to its answer: the second driver of a [`Course`].
//!
//! The first one is the shell. This one answers every effect from a script,
//! checks signatures with `jsonwebtoken`, and writes down what happened in which order.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Mutex;

use edge_session::answer::Answer;
use edge_session::auth_api::{
    self, Attempt, Attempts, AuthReply, AuthRequest, RefreshReply, Unreachable,
};
use edge_session::cache_control;
use edge_session::config::Config;
use edge_session::fingerprint::FingerprintKey;
use edge_session::handler::{
    AuthCall, BodyError, Course, Deferred, Effect, Ending, Gate, HealthReport, KeyUnusable,
    MAX_EFFECTS, OriginRequest, OriginUnreachable, Outgoing, Reach, Reads, RefreshAnswer,
    RefreshOrder, RefreshWait, ResponseHead, RevocationsFound, SignatureCheck, SignatureKey, Turn,
};
use edge_session::head::{HeaderEdit, Headers, RequestHead};
use edge_session::jwks::{CachedKeys, KeySet, KeysError, SignatureAlgorithm};
use edge_session::location;
use edge_session::memory::{Memory, SharedMemory};
use edge_session::reason::{self, Reason};
use edge_session::record::RequestRecord;
use edge_session::revocation::Ends;
use edge_session::time::UnixTime;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde_json::{Value, json};

use crate::tokens::{self, NOW, Signer, encode};

/// The storage key of the project in tests.
pub(crate) const KEY: &str = "sb-abc-auth-token";
/// The refresh token that visitors present.
pub(crate) const REFRESH_TOKEN: &str = "refresh-old1";
/// The refresh token that Auth answers with.
pub(crate) const NEW_REFRESH_TOKEN: &str = "refresh-new2";

/// An answer of Auth and how long it takes.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    answer: Result<AuthReply, Unreachable>,
    takes_ms: u64,
}

impl Reply {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let answer = AuthReply {
            status,
            retry_after: None,
            body: body.into(),
        };
        Self {
            answer: Ok(answer),
            takes_ms: 20,
        }
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::new(status, body.to_string())
    }

    pub(crate) fn error(status: u16, code: &str) -> Self {
        Self::json(status, &json!({"code": code, "message": "from the server"}))
    }

    pub(crate) fn failed(reason: Unreachable) -> Self {
        Self {
            answer: Err(reason),
            takes_ms: 20,
        }
    }

    /// Never answers.
    pub(crate) fn hangs() -> Self {
        Self::failed(Unreachable::TimedOut).taking(u64::MAX)
    }

    /// A refresh that succeeds with this access token.
    pub(crate) fn renewed(access_token: &str) -> Self {
        Self::json(200, &session_json(access_token, NEW_REFRESH_TOKEN))
    }

    /// The user that `GET /user` finds.
    pub(crate) fn user(id: &str) -> Self {
        Self::json(200, &json!({"id": id, "email": "visitor@example.com"}))
    }

    pub(crate) fn retry_after(mut self, value: &str) -> Self {
        if let Ok(reply) = &mut self.answer {
            reply.retry_after = Some(value.to_owned());
        }
        self
    }

    pub(crate) const fn taking(mut self, ms: u64) -> Self {
        self.takes_ms = ms;
        self
    }
}

/// A project, an isolate and the visitor in front of it. Requests run one after the other.
pub(crate) struct Scenario {
    pub(crate) memory: SharedMemory,
    pub(crate) now: UnixTime,
    vars: Vec<(String, String)>,
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    stored_keys: Option<CachedKeys>,
    key_set: Result<KeySet, KeysError>,
    refresh_replies: VecDeque<Reply>,
    user_replies: VecDeque<Reply>,
    gate: Gate,
    body: Result<Vec<u8>, BodyError>,
    route_replies: VecDeque<Reply>,
    turnstile_replies: VecDeque<Reply>,
    /// The beginning of the keys that the rate limit refuses.
    limited: Option<String>,
    revoked: Option<HashMap<String, Ends>>,
    health: HealthReport,
    random_bytes: u8,
    /// Sessions that the gates know to have ended.
    pub(crate) ended: Vec<String>,
    /// How long the origin takes.
    pub(crate) origin_takes_ms: u64,
    silent_gate: Option<&'static str>,
    can_sign: bool,
    is_gate_deaf: bool,
    /// The status of the origin's answer.
    origin: Result<u16, OriginUnreachable>,
    pub(crate) origin_headers: Vec<(String, String)>,
}

/// What happened to one request.
#[derive(Debug)]
pub(crate) struct Run {
    /// The effects in their order.
    pub(crate) steps: Vec<&'static str>,
    /// What the origin was sent, if it was asked.
    pub(crate) origin: Option<OriginRequest>,
    pub(crate) outgoing: Outgoing,
    pub(crate) record: RequestRecord,
    pub(crate) orders: Vec<RefreshOrder>,
    /// Every request to Auth, with the time limit it had.
    pub(crate) sent: Vec<(AuthRequest, u64)>,
    /// What the rate limit was asked for.
    pub(crate) limit_keys: Vec<String>,
    /// The refresh tokens that the gate was told of.
    pub(crate) learnt: Vec<String>,
    /// Whose tokens a route had replaced: the session, and its refresh token before.
    pub(crate) raised: Vec<(String, String)>,
    /// What was left to be done behind the visitor's back.
    pub(crate) deferred: Vec<Deferred>,
    request_headers: Vec<(String, String)>,
    origin_headers: Vec<(String, String)>,
}

impl Scenario {
    /// A visitor without a session who navigates to `/page`.
    pub(crate) fn new() -> Self {
        let key_set = KeySet::parse(tokens::key_set_json().to_string().as_bytes());
        Self {
            memory: shared(memory()),
            random_bytes: 72,
            ended: Vec::new(),
            origin_takes_ms: 0,
            silent_gate: None,
            can_sign: true,
            is_gate_deaf: false,
            now: UnixTime::from_seconds(NOW),
            vars: Vec::new(),
            method: "GET".to_owned(),
            url: "https://site.example/page?x=1".to_owned(),
            headers: Vec::new(),
            stored_keys: None,
            key_set,
            refresh_replies: VecDeque::new(),
            user_replies: VecDeque::new(),
            gate: Gate::None,
            body: Ok(Vec::new()),
            route_replies: VecDeque::new(),
            turnstile_replies: VecDeque::new(),
            limited: None,
            revoked: Some(HashMap::new()),
            health: HealthReport {
                keys: Some((2, UnixTime::from_seconds(NOW))),
                kv: Reach::Reachable,
                gate: Reach::Unbound,
            },
            origin: Ok(200),
            origin_headers: Vec::new(),
        }
        .header("accept", "text/html,*/*")
        .header("sec-fetch-mode", "navigate")
    }

    /// A visitor whose session holds `access_token`.
    pub(crate) fn with_token(access_token: &str) -> Self {
        Self::new().cookie(&session_cookie(access_token))
    }

    /// A visitor whose token runs out `seconds` from now.
    pub(crate) fn expiring_in(seconds: i64) -> Self {
        Self::with_token(&tokens::expiring_in(seconds))
    }

    pub(crate) fn var(mut self, name: &str, value: &str) -> Self {
        self.vars.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The one rule of the site.
    pub(crate) fn rule(self, rule: &Value) -> Self {
        self.var("RULES", &json!([rule]).to_string())
    }

    pub(crate) fn method(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }

    pub(crate) fn path(self, path: &str) -> Self {
        self.url(&format!("https://site.example{path}"))
    }

    pub(crate) fn url(mut self, url: &str) -> Self {
        url.clone_into(&mut self.url);
        self
    }

    /// Sets a request header; an empty value removes it.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        if !value.is_empty() {
            self.headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    pub(crate) fn cookie(self, header: &str) -> Self {
        self.header("cookie", header)
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// A request by a program, not a navigation.
    pub(crate) fn fetch(self) -> Self {
        self.header("sec-fetch-mode", "cors")
    }

    pub(crate) fn stored_keys(mut self, keys: &Value, age_seconds: u64) -> Self {
        self.stored_keys = Some(cached(keys, self.now, age_seconds));
        self
    }

    /// Lets the isolate know the key set already.
    pub(crate) fn known_keys(self, keys: &Value, age_seconds: u64) -> Self {
        self.memory
            .borrow_mut()
            .store_keys(cached(keys, self.now, age_seconds));
        self
    }

    pub(crate) fn key_set(mut self, keys: &Value) -> Self {
        self.key_set = KeySet::parse(keys.to_string().as_bytes());
        self
    }

    pub(crate) fn no_key_set(mut self, error: KeysError) -> Self {
        self.key_set = Err(error);
        self
    }

    /// The next answer to a refresh; the last one stands for all that follow.
    pub(crate) fn refresh(mut self, reply: Reply) -> Self {
        self.refresh_replies.push_back(reply);
        self
    }

    pub(crate) fn user(mut self, reply: Reply) -> Self {
        self.user_replies.push_back(reply);
        self
    }

    /// A form sent from a page of the site.
    pub(crate) fn form(self, fields: &str) -> Self {
        let mut scenario = self
            .method("POST")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", "https://site.example");
        scenario.body = Ok(fields.as_bytes().to_vec());
        scenario
    }

    /// A JSON body sent by a script of the site.
    pub(crate) fn program(self, body: &Value) -> Self {
        let mut scenario = self
            .method("POST")
            .fetch()
            .header("content-type", "application/json")
            .header("sec-fetch-site", "same-origin");
        scenario.body = Ok(body.to_string().into_bytes());
        scenario
    }

    pub(crate) fn body(mut self, body: Result<Vec<u8>, BodyError>) -> Self {
        self.body = body;
        self
    }

    /// The next answer of Auth to a route's own request.
    pub(crate) fn route(mut self, reply: Reply) -> Self {
        self.route_replies.push_back(reply);
        self
    }

    /// The next answer of Turnstile.
    pub(crate) fn turnstile(mut self, reply: Reply) -> Self {
        self.turnstile_replies.push_back(reply);
        self
    }

    /// The rate limit refuses keys that begin so.
    pub(crate) fn limited(mut self, beginning: &str) -> Self {
        self.limited = Some(beginning.to_owned());
        self
    }

    /// What stands in `SESSION_KV`; without this nothing does.
    pub(crate) fn revoked(mut self, name: &str, at_seconds: u64) -> Self {
        let at = UnixTime::from_seconds(at_seconds).into();
        self.revoked
            .get_or_insert_default()
            .insert(name.to_owned(), at);
        self
    }

    /// Its gate takes no end.
    pub(crate) const fn deaf_gate(mut self) -> Self {
        self.is_gate_deaf = true;
        self
    }

    pub(crate) fn no_kv(mut self) -> Self {
        self.revoked = None;
        self
    }

    pub(crate) const fn health(mut self, health: HealthReport) -> Self {
        self.health = health;
        self
    }

    /// The runtime has only so many random bytes.
    pub(crate) const fn random_bytes(mut self, number: u8) -> Self {
        self.random_bytes = number;
        self
    }

    /// The runtime takes no private key.
    pub(crate) const fn no_signing(mut self) -> Self {
        self.can_sign = false;
        self
    }

    /// The gate asks nobody and says why.
    pub(crate) const fn silent_gate(mut self, code: &'static str) -> Self {
        self.silent_gate = Some(code);
        self
    }

    pub(crate) const fn gate(mut self, gate: Gate) -> Self {
        self.gate = gate;
        self
    }

    /// A header of the origin's answer.
    pub(crate) fn origin_header(mut self, name: &str, value: &str) -> Self {
        self.origin_headers
            .push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn no_origin(mut self) -> Self {
        self.origin = Err(OriginUnreachable::new("Network connection lost."));
        self
    }

    pub(crate) fn later(&mut self, seconds: u64) -> &mut Self {
        self.now = self.now.plus_seconds(seconds);
        self
    }

    pub(crate) fn config(&self) -> Config {
        let required = [
            ("SUPABASE_URL", "https://abc.supabase.co"),
            ("SUPABASE_PUBLISHABLE_KEY", "sb_publishable_x"),
        ];
        Config::from_vars(|name| {
            let set = self.vars.iter().rev().find(|(known, _)| known == name);
            let required = required.iter().find(|(known, _)| *known == name);
            set.map(|(_, value)| value.clone())
                .or_else(|| required.map(|(_, value)| (*value).to_owned()))
        })
        .unwrap()
    }

    /// Runs the request once, against what earlier ones left in memory.
    pub(crate) fn run(&mut self) -> Run {
        let pairs = self.headers.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        let head = RequestHead::new(
            self.method.clone(),
            self.url.clone(),
            Headers::from_pairs(pairs),
        );
        let mut log = Log::default();
        let config = Rc::new(self.config());
        let mut course = Course::new(config, head, Rc::clone(&self.memory));
        for _ in 0..MAX_EFFECTS {
            let turn = course.advance(self.now);
            log.deferred.extend(course.take_deferred());
            match turn {
                Turn::Ask(effect) => {
                    log.steps.push(effect.name());
                    self.carry_out(effect, &mut log);
                }
                Turn::End(ending) => {
                    if log.origin.is_none() {
                        log.steps.push("respond");
                    }
                    return self.end(log, *ending);
                }
            }
        }
        panic!("no end after {MAX_EFFECTS} effects: {:?}", log.steps);
    }

    fn carry_out(&mut self, effect: Effect, log: &mut Log) {
        match effect {
            Effect::AskUser(ask) => {
                let reply = next(&mut self.user_replies, "GET /user");
                let answer = self.send_call(ask.question(), &reply, log);
                ask.answer(answer);
            }
            Effect::AwaitKeys(ask) => {
                self.now = self.now.plus_millis(*ask.question());
                ask.answer(());
            }
            Effect::CallAuth(ask) => {
                let reply = next(&mut self.route_replies, "a route's request");
                let answer = self.send_call(ask.question(), &reply, log);
                ask.answer(answer);
            }
            Effect::CheckHealth(ask) => ask.answer(self.health),
            Effect::CheckSignature(ask) => {
                let is_good = check_signature(ask.question());
                ask.answer(is_good);
            }
            Effect::DrawRandom(ask) => ask.answer((0..self.random_bytes).collect()),
            Effect::EndSession(ask) => {
                self.ended.push(ask.question().session_id.clone());
                ask.answer(!self.is_gate_deaf);
            }
            Effect::IsEnded(ask) => {
                let session_id = ask.question().claims.session_id.clone();
                ask.answer(session_id.is_some_and(|id| self.ended.contains(&id)));
            }
            Effect::CheckTurnstile(ask) => {
                let reply = next(&mut self.turnstile_replies, "siteverify");
                let answer = self.send_call(ask.question(), &reply, log);
                ask.answer(answer);
            }
            Effect::Limit(ask) => {
                let refused = self.limited.as_ref();
                let is_refused =
                    |key: &String| refused.is_some_and(|refused| key.starts_with(refused));
                let may_go_on = !ask.question().iter().any(is_refused);
                log.limit_keys.clone_from(ask.question());
                ask.answer(may_go_on);
            }
            Effect::Pause(ask) => {
                self.now = self.now.plus_millis(*ask.question());
                ask.answer(());
            }
            Effect::RaiseSession(ask) => {
                let reply = next(&mut self.route_replies, "a route's request");
                let used = ask.question().used.expose().to_owned();
                log.raised.push((ask.question().session_id.clone(), used));
                let answer = self.send_call(&ask.question().call, &reply, log);
                ask.answer(answer);
            }
            Effect::LearnSession(ask) => {
                let session = &ask.question().session;
                log.learnt.push(session.refresh_token().to_owned());
                let is_ended = self.ended.contains(&ask.question().session_id);
                ask.answer(is_ended);
            }
            Effect::FetchKeys(ask) => {
                let call = ask.question();
                log.sent.push((call.request.clone(), call.timeout_ms));
                ask.answer(self.key_set.clone());
            }
            Effect::Forward(ask) => {
                let passage = ask.question();
                log.origin = Some(passage.request.clone());
                self.now = self.now.plus_millis(self.origin_takes_ms);
                let head = self.origin_head(passage.reads, passage.reads_location);
                ask.answer(head);
            }
            Effect::ReadBody(ask) => ask.answer(self.body.clone()),
            Effect::ReadKeys(ask) => ask.answer(self.stored_keys.clone()),
            Effect::ReadRevocation(ask) => {
                let names = ask.question();
                let found = self.revoked.as_ref().map(|stored| {
                    let at = |name: &String| stored.get(name).cloned();
                    RevocationsFound {
                        session: names.session.as_ref().and_then(at),
                        user: at(&names.user),
                    }
                });
                ask.answer(found);
            }
            Effect::RefreshSession(ask) => {
                log.orders.push(ask.question().order().clone());
                let answer = self.attempt(ask.question(), log);
                ask.answer(answer);
            }
            Effect::SignAssertion(ask) => {
                let signature = Signer::Es256.sign(ask.question());
                ask.answer(self.can_sign.then(|| tokens::decode(&signature)));
            }
            Effect::StoreRevocation(ask) => {
                let revocation = ask.question();
                let stored = self.revoked.as_mut().map(|stored| {
                    stored.insert(revocation.name().to_owned(), revocation.ends().clone());
                });
                ask.answer(stored.is_some());
            }
        }
    }

    fn send_call(
        &mut self,
        call: &AuthCall,
        reply: &Reply,
        log: &mut Log,
    ) -> Result<AuthReply, Unreachable> {
        self.send(&call.request, call.timeout_ms, reply, log)
    }

    /// Carries out a refresh as the shell does.
    fn attempt(&mut self, wait: &RefreshWait, log: &mut Log) -> RefreshAnswer {
        if let Some(code) = self.silent_gate {
            let reply = RefreshReply::Unavailable {
                code,
                may_retry: false,
                retry_after_ms: None,
            };
            return RefreshAnswer {
                reply,
                auth_calls: 0,
                gate: Gate::Failed,
            };
        }
        let order = wait.order();
        let mut attempts = Attempts::new(order.is_alive, order.patience_ms(), self.now);
        let mut next_attempt = attempts.first(self.now);
        let mut auth_calls = 0;
        loop {
            match next_attempt {
                Attempt::Done(reply) => {
                    return RefreshAnswer {
                        reply,
                        auth_calls,
                        gate: self.gate,
                    };
                }
                Attempt::Send {
                    pause_ms,
                    timeout_ms,
                } => {
                    self.now = self.now.plus_millis(pause_ms);
                    auth_calls += 1;
                    let reply = next(&mut self.refresh_replies, "a refresh");
                    let answer = self.send(wait.request(), timeout_ms, &reply, log);
                    let reply = auth_api::read_refresh_reply(&answer, self.now);
                    next_attempt = attempts.after(reply, self.now);
                }
            }
        }
    }

    fn send(
        &mut self,
        request: &AuthRequest,
        timeout_ms: u64,
        reply: &Reply,
        log: &mut Log,
    ) -> Result<AuthReply, Unreachable> {
        log.sent.push((request.clone(), timeout_ms));
        self.now = self.now.plus_millis(reply.takes_ms.min(timeout_ms));
        if reply.takes_ms > timeout_ms {
            return Err(Unreachable::TimedOut);
        }
        reply.answer.clone()
    }

    /// The origin's answer as the shell reads it.
    fn origin_head(
        &self,
        reads: Reads,
        reads_location: bool,
    ) -> Result<ResponseHead, OriginUnreachable> {
        origin_head(
            self.origin.clone()?,
            &self.origin_headers,
            reads,
            reads_location,
        )
    }

    fn end(&self, log: Log, ending: Ending) -> Run {
        let Ending { outgoing, record } = ending;
        let is_known = |reason: &Reason| reason.code == record.reason;
        assert!(
            reason::all().any(is_known),
            "{} is in no table",
            record.reason
        );
        Run {
            steps: log.steps,
            origin: log.origin,
            outgoing,
            record,
            orders: log.orders,
            sent: log.sent,
            limit_keys: log.limit_keys,
            learnt: log.learnt,
            raised: log.raised,
            deferred: log.deferred,
            request_headers: self.headers.clone(),
            origin_headers: self.origin_headers.clone(),
        }
    }
}

#[derive(Default)]
struct Log {
    deferred: Vec<Deferred>,
    steps: Vec<&'static str>,
    origin: Option<OriginRequest>,
    orders: Vec<RefreshOrder>,
    sent: Vec<(AuthRequest, u64)>,
    limit_keys: Vec<String>,
    learnt: Vec<String>,
    raised: Vec<(String, String)>,
}

impl Run {
    pub(crate) fn answer(&self) -> &Answer {
        match &self.outgoing {
            Outgoing::Answer(answer) => answer,
            Outgoing::Origin(edits) => panic!("the origin answered, with {edits:?}"),
        }
    }

    /// Outcome and reason.
    pub(crate) fn outcome(&self) -> (&'static str, &'static str) {
        (self.record.outcome, self.record.reason)
    }

    /// Every value of a header as the origin received it.
    pub(crate) fn at_origin(&self, name: &str) -> Vec<String> {
        let request = self.origin.as_ref().expect("the origin was asked");
        values(&apply(&self.request_headers, &request.edits), name)
    }

    /// The headers the origin received.
    pub(crate) fn all_at_origin(&self) -> Vec<(String, String)> {
        let request = self.origin.as_ref().expect("the origin was asked");
        apply(&self.request_headers, &request.edits)
    }

    /// Every value of a header as the visitor received it.
    pub(crate) fn at_browser(&self, name: &str) -> Vec<String> {
        match &self.outgoing {
            Outgoing::Origin(edits) => values(&apply(&self.origin_headers, edits), name),
            Outgoing::Answer(answer) => answer
                .headers()
                .iter()
                .filter(|(known, _)| *known == name)
                .map(|(_, value)| value.clone())
                .collect(),
        }
    }

    /// The names of the cookies that the answer deletes.
    pub(crate) fn deleted(&self) -> Vec<String> {
        let lines = self.at_browser("set-cookie");
        let deleting = lines.iter().filter(|line| line.contains("Max-Age=0"));
        deleting
            .map(|line| line.split('=').next().unwrap().to_owned())
            .collect()
    }

    /// The session that the answer writes, as a client reads it.
    pub(crate) fn written(&self) -> Option<Value> {
        let lines = self.at_browser("set-cookie");
        let writing: Vec<&str> = lines
            .iter()
            .filter(|line| line.starts_with(KEY) && !line.contains("Max-Age=0"))
            .map(|line| line.split(';').next().unwrap())
            .collect();
        if writing.is_empty() {
            return None;
        }
        let chunks = writing.iter().map(|pair| pair.split_once('=').unwrap().1);
        let value: String = chunks.collect();
        let json = tokens::decode(value.strip_prefix("base64-").unwrap());
        Some(serde_json::from_slice(&json).unwrap())
    }

    pub(crate) fn has_no_store(&self) -> bool {
        let no_store = "private, no-cache, no-store, must-revalidate, max-age=0";
        self.at_browser("cache-control") == [no_store]
    }
}

/// The session as Auth answers it.
pub(crate) fn session_json(access_token: &str, refresh_token: &str) -> Value {
    json!({
        "access_token": access_token,
        "token_type": "bearer",
        "expires_in": 3600,
        "expires_at": NOW + 3600,
        "refresh_token": refresh_token,
        "user": {"id": tokens::USER, "email": "visitor@example.com"},
    })
}

/// The cookie of a session with this token, as current clients write it.
pub(crate) fn session_cookie(access_token: &str) -> String {
    let json = session_json(access_token, REFRESH_TOKEN).to_string();
    format!("{KEY}=base64-{}", encode(json))
}

pub(crate) fn cached(keys: &Value, now: UnixTime, age_seconds: u64) -> CachedKeys {
    CachedKeys {
        set: KeySet::parse(keys.to_string().as_bytes()).unwrap(),
        fetched_at: UnixTime::from_millis(now.millis() - age_seconds * 1000),
    }
}

/// Headers after edits, as the runtime applies them.
fn apply(headers: &[(String, String)], edits: &[HeaderEdit]) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> = headers.to_vec();
    for edit in edits {
        match edit {
            HeaderEdit::Append(name, value) => headers.push(((*name).to_owned(), value.clone())),
            HeaderEdit::Remove(name) => {
                headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
            }
            HeaderEdit::SetNamed(name, value) => {
                headers.retain(|(known, _)| known != name);
                headers.push((name.clone(), value.clone()));
            }
            HeaderEdit::Set(name, value) => {
                headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
                headers.push(((*name).to_owned(), value.clone()));
            }
        }
    }
    headers
}

fn values(headers: &[(String, String)], name: &str) -> Vec<String> {
    let found = headers
        .iter()
        .filter(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.clone()).collect()
}

fn next(replies: &mut VecDeque<Reply>, what: &str) -> Reply {
    if replies.len() > 1 {
        return replies.pop_front().unwrap();
    }
    let last = replies.front();
    last.unwrap_or_else(|| panic!("no answer to {what} in the script"))
        .clone()
}

/// Checks remembered across tests: the same tokens come up again and again,
/// and a check without optimisation takes milliseconds.
static CHECKED: Mutex<Option<HashMap<String, Result<bool, KeyUnusable>>>> = Mutex::new(None);

/// Answers as WebCrypto would.
pub(crate) fn check_signature(wait: &SignatureCheck) -> Result<bool, KeyUnusable> {
    let signature = encode(wait.signature());
    let (key, algorithm, name) = match wait.key() {
        SignatureKey::Public(key) => {
            let algorithm = match key.algorithm() {
                SignatureAlgorithm::EdDsa => Algorithm::EdDSA,
                SignatureAlgorithm::Es256 => Algorithm::ES256,
                SignatureAlgorithm::Rs256 => Algorithm::RS256,
                SignatureAlgorithm::Hs256 => panic!("a public key for HS256"),
            };
            let jwk = serde_json::from_str(key.jwk()).unwrap();
            (DecodingKey::from_jwk(&jwk), algorithm, key.jwk().to_owned())
        }
        SignatureKey::Secret(secret) => {
            let key = DecodingKey::from_secret(secret.expose().as_bytes());
            (Ok(key), Algorithm::HS256, secret.expose().to_owned())
        }
    };
    let question = format!("{name} {}.{signature}", wait.signing_input());
    let mut checked = CHECKED
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    *checked
        .get_or_insert_default()
        .entry(question)
        .or_insert_with(|| {
            let input = wait.signing_input().as_bytes();
            let key = key.map_err(|_| KeyUnusable)?;
            Ok(crypto::verify(&signature, input, &key, algorithm).unwrap_or(false))
        })
}

/// An answer of the origin, with those of its headers that are read.
pub(crate) fn origin_head(
    status: u16,
    headers: &[(String, String)],
    reads: Reads,
    reads_location: bool,
) -> Result<ResponseHead, OriginUnreachable> {
    let has_cookies = headers.iter().any(|(name, _)| name == "set-cookie");
    let is_place = |name: &str| reads_location && location::HEADERS.contains(&name);
    let is_read = |name: &str| match reads {
        Reads::All => true,
        Reads::CacheHeaders => has_cookies || cache_control::names_read().any(|read| read == name),
        Reads::Cookies => has_cookies,
        Reads::Nothing => false,
    };
    let pairs = headers
        .iter()
        .filter(|(name, _)| is_read(name) || is_place(name));
    let pairs = pairs.map(|(name, value)| (name.as_str(), value.as_str()));
    Ok(ResponseHead {
        status,
        headers: Headers::from_pairs(pairs),
    })
}

/// The memory of an isolate that has just begun.
pub(crate) fn memory() -> Memory {
    Memory::new(FingerprintKey::new([7; 16]))
}

/// A memory as the requests of an isolate share it.
pub(crate) fn shared(memory: Memory) -> SharedMemory {
    Rc::new(RefCell::new(memory))
}
