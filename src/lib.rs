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
//! ```text
//!  browser ─► shell::http    RequestHead: method, URL, headers; never the body
//!             config         Config, parsed once per isolate
//!             path, rules    which rule holds
//!             cookies        chunks joined, value decoded, duplicates told apart
//!             session        the session's JSON, unknown members kept
//!             handler        Step ─┬─ ReadKeys ───────► SESSION_KV
//!                                  ├─ FetchKeys ──────► GET jwks.json
//!                                  ├─ CheckSignature ─► WebCrypto
//!                                  ├─ AskUser ────────► GET /user
//!                                  ├─ RefreshSession ─► POST /token
//!                                  ├─ Respond ▼         a denial, an error
//!                                  └─ Forward ▼
//!             token          VerifiedClaims: only a verification makes them
//!             identity       headers for the origin: stripped, then set
//!  origin  ◄─ shell::http    the request, its body streamed through
//!  origin  ─► handler        edits to the answer: Set-Cookie, Cache-Control, Vary
//!  browser ◄─ shell::http    the answer, its body streamed through
//!             shell::log     one RequestRecord
//! ```
//!
//! ## Map
//!
//! | module | holds |
//! |---|---|
//! | [`config`], [`secret`] | variables as checked values; every problem reported at once, no value ever |
//! | [`path`], [`overrides`], [`rules`], [`redirect`] | which rule a path falls under, however it is spelt; where a redirect may lead |
//! | [`head`], [`cookies`], [`session`] | what the visitor sent, and how a session is written back |
//! | [`pkce`], [`sign_in_api`], [`revocation`] | how sessions begin and end below `AUTH_PATH` |
//! | [`jwks`], [`token`], [`auth_api`] | keys, tokens, and what Auth's answers mean |
//! | [`refresh_order`] | a refresh as it is ordered, and what came of it |
//! | [`gate`] | one refresh at a time for a session, and its end: who leads, who waits, who gets the newest session, and that nobody gets one that was signed out |
//! | [`budget`] | how much of Auth strangers may use up |
//! | [`memory`], [`fingerprint`] | what an isolate remembers, and by what: verdicts, keys, cool-downs |
//! | [`handler`] | the states of a request |
//! | [`identity`], [`cache_control`], [`location`], [`answer`] | headers for origin, caches and browser, own answers |
//! | [`examine`] | what the doctor asks: problems, and which rule a request falls under |
//! | [`record`], [`reason`], [`metrics`] | the log line, what an operator is told, and every reason there is |
//! | `shell` | the only room with effects; compiled for wasm32 alone |
//!
//! ## Invariants
//!
//! - Nothing outside `shell` awaits, reads a clock, or draws random numbers;
//!   the runtime's crates do not even exist for other targets.
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
pub mod cache_control;
pub mod config;
pub mod cookies;
pub mod examine;
pub mod fingerprint;
pub mod gate;
pub mod handler;
pub mod head;
pub mod identity;
pub mod jwks;
pub mod location;
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
