//! One data point for Workers Analytics Engine per request: counts and times, nothing about a person.
//!
//! The order of blobs and doubles is what a query names them by (`blob3`), so it never changes: a new one goes to
//! the end.

use crate::json;
use crate::record::RequestRecord;

/// What the blobs are, in their order: `blob1` is the first.
pub const BLOBS: [&str; 9] = [
    "outcome",
    "reason",
    "would",
    "denied",
    "rule",
    "status_class",
    "keys",
    "gate",
    "level",
];

/// What the doubles are, in their order: `double1` is the first.
pub const DOUBLES: [&str; 8] = [
    "total_ms",
    "auth_ms",
    "keys_ms",
    "verify_ms",
    "origin_ms",
    "auth_calls",
    "cookies",
    "status",
];

/// The data point of a request, as JSON.
///
/// Analytics Engine samples within each index. With the outcome as index, the
/// seldom ones, which matter most, are not sampled away by the many.
#[must_use]
pub fn data_point(record: &RequestRecord) -> String {
    let ms = &record.ms;
    let rule = record
        .rule
        .map_or_else(|| "none".to_owned(), |rule| rule.to_string());
    let point = serde_json::json!({
        "indexes": [record.outcome],
        "blobs": [
            record.outcome,
            record.reason,
            record.would.unwrap_or("none"),
            record.denied.unwrap_or("none"),
            rule,
            format!("{}xx", record.status / 100),
            record.keys,
            record.gate,
            record.level.word(),
        ],
        "doubles": [
            ms.total,
            ms.auth,
            ms.keys,
            ms.verify,
            ms.origin,
            record.auth_calls,
            record.cookies,
            record.status,
        ],
    });
    json::write(&point)
}
