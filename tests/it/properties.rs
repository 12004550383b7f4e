//! What holds whatever Auth answers, whatever a visitor sends.

use std::rc::Rc;

use edge_session::auth_api::{self, AuthReply, RefreshReply, Unreachable, read_user_reply};
use edge_session::handler::{
    Course, Effect, Gate, MAX_EFFECTS, OriginUnreachable, Outgoing, RefreshAnswer, Turn,
};
use edge_session::head::{HeaderEdit, Headers, RequestHead};
use edge_session::jwks::{CachedKeys, KeySet, KeysError};
use edge_session::record::RequestRecord;
use edge_session::time::UnixTime;
use edge_session::token::Token;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::scenario::{
    KEY, Scenario, cached, check_signature, memory, origin_head, session_cookie, session_json,
    shared,
};
use crate::tokens::{
    JWT_SECRET, NOW, OTHER_SESSION, OTHER_USER, Signer, USER, claims, expiring_in, key_set_json,
};

/// What the visitor presents, and whether its signature is good under a key of the project.
#[derive(Clone, Debug)]
struct Presented {
    token: String,
    is_good: bool,
    is_forged: bool,
}

fn presented() -> impl Strategy<Value = Presented> {
    let of = |token: String, is_good: bool, is_forged: bool| Presented {
        token,
        is_good,
        is_forged,
    };
    let forged =
        |changes: Value| Signer::OtherEs256.token(&Signer::Es256.header(), &claims(&changes));
    proptest::sample::select(vec![
        of(expiring_in(3600), true, false),
        of(expiring_in(30), true, false),
        of(expiring_in(-60), true, false),
        of(Signer::EdDsa.mint(&json!({"exp": NOW - 60})), true, false),
        of(forged(json!({})), false, true),
        of(forged(json!({"exp": NOW + 30})), false, true),
        of(forged(json!({"exp": NOW - 60})), false, true),
        of(
            forged(json!({"exp": NOW - 60, "sub": OTHER_USER})),
            false,
            true,
        ),
        of(
            Signer::OtherEs256.mint(&json!({"exp": NOW - 60})),
            false,
            false,
        ),
        of(Signer::Hs256.mint(&json!({})), false, false),
        of(Signer::Hs256.mint(&json!({"exp": NOW - 60})), false, false),
        of("x.y.z".to_owned(), false, false),
    ])
}

/// Bytes that look more or less like an answer of Auth.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let renewed = |changes: Value| {
        session_json(&Signer::Es256.mint(&changes), "r")
            .to_string()
            .into_bytes()
    };
    let coded = |code: &str| json!({"code": code}).to_string().into_bytes();
    let likely = vec![
        renewed(json!({"exp": NOW + 7200})),
        renewed(json!({"exp": NOW + 7200, "sub": OTHER_USER})),
        renewed(json!({"exp": NOW + 7200, "session_id": OTHER_SESSION})),
        renewed(json!({"exp": NOW - 7200})),
        session_json(&Signer::OtherEs256.mint(&json!({"exp": NOW + 7200})), "r")
            .to_string()
            .into_bytes(),
        session_json("x", "r").to_string().into_bytes(),
        json!({"id": USER}).to_string().into_bytes(),
        json!({"id": OTHER_USER}).to_string().into_bytes(),
        coded("refresh_token_not_found"),
        coded("session_not_found"),
        coded("user_banned"),
        coded("bad_jwt"),
        coded("conflict"),
        coded("over_request_rate_limit"),
        b"<html>".to_vec(),
        Vec::new(),
    ];
    prop_oneof![
        4 => proptest::sample::select(likely),
        1 => proptest::collection::vec(any::<u8>(), 0..64),
    ]
}

