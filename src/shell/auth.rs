//! Requests to Auth, each with a deadline and a size limit.

use js_sys::{Array, Reflect, Uint8Array};
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::auth_api::{AuthReply, AuthRequest, MAX_ANSWER_BYTES, Unreachable};
use crate::head::HeaderEdit;

use super::passage;
use super::runtime::{memory, now};

/// What the runtime calls the error of a signal whose time is over (DOM Standard, `AbortSignal.timeout`).
const TIMEOUT_ERROR: &str = "TimeoutError";

/// Sends a request to Auth, and notes for the health check what came of it.
pub(super) async fn send(request: &AuthRequest, timeout_ms: u64) -> Result<AuthReply, Unreachable> {
    let answer = send_anywhere(request, timeout_ms).await;
    note_health(answer.as_ref().map(|reply| reply.status).ok());
    answer
}

/// Notes for the health check what Auth answered last, or that it did not in time.
pub(super) fn note_health(status: Option<u16>) {
    memory().borrow_mut().health.note_auth(status, now());
}

/// Sends a request and reads its whole answer within `timeout_ms`.
pub(super) async fn send_anywhere(
    request: &AuthRequest,
    timeout_ms: u64,
) -> Result<AuthReply, Unreachable> {
    if timeout_ms == 0 {
        return Err(Unreachable::TimedOut);
    }
    let headers = request.headers.iter();
    let headers: Vec<HeaderEdit> = headers
        .map(|(name, value)| HeaderEdit::Set(name, value.clone()))
        .collect();
    // An Auth server that redirects is not the one that was configured: its answer is taken as it is.
    let asked = passage::ask(
        request.method,
        &request.url,
        &headers,
        request.body.as_deref(),
        (timeout_ms, MAX_ANSWER_BYTES),
    );
    let asked = asked.map_err(|_| Unreachable::Network)?;
    match JsFuture::from(asked).await {
        Ok(answer) => reply(&answer.unchecked_into()),
        Err(error) if is_timeout(&error) => Err(Unreachable::TimedOut),
        Err(_) => Err(Unreachable::Network),
    }
}

fn reply(answer: &Array) -> Result<AuthReply, Unreachable> {
    let status = answer.get(0).as_f64().unwrap_or_default();
    let body: Uint8Array = answer
        .get(2)
        .dyn_into()
        .map_err(|_| Unreachable::TooLarge)?;
    Ok(AuthReply {
        status: status as u16,
        retry_after: answer.get(1).as_string(),
        body: body.to_vec(),
    })
}

fn is_timeout(error: &JsValue) -> bool {
    let name = Reflect::get(error, &JsValue::from_str("name"));
    name.is_ok_and(|name| name.as_string().as_deref() == Some(TIMEOUT_ERROR))
}
