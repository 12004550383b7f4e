//! The Worker's environment: variables as text, bindings by name.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::Reflect;
use wasm_bindgen::{JsCast as _, JsValue};
use worker::Env;
use worker::worker_sys::{DurableObject, DurableObjectNamespace};

use crate::config::{Config, ConfigError};

thread_local! {
    static CONFIG: RefCell<Option<Result<Rc<Config>, Rc<ConfigError>>>> = const { RefCell::new(None) };
}

/// The configuration, parsed once per isolate.
pub(super) fn config(env: &Env) -> Result<Rc<Config>, Rc<ConfigError>> {
    CONFIG.with_borrow_mut(|held| {
        held.get_or_insert_with(|| {
            // Behind a pointer, as the doctor's: the reader of the configuration is compiled once.
            let look_up: &dyn Fn(&str) -> Option<String> = &|name| variable(env, name);
            let config = Config::from_vars(look_up);
            config.map(Rc::new).map_err(|error| {
                super::log::misconfigured(&error);
                Rc::new(error)
            })
        })
        .clone()
    })
}

/// A variable as text. `wrangler.toml` may hold numbers, booleans and tables
/// (`[[vars.RULES]]`); they arrive as their JSON.
fn variable(env: &Env, name: &str) -> Option<String> {
    let value = binding(env, name)?;
    value
        .as_string()
        .or_else(|| js_sys::JSON::stringify(&value).ok()?.as_string())
}

/// A binding, if it is set.
pub(super) fn binding(env: &Env, name: &str) -> Option<JsValue> {
    let value = Reflect::get(env, &JsValue::from_str(name)).ok()?;
    (!value.is_undefined() && !value.is_null()).then_some(value)
}

/// The Durable Object `RefreshGate` of this name, if gates are bound. An operator may write a session's id in either case.
pub(super) fn gate(env: &Env, name: &str) -> Option<DurableObject> {
    let name = &name.to_ascii_lowercase();
    let namespace: DurableObjectNamespace = binding(env, "REFRESH_GATE")?.unchecked_into();
    namespace.get_by_name(name).ok()
}
