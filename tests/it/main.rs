//! The integration tests, linked once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test that fails should fail loudly"
)]

mod config;
mod house;
mod path;
mod redirect;
mod rules;
