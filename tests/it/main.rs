//! The integration tests, linked once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test that fails should fail loudly"
)]

mod answer;
mod auth_api;
mod begin;
mod cache_control;
mod config;
mod fetch_keys;
mod forward;
mod guard;
mod house;
mod identity;
mod jwks;
mod memory;
mod path;
mod properties;
mod redirect;
mod refresh;
mod rules;
mod scenario;
mod settle;
mod token;
mod tokens;
mod verify;
