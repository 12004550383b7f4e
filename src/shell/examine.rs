//! The doctor's way in. The runtime never calls it: `npx edge-session doctor` runs this same module under Node.js.

use wasm_bindgen::prelude::wasm_bindgen;

/// What the Worker would make of a configuration.
#[wasm_bindgen]
#[allow(unreachable_pub, reason = "the doctor reaches it")]
pub fn examine(question: &str) -> String {
    crate::examine::answer(question)
}
