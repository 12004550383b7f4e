//! Globs over paths and hosts. `*` matches any characters, `/` included; nothing else is special.
//!
//! There are two kinds of comparison, as there are two kinds of rules. A guard's glob is compared without regard to
//! case and stands for a little more than was written ([`PathGlob::guarding`]); any other glob stands for what was
//! written ([`PathGlob::readings`]). The work of both is linear in the text, whatever the glob.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use crate::letters;

/// What a browser escapes in a path (the URL standard's path percent-encode set), `%` left as it is.
const ESCAPED_IN_A_PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'}');

/// A glob over a form of the path.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PathGlob(String);

impl PathGlob {
    /// The glob as written, decoded, and as a browser would send it.
    ///
    /// The forms of one path hold both the escaped and the decoded text, and a rule that was written in one of them is
    /// meant for both: otherwise `/caf%C3%A9*` would not guard `/caf%c3%a9`, and `/café*` could never bypass.
    pub(super) fn readings(glob: &str) -> Vec<Self> {
        Self::spellings(glob).into_iter().map(Self).collect()
    }

    /// What a guard's glob stands for, over forms in one case: itself, and where it ends in `/*` also the page that an
    /// origin may serve for the folder, with and without `.html`.
    pub(super) fn guarding(glob: &str) -> Vec<Self> {
        let mut globs = vec![glob.to_owned()];
        if let Some(folder) = glob.strip_suffix("/*").filter(|folder| !folder.is_empty()) {
            globs.push(folder.to_owned());
            globs.push(format!("{folder}.html"));
        }
        globs
            .iter()
            .flat_map(|glob| Self::spellings(glob))
            .map(|spelling| Self(letters::folded(&spelling)))
            .collect()
    }

    /// `form` is one reading of the path ([`crate::path::RequestPath`]); for a guard it has its letters in one
    /// case.
    pub(super) fn matches(&self, form: &str) -> bool {
        matches(&self.0, form)
    }

    /// The decoded spelling cannot hold a star that was escaped: such a glob is refused when rules are read.
    fn spellings(glob: &str) -> Vec<String> {
        let mut spellings = vec![glob.to_owned()];
        let decoded = percent_decode_str(glob)
            .decode_utf8()
            .map(String::from)
            .unwrap_or_else(|_| glob.to_owned());
        let escaped = utf8_percent_encode(&decoded, ESCAPED_IN_A_PATH).to_string();
        for spelling in [decoded, escaped] {
            if !spellings.contains(&spelling) {
                spellings.push(spelling);
            }
        }
        spellings
    }
}

/// A glob over the host, compared with the port only where it names one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct HostGlob {
    glob: String,
    names_a_port: bool,
}

impl HostGlob {
    /// A glob of a host, perhaps with a port and with the dot of a fully qualified name, which says nothing.
    pub(super) fn new(glob: &str) -> Self {
        let (host, port) = split_port(glob);
        let host = host.strip_suffix('.').unwrap_or(host);
        Self {
            glob: letters::lower(&joined(host, port)),
            names_a_port: port.is_some(),
        }
    }

    pub(super) fn matches(&self, host: &str) -> bool {
        let (host, port) = split_port(host);
        // `example.com.` is the same host, fully qualified.
        let host = host.strip_suffix('.').unwrap_or(host);
        let host = joined(host, port.filter(|_| self.names_a_port));
        matches(&self.glob, &letters::lower(&host))
    }
}

/// Whether the glob is all of the text. What stands between two `*` is taken where it comes first: that leaves the most
/// to what follows, so nothing is tried twice.
fn matches(glob: &str, text: &str) -> bool {
    let is_star = |byte: &u8| *byte == b'*';
    let Some(first) = glob.as_bytes().iter().position(is_star) else {
        return glob == text;
    };
    let last = glob.as_bytes().iter().rposition(is_star).unwrap_or(first);
    let part = |from: usize, to: usize| glob.get(from..to).unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(part(0, first)) else {
        return false;
    };
    if first < last {
        for part in part(first + 1, last).split('*') {
            let Some((_, after)) = rest.split_once(part) else {
                return false;
            };
            rest = after;
        }
    }
    rest.ends_with(part(last + 1, glob.len()))
}

fn joined(host: &str, port: Option<&str>) -> String {
    match port {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Splits at the colon of the port, which is not one of those inside `[::1]`.
fn split_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        Some(_) | None => (host, None),
    }
}
