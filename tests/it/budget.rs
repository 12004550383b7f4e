//! What strangers may use up of Auth.

use edge_session::memory::{
    Budgets, FORCED_FETCH_MS, Forced, ForcedFetches, PER_ADDRESS, PER_ISOLATE, WINDOW_MS,
};
use edge_session::time::UnixTime;

fn at(millis: u64) -> UnixTime {
    UnixTime::from_millis(1_700_000_000_000 + millis)
}

#[test]
fn a_refresh_token_is_tried_once_a_minute_wherever_it_comes_from() {
    let mut budgets = Budgets::default();
    assert!(budgets.claim("a", Some("203.0.113.1"), at(0)));
    assert!(!budgets.claim("a", Some("203.0.113.2"), at(WINDOW_MS - 1)));
    assert!(budgets.claim("a", Some("203.0.113.2"), at(WINDOW_MS)));
}

#[test]
fn fourteen_parallel_requests_of_one_visitor_use_up_one() {
    let mut budgets = Budgets::default();
    let ip = Some("203.0.113.1");
    let granted = (0..14).filter(|_| budgets.claim("a", ip, at(0))).count();
    assert_eq!(granted, 1);
    assert!(budgets.claim("b", ip, at(0)), "a refusal uses up nothing");
}

#[test]
fn an_address_has_three_and_leaves_the_others_theirs() {
    for (mine, alike, other) in [
        ("203.0.113.1", "203.0.113.1", "203.0.113.2"),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:2::1"),
        ("::ffff:203.0.113.1", "203.0.113.1", "::ffff:203.0.113.2"),
        ("", "no address", "203.0.113.1"),
    ] {
        let mut budgets = Budgets::default();
        for n in 0..PER_ADDRESS {
            assert!(budgets.claim(&n.to_string(), Some(mine), at(0)), "{mine}");
        }
        assert!(!budgets.claim("x", Some(alike), at(0)), "{alike}");
        assert!(budgets.claim("x", Some(other), at(0)), "{other}");
        assert!(budgets.claim("y", Some(mine), at(WINDOW_MS)), "{mine}");
    }
}

#[test]
fn an_isolate_has_thirty() {
    let mut budgets = Budgets::default();
    let granted = (0..1000_u32)
        .filter(|n| {
            let ip = format!("10.0.{}.{}", n / 250, n % 250);
            budgets.claim(&n.to_string(), Some(&ip), at(0))
        })
        .count();
    assert_eq!(granted, PER_ISOLATE as usize);
    assert!(budgets.claim("later", None, at(WINDOW_MS)));
}

#[test]
fn one_forced_fetch_answers_for_all_that_come_meanwhile() {
    let mut fetches = ForcedFetches::default();
    assert_eq!(fetches.claim(at(0)), Forced::Fetch);
    for _ in 0..14 {
        assert_eq!(fetches.claim(at(100)), Forced::Wait);
    }
    fetches.done();
    assert_eq!(fetches.claim(at(200)), Forced::No);
    assert_eq!(fetches.claim(at(FORCED_FETCH_MS - 1)), Forced::No);
    assert_eq!(fetches.claim(at(FORCED_FETCH_MS)), Forced::Fetch);
}

#[test]
fn nobody_waits_for_a_forced_fetch_whose_visitor_hung_up() {
    let mut fetches = ForcedFetches::default();
    assert_eq!(fetches.claim(at(0)), Forced::Fetch);
    assert_eq!(fetches.claim(at(1_999)), Forced::Wait);
    assert_eq!(fetches.claim(at(2_000)), Forced::No);
}
