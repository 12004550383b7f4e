//! How much of Auth strangers may use up, whatever they send: refreshes of sessions that nobody here can check.
//!
//! Such a session is one line of JSON that anybody can make up, and each costs a call to Auth, whose limit all
//! visitors of the Worker may share. A session with a good signature never counts here.

use std::net::{IpAddr, Ipv6Addr};

use lru::LruCache;

use crate::time::UnixTime;
use crate::token;

use super::bounded::bounded;

/// The time in which claims are counted.
pub const WINDOW_MS: u64 = 60_000;
/// Refreshes of sessions that nobody here can check, per client address and window.
pub const PER_ADDRESS: u32 = 3;
/// The same of the whole isolate.
pub const PER_ISOLATE: u32 = 30;
/// Addresses and tokens that are remembered: more than claims of one window can name.
const MAX_ENTRIES: usize = 256;

/// Refreshes of sessions whose access token nobody here can check: one per refresh token,
/// three per address and thirty per isolate, each in a minute.
#[derive(Debug)]
pub struct Budgets {
    addresses: LruCache<String, Count>,
    isolate: Count,
    tokens: LruCache<[u8; 32], UnixTime>,
}

/// A counter that starts anew with every window.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    started: UnixTime,
    used: u32,
}

impl Count {
    /// An old window has room whatever was used in it.
    const fn has_room(&self, most: u32, now: UnixTime) -> bool {
        self.used < most || now.millis_since(self.started) >= WINDOW_MS
    }

    const fn add(&mut self, now: UnixTime) {
        if now.millis_since(self.started) >= WINDOW_MS {
            self.started = now;
            self.used = 0;
        }
        self.used = self.used.saturating_add(1);
    }
}

impl Default for Budgets {
    fn default() -> Self {
        Self {
            addresses: bounded(MAX_ENTRIES),
            isolate: Count::default(),
            tokens: bounded(MAX_ENTRIES),
        }
    }
}

impl Budgets {
    /// Claims a refresh; false if there is none left for this token, this address or the isolate.
    /// A claim that is refused uses up nothing. Visitors without an address share one.
    ///
    /// ```
    /// use edge_session::memory::{Budgets, PER_ADDRESS};
    /// use edge_session::time::UnixTime;
    ///
    /// let now = UnixTime::from_seconds(1_790_000_000);
    /// let mut budgets = Budgets::default();
    /// for token in 0..PER_ADDRESS {
    ///     assert!(budgets.claim(&token.to_string(), Some("192.0.2.1"), now));
    /// }
    /// assert!(!budgets.claim("another", Some("192.0.2.1"), now));
    /// assert!(budgets.claim("another", Some("192.0.2.2"), now));
    /// // The same refresh token is tried once in a minute, from wherever it comes.
    /// assert!(!budgets.claim("another", Some("192.0.2.3"), now));
    /// ```
    pub fn claim(&mut self, refresh_token: &str, client_ip: Option<&str>, now: UnixTime) -> bool {
        let digest = token::digest(refresh_token);
        let address = network(client_ip);
        let is_repeated = self
            .tokens
            .get(&digest)
            .is_some_and(|claimed| now.millis_since(*claimed) < WINDOW_MS);
        let mut count = self.addresses.get(&address).copied().unwrap_or_default();
        let has_room = count.has_room(PER_ADDRESS, now) && self.isolate.has_room(PER_ISOLATE, now);
        if is_repeated || !has_room {
            return false;
        }
        count.add(now);
        self.isolate.add(now);
        self.addresses.put(address, count);
        self.tokens.put(digest, now);
        true
    }
}

/// What counts as one visitor's address: of IPv6 the first 64 bits, since whoever has one of them has all the others. Cloudflare
/// always sends an address; whatever else comes is one visitor.
///
/// ```
/// use edge_session::memory::network;
///
/// assert_eq!(network(Some("2001:db8:1:2:3:4:5:6")), "2001:db8:1:2::");
/// assert_eq!(network(Some("::ffff:203.0.113.7")), "203.0.113.7");
/// assert_eq!(network(None), "unknown");
/// ```
#[must_use]
pub fn network(client_ip: Option<&str>) -> String {
    match client_ip.and_then(|address| address.trim().parse().ok()) {
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => match address.to_ipv4_mapped() {
            Some(address) => address.to_string(),
            None => {
                let prefix = address.to_bits() & !u128::from(u64::MAX);
                Ipv6Addr::from_bits(prefix).to_string()
            }
        },
        None => "unknown".to_owned(),
    }
}
