//! What routes ask for: Auth's answer, a flow that nobody can guess, and time.
//!
//! Effects that several routes ask for, each with what goes with it: a call counts in the record and its time in
//! the budget, and a flow without randomness is an answer of its own.

use crate::answer::{Answer, Medium};
use crate::auth_api::{AuthReply, AuthRequest, Unreachable};
use crate::pkce;

use super::super::desk::Desk;
use super::super::effect::{AuthCall, Effect};
use super::super::visit::{Stage, Visit};
use super::reply::Reply;

/// Sends a request to Auth.
///
/// The answer is not judged here; [`Failure::of_auth`](super::failure::Failure::of_auth) does that for most routes.
pub(super) async fn call_auth(
    desk: &Desk,
    visit: &mut Visit,
    request: AuthRequest,
) -> Result<AuthReply, Unreachable> {
    let call = begin_call(desk, visit, request);
    let answer = desk.ask(Effect::CallAuth, call).await;
    visit.spend(Stage::Auth, desk.now());
    answer
}

/// Counts a call to Auth that is about to be asked for, and takes its time from what is left.
pub(super) fn begin_call(desk: &Desk, visit: &mut Visit, request: AuthRequest) -> AuthCall {
    visit.wait(desk.now());
    visit.count_auth_calls(1);
    AuthCall {
        request,
        timeout_ms: visit.auth_budget_ms(),
    }
}

/// A flow that nobody can guess.
///
/// # Errors
/// 503 where the runtime gives no random bytes: a flow that can be guessed is worse than none.
pub(super) async fn draw_flow(desk: &Desk) -> Result<pkce::Flow, Reply> {
    let random = desk.ask(Effect::DrawRandom, ()).await;
    pkce::Flow::from_random(&random).ok_or_else(|| {
        let answer = Answer::unavailable(Medium::Json, "no_randomness");
        Reply::new(answer, "no_randomness")
    })
}

/// Waits until as much time has passed as a whole number of steps: how long Auth took, which it takes longer for
/// where there is an account, cannot be read from the answer.
///
/// `step_ms` must not be 0. An answer that is already on a step waits a whole one more.
pub(super) async fn even_out(desk: &Desk, visit: &Visit, step_ms: u64) {
    let passed = desk.now().millis_since(visit.started);
    let rest = step_ms - passed % step_ms;
    desk.ask(Effect::Pause, rest).await;
}
