//! # edge-session
//!
//! One Cloudflare Worker in front of any origin. It reads the Supabase session
//! from the cookies that `@supabase/ssr` clients write, verifies its access
//! token, refreshes it at Supabase Auth when it is about to expire, sends the
//! request on with current cookies and a verified identity, and writes cookies
//! and cache headers on the response, so that no cache hands one user's session
//! to another.
//!
//! ## In scope
//!
//! - sessions of Supabase Auth in cookies or as bearer tokens
//! - guards by path, role, assurance level and claims
//! - what caches between the origin and the browser may keep
//!
//! ## Out of scope
//!
//! - storing sessions: the browser holds them, Auth is their only authority
//! - anything in a request's or a response's body: bodies pass as streams
//!
//! ## One request
//!
//! [`handler`] is a line: its file `line.rs` is the order of a request from top to bottom, and each stage beside it says
//! what it found without knowing what comes next. What a stage cannot do itself it asks for as an
//! [`handler::Effect`]; the shell (`shell::journey`, `shell::effects`) carries it out and hands the answer back.
//!
//! ```text
//!  browser ─► shell::passage  RequestHead: method, URL, headers; never the body
//!             config          Config, parsed once per isolate
//!             handler::line   arrive      which rule holds; is it one of our own routes?
//!                             present     cookies or bearer token, verified: keys, signature, or Auth's word
//!                             refresh     where the token is about to run out, or has
//!                             revocation  whether the session was ended before its token
//!                             live        Auth's opinion, where a rule wants it
//!                             guard       who may pass ─► respond, where the rule is not met
//!                             forward     the request as the origin gets it
//!  origin  ◄─ shell::http     the request, its body streamed through
//!  origin  ─► handler         forward, leave: Set-Cookie, Cache-Control, Vary
//!  browser ◄─ shell::http     the answer, its body streamed through
//!             shell::log      one RequestRecord
//! ```
//!
//! ## Map
//!
//! | module | holds |
//! |---|---|
//! | [`config`], [`secret`] | variables as checked values; every problem reported at once, no value ever |
//! | [`path`], [`overrides`], [`rules`], [`redirect`] | which rule a path falls under, however it is spelt; where a redirect may lead |
//! | `letters`, `members` | what is the same letter, whatever its case; the few members of a JSON object that matter |
//! | [`head`], [`authorization`], [`cookies`], [`session`] | what the visitor sent, and how a session is written back |
//! | [`pkce`], [`sign_in_api`], [`revocation`] | how sessions begin and end below `AUTH_PATH` |
//! | [`jwks`], [`token`], [`auth_api`] | keys, tokens, and what Auth's answers mean |
//! | [`refresh_order`] | a refresh as it is ordered, and what came of it |
//! | [`gate`] | one refresh at a time for a session, and its end: who leads, who waits, who gets the newest session, and that nobody gets one that was signed out |
//! | [`memory`], [`fingerprint`] | what an isolate remembers, and by what: verdicts, keys, cool-downs |
//! | [`handler`] | the line: one request from top to bottom, and the routes below `AUTH_PATH` |
//! | [`identity`], [`cache_control`], [`location`], [`answer`] | headers for origin, caches and browser, own answers |
//! | [`pages`] | the HTML of sign-in, account and error pages, in six languages |
//! | [`examine`] | what the doctor asks: problems, and which rule a request falls under |
//! | [`record`], [`reason`], [`metrics`] | the log line, what an operator is told, and every reason there is |
//! | `shell` | the only room with effects; compiled for wasm32 alone |
//!
//! ## Invariants
//!
//! - Nothing outside `shell` reads a clock, sends or draws random numbers; the runtime's crates do not even
//!   exist for other targets; `letters` alone asks the runtime for something, the case of letters beyond ASCII, which is a
//!   table. What `handler` awaits is the answer to an effect, and nothing else.
//! - A stage of `handler` names no stage; only `line.rs` knows what comes after what. No file names one that names it.
//! - The end of a session is the end: a late answer never signs anybody in again.
//! - No header of a client is trusted: reserved names are removed first, and
//!   identity is set from [`token::VerifiedClaims`] only.
//! - A session is written only after its new token was verified.
//! - Only a code of Auth for a dead session deletes one that had a good signature.
//! - Every response that carries a session cookie is uncacheable.
//! - What Auth answered is in the gate's storage before anybody gets it.
//! - A session that ended is not handed out again by its gate, whoever asks.
//! - While observing, nothing is refreshed, denied, deleted or changed.
//! - No promise, stream or request outlives the request it belongs to.

#![forbid(unsafe_code)]

pub mod answer;
pub mod auth_api;
pub mod authorization;
pub mod cache_control;
pub mod config;
pub mod cookies;
pub mod examine;
pub mod fingerprint;
pub mod gate;
pub mod handler;
pub mod head;
pub mod identity;
mod json;
pub mod jwks;
mod letters;
pub mod location;
mod members;
pub mod memory;
pub mod metrics;
pub mod overrides;
pub mod pages;
pub mod path;
pub mod pkce;
pub mod reason;
pub mod record;
pub mod redirect;
pub mod refresh_order;
pub mod revocation;
pub mod rules;
pub mod secret;
pub mod session;
pub mod sign_in_api;
pub mod time;
pub mod token;

#[cfg(target_arch = "wasm32")]
mod shell;
