//! Lines on the console: one record of JSON per request, nothing secret in any.

use worker::{console_debug, console_error, console_log};

use crate::config::{Config, ConfigError, LogLevel};
use crate::handler::Turn;
use crate::json::{self, json};
use crate::record::{Level, RequestRecord};

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
        Level::Error => console_error!("{line}"),
        Level::Info => console_log!("{line}"),
    }
}

/// Logs the name of an effect, for `LOG_LEVEL=debug`.
pub(super) fn turn(config: &Config, turn: &Turn) {
    let Turn::Ask(effect) = turn else {
        return;
    };
    if config.log_level >= LogLevel::Debug {
        console_debug!("{{\"level\":\"debug\",\"step\":\"{}\"}}", effect.name());
    }
}

/// Logs, once per isolate, that no request can be served.
pub(super) fn misconfigured(error: &ConfigError) {
    let line = json!({"level": "error", "reason": "configuration", "detail": error.to_string()});
    let line = json::write(&line);
    console_error!("{line}");
}
