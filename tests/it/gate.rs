//! The gate of one session: who leads, who waits, who gets the newest session.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use edge_session::auth_api::RefreshReply;
use edge_session::gate::{
    Admission, Ask, EndTold, Family, Isolate, Keep, Landing, Learn, MAX_ROTATED, MAX_UNKNOWN,
    Message, MessageError, Presented, Told, UNKNOWN_WINDOW_MS,
};
use edge_session::handler::{Gate, RefreshAnswer, RefreshOrder};
use edge_session::session::Session;
use edge_session::time::UnixTime;

const REPLAY_SECONDS: u64 = 30;
/// A token's life in these tests, in seconds.
const LIFE: u64 = 60;

fn at(seconds: u64) -> UnixTime {
    UnixTime::from_seconds(1_700_000_000 + seconds)
}

/// The session of generation `n`: minted at `seconds`, alive for [`LIFE`].
fn session(n: usize, seconds: u64) -> Box<Session> {
    session_of("s", n, seconds)
}

fn session_of(id: &str, n: usize, seconds: u64) -> Box<Session> {
    let expires_at = at(seconds + LIFE).seconds();
    let part = |json: String| URL_SAFE_NO_PAD.encode(json);
    let access_token = format!(
        "{}.{}.{}",
        part(r#"{"alg":"ES256","kid":"k","typ":"JWT"}"#.to_owned()),
        part(format!(
            r#"{{"exp":{expires_at},"iat":{},"n":{n},"session_id":"{id}"}}"#,
            at(seconds).seconds()
        )),
        part("signature".to_owned()),
    );
    let body = format!(
        r#"{{"access_token":"{access_token}","refresh_token":"refresh-{n}","expires_in":{LIFE},"expires_at":{expires_at},"user":{{"id":"u"}}}}"#
    );
    Box::new(Session::from_token_response(body.as_bytes(), at(seconds).seconds()).unwrap())
}

/// The refresh token of generation `n`, with an access token that ends at `seconds`.
fn presented(n: usize, seconds: u64) -> Presented {
    let issued_at = UnixTime::from_seconds(at(seconds).seconds() - LIFE);
    Presented::new(&format!("refresh-{n}"), Some(issued_at), at(seconds))
}

fn renewed(n: usize, seconds: u64) -> RefreshReply {
    RefreshReply::Renewed(session(n, seconds))
}

const fn unavailable() -> RefreshReply {
    RefreshReply::Unavailable {
        code: "auth_error",
        may_retry: false,
        retry_after_ms: None,
    }
}

/// Lets generation `n` lead at `seconds` and land with generation `n + 1`.
fn rotate(family: &mut Family, n: usize, seconds: u64) -> Landing {
    // No access token that the gate has seen lives longer than the presented one.
    assert_eq!(admit(family, n, seconds + LIFE, seconds), "lead");
    let sent = format!("refresh-{n}");
    let landing = family
        .land(&sent, renewed(n + 1, seconds), REPLAY_SECONDS, at(seconds))
        .unwrap();
    family.finish();
    landing
}

/// As [`rotate`], with a replay time that outlasts the tokens.
fn rotate_for_long(family: &mut Family, n: usize, seconds: u64) {
    assert_eq!(admit(family, n, seconds + LIFE, seconds), "lead");
    let reply = renewed(n + 1, seconds);
    drop(family.land(&format!("refresh-{n}"), reply, 300, at(seconds)));
    family.finish();
}

/// Admits generation `n`, whose access token ends at `expires`, and names what it gets.
fn admit(family: &mut Family, n: usize, expires: u64, now: u64) -> String {
    match family.admit(&presented(n, expires), at(now)) {
        Admission::Join => "join".to_owned(),
        Admission::Lead(None) => "lead".to_owned(),
        Admission::Lead(Some(token)) => format!("lead with {token}"),
        Admission::Busy => "busy".to_owned(),
        Admission::Raising => "raising".to_owned(),
        Admission::Refused(code) => format!("refused {code}"),
        Admission::Revoked => "revoked".to_owned(),
        Admission::Replay(session) => format!("replay {}", session.refresh_token()),
    }
}

fn newest(reply: &RefreshReply) -> &str {
    match reply {
        RefreshReply::Renewed(session) => session.refresh_token(),
        RefreshReply::Ended(code) | RefreshReply::Misconfigured(code) => code,
        RefreshReply::Revoked => "revoked",
        RefreshReply::Unavailable { code, .. } => code,
    }
}

#[test]
fn one_leads_and_the_others_join_and_share_its_result() {
    let mut family = Family::default();
    assert_eq!(admit(&mut family, 0, 0, 0), "lead");
    assert_eq!(admit(&mut family, 0, 0, 0), "join");
    assert_eq!(admit(&mut family, 0, 0, 0), "join");
    let landing = family
        .land("refresh-0", renewed(1, 1), REPLAY_SECONDS, at(1))
        .unwrap();
    assert!(landing.settles(&presented(0, 0)));
    assert_eq!(newest(&landing.reply), "refresh-1");
}

#[test]
fn a_refresh_stays_under_way_until_its_result_is_stored() {
    let mut family = Family::default();
    assert_eq!(admit(&mut family, 0, 0, 0), "lead");
    let landing = family.land("refresh-0", unavailable(), REPLAY_SECONDS, at(1));
    assert!(landing.is_some());
    assert_eq!(admit(&mut family, 0, 0, 1), "join");
    family.finish();
    assert_eq!(admit(&mut family, 0, 0, 1), "lead");
}

#[test]
fn without_a_refresh_under_way_nothing_lands() {
    let mut family = Family::default();
    let landing = family.land("refresh-0", renewed(1, 1), REPLAY_SECONDS, at(1));
    assert!(landing.is_none());
}

#[test]
fn a_rotated_token_gets_the_newest_session_for_the_replay_time() {
    let mut family = Family::default();
    rotate(&mut family, 0, 10);
    assert_eq!(admit(&mut family, 0, 10, 10), "replay refresh-1");
    assert_eq!(admit(&mut family, 0, 10, 39), "replay refresh-1");
    assert_eq!(admit(&mut family, 0, 10, 40), "lead");
}

#[test]
fn without_a_replay_time_nothing_is_kept() {
    let mut family = Family::default();
    assert_eq!(admit(&mut family, 0, 0, 0), "lead");
    let landing = family.land("refresh-0", renewed(1, 1), 0, at(1)).unwrap();
    family.finish();
    assert_eq!(newest(&landing.reply), "refresh-1");
    assert_eq!(family.to_stored(), None);
    assert_eq!(admit(&mut family, 0, 0, 1), "lead");
}

#[test]
fn each_rotation_prolongs_the_memory_of_all_before() {
    let mut family = Family::default();
    rotate(&mut family, 0, 0);
    rotate(&mut family, 1, 25);
    assert_eq!(admit(&mut family, 0, 0, 54), "replay refresh-2");
    assert_eq!(admit(&mut family, 1, 25, 54), "replay refresh-2");
    assert_eq!(family.expire(at(54)), Some(at(55)));
    assert_eq!(family.expire(at(55)), None);
}

#[test]
fn the_last_eight_rotated_tokens_are_known() {
    let mut family = Family::default();
    for n in 0..=MAX_ROTATED {
        rotate(&mut family, n, n as u64);
    }
    let newest = format!("replay refresh-{}", MAX_ROTATED + 1);
    for n in 1..=MAX_ROTATED {
        assert_eq!(admit(&mut family, n, n as u64, 20), newest, "{n}");
    }
    let as_new_as_the_newest = MAX_ROTATED as u64 + LIFE;
    assert_eq!(admit(&mut family, 0, as_new_as_the_newest, 20), "lead");
}

#[test]
fn the_newest_token_leads_again_when_its_access_token_ends() {
    let mut family = Family::default();
    rotate(&mut family, 0, 0);
    assert_eq!(admit(&mut family, 1, LIFE, 20), "lead");
}

#[test]
fn the_newest_token_beside_an_older_access_token_gets_the_newest_one() {
    let mut family = Family::default();
    rotate(&mut family, 0, 0);
    assert_eq!(admit(&mut family, 1, LIFE - 1, 20), "replay refresh-1");
}

#[test]
fn a_token_that_rotated_elsewhere_leads_and_outdates_the_newest() {
    let mut family = Family::default();
    rotate(&mut family, 0, 0);
    // Generation 2 was minted for a browser that refreshed by itself.
    rotate(&mut family, 2, 10);
    assert_eq!(admit(&mut family, 1, 0, 11), "replay refresh-3");
    assert_eq!(admit(&mut family, 2, 10, 11), "replay refresh-3");
}

#[test]
fn the_parent_of_a_newest_session_that_has_ended_is_sent_itself() {
    let mut family = Family::default();
    rotate_for_long(&mut family, 0, 0);
    assert_eq!(admit(&mut family, 0, 0, LIFE - 1), "replay refresh-1");
    assert_eq!(admit(&mut family, 0, 0, LIFE), "lead");
}

#[test]
fn a_newest_session_that_has_ended_is_refreshed_in_place_of_a_token_two_steps_behind() {
    let mut family = Family::default();
    rotate_for_long(&mut family, 0, 0);
    rotate_for_long(&mut family, 1, 1);
    assert_eq!(admit(&mut family, 0, 0, LIFE + 1), "lead with refresh-2");
    let reply = renewed(3, LIFE + 1);
    let landing = family.land("refresh-2", reply, 300, at(LIFE + 1)).unwrap();
    family.finish();
    assert!(landing.settles(&presented(0, 0)));
    for n in [0, 1, 2] {
        assert_eq!(admit(&mut family, n, 0, LIFE + 1), "replay refresh-3");
    }
}

#[test]
fn a_token_that_auth_upgraded_is_not_sent_again_once_its_successor_has_ended() {
    let mut family = Family::default();
    let first = "abcdefghijkl";
    let old = Presented::new(first, Some(at(0)), at(LIFE));
    drop(family.admit(&old, at(LIFE)));
    // Generation 1 stands for a token of the second version, which has another length.
    let reply = renewed(1, LIFE);
    drop(family.land(first, reply, 300, at(LIFE)));
    family.finish();
    let admission = family.admit(&old, at(3 * LIFE));
    assert!(matches!(admission, Admission::Lead(Some(sent)) if sent == "refresh-1"));
}

#[test]
fn an_answer_that_nobody_got_waits_for_its_visitor_and_what_follows_is_kept_as_usual() {
    let mut family = Family::default();
    assert_eq!(admit(&mut family, 0, LIFE, 0), "lead");
    let keep = Keep::from(REPLAY_SECONDS).undelivered();
    drop(family.land("refresh-0", renewed(1, 0), keep, at(0)));
    family.finish();
    // It waits for its refresh token: an access token alone opens the session for the usual time.
    let stranger = |family: &mut Family, now| admit(family, 7, LIFE - 1, now);
    assert_eq!(
        stranger(&mut family, REPLAY_SECONDS - 1),
        "replay refresh-1"
    );
    assert_eq!(stranger(&mut family, REPLAY_SECONDS), "lead");
    refuse(&mut family, 7, "refresh_token_not_found", REPLAY_SECONDS);
    let late = 24 * 60 * 60;
    assert_eq!(admit(&mut family, 0, LIFE, late), "lead");
    drop(family.land("refresh-0", renewed(1, late), REPLAY_SECONDS, at(late)));
    family.finish();
    assert_eq!(family.expire(at(late)), Some(at(late + REPLAY_SECONDS)));
    assert_eq!(Keep::from(0).undelivered().seconds(), 0);
}

/// The response that carried it may be lost, and Auth would take the token of before no more.
#[test]
fn an_upgraded_session_is_kept_for_who_has_the_token_of_before() {
    let first = "abcdefghijkl";
    let old = Presented::new(first, Some(at(0)), at(LIFE));
    let mut landed = Family::default();
    drop(landed.admit(&old, at(LIFE)));
    drop(landed.land(first, renewed(1, LIFE), REPLAY_SECONDS, at(LIFE)));
    landed.finish();
    let mut learnt = Family::default();
    learnt.learn(*session(1, LIFE), first, REPLAY_SECONDS, at(LIFE));
    for mut family in [landed, learnt] {
        let stored = family.to_stored().unwrap();
        let mut stored = Family::from_stored(&stored, at(LIFE));
        for family in [&mut family, &mut stored] {
            let admission = family.admit(&old, at(24 * 60 * LIFE));
            assert!(matches!(admission, Admission::Lead(Some(sent)) if sent == "refresh-1"));
            // A token that the gate never saw is not answered for so long.
            let other = Presented::new("lkjihgfedcba", Some(at(0)), at(LIFE));
            family.finish();
            let admission = family.admit(&other, at(24 * 60 * LIFE));
            assert!(matches!(admission, Admission::Lead(None)));
        }
    }
}

/// Whoever was shown an old access token may put a refresh token of his own beside it.
#[test]
fn the_end_of_a_token_that_the_gate_never_saw_ends_no_later_access_token() {
    let refuse_stranger = |family: &mut Family, expires_at, sent: Option<&str>, code, now| {
        let stranger = Presented::new("another's", Some(at(0)), at(expires_at));
        let admission = family.admit(&stranger, at(now));
        let is_led = matches!(&admission, Admission::Lead(newest) if newest.as_deref() == sent);
        assert!(is_led, "{admission:?}");
        let reply = RefreshReply::Ended(code);
        drop(family.land("another's", reply, REPLAY_SECONDS, at(now)));
        family.finish();
    };
    for code in ["user_banned", "session_expired", "session_not_found"] {
        let mut family = Family::default();
        refuse_stranger(&mut family, 0, None, code, 1);
        assert_eq!(admit(&mut family, 1, LIFE, 2), "revoked", "{code}");
        assert_eq!(admit(&mut family, 1, LIFE + 1, 2), "lead", "{code}");
        // What the gate knows of the session it knows on.
        let mut family = Family::default();
        rotate_for_long(&mut family, 0, 10);
        refuse_stranger(&mut family, 10 + 2 * LIFE, Some("refresh-1"), code, 11);
        let known = admit(&mut family, 0, 10 + LIFE, 13);
        assert_eq!(known, "replay refresh-1", "{code}");
    }
}

#[test]
fn an_answer_of_another_session_leaves_nothing_behind_once_it_is_rejected() {
    let mut family = Family::default();
    rotate_for_long(&mut family, 0, 10);
    // Generation 5 came past the gate, and a mix-up answers it with an older token of somebody else.
    assert_eq!(admit(&mut family, 5, LIFE + 20, 20), "lead");
    let body = r#"{"access_token":"TOKEN","refresh_token":"of-another","expires_in":60}"#;
    let part = |json: &str| URL_SAFE_NO_PAD.encode(json);
    let claims = format!(
        r#"{{"exp":{},"iat":{},"session_id":"another"}}"#,
        at(90).seconds(),
        at(5).seconds()
    );
    let token = format!(
        "{}.{}.{}",
        part(r#"{"alg":"ES256"}"#),
        part(&claims),
        part("signature")
    );
    let other =
        Session::from_token_response(body.replace("TOKEN", &token).as_bytes(), at(20).seconds());
    let reply = RefreshReply::Renewed(Box::new(other.unwrap()));
    drop(family.land("refresh-5", reply, 300, at(20)));
    family.finish();
    assert!(family.reject("of-another"));
    // It is sent itself, not the generation that the gate saw before.
    assert_eq!(admit(&mut family, 5, LIFE + 20, 2 * LIFE + 30), "lead");
}

#[test]
fn the_parent_answered_with_the_current_token_keeps_the_current_one_newest() {
    let mut family = Family::default();
    rotate(&mut family, 0, 0);
    // Auth answers generation 0, which it knows as the parent, with generation 1 again.
    assert_eq!(admit(&mut family, 0, 0, 40), "lead");
    drop(family.land("refresh-0", renewed(1, 40), REPLAY_SECONDS, at(40)));
    family.finish();
    assert_eq!(admit(&mut family, 0, 0, 41), "replay refresh-1");
    assert_eq!(admit(&mut family, 1, 40 + LIFE, 41), "lead");
}

#[test]
fn the_end_is_shared_with_the_same_token_and_not_with_another() {
    let mut family = Family::default();
    assert_eq!(admit(&mut family, 0, 0, 0), "lead");
    assert_eq!(admit(&mut family, 1, 5, 0), "join");
    let reply = RefreshReply::Ended("refresh_token_not_found");
    let landing = family
        .land("refresh-0", reply, REPLAY_SECONDS, at(1))
        .unwrap();
    family.finish();
    assert!(landing.settles(&presented(0, 0)));
    assert!(!landing.settles(&presented(1, 5)));
    assert_eq!(admit(&mut family, 1, 5, 1), "lead");
}

#[test]
fn no_decision_is_shared_with_every_token() {
    let mut family = Family::default();
    assert_eq!(admit(&mut family, 0, 0, 0), "lead");
    let landing = family
        .land("refresh-0", unavailable(), REPLAY_SECONDS, at(1))
        .unwrap();
    assert!(landing.settles(&presented(0, 0)));
    assert!(landing.settles(&presented(1, 5)));
}

#[test]
fn the_end_of_the_newest_token_is_the_end_of_all() {
    let mut family = Family::default();
    rotate(&mut family, 0, 0);
    assert_eq!(admit(&mut family, 1, LIFE, 10), "lead");
    let reply = RefreshReply::Ended("refresh_token_not_found");
    let landing = family
        .land("refresh-1", reply, REPLAY_SECONDS, at(10))
        .unwrap();
    family.finish();
    assert_eq!(newest(&landing.reply), "refresh_token_not_found");
    assert_eq!(admit(&mut family, 0, 0, 11), "revoked");
}

#[test]
fn the_end_of_a_token_that_nobody_knows_ends_nothing_else() {
    let mut family = Family::default();
    rotate(&mut family, 0, 0);
    assert_eq!(admit(&mut family, 99, LIFE, 10), "lead");
    let reply = RefreshReply::Ended("validation_failed");
    let landing = family
        .land("refresh-99", reply, REPLAY_SECONDS, at(10))
        .unwrap();
    family.finish();
    assert_eq!(newest(&landing.reply), "validation_failed");
    assert_eq!(admit(&mut family, 0, 0, 11), "replay refresh-1");
}

#[test]
fn a_used_token_is_not_believed_dead_while_a_newer_one_is_known() {
    let mut family = Family::default();
    for n in 0..=MAX_ROTATED {
        rotate(&mut family, n, n as u64);
    }
    // Generation 0 has been forgotten meanwhile.
    let as_new_as_the_newest = MAX_ROTATED as u64 + LIFE;
    assert_eq!(admit(&mut family, 0, as_new_as_the_newest, 20), "lead");
    let reply = RefreshReply::Ended("refresh_token_already_used");
    let landing = family
        .land("refresh-0", reply, REPLAY_SECONDS, at(20))
        .unwrap();
    assert_eq!(
        newest(&landing.reply),
        format!("refresh-{}", MAX_ROTATED + 1)
    );
}

#[test]
fn a_used_token_is_believed_dead_when_nothing_newer_lives() {
    let mut family = Family::default();
    rotate(&mut family, 0, 0);
    assert_eq!(admit(&mut family, 1, LIFE, 10), "lead");
    let reply = RefreshReply::Ended("refresh_token_already_used");
    let landing = family
        .land("refresh-1", reply, REPLAY_SECONDS, at(10))
        .unwrap();
    assert_eq!(newest(&landing.reply), "refresh_token_already_used");
}

#[test]
fn a_rejected_answer_is_given_to_nobody_else() {
    let mut family = Family::default();
    rotate(&mut family, 0, 0);
    assert!(!family.reject("refresh-0"));
    assert_eq!(admit(&mut family, 0, 0, 1), "replay refresh-1");
    assert!(family.reject("refresh-1"));
    assert_eq!(family.to_stored(), None);
    assert_eq!(admit(&mut family, 0, 0, 1), "lead");
}

#[test]
fn what_was_known_before_a_rejected_answer_is_known_again() {
    let mut family = Family::default();
    rotate(&mut family, 0, 0);
    rotate(&mut family, 1, 10);
    assert!(family.reject("refresh-2"));
    assert_eq!(admit(&mut family, 0, 0, 11), "replay refresh-1");
    // Auth may have rotated generation 1 before its answer went wrong.
    assert_eq!(admit(&mut family, 0, LIFE + 1, 11), "lead with refresh-1");
}

#[test]
fn the_parent_is_not_sent_after_its_child_was_sent_in_vain() {
    let mut family = Family::default();
    rotate_for_long(&mut family, 0, 0);
    assert_eq!(admit(&mut family, 1, LIFE, LIFE), "lead");
    drop(family.land("refresh-1", unavailable(), 300, at(LIFE)));
    family.finish();
    assert_eq!(admit(&mut family, 0, 0, LIFE), "lead with refresh-1");
}

#[test]
fn an_evicted_gate_still_knows_that_its_newest_token_was_sent_in_vain() {
    let mut family = Family::default();
    rotate_for_long(&mut family, 0, 0);
    let before = family.to_stored();
    assert_eq!(admit(&mut family, 1, LIFE, LIFE), "lead");
    drop(family.land("refresh-1", unavailable(), 300, at(LIFE)));
    let stored = family.to_stored();
    assert_ne!(stored, before, "it is worth a write");
    let mut family = Family::from_stored(&stored.unwrap(), at(LIFE));
    assert_eq!(admit(&mut family, 0, 0, LIFE), "lead with refresh-1");
}

#[test]
fn an_answer_without_a_readable_access_token_is_never_replayed() {
    let body = br#"{"access_token":"rubbish","refresh_token":"refresh-1","expires_in":60}"#;
    let session = Session::from_token_response(body, at(0).seconds()).unwrap();
    let mut family = Family::default();
    assert_eq!(admit(&mut family, 0, 0, 0), "lead");
    let reply = RefreshReply::Renewed(Box::new(session));
    drop(family.land("refresh-0", reply, REPLAY_SECONDS, at(1)));
    family.finish();
    assert_eq!(admit(&mut family, 1, 0, 2), "lead");
}

#[test]
fn what_is_stored_comes_back() {
    let mut family = Family::default();
    rotate(&mut family, 0, 0);
    rotate(&mut family, 1, 10);
    let stored = family.to_stored().unwrap();
    assert!(
        !stored.contains("refresh-0") && !stored.contains("refresh-1"),
        "{stored}"
    );

    let mut again = Family::from_stored(&stored, at(20));
    for n in [0, 1] {
        assert_eq!(admit(&mut again, n, 10, 20), "replay refresh-2");
    }
    assert_eq!(again.expire(at(20)), Some(at(40)));
    assert_eq!(again.to_stored().unwrap(), stored);
}

#[test]
fn what_was_stored_too_long_ago_is_not_used() {
    let mut family = Family::default();
    rotate(&mut family, 0, 0);
    let stored = family.to_stored().unwrap();
    let mut again = Family::from_stored(&stored, at(30));
    assert_eq!(admit(&mut again, 0, 0, 30), "lead");
}

#[test]
fn what_cannot_be_read_counts_as_nothing() {
    for text in ["", "null", "[]", r#"{"newest":{},"rotated":[],"until":1}"#] {
        assert_eq!(
            admit(&mut Family::from_stored(text, at(0)), 0, 0, 0),
            "lead"
        );
    }
}

#[test]
fn a_message_comes_back_as_it_was_sent() {
    let order = RefreshOrder {
        budget_ms: 5000,
        client_ip: Some("203.0.113.9".to_owned()),
        expires_at: at(0),
        is_alive: true,
        issued_at: Some(UnixTime::from_seconds(at(0).seconds() - LIFE)),
        refresh_token: "refresh-0".to_owned(),
        session_id: Some("s".to_owned()),
    };
    let text = Message::Ask(Ask::new(&order)).to_json();
    let Ok(Message::Ask(ask)) = Message::from_json(&text) else {
        panic!("{text}");
    };
    assert_eq!(
        (ask.budget_ms, ask.wait_ms, ask.is_alive),
        (5000, 1900, true)
    );
    assert_eq!(ask.client_ip.as_deref(), Some("203.0.113.9"));
    assert_eq!(ask.presented(), presented(0, 0).of_session(Some("s")));
    assert_eq!(format!("{ask:?}"), "Ask { .. }");
}

#[test]
fn what_another_version_says_is_told_from_what_nobody_says() {
    for (text, error) in [
        ("", MessageError::Malformed),
        ("[]", MessageError::Malformed),
        ("{}", MessageError::OtherVersion),
        (r#"{"reject":"refresh-0"}"#, MessageError::OtherVersion),
        (
            r#"{"v":99,"m":{"end":{"life_ms":1}}}"#,
            MessageError::OtherVersion,
        ),
        (r#"{"v":2}"#, MessageError::Unknown),
        (r#"{"v":2,"m":{"dance":{}}}"#, MessageError::Unknown),
        (
            r#"{"v":2,"m":{"end":{"life_ms":-1}}}"#,
            MessageError::Unknown,
        ),
    ] {
        assert_eq!(Message::from_json(text).unwrap_err(), error, "{text}");
    }
    let told = EndTold { is_ended: true };
    assert_eq!(EndTold::from_json(&told.to_json()), Some(told));
    assert_eq!(EndTold::from_json(r#"{"is_ended":true}"#), None);
}

#[test]
fn an_answer_comes_back_as_it_was_given() {
    let codes = [
        RefreshReply::Ended("session_expired"),
        RefreshReply::Misconfigured("auth_refuses_worker"),
        unavailable(),
        renewed(3, 0),
        RefreshReply::Revoked,
    ];
    for (reply, gate) in codes.into_iter().zip([
        Gate::Led,
        Gate::Shared,
        Gate::Led,
        Gate::Replayed,
        Gate::Replayed,
    ]) {
        let answer = RefreshAnswer {
            reply,
            auth_calls: 2,
            gate,
        };
        let text = Told::new(&answer).unwrap().to_json();
        let again = Told::from_json(&text, at(0)).unwrap();
        assert_eq!((again.auth_calls, again.gate), (2, gate));
        assert_eq!(newest(&again.reply), newest(&answer.reply));
    }
}

#[test]
fn an_answer_that_no_gate_gives_is_refused() {
    let answer = RefreshAnswer {
        reply: unavailable(),
        auth_calls: 0,
        gate: Gate::None,
    };
    assert!(Told::new(&answer).is_none());
    for text in [
        "",
        "{}",
        r#"{"auth_calls":0,"gate":"led","reply":"revoked"}"#,
        r#"{"v":2,"m":{"auth_calls":0,"gate":"led","reply":{"ended":"made_up"}}}"#,
        r#"{"v":2,"m":{"auth_calls":0,"gate":"none","reply":{"ended":"session_expired"}}}"#,
        r#"{"v":2,"m":{"auth_calls":0,"gate":"led","reply":{"renewed":{"access_token":"a"}}}}"#,
    ] {
        assert!(Told::from_json(text, at(0)).is_none(), "{text}");
    }
}

/// Ends the flight of generation `n`, sent at `seconds`, with a refusal.
fn refuse(family: &mut Family, n: usize, code: &'static str, seconds: u64) {
    let sent = format!("refresh-{n}");
    let landing = family.land(
        &sent,
        RefreshReply::Ended(code),
        REPLAY_SECONDS,
        at(seconds),
    );
    family.finish();
    assert_eq!(newest(&landing.unwrap().reply), code);
}

#[test]
fn after_the_end_nobody_gets_the_session_for_as_long_as_a_token_lives() {
    let mut family = Family::default();
    rotate(&mut family, 0, 0);
    family.end(LIFE * 1000, at(10));
    assert!(family.take_change(), "it is worth a write");
    let stored = family.to_stored().unwrap();
    assert!(!stored.contains("access_token"), "{stored}");
    let mut again = Family::from_stored(&stored, at(11));
    for family in [&mut family, &mut again] {
        for n in [0, 1, 7] {
            assert_eq!(admit(family, n, LIFE, 11), "revoked");
            assert_eq!(admit(family, n, LIFE + 500, 69), "revoked");
        }
        assert!(family.is_ended(Some(at(500))));
        assert_eq!(family.expire(at(11)), Some(at(70)));
        assert_eq!(family.expire(at(70)), None);
        assert_eq!(family.to_stored(), None);
    }
}

#[test]
fn a_refresh_under_way_at_the_end_is_given_to_nobody() {
    let mut family = Family::default();
    assert_eq!(admit(&mut family, 0, 0, 0), "lead");
    family.end(LIFE * 1000, at(1));
    let landing = family.land("refresh-0", renewed(1, 1), REPLAY_SECONDS, at(2));
    family.finish();
    assert_eq!(newest(&landing.unwrap().reply), "revoked");
    assert_eq!(admit(&mut family, 0, 0, 2), "revoked");
    assert!(!family.to_stored().unwrap().contains("access_token"));
}

#[test]
fn nothing_is_learnt_after_the_end() {
    let mut family = Family::default();
    family.end(LIFE * 1000, at(1));
    assert!(!family.learn(*session(1, 2), "refresh-0", REPLAY_SECONDS, at(2)));
    assert_eq!(admit(&mut family, 0, 0, 2), "revoked");
}

#[test]
fn an_answer_of_another_session_is_kept_for_nobody() {
    let presented = presented(0, LIFE).of_session(Some("s"));
    for id in ["other", "", "S"] {
        let mut family = Family::default();
        let admission = family.admit(&presented, at(LIFE));
        assert!(matches!(admission, Admission::Lead(None)));
        let mixed_up = RefreshReply::Renewed(session_of(id, 1, LIFE));
        let landing = family.land("refresh-0", mixed_up, REPLAY_SECONDS, at(LIFE));
        family.finish();
        // Whoever asked sees what came, and refuses it himself.
        assert_eq!(newest(&landing.unwrap().reply), "refresh-1");
        family.land_late(
            &presented,
            "refresh-0",
            *session_of(id, 2, LIFE),
            REPLAY_SECONDS,
            at(LIFE),
        );
        assert_eq!(family.to_stored(), None, "{id}");
        assert!(matches!(
            family.admit(&presented, at(LIFE)),
            Admission::Lead(None)
        ));
    }
}

/// A second factor rotates past the gate within the second of a refresh: what the gate holds is no answer to its token.
#[test]
fn a_lost_answer_is_asked_for_again_beside_an_older_session_of_the_same_second() {
    let mut family = Family::default();
    rotate(&mut family, 0, 0);
    let stranger = presented(7, LIFE);
    assert!(matches!(
        family.admit(&stranger, at(10)),
        Admission::Lead(None)
    ));
    drop(family.land("refresh-7", unavailable(), REPLAY_SECONDS, at(10)));
    family.finish();
    assert!(family.try_again(&stranger, at(10)));
}

#[test]
fn a_gate_learns_of_its_own_session_alone() {
    let past = |id: &str, is_late| Learn::past_gate(&session(1, 0), "refresh-0", id, is_late);
    for is_late in [false, true] {
        let text = Message::Learn(past("s", is_late).unwrap()).to_json();
        let Ok(Message::Learn(learn)) = Message::from_json(&text) else {
            panic!("{text}");
        };
        assert_eq!((learn.used.as_str(), learn.is_late), ("refresh-0", is_late));
        let learnt = learn.into_session(at(0)).unwrap();
        assert_eq!(learnt.refresh_token(), "refresh-1");
    }
    assert!(past("other", true).is_none());
}

#[test]
fn an_answer_that_nobody_waited_for_serves_the_next_request() {
    let presented = presented(0, LIFE).of_session(Some("s"));
    let mut family = Family::default();
    family.land_late(
        &presented,
        "refresh-0",
        *session(1, LIFE),
        REPLAY_SECONDS,
        at(LIFE),
    );
    let Admission::Replay(replayed) = family.admit(&presented, at(LIFE)) else {
        panic!("nothing is replayed");
    };
    assert_eq!(replayed.refresh_token(), "refresh-1");
    family.end(LIFE * 1000, at(LIFE));
    family.land_late(
        &presented,
        "refresh-0",
        *session(2, LIFE),
        REPLAY_SECONDS,
        at(LIFE),
    );
    assert!(!family.to_stored().unwrap().contains("access_token"));
}

/// A session of the second version, its refresh token made for the `counter`-th time, minted at `seconds`.
fn counted(counter: &[u8], seconds: u64) -> Session {
    let mut members = session(0, seconds).members().clone();
    let token = [&[0][..], &[7; 16], counter, &[9; 20]].concat();
    let token = URL_SAFE_NO_PAD.encode(token);
    members.insert("refresh_token".to_owned(), token.into());
    Session::from_members(members, at(seconds).seconds()).unwrap()
}

/// Auth answers the parent of a token with that token, and ends the session over one further back: a second factor leaves one
/// count out.
#[test]
fn a_token_of_before_a_second_factor_is_not_sent_in_place_of_the_newest() {
    let [first, next, raised] = [1, 2, 4].map(|count| counted(&[count], 0));
    for (newest, is_parent) in [(next, true), (raised, false)] {
        let used = first.refresh_token();
        let mut family = Family::default();
        family.learn(newest.clone(), used, 300, at(0));
        let presented = Presented::new(used, Some(at(0)), at(LIFE));
        let Admission::Lead(substitute) = family.admit(&presented, at(2 * LIFE)) else {
            panic!("nobody leads");
        };
        let expected = (!is_parent).then(|| newest.refresh_token().to_owned());
        assert_eq!(substitute, expected);
    }
}

#[test]
fn while_auth_may_be_replacing_the_tokens_none_is_sent() {
    let mut family = Family::default();
    family.raise(5_000, at(0));
    assert_eq!(admit(&mut family, 0, LIFE, 4), "raising");
    assert_eq!(admit(&mut family, 0, LIFE, 5), "lead");
    assert!(family.is_busy());
    family.finish();
    family.raise(5_000, at(6));
    assert!(!family.try_again(&presented(0, LIFE), at(7)));
    assert!(family.learn(*session(1, 9), "refresh-0", REPLAY_SECONDS, at(10)));
    assert_eq!(admit(&mut family, 0, LIFE, 10), "replay refresh-1");
    assert_eq!(admit(&mut family, 1, 9 + LIFE, 10), "lead");
}

/// A token that the gate did not see used up is the parent of nothing that came past it.
#[test]
fn where_the_newest_token_was_not_used_none_passes_for_its_parent() {
    let mut family = Family::default();
    rotate_for_long(&mut family, 0, 0);
    family.learn(*session(3, 1), "refresh-0", 300, at(1));
    assert_eq!(admit(&mut family, 0, LIFE, 2 * LIFE), "lead with refresh-3");
}

/// Auth answers the parent with the current token, which is no new one: the parent is sent again.
#[test]
fn the_same_refresh_token_once_more_makes_nobody_unseen() {
    let mut family = Family::default();
    rotate_for_long(&mut family, 0, 0);
    assert_eq!(admit(&mut family, 0, LIFE, LIFE), "lead");
    drop(family.land("refresh-0", renewed(1, LIFE), 300, at(LIFE)));
    family.finish();
    assert_eq!(admit(&mut family, 0, LIFE, 2 * LIFE), "lead");
}

#[test]
fn an_older_answer_shortens_no_memory() {
    let mut family = Family::default();
    let keep = Keep::from(REPLAY_SECONDS).undelivered();
    family.learn(*session(2, 10), "refresh-1", keep, at(10));
    let until = family.expire(at(10));
    family.learn(*session(1, 5), "refresh-0", REPLAY_SECONDS, at(11));
    assert_eq!(family.expire(at(11)), until);
    assert_eq!(admit(&mut family, 0, 5 + LIFE, 12), "replay refresh-2");
}

/// Of two answers of one second the gate holds the later one, whichever of them comes last.
fn assert_later(earlier: &Session, later: &Session) {
    for arrivals in [[earlier, later], [later, earlier]] {
        let mut family = Family::default();
        for session in arrivals {
            assert!(family.learn(session.clone(), "refresh-0", REPLAY_SECONDS, at(1)));
        }
        let presented = Presented::new("refresh-0", Some(at(0)), at(0));
        let Admission::Replay(newest) = family.admit(&presented, at(2)) else {
            panic!("nothing is replayed");
        };
        assert_eq!(newest.refresh_token(), later.refresh_token());
    }
}

#[test]
fn of_answers_of_one_second_the_later_counter_stays_whichever_comes_last() {
    for (earlier, later) in [
        (&[0][..], &[1][..]),
        (&[9], &[10]),
        (&[0x7f], &[0x80, 1]),
        (&[0xff, 1], &[0x80, 2]),
    ] {
        assert_later(&counted(earlier, 0), &counted(later, 0));
    }
}

#[test]
fn a_token_of_the_second_version_is_later_than_one_of_the_first_of_the_same_second() {
    assert_later(&session(1, 0), &counted(&[0], 0));
}

#[test]
fn a_code_of_auth_ends_the_session_unless_it_may_be_junk() {
    for (code, n, after) in [
        ("session_expired", 0, "revoked"),
        ("user_banned", 0, "revoked"),
        ("session_not_found", 0, "revoked"),
        ("refresh_token_already_used", 0, "revoked"),
        ("refresh_token_not_found", 0, "lead"),
        ("validation_failed", 0, "lead"),
    ] {
        let mut family = Family::default();
        assert_eq!(admit(&mut family, n, LIFE, 0), "lead");
        refuse(&mut family, n, code, 1);
        assert_eq!(admit(&mut family, 1, LIFE, 2), after, "{code}");
    }
}

#[test]
fn who_has_a_later_token_than_a_used_one_may_ask_auth() {
    let mut family = Family::default();
    assert_eq!(admit(&mut family, 0, LIFE, 5), "lead");
    refuse(&mut family, 0, "refresh_token_already_used", 5);
    assert_eq!(admit(&mut family, 1, LIFE, 6), "revoked");
    assert_eq!(admit(&mut family, 1, LIFE + 3, 6), "lead");
    family.end(LIFE * 1000, at(7));
    family.finish();
    assert_eq!(admit(&mut family, 1, LIFE + 3, 7), "revoked");
}

#[test]
fn a_refused_stranger_is_not_sent_again() {
    let mut family = Family::default();
    assert_eq!(admit(&mut family, 9, LIFE, 0), "lead");
    refuse(&mut family, 9, "validation_failed", 0);
    assert_eq!(
        admit(&mut family, 9, LIFE, 100),
        "refused validation_failed"
    );
}

#[test]
fn few_strangers_are_sent_in_a_minute() {
    let mut family = Family::default();
    for n in 0..MAX_UNKNOWN {
        assert_eq!(admit(&mut family, n, LIFE, 0), "lead");
        refuse(&mut family, n, "refresh_token_not_found", 0);
    }
    assert_eq!(admit(&mut family, 50, LIFE, 0), "busy");
    let minute = UNKNOWN_WINDOW_MS / 1000;
    assert_eq!(admit(&mut family, 50, LIFE, minute - 1), "busy");
    assert_eq!(admit(&mut family, 50, LIFE, minute), "lead");
}

#[test]
fn a_token_whose_answer_is_lost_again_and_again_is_one_stranger() {
    let mut family = Family::default();
    for _ in 0..=MAX_UNKNOWN {
        assert_eq!(admit(&mut family, 0, LIFE, 0), "lead");
        drop(family.land("refresh-0", unavailable(), REPLAY_SECONDS, at(0)));
        family.finish();
    }
}

#[test]
fn tokens_that_auth_knew_are_no_strangers() {
    let mut family = Family::default();
    for n in 0..=MAX_UNKNOWN {
        assert_eq!(admit(&mut family, 2 * n, LIFE, 0), "lead");
        let sent = format!("refresh-{}", 2 * n);
        drop(family.land(&sent, renewed(2 * n + 1, 0), 0, at(0)));
        family.finish();
    }
}

#[test]
fn an_older_access_token_gets_the_newest_session_whatever_comes_with_it() {
    let mut family = Family::default();
    // A second factor rotated generation 0 into 1, and the gate saw only 1 rotate into 2.
    rotate(&mut family, 1, 10);
    assert_eq!(admit(&mut family, 0, 10 + LIFE - 1, 20), "replay refresh-2");
    assert_eq!(admit(&mut family, 0, 10 + LIFE, 20), "lead");
}

#[test]
fn an_older_access_token_never_sends_its_own_refresh_token_while_a_newer_is_known() {
    let mut family = Family::default();
    rotate_for_long(&mut family, 1, 10);
    let later = 10 + LIFE;
    assert_eq!(admit(&mut family, 0, 0, later), "lead with refresh-2");
}

#[test]
fn what_a_route_got_from_auth_is_the_newest_session() {
    let mut family = Family::default();
    assert!(family.learn(*session(1, 5), "refresh-0", REPLAY_SECONDS, at(5)));
    assert!(family.take_change());
    assert_eq!(admit(&mut family, 0, LIFE, 6), "replay refresh-1");
    assert_eq!(admit(&mut family, 1, 5 + LIFE, 6), "lead");
}

#[test]
fn a_refresh_that_a_second_factor_overtook_does_not_replace_its_session() {
    let mut family = Family::default();
    assert_eq!(admit(&mut family, 0, LIFE, 5), "lead");
    assert!(family.learn(*session(2, 8), "refresh-0", REPLAY_SECONDS, at(8)));
    let landing = family.land("refresh-0", renewed(1, 6), REPLAY_SECONDS, at(9));
    family.finish();
    assert_eq!(newest(&landing.unwrap().reply), "refresh-2");
    assert_eq!(admit(&mut family, 1, 6 + LIFE, 10), "replay refresh-2");
}

#[test]
fn two_refreshes_within_one_second_serve_each_other() {
    let mut family = Family::default();
    assert_eq!(admit(&mut family, 0, LIFE, 0), "lead");
    drop(family.land("refresh-0", renewed(1, 0), REPLAY_SECONDS, at(0)));
    family.finish();
    // Both access tokens end in the same second.
    assert_eq!(admit(&mut family, 0, LIFE, 0), "replay refresh-1");
    assert_eq!(admit(&mut family, 1, LIFE, 0), "lead");
}

#[test]
fn a_lost_answer_is_asked_for_again_unless_somebody_did() {
    let mut family = Family::default();
    assert_eq!(admit(&mut family, 0, LIFE, 0), "lead");
    assert!(!family.try_again(&presented(0, LIFE), at(1)), "under way");
    drop(family.land("refresh-0", unavailable(), REPLAY_SECONDS, at(1)));
    family.finish();
    assert!(family.try_again(&presented(0, LIFE), at(2)));
    assert_eq!(admit(&mut family, 0, LIFE, 2), "join");
    drop(family.land("refresh-0", renewed(1, 2), REPLAY_SECONDS, at(2)));
    family.finish();
    assert!(!family.try_again(&presented(0, LIFE), at(3)), "answered");
    family.end(1, at(3));
    assert!(!family.try_again(&presented(5, LIFE + 100), at(3)), "ended");
}

#[test]
fn an_isolate_remembers_ends_and_late_answers_for_their_time() {
    let mut isolate = Isolate::default();
    isolate.end("ABC", at(10));
    isolate.end("abc", at(5));
    assert!(isolate.is_ended("abc", at(9)));
    assert!(!isolate.is_ended("abc", at(10)));
    assert!(!isolate.is_ended("other", at(0)));
    isolate.keep("refresh-0", session(1, 0), at(10));
    for _ in 0..2 {
        let late = isolate.late("refresh-0", at(9)).unwrap();
        assert_eq!(late.refresh_token(), "refresh-1");
    }
    assert!(isolate.late("refresh-1", at(9)).is_none());
    assert!(isolate.late("refresh-0", at(10)).is_none());
}
