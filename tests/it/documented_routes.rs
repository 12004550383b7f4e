//! `docs/routes.md` names every route that the code has, and no other.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::json;

use crate::scenario::{Reply, Scenario};

type Named = BTreeSet<(String, String)>;

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(root.join(path)).unwrap()
}

/// Method and path below `AUTH_PATH` of every row of the document's tables of routes.
fn documented() -> Named {
    let document = read("docs/routes.md");
    let rows = document.lines().filter_map(|line| line.strip_prefix("| `"));
    let first_cells = rows.filter_map(|row| row.split('`').next());
    first_cells
        .filter_map(|cell| {
            let (method, address) = cell.split_once(' ')?;
            let path = address.split('?').next()?.strip_prefix("/auth")?;
            let path = path.split('<').next()?;
            Some((method.to_owned(), path.to_owned()))
        })
        .collect()
}

/// The paths in the functions of the code that find a route.
fn in_the_code() -> BTreeSet<String> {
    let table = read("src/handler/routes/table.rs");
    let body = |source: &str, head: &str| {
        let rest = source.split_once(head).expect(head).1;
        rest.split_once("\n    }\n").expect("an end").0.to_owned()
    };
    let bodies = [
        body(&table, "fn find(method: &str, path: &str)"),
        body(&table, "fn post(path: &str)"),
        body(&table, "fn find(path: &str)"),
    ];
    let literals = bodies
        .iter()
        .flat_map(|body| body.split('"').skip(1).step_by(2));
    literals
        .filter(|literal| literal.starts_with('/'))
        .map(str::to_owned)
        .collect()
}

fn is_served(method: &str, path: &str) -> bool {
    let query = if (method, path) == ("GET", "/login") {
        "?provider=github"
    } else {
        ""
    };
    let id = if path.ends_with('/') {
        "5f0c2d3e-9d1b-4c52-8f6e-3f8d3f1f2c11"
    } else {
        ""
    };
    let run = Scenario::new()
        .var("AUTH_PATH", "/auth")
        .var("ACCOUNT_PAGES", "on")
        .var("REVOCATION", "on")
        .method(method)
        .path(&format!("/auth{path}{id}{query}"))
        .route(Reply::json(200, &json!({})))
        .run();
    !run.steps.contains(&"forward")
}

#[test]
fn the_document_names_every_route_and_page() {
    let documented = documented();
    let paths: BTreeSet<String> = documented.iter().map(|(_, path)| path.clone()).collect();
    assert_eq!(paths, in_the_code());
    assert!(documented.len() > 25, "{documented:?}");
}

#[test]
fn what_the_document_names_is_served_and_no_other_method() {
    let documented = documented();
    for (method, path) in &documented {
        assert!(is_served(method, path), "{method} {path}");
        for other in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
            let is_named = documented.contains(&(other.to_owned(), path.clone()));
            assert_eq!(is_served(other, path), is_named, "{other} {path}");
        }
    }
}

#[test]
fn every_field_that_the_document_names_is_read_somewhere() {
    let document = read("docs/routes.md");
    let table = document.split_once("| field | of |").expect("a table").1;
    let table = table.split_once("\n\n").expect("an end").0;
    let mut sources = String::new();
    for entry in
        fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/handler/routes")).unwrap()
    {
        sources.push_str(&fs::read_to_string(entry.unwrap().path()).unwrap());
    }
    let cells = table
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let names: BTreeSet<&str> = cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names.into_iter().filter(|name| !name.contains('<')) {
        assert!(sources.contains(&format!("\"{name}\"")), "{name}");
    }
}
