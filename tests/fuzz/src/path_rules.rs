//! A path against the globs of a rule.
//!
//! - The matcher agrees with a reference that was written from the contract, for a guard and for a bypass.
//! - Whatever path one of several origins makes of the request, a guard for it holds, and a bypass never holds for a path that an origin could take for another.
//! - A path counts as any only for a reason that can be seen in it.

use edge_session::path::RequestPath;
use edge_session::rules::Rules;
use percent_encoding::percent_decode_str;
use serde_json::json;
use url::Url;

use super::lines;

const SITE: &str = "https://site.example";

/// The input is a path and, on the next line, globs with a space between them.
pub fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let [path, globs] = lines(&text);
    let globs: Vec<&str> = globs.split(' ').filter(|glob| !glob.is_empty()).collect();
    // The runtime hands out a URL that this parser wrote.
    let Ok(url) = Url::parse(&format!(
        "{SITE}{}{path}",
        if path.starts_with(['/', '\\']) {
            ""
        } else {
            "/"
        }
    )) else {
        return;
    };
    assert_eq!(url.origin().ascii_serialization(), SITE);
    let raw = url.path();
    let path = RequestPath::new(raw);
    if path.is_ambiguous() {
        assert_ambiguous_with_reason(raw);
    }
    assert_eq!(path.forms().next(), Some(raw));
    let forms: Vec<&str> = path.forms().collect();
    assert!(
        forms
            .iter()
            .enumerate()
            .all(|(at, form)| !forms[..at].contains(form))
    );
    let rule = |require: bool| {
        let mut rule = json!({"path": globs});
        rule[if require { "require" } else { "bypass" }] = true.into();
        Rules::parse(&json!([rule]).to_string())
    };
    let (Ok(guard), Ok(bypass)) = (rule(true), rule(false)) else {
        return;
    };
    let holds = |rules: &Rules| rules.find(&["GET"], "site.example", &path).0.is_some();
    let globs = Globs::new(&globs);
    let is_guarded = holds(&guard);
    let is_bypassed = holds(&bypass);
    let is_any = path.is_ambiguous();
    assert_eq!(
        is_guarded,
        is_any
            || (forms.iter().any(|form| globs.guard(form))
                && !forms.iter().all(|form| globs.exclude(form)))
    );
    assert_eq!(
        is_bypassed,
        !is_any
            && forms
                .iter()
                .all(|form| globs.include(form) && !globs.exclude_in_any_case(form))
    );
    for (origin, read) in ORIGINS {
        let Some(page) = read(raw) else { continue };
        if globs.mean(&page) {
            assert!(
                is_guarded,
                "{origin} reads {raw:?} as {page:?}, and no guard holds"
            );
        } else {
            assert!(
                !is_bypassed,
                "{origin} reads {raw:?} as {page:?}, and a bypass holds"
            );
        }
    }
}

/// Nobody's path: many marks that can be read in more than one way, or very long.
fn assert_ambiguous_with_reason(raw: &str) {
    let marks = raw.chars().filter(|mark| "%;/\\.".contains(*mark)).count();
    assert!(marks >= 6 || raw.len() > 1024, "{raw:?}");
}

/// The reference: globs over paths, each as it was written, decoded, and as a browser would send it.
struct Globs {
    included: Vec<String>,
    excluded: Vec<String>,
    /// For a guard, in one case and with the page of a folder.
    guarded: Vec<String>,
    left_open: Vec<String>,
}

impl Globs {
    fn new(globs: &[&str]) -> Self {
        let spellings = |glob: &str| {
            let decoded = percent_decode_str(glob).decode_utf8();
            let decoded = decoded.map_or_else(|_| glob.to_owned(), String::from);
            [glob.to_owned(), escaped(&decoded), decoded]
        };
        let (excluded, included): (Vec<&str>, Vec<&str>) =
            globs.iter().partition(|glob| glob.starts_with('!'));
        let in_one_case = |glob: &str| {
            let folder = glob.strip_suffix("/*").filter(|folder| !folder.is_empty());
            let page = folder.map(|folder| format!("{folder}.html"));
            let globs = [Some(glob.to_owned()), folder.map(str::to_owned), page];
            globs
                .into_iter()
                .flatten()
                .flat_map(|glob| spellings(&glob).map(|glob| one_case(&glob)))
                .collect::<Vec<_>>()
        };
        Self {
            guarded: included.iter().flat_map(|glob| in_one_case(glob)).collect(),
            left_open: excluded
                .iter()
                .flat_map(|glob| in_one_case(&glob[1..]))
                .collect(),
            included: included.into_iter().flat_map(spellings).collect(),
            excluded: excluded
                .into_iter()
                .flat_map(|glob| spellings(&glob[1..]))
                .collect(),
        }
    }

