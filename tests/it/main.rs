//! The native tests, one binary.

mod cookie_properties;
mod cookies;
mod vectors;
