//! Codes of errors in words. A code that stands in no list is never shown.
//!
//! `errors.txt` has a line for each text: its key, which field it is about, and the codes of Auth (and of the Worker) that
//! it is for. An outline asks for the field by `<about field>`.

/// What an error is about that is about no field; and what no error is about.
pub(super) const NOTHING: &str = "nothing";

/// The key of the text for a code, and what it is about.
pub(super) fn explain(code: &str) -> (&'static str, &'static str) {
    for line in include_str!("errors.txt").lines() {
        let mut words = line.split(' ');
        let known = words.next().zip(words.next());
        if let Some(known) = known
            && words.any(|listed| listed == code)
        {
            return known;
        }
    }
    ("error.other", NOTHING)
}
