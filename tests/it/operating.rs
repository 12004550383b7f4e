//! What an operator reads: the fields of the log line, the columns of the metrics, and the page that documents both.

use std::fs;
use std::path::Path;

use edge_session::metrics::{BLOBS, DOUBLES, data_point};
use edge_session::record::{Level, Place, RequestRecord, Stages};
use serde_json::{Value, json};

use crate::scenario::Scenario;
use crate::tokens::{SESSION, USER, expiring_in};

/// A record in which nothing is left out, and no two numbers are the same.
fn full_record() -> RequestRecord {
    RequestRecord {
        level: Level::Error,
        would: Some("deny"),
        would_delete: true,
        outcome: "valid",
        reason: "token_valid",
        rule: Some(3),
        rule_name: Some("members".to_owned()),
        denied: Some("aal"),
        auth_calls: 6,
        gate: "shared",
        keys: "kv",
        cookies: 7,
        ms: Stages {
            keys: 13,
            verify: 14,
            auth: 12,
            origin: 15,
            total: 11,
        },
        status: 403,
        origin_error: Some("Network connection lost.".to_owned()),
        place: Some(Place {
            method: "GET".to_owned(),
            host: "site.example".to_owned(),
            path: "/page".to_owned(),
        }),
        ray: Some("8a-FRA".to_owned()),
    }
}

/// The section of `docs/operating.md` with this heading.
fn section(heading: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operating.md");
    let page = fs::read_to_string(page).unwrap();
    let section = page
        .split("\n## ")
        .find_map(|part| part.strip_prefix(heading));
    section.expect("the heading").to_owned()
}

/// The names in the first column of the section's tables, where they are code.
fn first_column(section: &str) -> Vec<&str> {
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| row.split('`').next().unwrap()).collect()
}

#[test]
fn the_page_has_every_field_of_the_log_line_in_its_order() {
    let line: Value = serde_json::from_str(&full_record().line()).unwrap();
    let mut fields = Vec::new();
    for (name, value) in line.as_object().unwrap() {
        match value.as_object() {
            Some(members) => fields.extend(members.keys().map(|member| format!("{name}.{member}"))),
            None => fields.push(name.clone()),
        }
    }
    assert_eq!(first_column(&section("The log line\n")), fields);
}

#[test]
fn the_log_line_is_what_it_was() {
    let line: Value = serde_json::from_str(&full_record().line()).unwrap();
    assert_eq!(
        line,
        json!({
            "level": "error", "would": "deny", "would_delete": true, "outcome": "valid", "reason": "token_valid", "rule": 3,
            "rule_name": "members", "denied": "aal",
            "auth_calls": 6, "gate": "shared", "keys": "kv", "cookies": 7,
            "ms": {"keys": 13, "verify": 14, "auth": 12, "origin": 15, "total": 11},
            "status": 403, "origin_error": "Network connection lost.", "method": "GET", "host": "site.example",
            "path": "/page", "ray": "8a-FRA",
        })
    );
    let least: Value = serde_json::from_str(&RequestRecord::default().line()).unwrap();
    let names: Vec<&String> = least.as_object().unwrap().keys().collect();
    let always = [
        "level",
        "outcome",
        "reason",
        "rule",
        "auth_calls",
        "gate",
        "keys",
        "cookies",
        "ms",
        "status",
    ];
    assert_eq!(names, always);
}

#[test]
fn what_others_wrote_cannot_leave_its_place_in_the_log_line() {
    let strange = "\"},\"status\":200,\"x\":\"\n\\";
    let record = RequestRecord {
        rule_name: Some(strange.to_owned()),
        origin_error: Some(strange.to_owned()),
        ray: Some(strange.to_owned()),
        place: full_record().place.map(|place| Place {
            path: strange.to_owned(),
            ..place
        }),
        ..full_record()
    };
    assert!(!record.line().contains('\n'));
    let line: Value = serde_json::from_str(&record.line()).unwrap();
    for name in ["rule_name", "origin_error", "ray", "path"] {
        assert_eq!(line[name], strange);
    }
    assert_eq!(line["status"], 403);
}

#[test]
fn every_column_of_a_data_point_holds_what_its_name_says() {
    let point: Value = serde_json::from_str(&data_point(&full_record())).unwrap();
    assert_eq!(
        point,
        json!({
            "indexes": ["valid"],
            "blobs": ["valid", "token_valid", "deny", "aal", "3", "4xx", "kv", "shared", "error"],
            "doubles": [11, 12, 13, 14, 15, 6, 7, 403],
        })
    );
    let point: Value = serde_json::from_str(&data_point(&Scenario::new().run().record)).unwrap();
    let blobs = [
        "anonymous",
        "no_session",
        "none",
        "none",
        "none",
        "2xx",
        "none",
        "none",
        "info",
    ];
    assert_eq!(point["blobs"], json!(blobs));
    assert_eq!((BLOBS.len(), DOUBLES.len()), (9, 8));
}

#[test]
fn the_page_has_every_column_of_the_metrics() {
    let section = section("Metrics\n");
    let rows: Vec<String> = section
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            line.splitn(4, " | ")
                .take(2)
                .collect::<Vec<_>>()
                .join(" | ")
        })
        .collect();
    let columns = |kind: &str, names: &[&str]| -> Vec<String> {
        let numbered = names.iter().zip(1..);
        numbered
            .map(|(name, number)| format!("| `{kind}{number}` | `{name}`"))
            .collect()
    };
    assert_eq!(
        rows,
        [columns("blob", &BLOBS), columns("double", &DOUBLES)].concat()
    );
}

#[test]
fn the_queries_name_each_column_as_it_is() {
    let section = section("Metrics\n");
    let queries: Vec<&str> = section.split("```sql").skip(1).collect();
    assert_eq!(queries.len(), 5);
    for query in queries {
        let query = query.split("```").next().unwrap();
        assert!(
            query.contains("FROM edge_session") && query.contains("_sample_interval"),
            "{query}"
        );
        for (at, _) in query.match_indices(" AS ") {
            let column = query[..at].rsplit([' ', '\n', ',']).next().unwrap();
            let alias = query[at + 4..].split([' ', ',', '\n']).next().unwrap();
            if let Some(number) = column.strip_prefix("blob") {
                let index = number.parse::<usize>().unwrap() - 1;
                assert_eq!(BLOBS[index], alias, "{query}");
            }
        }
    }
}

#[test]
fn a_data_point_holds_nothing_of_the_visitor() {
    let run = Scenario::expiring_in(3600)
        .path("/account/visitor?email=visitor@example.com")
        .header("cf-connecting-ip", "203.0.113.7")
        .header("cf-ray", "8a-FRA")
        .run();
    let token = expiring_in(3600);
    for private in [
        USER,
        SESSION,
        "visitor",
        "203.0.113.7",
        "8a-FRA",
        "site.example",
        &token,
    ] {
        assert!(!data_point(&run.record).contains(private), "{private}");
    }
}
