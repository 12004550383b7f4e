//! The integration tests, linked once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test that fails should fail loudly"
)]

mod auth_api;
mod begin;
mod config;
mod fetch_keys;
mod house;
mod jwks;
mod memory;
mod path;
mod redirect;
mod refresh;
mod rules;
mod scenario;
mod token;
mod tokens;
mod verify;
