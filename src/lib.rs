//! edge-session
#![forbid(unsafe_code)]

pub mod cookies;
pub mod session;
