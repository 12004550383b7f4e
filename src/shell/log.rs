//! Lines on the console: one record of JSON per request, nothing secret in any.

use wasm_bindgen::prelude::wasm_bindgen;

use crate::config::{Config, ConfigError, LogLevel};
use crate::handler::Turn;
use crate::json::{self, json};
use crate::record::{Level, RequestRecord};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console)]
    fn debug(line: &str);

    #[wasm_bindgen(js_namespace = console)]
    fn error(line: &str);

    #[wasm_bindgen(js_namespace = console)]
    fn log(line: &str);
}

/// Logs the record of a request.
pub(super) fn record(config: &Config, record: &RequestRecord) {
    let wanted = match record.level {
        Level::Error => LogLevel::Error,
        Level::Info => LogLevel::Info,
    };
    if config.log_level < wanted {
        return;
    }
    let line = record.line();
    match record.level {
        Level::Error => error(&line),
        Level::Info => log(&line),
    }
}

/// Logs the name of an effect, for `LOG_LEVEL=debug`.
pub(super) fn turn(config: &Config, turn: &Turn) {
    let Turn::Ask(effect) = turn else {
        return;
    };
    if config.log_level >= LogLevel::Debug {
        debug(&json::write(
            &json!({"level": "debug", "step": effect.name()}),
        ));
    }
}

/// Logs, once per isolate, that no request can be served.
pub(super) fn misconfigured(problems: &ConfigError) {
    let line = json!({"level": "error", "reason": "configuration", "detail": problems.to_string()});
    let line = json::write(&line);
    error(&line);
}
