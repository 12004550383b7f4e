//! Replays the corpora of the fuzz targets: what once was worth keeping holds on every machine.

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

#[path = "../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "the fuzz targets are another crate")]
mod properties;

/// A corpus with fewer inputs than this was lost on the way.
const MIN_INPUTS: usize = 20;

#[test]
fn every_input_of_every_corpus_keeps_the_properties() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    for (target, check) in properties::TARGETS {
        let mut replayed = 0;
        for entry in fs::read_dir(corpora.join(target)).expect(target) {
            let path = entry.unwrap().path();
            let input = fs::read(&path).unwrap();
            let is_kept = catch_unwind(|| check(&input)).is_ok();
            assert!(is_kept, "{} breaks a property", path.display());
            replayed += 1;
        }
        assert!(
            replayed >= MIN_INPUTS,
            "{target} has {replayed} inputs only"
        );
    }
}

#[test]
fn every_corpus_belongs_to_a_target() {
    let folder = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fuzz")
            .join(name);
        let entries = fs::read_dir(path).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| {
                entry
                    .unwrap()
                    .path()
                    .file_stem()
                    .unwrap()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names
    };
    let targets: Vec<&str> = properties::TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(folder("corpus"), targets);
    assert_eq!(folder("dictionaries"), targets);
    assert_eq!(folder("fuzz_targets"), targets);
}
