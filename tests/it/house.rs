//! The rules of the house: what the compiler does not check.

use edge_session::config::{Kind, Unset, VARIABLES};
use std::fs;
use std::path::{Path, PathBuf};

const MAX_CODE_LINES: usize = 350;
const MAX_FUNCTION_LINES: usize = 60;
/// Of the JavaScript beside the shell.
const MAX_SCRIPT_LINES: usize = 150;

/// What only the shell may do: read a clock, name the runtime.
const BOUNDARY: [&str; 6] = [
    "SystemTime::now",
    "Instant::now",
    "worker::",
    "js_sys",
    "web_sys",
    "wasm_bindgen",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file of `src`, with its code: lines that are neither blank nor comments.
fn sources() -> Vec<(PathBuf, Vec<String>)> {
    let mut folders = vec![root().join("src")];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let code = text
                    .lines()
                    .filter(|line| !line.trim().is_empty() && !line.trim().starts_with("//"));
                sources.push((path.clone(), code.map(str::to_owned).collect()));
            }
        }
    }
    assert!(sources.len() > 5, "the sources were not found");
    sources
}

/// Every Rust file of `src` as it stands, by its path.
pub(crate) fn texts() -> Vec<(String, String)> {
    let read = |(path, _): (PathBuf, Vec<String>)| {
        let text = fs::read_to_string(&path).unwrap();
        (path.display().to_string(), text)
    };
    sources().into_iter().map(read).collect()
}

#[test]
fn no_file_is_longer_than_a_person_reads_at_once() {
    for (path, code) in sources() {
        assert!(
            code.len() <= MAX_CODE_LINES,
            "{} has {} code lines",
            path.display(),
            code.len()
        );
    }
}

#[test]
fn no_function_is_longer_than_a_screen() {
    for (path, code) in sources() {
        for (at, line) in code.iter().enumerate() {
            let is_function = is_function(line) && has_body(&code[at..]);
            let Some(indent) = line.find(|c: char| c != ' ').filter(|_| is_function) else {
                continue;
            };
            let end = format!("{}}}", " ".repeat(indent));
            let length = code[at..].iter().position(|line| *line == end).unwrap_or(0) + 1;
            assert!(
                length <= MAX_FUNCTION_LINES,
                "{} has a function of {length} lines: {line}",
                path.display()
            );
        }
    }
}

/// True for the first line of a function that has a body of its own.
fn is_function(line: &str) -> bool {
    let words = line.trim_start().split([' ', '(']);
    let mut signature = words.skip_while(|word| {
        ["pub", "const", "async", "unsafe"].contains(word) || word.ends_with(')')
    });
    signature.next() == Some("fn") && !line.trim_end().ends_with('}')
}

/// False for the declaration of a foreign function: it ends in a semicolon and has no body to measure.
fn has_body(code: &[String]) -> bool {
    let mut lines = code.iter().map(|line| line.trim_end());
    let end = lines.find(|line| line.ends_with(['{', ';']));
    end.is_some_and(|line| line.ends_with('{'))
}

#[test]
fn only_the_shell_waits_reads_a_clock_or_names_the_runtime() {
    for (path, code) in sources() {
        if path.starts_with(root().join("src/shell")) {
            continue;
        }
        for line in code {
            let word = BOUNDARY.iter().find(|word| line.contains(**word));
            // The case of letters is looked up there, in a table.
            let may_name = path.ends_with("src/letters.rs") && word == Some(&"js_sys");
            assert!(
                word.is_none() || may_name,
                "{} has {word:?}: {line}",
                path.display()
            );
            // A stage of the handler waits for an effect, or for another stage; nothing else waits at all.
            let may_wait = path.starts_with(root().join("src/handler"));
            let waits = line.contains("async ") || line.contains(".await");
            assert!(may_wait || !waits, "{} waits: {line}", path.display());
        }
    }
}

/// Words of HTTP and of this Worker that decide something.
const DECISIONS: [&str; 15] = [
    "accept",
    "allow",
    "auth-token",
    "authorization",
    "cache-control",
    "cookie",
    "content-",
    "host",
    "location",
    "origin",
    "referer",
    "retry-after",
    "session",
    "vary",
    "x-",
];

#[test]
fn the_shell_s_javascript_is_short_and_decides_nothing() {
    let mut count = 0;
    for entry in fs::read_dir(root().join("src/shell")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "js") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let is_comment = |line: &str| ["//", "/**"].iter().any(|begin| line.starts_with(begin));
        let code: Vec<&str> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !is_comment(line))
            .collect();
        count += code.len();
        for line in code {
            // Only a text can name a header, and only a number a status.
            let texts = line.split('"').skip(1).step_by(2).collect::<String>();
            let word = DECISIONS.iter().find(|word| texts.contains(**word));
            assert!(word.is_none(), "{} names {word:?}: {line}", path.display());
            let mut numbers = line.split(|c: char| !c.is_ascii_digit());
            let status = numbers.find(|number| number.len() == 3);
            assert!(status.is_none(), "{} has a status: {line}", path.display());
        }
    }
    assert!(
        (1..=MAX_SCRIPT_LINES).contains(&count),
        "{count} lines of JavaScript"
    );
}

#[test]
fn nothing_outside_tests_can_panic_by_unwrapping() {
    for (path, code) in sources() {
        for line in code {
            assert!(
                !line.contains(".unwrap()") && !line.contains(".expect("),
                "{}: {line}",
                path.display()
            );
        }
    }
}

#[test]
fn every_allow_has_a_reason() {
    for (path, code) in sources() {
        let text = code.join("\n");
        for (at, _) in text
            .match_indices("[allow(")
            .chain(text.match_indices("[expect("))
        {
            let attribute = text[at..].split(")]").next().unwrap();
            assert!(
                attribute.contains("reason = \""),
                "{}: {attribute}",
                path.display()
            );
        }
    }
}

#[test]
fn the_readme_has_the_table_of_variables() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let section = readme
        .split("\n## Configuration\n")
        .nth(1)
        .expect("a section Configuration");
    let section = section.split("\n## ").next().unwrap();
    let rows: Vec<&str> = section
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    let expected: Vec<String> = VARIABLES.iter().map(ToString::to_string).collect();
    assert_eq!(
        rows,
        expected,
        "the rows should read:\n{}\n",
        expected.join("\n")
    );
}

#[test]
fn the_example_of_secrets_has_what_is_required_or_secret() {
    let example = fs::read_to_string(root().join(".dev.vars.example")).unwrap();
    let lines: Vec<&str> = example.lines().collect();
    let mut names = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Some((name, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) else {
            continue;
        };
        assert!(!value.is_empty(), "{name} has no example");
        assert!(
            index > 0 && lines[index - 1].starts_with("# "),
            "{name} has no comment"
        );
        names.push(name);
    }
    let expected = VARIABLES
        .iter()
        .filter(|variable| variable.kind == Kind::Secret || variable.default == Unset::Required);
    assert_eq!(
        names,
        expected.map(|variable| variable.name).collect::<Vec<_>>()
    );
    let config = edge_session::config::Config::from_vars(|name| {
        lines.iter().find_map(|line| {
            line.strip_prefix(name)?
                .strip_prefix('=')
                .map(str::to_owned)
        })
    });
    assert!(config.is_ok(), "{config:?}");
}
