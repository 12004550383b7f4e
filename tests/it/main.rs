//! The native tests, one binary.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    missing_docs,
    reason = "a panic is how a test fails"
)]

mod config;
mod cookie_properties;
mod cookies;
mod house;
mod path;
mod redirect;
mod rules;
mod vectors;
