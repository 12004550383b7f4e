//! Strings between JavaScript and wasm: each one that crosses is copied and encoded anew.

use std::cell::RefCell;

use js_sys::JsString;
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
extern "C" {
    type TextEncoder;

    #[wasm_bindgen(constructor)]
    fn new() -> TextEncoder;

    #[wasm_bindgen(method, js_name = encodeInto)]
    fn encode_into(this: &TextEncoder, text: &JsString, bytes: &mut [u8]) -> Encoded;

    type Encoded;

    #[wasm_bindgen(method, getter)]
    fn written(this: &Encoded) -> u32;
}

thread_local! {
    static ENCODER: TextEncoder = TextEncoder::new();
    static NAMES: RefCell<Vec<(&'static str, JsString)>> = const { RefCell::new(Vec::new()) };
}

/// A name of the program's own text as a string of JavaScript, made once. There are some forty of them.
pub(super) fn name(name: &'static str) -> JsString {
    NAMES.with_borrow_mut(|names| {
        // The same text may stand in two places of the program: then it is held twice.
        let held = names.iter().find(|(held, _)| std::ptr::eq(*held, name));
        if let Some((_, held)) = held {
            return held.clone();
        }
        let made = JsString::from(name);
        names.push((name, made.clone()));
        made
    })
}

/// Takes over a long string whole.
///
/// `String::from` would copy it character by character in JavaScript, which takes longer.
pub(super) fn take_over(text: &JsString) -> String {
    // The most that UTF-8 takes for a unit of UTF-16. What found no room would be cut off without an
    // error, and the runtime reads the bytes of a header as UTF-8, so a client chooses its characters.
    let mut bytes = vec![0; text.length() as usize * 3];
    let written = ENCODER.with(|encoder| encoder.encode_into(text, &mut bytes).written());
    bytes.truncate(written as usize);
    String::from_utf8(bytes).unwrap_or_default()
}
