//! The table of all reason codes: the single truth for `docs/reasons.md` and for the tests that reach each of them.
//!
//! A code is stable: it may get better words, but never another meaning, and one that is gone is not used again. A
//! new one is a row in the table of its section, the same row in the page, and a request in the tests that ends
//! with it.

mod cookie;
mod ended;
mod entry;
mod passed;
mod routes;
mod token;
mod undecided;

pub use entry::Reason;

/// The tables, in the order of `docs/reasons.md`: a file for each of its sections.
const TABLES: [&[Reason]; 6] = [
    passed::REASONS,
    cookie::REASONS,
    token::REASONS,
    ended::REASONS,
    undecided::REASONS,
    routes::REASONS,
];

/// Every reason, in the order of `docs/reasons.md`.
///
/// ```
/// use edge_session::reason;
///
/// let expired = reason::all().find(|reason| reason.code == "token_expired");
/// assert!(expired.is_some_and(|reason| reason.remedy.contains("fresh")));
/// ```
pub fn all() -> impl Iterator<Item = &'static Reason> {
    TABLES.into_iter().flatten()
}