fn reply() -> impl Strategy<Value = Result<AuthReply, Unreachable>> {
    let status = prop_oneof![
        4 => proptest::sample::select(vec![200_u16, 200, 200, 204, 302, 400, 401, 403, 403, 404, 409, 422, 429, 500, 503, 520]),
        1 => any::<u16>(),
    ];
    let retry_after = proptest::option::of("[0-9]{1,3}|soon");
    let answered = (status, retry_after, body()).prop_map(|(status, retry_after, body)| {
        Ok(AuthReply {
            status,
            retry_after,
            body,
        })
    });
    prop_oneof![
        5 => answered,
        1 => proptest::sample::select(vec![Unreachable::Network, Unreachable::TimedOut, Unreachable::TooLarge]).prop_map(Err),
    ]
}

fn key_set() -> impl Strategy<Value = Result<KeySet, KeysError>> {
    let usual = KeySet::parse(key_set_json().to_string().as_bytes());
    let other =
        json!({"keys": [crate::tokens::public_jwk("other_es256", &json!({"kid": "kid-other"}))]});
    proptest::sample::select(vec![
        usual.clone(),
        usual,
        KeySet::parse(other.to_string().as_bytes()),
        Ok(KeySet::default()),
        Err(KeysError::Unreachable),
        Err(KeysError::Status(500)),
    ])
}

fn site() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let rule = proptest::sample::select(vec![
        json!([]),
        json!([{"require": true}]),
        json!([{"verify": "live"}]),
        json!([{"require": {"role": "admin"}, "verify": "live"}]),
        json!([{"cache": "shared"}]),
        json!([{"cache": "shared", "require": true}]),
    ]);
    let secret = proptest::option::of(Just(JWT_SECRET.to_owned()));
    (rule, secret).prop_map(|(rules, secret)| {
        let mut vars = vec![
            ("RULES", rules.to_string()),
            ("IDENTITY_SECRET", "x".repeat(32)),
            ("FORWARD_BEARER", "on".to_owned()),
        ];
        vars.extend(secret.map(|secret| ("SUPABASE_JWT_SECRET", secret)));
        vars
    })
}

