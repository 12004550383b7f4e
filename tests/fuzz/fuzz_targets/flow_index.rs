#![no_main]
#![allow(
    missing_docs,
    reason = "what it checks stands in the property's module"
)]

libfuzzer_sys::fuzz_target!(|input: &[u8]| edge_session_fuzz::flow_index::check(input));