    fn include(&self, path: &str) -> bool {
        self.included.is_empty() || self.included.iter().any(|glob| matches(glob, path))
    }

    fn guard(&self, path: &str) -> bool {
        let path = one_case(path);
        self.guarded.is_empty() || self.guarded.iter().any(|glob| matches(glob, &path))
    }

    fn exclude_in_any_case(&self, path: &str) -> bool {
        let path = one_case(path);
        self.left_open.iter().any(|glob| matches(glob, &path))
    }

    fn exclude(&self, path: &str) -> bool {
        self.excluded.iter().any(|glob| matches(glob, path))
    }

    fn mean(&self, path: &str) -> bool {
        self.include(path) && !self.exclude(path)
    }
}

fn one_case(text: &str) -> String {
    if text.is_ascii() {
        text.to_lowercase()
    } else {
        text.to_uppercase().to_lowercase()
    }
}

/// `*` stands for any characters, everything else for itself: the pieces between the stars, in order.
fn matches(glob: &str, path: &str) -> bool {
    let Some((first, rest)) = glob.split_once('*') else {
        return glob == path;
    };
    let Some(mut path) = path.strip_prefix(first) else {
        return false;
    };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let last = pieces.pop().unwrap_or_default();
    for piece in pieces {
        let Some(at) = path.find(piece) else {
            return false;
        };
        path = &path[at + piece.len()..];
    }
    path.ends_with(last)
}

/// The URL standard's path percent-encode set; escapes stay as they are.
fn escaped(path: &str) -> String {
    let escape = |character: char| {
        if character.is_ascii_graphic() && !"\"#<>?^`{}".contains(character) {
            return character.to_string();
        }
        let mut bytes = [0; 4];
        character
            .encode_utf8(&mut bytes)
            .bytes()
            .map(|byte| format!("%{byte:02X}"))
            .collect()
    };
    path.chars().map(escape).collect()
}

/// An origin and how it reads a path. `None`: it refuses the request.
type Origin = (&'static str, fn(&str) -> Option<String>);

const ORIGINS: [Origin; 7] = [
    ("a server of the URL standard", |path| decoded(path)),
    ("Node.js with a base URL", |path| {
        decoded(joined(path)?.path())
    }),
    ("nginx", |path| Some(cleaned(&decoded(path)?))),
    ("a servlet", |path| {
        Some(cleaned(&decoded(&without_parameters(path))?))
    }),
    ("IIS", |path| {
        Some(cleaned(&decoded(path)?.replace('\\', "/")))
    }),
    ("C strings", |path| {
        Some(cleaned(decoded(path)?.split('\0').next()?))
    }),
    (
        "a rewrite that parses the decoded path as a URL",
        parsed_again,
    ),
];

fn decoded(path: &str) -> Option<String> {
    percent_decode_str(path)
        .decode_utf8()
        .ok()
        .map(String::from)
}

/// The path as a reference, resolved as in `new URL(path, base)`.
///
/// The parser is built without the tables for international names, so a host of such a name is left out.
fn joined(path: &str) -> Option<Url> {
    let plain = path.replace(['\t', '\n', '\r'], "");
    if let Some(rest) = plain.strip_prefix(['/', '\\']) {
        let rest = rest.trim_start_matches(['/', '\\']);
        let host = rest.split(['/', '\\', '?', '#']).next().unwrap_or_default();
        if !host.is_ascii() || host.contains('%') || host.to_ascii_lowercase().contains("xn--") {
            return None;
        }
    }
    Url::parse(SITE)
        .unwrap()
        .join(path)
        .ok()
        .filter(|url| url.scheme() == "https")
}

/// What the parser escapes is taken back, so a path with a second layer of escapes is left out.
fn parsed_again(path: &str) -> Option<String> {
    let path = decoded(path).filter(|path| !path.contains('%'))?;
    decoded(joined(&path)?.path())
}

fn without_parameters(path: &str) -> String {
    let bare = |segment: &str| segment.split(';').next().unwrap_or_default().to_owned();
    path.split('/').map(bare).collect::<Vec<_>>().join("/")
}

/// Slashes collapsed, then dots resolved.
fn cleaned(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            other => segments.push(other),
        }
    }
    let is_folder = ["/", "/.", "/.."].iter().any(|end| path.ends_with(end));
    let slash = if is_folder && !segments.is_empty() {
        "/"
    } else {
        ""
    };
    format!("/{}{slash}", segments.join("/"))
}
