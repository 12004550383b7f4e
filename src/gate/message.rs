//! What the Worker and its gate say to each other: JSON over the object's stub.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::auth_api::{self, RefreshReply};
use crate::handler::{self, RefreshAnswer, RefreshOrder};
use crate::time::UnixTime;

use super::{Presented, read_session};

/// The gate gives up on Auth this much before the Worker's patience ends, so that its answer still arrives.
const TRANSIT_MS: u64 = 100;
/// Of a short budget, transit takes no more than this part.
const TRANSIT_PART: u64 = 10;

/// A message to the gate.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// A session has to be refreshed.
    Ask(Ask),
    /// The answer with this refresh token was not what it should be: forget it.
    Reject(String),
}

/// A request for a refresh.
#[derive(Debug, Deserialize, Serialize)]
pub struct Ask {
    /// Milliseconds that Auth may take, all attempts together.
    pub budget_ms: u64,
    /// The visitor's address, for `Sb-Forwarded-For`.
    pub client_ip: Option<String>,
    /// Expiry of the presented access token, in milliseconds since the epoch.
    pub expires_at_ms: u64,
    /// True if the presented access token still works.
    pub is_alive: bool,
    /// The presented refresh token.
    pub refresh_token: String,
    /// How long the visitor waits, in milliseconds.
    pub wait_ms: u64,
}

/// The gate's answer.
#[derive(Debug, Deserialize, Serialize)]
pub struct Told {
    auth_calls: u32,
    gate: Role,
    reply: Reply,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Role {
    Led,
    Replayed,
    Shared,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Reply {
    Ended(String),
    Misconfigured(String),
    Renewed(Map<String, Value>),
    Unavailable(String),
}

impl Message {
    /// The message as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings and numbers can always be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads a message.
    #[must_use]
    pub fn from_json(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

impl Ask {
    /// What to ask the gate for.
    #[must_use]
    pub fn new(order: &RefreshOrder) -> Self {
        let patience_ms = order.patience_ms();
        let transit_ms = TRANSIT_MS.min(patience_ms / TRANSIT_PART);
        Self {
            budget_ms: order.budget_ms,
            client_ip: order.client_ip.clone(),
            expires_at_ms: order.expires_at.millis(),
            is_alive: order.is_alive,
            refresh_token: order.refresh_token.clone(),
            wait_ms: patience_ms - transit_ms,
        }
    }

    /// What is presented with it.
    #[must_use]
    pub fn presented(&self) -> Presented {
        Presented::new(
            &self.refresh_token,
            UnixTime::from_millis(self.expires_at_ms),
        )
    }
}

impl Told {
    /// The answer that carries `answer`; `None` for one that no gate gives.
    #[must_use]
    pub fn new(answer: &RefreshAnswer) -> Option<Self> {
        let gate = match answer.gate {
            handler::Gate::Failed | handler::Gate::None => return None,
            handler::Gate::Led => Role::Led,
            handler::Gate::Replayed => Role::Replayed,
            handler::Gate::Shared => Role::Shared,
        };
        let reply = match &answer.reply {
            RefreshReply::Ended(code) => Reply::Ended((*code).to_owned()),
            RefreshReply::Misconfigured(code) => Reply::Misconfigured((*code).to_owned()),
            RefreshReply::Renewed(session) => Reply::Renewed(session.members().clone()),
            RefreshReply::Unavailable { code, .. } => Reply::Unavailable((*code).to_owned()),
        };
        Some(Self {
            auth_calls: answer.auth_calls,
            gate,
            reply,
        })
    }

    /// The answer as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        // A map with string keys can always be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads the gate's answer.
    #[must_use]
    pub fn from_json(text: &str, now: UnixTime) -> Option<RefreshAnswer> {
        let told: Self = serde_json::from_str(text).ok()?;
        let gate = match told.gate {
            Role::Led => handler::Gate::Led,
            Role::Replayed => handler::Gate::Replayed,
            Role::Shared => handler::Gate::Shared,
        };
        let reply = match told.reply {
            Reply::Ended(code) => RefreshReply::Ended(auth_api::known_code(&code)?),
            Reply::Misconfigured(code) => RefreshReply::Misconfigured(auth_api::known_code(&code)?),
            Reply::Renewed(members) => {
                let session = read_session(&Value::Object(members).to_string(), now)?;
                RefreshReply::Renewed(Box::new(session))
            }
            Reply::Unavailable(code) => RefreshReply::Unavailable {
                code: auth_api::known_code(&code)?,
                // The gate has made the attempts there are.
                may_retry: false,
                retry_after_ms: None,
            },
        };
        Some(RefreshAnswer {
            reply,
            auth_calls: told.auth_calls,
            gate,
        })
    }
}
