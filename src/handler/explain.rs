//! `X-Session-Explanation`: the log line's facts on the answer itself, for whoever may see them.
//!
//! Asked for by [`EXPLAIN_HEADER`] with the operator's token. It says no more than
//! the log line does: codes and numbers, no name and no value of anything that was sent.

use crate::cache_control;
use crate::config::Config;
use crate::head::{HeaderEdit, Headers, RequestHead};
use crate::identity::{EXPLAIN_HEADER, EXPLANATION_HEADER};
use crate::record::RequestRecord;

/// True if the request holds the operator's token, as only an operator's does.
///
/// Without `OPERATOR_TOKEN` and without the secret key nobody can ask: there is nothing to show.
#[must_use]
pub fn is_asked_for(config: &Config, head: &RequestHead) -> bool {
    let Some(secret) = config.operator_secret() else {
        return false;
    };
    head.header(EXPLAIN_HEADER)
        .is_some_and(|sent| secret.matches(sent))
}

/// Edits that put the explanation on the origin's answer. No cache may keep
/// it: it would explain one visitor's request to another.
pub(super) fn edits(record: &RequestRecord, origin: &Headers) -> Vec<HeaderEdit> {
    let explanation = HeaderEdit::Set(EXPLANATION_HEADER, record.explanation());
    cache_control::explained(origin)
        .chain(std::iter::once(explanation))
        .collect()
}
