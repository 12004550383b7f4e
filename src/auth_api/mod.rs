//! Supabase Auth on the wire: the requests this Worker sends and what each answer means for a session.
//!
//! Answers are classified by what has to be done, never by the bare status:
//! only a code that Auth itself uses for a dead session ends one.
//!
//! | file | holds |
//! |---|---|
//! | `requests` | what is sent for a session that is there |
//! | `replies` | what each answer means, and every code there is for it |
//! | `attempts` | how often a refresh is sent, and when |
//!
//! What begins and ends sessions stands in [`crate::sign_in_api`]. The form of requests and answers is that of
//! GoTrue, API version 2024-01-01; nothing here sends: the shell does, within the time that it is told.

mod attempts;
mod replies;
mod requests;

pub use attempts::{ALIVE_BUDGET_MS, ANSWER_LIMIT_MS, Attempt, Attempts};
pub use replies::{
    ALREADY_USED, AuthReply, BUDGET_SPENT, MAX_ANSWER_BYTES, RefreshReply, Unreachable, UserReply,
    error_code, known_code, may_be_lost, read_refresh_reply, read_user_reply,
};
pub use requests::{AuthRequest, keys_request, refresh_request, session_headers, user_request};