/// One request against arbitrary answers.
#[derive(Clone, Debug)]
struct Script {
    cookie: String,
    vars: Vec<(&'static str, String)>,
    replies: Vec<Result<AuthReply, Unreachable>>,
    sets: Vec<Result<KeySet, KeysError>>,
    stored: Option<CachedKeys>,
    pauses: Vec<u64>,
    /// The headers of the origin's answer.
    origin: Result<Vec<(String, String)>, OriginUnreachable>,
}

fn script(cookie: impl Strategy<Value = String>) -> impl Strategy<Value = Script> {
    let now = UnixTime::from_seconds(NOW);
    let stored = proptest::sample::select(vec![
        None,
        Some(cached(&key_set_json(), now, 10)),
        Some(cached(&key_set_json(), now, 4000)),
        Some(cached(&json!({"keys": []}), now, 10)),
    ]);
    let pauses = proptest::collection::vec(prop_oneof![Just(0_u64), 0_u64..3000, Just(90_000)], 4);
    let origin_cookie = proptest::option::of(proptest::sample::select(vec![
        "a=1".to_owned(),
        format!("{KEY}=x"),
        format!("{KEY}.3=; Max-Age=0"),
    ]));
    let origin = (any::<bool>(), origin_cookie).prop_map(|(answers, cookie)| {
        if !answers {
            return Err(OriginUnreachable::new("lost"));
        }
        let cookie = cookie.map(|line| ("set-cookie".to_owned(), line));
        let cache_control = ("cache-control".to_owned(), "public, max-age=60".to_owned());
        Ok(cookie.into_iter().chain([cache_control]).collect())
    });
    let sets = proptest::collection::vec(key_set(), 3);
    let replies = proptest::collection::vec(reply(), 4);
    (cookie, site(), replies, sets, stored, pauses, origin).prop_map(
        |(cookie, vars, replies, sets, stored, pauses, origin)| Script {
            cookie,
            vars,
            replies,
            sets,
            stored,
            pauses,
            origin,
        },
    )
}

/// What happened.
struct Played {
    steps: Vec<&'static str>,
    was_ended: bool,
    request_edits: Vec<HeaderEdit>,
    outgoing: Outgoing,
    record: RequestRecord,
}

/// Plays the script; each answer is used in turn, from the start again when they run out.
fn play(script: &Script) -> Played {
    let scenario = script
        .vars
        .iter()
        .fold(Scenario::new(), |scenario, (name, value)| {
            scenario.var(name, value)
        });
    let head = RequestHead::new(
        "GET".to_owned(),
        "https://site.example/".to_owned(),
        Headers::from_pairs([
            ("cookie", script.cookie.as_str()),
            ("x-session-user-id", "forged"),
        ]),
    );
    let mut now = UnixTime::from_seconds(NOW);
    let mut replies = script.replies.iter().cycle();
    let mut sets = script.sets.iter().cycle();
    let mut pauses = script.pauses.iter().cycle();
    let mut steps = Vec::new();
    let mut was_ended = false;
    let mut request_edits = Vec::new();
    let mut course = Course::new(Rc::new(scenario.config()), head, shared(memory()));
    for _ in 0..MAX_EFFECTS {
        let effect = match course.advance(now) {
            Turn::Ask(effect) => effect,
            Turn::End(ending) => {
                if !steps.contains(&"forward") {
                    steps.push("respond");
                }
                return Played {
                    steps,
                    was_ended,
                    request_edits,
                    outgoing: ending.outgoing,
                    record: ending.record,
                };
            }
        };
        if effect.name() != "is_ended" {
            steps.push(effect.name());
        }
        now = now.plus_millis(*pauses.next().unwrap());
        match effect {
            Effect::IsEnded(ask) => ask.answer(false),
            Effect::AskUser(ask) => {
                let answer = replies.next().unwrap();
                // A refusal of the token counts too: Auth says that its signature is not good.
                was_ended |= !matches!(
                    read_user_reply(answer, USER),
                    auth_api::UserReply::Live | auth_api::UserReply::Unavailable(_)
                );
                ask.answer(answer.clone());
            }
            Effect::AwaitKeys(ask) => ask.answer(()),
            Effect::CallAuth(_)
            | Effect::CheckHealth(_)
            | Effect::DrawRandom(_)
            | Effect::EndSession(_)
            | Effect::CheckTurnstile(_)
            | Effect::LearnSession(_)
            | Effect::Limit(_)
            | Effect::Pause(_)
            | Effect::RaiseSession(_)
            | Effect::ReadBody(_)
            | Effect::ReadRevocation(_)
            | Effect::SignAssertion(_)
            | Effect::StoreRevocation(_) => {
                unreachable!("no AUTH_PATH, no REVOCATION and no private key are set")
            }
            Effect::CheckSignature(ask) => {
                let is_good = check_signature(ask.question());
                ask.answer(is_good);
            }
            Effect::FetchKeys(ask) => ask.answer(sets.next().unwrap().clone()),
            Effect::ReadKeys(ask) => ask.answer(script.stored.clone()),
            Effect::RefreshSession(ask) => {
                let reply = auth_api::read_refresh_reply(replies.next().unwrap(), now);
                was_ended |= matches!(reply, RefreshReply::Ended(_));
                ask.answer(RefreshAnswer {
                    reply,
                    auth_calls: 1,
                    gate: Gate::None,
                });
            }
            Effect::Forward(ask) => {
                request_edits.clone_from(&ask.question().request.edits);
                let head = match &script.origin {
                    Ok(headers) => origin_head(200, headers, ask.question().reads, false),
                    Err(error) => Err(error.clone()),
                };
                ask.answer(head);
            }
        }
    }
    panic!("no end after {MAX_EFFECTS} steps: {steps:?}");
}

impl Played {
    /// The `Set-Cookie` lines of the Worker itself.
    fn lines(&self) -> Vec<&str> {
        match &self.outgoing {
            Outgoing::Answer(answer) => answer
                .headers()
                .iter()
                .filter(|(name, _)| *name == "set-cookie")
                .map(|(_, value)| value.as_str())
                .collect(),
            Outgoing::Origin(edits) => edits
                .iter()
                .filter_map(|edit| match edit {
                    HeaderEdit::Append("set-cookie", value) => Some(value.as_str()),
                    HeaderEdit::Append(..)
                    | HeaderEdit::Remove(_)
                    | HeaderEdit::Set(..)
                    | HeaderEdit::SetNamed(..) => None,
                })
                .collect(),
        }
    }

