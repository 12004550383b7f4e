//! What strangers may spend: refreshes of sessions that nobody here can check.

use std::net::IpAddr;

use lru::LruCache;

use crate::fingerprint::Fingerprint;
use crate::time::UnixTime;

use super::bounded;

/// The window of every budget.
const WINDOW_MS: u64 = 60_000;
/// Attempts from one client address in a window.
const PER_ADDRESS: u32 = 3;
/// Attempts of the whole isolate in a window.
const PER_ISOLATE: u32 = 30;
/// Refresh tokens and addresses that are remembered. The isolate's own budget ends long before.
const MAX_REMEMBERED: usize = 256;

/// Who may still try to refresh a session whose token nobody here can check. Anybody can make one up, so
/// what strangers spend must not be what visitors need.
#[derive(Debug)]
pub struct Budgets {
    addresses: LruCache<Address, Window>,
    isolate: Window,
    tokens: LruCache<Fingerprint, UnixTime>,
}

/// A client, as far as an address tells: whoever holds an IPv6 address holds its /64 (RFC 6177).
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Address {
    Network([u8; 8]),
    Single(IpAddr),
    Unknown,
}

impl Address {
    fn of(client_ip: Option<&str>) -> Self {
        match client_ip.and_then(|text| text.trim().parse().ok()) {
            Some(IpAddr::V6(address)) => {
                let [a, b, c, d, e, f, g, h, ..] = address.octets();
                Self::Network([a, b, c, d, e, f, g, h])
            }
            Some(address @ IpAddr::V4(_)) => Self::Single(address),
            None => Self::Unknown,
        }
    }
}

/// A counter that starts anew every minute.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    started: UnixTime,
    used: u32,
}

impl Window {
    const fn claim(&mut self, most: u32, now: UnixTime) -> bool {
        if now.millis_since(self.started) >= WINDOW_MS {
            self.started = now;
            self.used = 0;
        }
        if self.used >= most {
            return false;
        }
        self.used += 1;
        true
    }
}

impl Default for Budgets {
    fn default() -> Self {
        Self {
            addresses: bounded(MAX_REMEMBERED),
            isolate: Window::default(),
            tokens: bounded(MAX_REMEMBERED),
        }
    }
}

impl Budgets {
    /// Claims an attempt with this refresh token from this address: one per token, three per address and thirty
    /// per isolate in a minute.
    pub fn claim(&mut self, token: Fingerprint, client_ip: Option<&str>, now: UnixTime) -> bool {
        let last = self.tokens.get(&token);
        if last.is_some_and(|last| now.millis_since(*last) < WINDOW_MS) {
            return false;
        }
        let address = Address::of(client_ip);
        let window = self.addresses.get_or_insert_mut(address, Window::default);
        if !window.claim(PER_ADDRESS, now) || !self.isolate.claim(PER_ISOLATE, now) {
            return false;
        }
        self.tokens.put(token, now);
        true
    }
}
