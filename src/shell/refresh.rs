//! Carrying out a refresh: attempts at Auth that outlive the visitor's connection.

use std::rc::Rc;
use std::time::Duration;

use futures_channel::oneshot;
use worker::{Context, Delay};

use crate::auth_api::{self, Attempt, Attempts, AuthRequest, RefreshReply};
use crate::handler::{Gate, RefreshAnswer, RefreshOrder, RefreshSession};

use super::{Runtime, auth, now};

/// Refreshes as ordered.
pub(super) async fn carry_out(runtime: &Runtime, wait: &RefreshSession) -> RefreshAnswer {
    at_auth(&runtime.context, wait.request(), wait.order()).await
}

/// Refreshes at Auth itself.
///
/// The attempts run under `waitUntil`: a visitor who hangs up must not cut
/// them off, since Auth may have rotated the token already.
async fn at_auth(
    context: &Rc<Context>,
    request: AuthRequest,
    order: &RefreshOrder,
) -> RefreshAnswer {
    let (sender, receiver) = oneshot::channel();
    let order = order.clone();
    context.wait_until(async move {
        // The receiver is gone if the visitor is; the refresh has happened all the same.
        drop(sender.send(attempt(&request, &order).await));
    });
    receiver.await.unwrap_or(RefreshAnswer {
        reply: RefreshReply::Unavailable {
            code: "refresh_cancelled",
            may_retry: false,
            retry_after_ms: None,
        },
        auth_calls: 0,
        gate: Gate::None,
    })
}

async fn attempt(request: &AuthRequest, order: &RefreshOrder) -> RefreshAnswer {
    let mut attempts = Attempts::new(order.is_alive, order.budget_ms, now());
    let mut next = attempts.first(now());
    loop {
        match next {
            Attempt::Done(reply) => {
                return RefreshAnswer {
                    reply,
                    auth_calls: u32::from(attempts.made()),
                    gate: Gate::None,
                };
            }
            Attempt::Send {
                pause_ms,
                timeout_ms,
            } => {
                if pause_ms > 0 {
                    Delay::from(Duration::from_millis(pause_ms)).await;
                }
                let answer = auth::send(request, timeout_ms).await;
                let reply = auth_api::read_refresh_reply(&answer, now());
                next = attempts.after(reply, now());
            }
        }
    }
}
