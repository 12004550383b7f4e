//! The integration tests, linked once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test that fails should fail loudly"
)]

mod begin;
mod config;
mod fetch_keys;
mod house;
mod jwks;
mod path;
mod redirect;
mod rules;
mod scenario;
mod token;
mod tokens;
mod verify;
