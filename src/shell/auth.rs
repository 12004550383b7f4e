//! Requests to Auth, each with a deadline and a size limit.

use std::time::Duration;

use futures_util::future::{Either, select};
use js_sys::{Reflect, Uint8Array};
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortController, Headers, ReadableStream, ReadableStreamDefaultReader, Request, RequestInit,
    RequestRedirect, Response,
};
use worker::Delay;

use crate::auth_api::{AuthReply, AuthRequest, MAX_ANSWER_BYTES, Unreachable};

use super::{bindings, memory, now};

/// Sends a request to Auth, and notes for the health check what came of it.
pub(super) async fn send(request: &AuthRequest, timeout_ms: u64) -> Result<AuthReply, Unreachable> {
    let answer = send_anywhere(request, timeout_ms).await;
    let status = answer.as_ref().map(|reply| reply.status).ok();
    memory().borrow_mut().health.note_auth(status, now());
    answer
}

/// Sends a request and reads its whole answer within `timeout_ms`.
pub(super) async fn send_anywhere(
    request: &AuthRequest,
    timeout_ms: u64,
) -> Result<AuthReply, Unreachable> {
    if timeout_ms == 0 {
        return Err(Unreachable::TimedOut);
    }
    let controller = AbortController::new().map_err(|_| Unreachable::Network)?;
    let exchange = Box::pin(exchange(request, &controller));
    let deadline = Delay::from(Duration::from_millis(timeout_ms));
    match select(exchange, deadline).await {
        Either::Left((answer, _)) => answer,
        Either::Right(((), _)) => {
            // Without this the connection would count against the six that a request may hold.
            controller.abort();
            Err(Unreachable::TimedOut)
        }
    }
}

async fn exchange(
    request: &AuthRequest,
    controller: &AbortController,
) -> Result<AuthReply, Unreachable> {
    let response = open(request, controller)
        .await
        .map_err(|_| Unreachable::Network)?;
    let retry_after = response.headers().get("retry-after").ok().flatten();
    let body = match response.body() {
        Some(stream) => read_stream(&stream, MAX_ANSWER_BYTES).await?,
        None => Vec::new(),
    };
    Ok(AuthReply {
        status: response.status(),
        retry_after,
        body,
    })
}

async fn open(request: &AuthRequest, controller: &AbortController) -> Result<Response, JsValue> {
    let headers = Headers::new()?;
    for (name, value) in &request.headers {
        headers.set(name, value)?;
    }
    let init = RequestInit::new();
    init.set_method(request.method);
    init.set_headers(&headers);
    // An Auth server that redirects is not the one that was configured.
    init.set_redirect(RequestRedirect::Manual);
    init.set_signal(Some(&controller.signal()));
    if let Some(body) = &request.body {
        init.set_body(&JsValue::from_str(body));
    }
    let request = Request::new_with_str_and_init(&request.url, &init)?;
    let promise = bindings::global_fetcher().fetch(&request)?;
    Ok(JsFuture::from(promise).await?.unchecked_into())
}

/// Reads a body piece by piece, so that an endless one is cut at the limit.
pub(super) async fn read_stream(
    stream: &ReadableStream,
    limit: usize,
) -> Result<Vec<u8>, Unreachable> {
    let reader: ReadableStreamDefaultReader = stream.get_reader().unchecked_into();
    let mut body = Vec::new();
    loop {
        let piece = JsFuture::from(reader.read())
            .await
            .map_err(|_| Unreachable::Network)?;
        let is_done = Reflect::get(&piece, &JsValue::from_str("done"));
        if is_done.is_ok_and(|done| done.is_truthy()) {
            return Ok(body);
        }
        let value = Reflect::get(&piece, &JsValue::from_str("value"));
        let bytes: Uint8Array = value.map_err(|_| Unreachable::Network)?.unchecked_into();
        if body.len() + bytes.length() as usize > limit {
            drop(reader.cancel());
            return Err(Unreachable::TooLarge);
        }
        body.extend_from_slice(&bytes.to_vec());
    }
}
