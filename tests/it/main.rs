//! The native tests, one binary.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a panic is how a test fails"
)]

mod cookie_properties;
mod cookies;
mod vectors;
