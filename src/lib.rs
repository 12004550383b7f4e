//! edge-session
#![forbid(unsafe_code)]
