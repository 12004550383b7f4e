//! Reads the session in every `Cookie` header of a file, as the Worker does: one JSON string a line in, one verdict a line out.
//!
//!     cargo run --example read_cookies -- <storage key> <file>

use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write, stdout};

use edge_session::cookies::SessionCookies;
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(storage_key), Some(path)) = (arguments.next(), arguments.next()) else {
        return Err("expected a storage key and a file".into());
    };
    let mut verdicts = BufWriter::new(stdout().lock());
    for line in BufReader::new(File::open(path)?).lines() {
        let header: String = serde_json::from_str(&line?)?;
        writeln!(verdicts, "{}", verdict(&header, &storage_key))?;
    }
    Ok(verdicts.flush()?)
}

/// What the first reading of the header holds: that of the first cookie of every name, as clients read it.
fn verdict(header: &str, storage_key: &str) -> Value {
    let candidates = SessionCookies::read(header, storage_key).map(|read| read.candidates);
    let first = candidates.and_then(|candidates| candidates.into_iter().next());
    match first.map(|candidate| candidate.session) {
        None => json!({}),
        Some(Err(error)) => json!({"refused": error.code()}),
        Some(Ok(session)) => {
            json!({"session": session.members(), "foreign": session.format().foreign})
        }
    }
}