    fn cache_control(&self) -> Option<&str> {
        match &self.outgoing {
            Outgoing::Answer(answer) => answer
                .headers()
                .iter()
                .find(|(name, _)| *name == "cache-control")
                .map(|(_, value)| value.as_str()),
            Outgoing::Origin(edits) => edits.iter().find_map(|edit| match edit {
                HeaderEdit::Set("cache-control", value) => Some(value.as_str()),
                HeaderEdit::Append(..)
                | HeaderEdit::Remove(_)
                | HeaderEdit::Set(..)
                | HeaderEdit::SetNamed(..) => None,
            }),
        }
    }

    /// True if the session is deleted and not written again in the same answer.
    fn signs_out(&self) -> bool {
        let lines = self.lines();
        let writes = lines.iter().any(|line| !line.contains("Max-Age=0"));
        !lines.is_empty() && !writes
    }

    fn names_a_user(&self) -> bool {
        self.request_edits.iter().any(|edit| {
            matches!(
                edit,
                HeaderEdit::Set(
                    "x-session-user-id" | "x-session-claims" | "x-session-role",
                    _
                )
            )
        })
    }
}

fn with_presented() -> impl Strategy<Value = (Presented, Script)> {
    presented().prop_flat_map(|presented| {
        let cookie = session_cookie(&presented.token);
        (Just(presented), script(Just(cookie)))
    })
}

/// Cookies of every kind: sessions, twins, chunks, and noise around them.
fn any_cookie() -> impl Strategy<Value = String> {
    let noise = prop_oneof![Just(KEY.to_owned()), Just(format!("{KEY}.0")), "[a-z]{1,3}"];
    let part = prop_oneof![
        presented().prop_map(|presented| session_cookie(&presented.token)),
        (noise, "[ -~]{0,24}").prop_map(|(name, value)| format!("{name}={value}")),
        "[ -~]{0,12}",
    ];
    proptest::collection::vec(part, 0..5).prop_map(|parts| parts.join("; "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn nothing_is_deleted_that_might_still_be_alive((presented, script) in with_presented()) {
        let played = play(&script);
        if presented.is_good && !played.was_ended {
            prop_assert!(!played.signs_out(), "{:?} {:?}", played.steps, played.record);
        }
    }

    #[test]
    fn a_forged_token_never_reaches_auth((presented, script) in with_presented()) {
        let mut script = script;
        // The project's own keys are known; without any, Auth alone could tell.
        script.stored = Some(cached(&key_set_json(), UnixTime::from_seconds(NOW), 10));
        let played = play(&script);
        if presented.is_forged {
            prop_assert!(!played.steps.contains(&"refresh_session") && !played.steps.contains(&"ask_user"), "{:?}", played.steps);
            prop_assert_eq!(played.record.outcome, "invalid");
        }
    }

    #[test]
    fn a_user_is_named_only_where_claims_were_verified((_, script) in with_presented()) {
        let played = play(&script);
        let is_verified = matches!(played.record.outcome, "valid" | "refreshed");
        prop_assert!(is_verified || !played.names_a_user(), "{:?}", played.record);
        if !played.request_edits.is_empty() {
            prop_assert!(played.request_edits.contains(&HeaderEdit::Remove("x-session-user-id".to_owned())));
        }
    }

    #[test]
    fn a_session_cookie_never_leaves_without_no_store((_, script) in with_presented()) {
        let played = play(&script);
        if !played.lines().is_empty() {
            prop_assert_eq!(played.cache_control(), Some("private, no-cache, no-store, must-revalidate, max-age=0"));
        }
        prop_assert_eq!(played.record.cookies, played.lines().len());
    }

    #[test]
    fn any_cookies_and_any_answers_come_to_an_end(script in script(any_cookie())) {
        let played = play(&script);
        prop_assert!(matches!(played.steps.last(), Some(&"forward" | &"respond")));
    }

    #[test]
    fn observing_changes_nothing_and_says_what_enforcing_does(script in script(any_cookie())) {
        let enforced = play(&script);
        let mut observing = script;
        observing.vars.push(("MODE", "observe".to_owned()));
        let observed = play(&observing);
        prop_assert_eq!(observed.steps.last(), Some(&"forward"));
        prop_assert!(!observed.steps.contains(&"refresh_session"));
        let is_removal = |edit: &HeaderEdit| matches!(edit, HeaderEdit::Remove(name) if name.starts_with("x-session-"));
        prop_assert!(observed.request_edits.iter().all(is_removal) && observed.lines().is_empty());
        if let Outgoing::Origin(edits) = &observed.outgoing {
            prop_assert!(edits.is_empty(), "{edits:?}");
        }
        let would = observed.record.would.unwrap_or("nothing");
        if enforced.steps.contains(&"refresh_session") {
            prop_assert!(["refresh", "deny", "delete"].contains(&would), "{}", would);
            return Ok(());
        }
        let done = match (enforced.steps.last(), enforced.lines().is_empty()) {
            (Some(&"respond"), _) => "deny",
            (_, true) => "forward",
            (_, false) if enforced.signs_out() => "delete",
            (_, false) => "write",
        };
        // Observing nobody knows how long an origin takes, and a deletion that comes late is left to the next request.
        let is_late = enforced.record.ms.origin > 5_000;
        prop_assert_eq!(would, if is_late && done == "forward" && would == "delete" { would } else { done });
        // Whoever is denied does not learn that the origin does not answer.
        let is_silent = observed.record.origin_error.is_some();
        let decision = |played: &Played| {
            let reason = if is_silent { "origin_unreachable" } else { played.record.reason };
            (played.record.outcome, reason, played.record.denied)
        };
        prop_assert_eq!(decision(&observed), decision(&enforced));
    }

    #[test]
    fn only_a_verified_answer_is_written((_, script) in with_presented()) {
        let played = play(&script);
        let writes = played.lines().iter().any(|line| !line.contains("Max-Age=0"));
        let may_write = played.record.outcome == "refreshed" || (played.steps.contains(&"ask_user") && played.record.outcome == "unavailable");
        prop_assert!(!writes || may_write, "{:?} {:?}", played.steps, played.record);
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,80}", status in any::<u16>()) {
        let lossy = String::from_utf8_lossy(&bytes);
        let _ = (Token::parse(&text), Token::parse(&lossy));
        let _ = (KeySet::parse(&bytes), CachedKeys::from_stored(&text), CachedKeys::from_stored(&lossy));
        let reply = Ok(AuthReply { status, retry_after: Some(text.clone()), body: bytes.clone() });
        let _ = auth_api::read_refresh_reply(&reply, UnixTime::from_seconds(NOW));
        let _ = read_user_reply(&reply, &text);
        let _ = auth_api::error_code(&bytes);
    }

    #[test]
    fn any_json_in_a_token_is_read_without_panic(header in "\\{(\"(alg|kid|typ|crit)\":(\"ES256\"|1|null|\\[\\]|\"JWT\"),?){0,4}\\}", payload in "\\{(\"(exp|sub|aud|iat)\":(-?[0-9]{1,20}|null|\"x\"|\\[1\\]),?){0,4}\\}") {
        let raw = format!("{}.{}.AAAA", crate::tokens::encode(header), crate::tokens::encode(payload));
        if let Ok(token) = Token::parse(&raw) {
            prop_assert_eq!(token.raw(), raw.as_str());
            let _ = (token.claimed_expiry(), token.claimed_subject(), token.signature());
        }
    }
}
