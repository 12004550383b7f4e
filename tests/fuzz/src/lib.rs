//! What has to hold for any input at all.
//!
//! Each module is one target: `check` reads an input and panics where a property is broken. libFuzzer drives them with
//! inputs of its own making, and `cargo test` replays the inputs that were worth keeping (`tests/it/fuzz.rs`).
//!
//! Inputs are lines of text, so that a corpus can be read and written by hand.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a panic is how a property fails"
)]

pub mod auth_answer;
pub mod config;
pub mod cookies;
pub mod flow_index;
pub mod jwks;
pub mod next;
pub mod path_rules;
pub mod set_cookie;
pub mod token;

mod browser;
mod play;
mod site;

/// A target and its properties.
pub type Target = (&'static str, fn(&[u8]));

/// Every target by the name of its binary and of its corpus.
pub const TARGETS: [Target; 9] = [
    ("auth_answer", auth_answer::check),
    ("config", config::check),
    ("cookies", cookies::check),
    ("flow_index", flow_index::check),
    ("jwks", jwks::check),
    ("next", next::check),
    ("path_rules", path_rules::check),
    ("set_cookie", set_cookie::check),
    ("token", token::check),
];

/// The first `N` lines of an input, the last of them with all that follows; what is missing is empty.
fn lines<const N: usize>(text: &str) -> [&str; N] {
    let mut lines = text.splitn(N, '\n');
    std::array::from_fn(|_| lines.next().unwrap_or_default())
}
