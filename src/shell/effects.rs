//! Each effect carried out by the room that can.

use std::pin::Pin;
use std::time::Duration;

use worker::Delay;

use crate::handler::{Effect, OriginUnreachable};

use super::runtime::Runtime;
use super::{auth, crypto, keys, refresh, routes};

/// What a request to the site may need; everything else is done aside.
pub(super) async fn carry_out(runtime: &Runtime, request: &web_sys::Request, effect: Effect) {
    match effect {
        Effect::AwaitKeys(ask) | Effect::Pause(ask) => {
            Delay::from(Duration::from_millis(*ask.question())).await;
            ask.answer(());
        }
        Effect::CheckSignature(ask) => {
            let is_good = crypto::verify(ask.question()).await;
            ask.answer(is_good);
        }
        Effect::FetchKeys(ask) => {
            let call = ask.question();
            let fetched = keys::fetch(runtime, &call.request, call.timeout_ms).await;
            ask.answer(fetched);
        }
        Effect::ReadKeys(ask) => ask.answer(keys::read(runtime).await),
        Effect::RefreshSession(ask) => {
            let answer = refresh::carry_out(runtime, ask.question()).await;
            ask.answer(answer);
        }
        Effect::IsEnded(ask) => {
            let is_ended = refresh::is_ended(runtime, ask.question()).await;
            ask.answer(is_ended);
        }
        Effect::Forward(ask) => ask.answer(Err(OriginUnreachable::new("not asked"))),
        seldom @ (Effect::AskUser(_)
        | Effect::CallAuth(_)
        | Effect::CheckHealth(_)
        | Effect::CheckTurnstile(_)
        | Effect::DrawRandom(_)
        | Effect::EndSession(_)
        | Effect::LearnSession(_)
        | Effect::Limit(_)
        | Effect::RaiseSession(_)
        | Effect::ReadBody(_)
        | Effect::ReadRevocation(_)
        | Effect::SignAssertion(_)
        | Effect::StoreRevocation(_)) => aside(runtime, request, seldom).await,
    }
}

/// The seldom effects, behind a pointer: an isolate compiles them when one is first asked for.
#[inline(never)]
fn aside<'a>(
    runtime: &'a Runtime,
    request: &'a web_sys::Request,
    effect: Effect,
) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
    Box::pin(carry_out_aside(runtime, request, effect))
}

#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "nothing but these is handed over"
)]
async fn carry_out_aside(runtime: &Runtime, request: &web_sys::Request, effect: Effect) {
    match effect {
        Effect::AskUser(ask) | Effect::CallAuth(ask) => {
            let call = ask.question();
            let answer = auth::send(&call.request, call.timeout_ms).await;
            ask.answer(answer);
        }
        Effect::CheckTurnstile(ask) => {
            let call = ask.question();
            let answer = auth::send_anywhere(&call.request, call.timeout_ms).await;
            ask.answer(answer);
        }
        Effect::CheckHealth(ask) => ask.answer(routes::health(runtime).await),
        Effect::DrawRandom(ask) => ask.answer(routes::random()),
        Effect::EndSession(ask) => {
            let is_told = refresh::end(runtime, ask.question()).await;
            ask.answer(is_told);
        }
        Effect::LearnSession(ask) => {
            let is_ended = refresh::learn(runtime, ask.question()).await;
            ask.answer(is_ended);
        }
        Effect::Limit(ask) => {
            let may_go_on = routes::limit(&runtime.env, ask.question()).await;
            ask.answer(may_go_on);
        }
        Effect::RaiseSession(ask) => {
            let answer = refresh::raise(runtime, ask.question()).await;
            ask.answer(answer);
        }
        Effect::ReadBody(ask) => ask.answer(routes::body(request).await),
        Effect::ReadRevocation(ask) => {
            let found = routes::revocations(runtime, ask.question()).await;
            ask.answer(found);
        }
        Effect::SignAssertion(ask) => {
            let signature = crypto::sign(&runtime.config, ask.question()).await;
            ask.answer(signature);
        }
        Effect::StoreRevocation(ask) => {
            let is_stored = routes::revoke(runtime, ask.question()).await;
            ask.answer(is_stored);
        }
        other => drop(other),
    }
}
