//! edge-session
#![forbid(unsafe_code)]

pub mod config;
pub mod cookies;
pub mod path;
pub mod redirect;
pub mod rules;
pub mod secret;
