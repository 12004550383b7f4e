//! Data points for Workers Analytics Engine, where a dataset is bound.

use std::cell::Cell;

use wasm_bindgen::JsCast as _;
use worker::Env;
use worker::worker_sys::AnalyticsEngineDataset;

use crate::metrics;
use crate::record::RequestRecord;

use super::bindings;

const BINDING: &str = "SESSION_METRICS";

thread_local! {
    /// Whether a dataset is bound: the same for the isolate's whole life.
    static IS_BOUND: Cell<Option<bool>> = const { Cell::new(None) };
}

/// Writes the data point of a request. The runtime sends it later, so nobody waits for it.
pub(super) fn write(env: &Env, record: &RequestRecord) {
    if IS_BOUND.get() == Some(false) {
        return;
    }
    let dataset = bindings::binding(env, BINDING);
    IS_BOUND.set(Some(dataset.is_some()));
    let Some(dataset) = dataset else {
        return;
    };
    let Ok(point) = js_sys::JSON::parse(&metrics::data_point(record)) else {
        return;
    };
    let dataset: AnalyticsEngineDataset = dataset.unchecked_into();
    // A point that cannot be written is missing from the metrics; the log line has it all.
    drop(dataset.write_data_point(point));
}
