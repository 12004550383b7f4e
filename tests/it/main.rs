//! The native tests, one binary.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    missing_docs,
    reason = "a panic is how a test fails"
)]

mod account;
mod answer;
mod auth_api;
mod begin;
mod budget;
mod cache_control;
mod config;
mod cookie_properties;
mod cookies;
mod documented_routes;
mod examine;
mod explain;
mod fetch_keys;
mod forward;
mod fuzz;
mod gate;
mod guard;
mod house;
mod identity;
mod jwks;
mod known_cookies;
mod memory;
mod observe;
mod operating;
mod pages;
mod path;
mod pkce;
mod properties;
mod reasons;
mod redirect;
mod refresh;
mod rooms;
mod route_defences;
mod routes;
mod rules;
mod scenario;
mod settle;
mod token;
mod tokens;
mod vectors;
mod verify;
