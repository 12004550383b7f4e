//! What the Worker and its gate say to each other: JSON over the object's stub.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::auth_api::{self, RefreshReply};
use crate::refresh_order::{Gate, RefreshAnswer, RefreshOrder};
use crate::session::Session;
use crate::time::UnixTime;
use crate::token::Claims;

use super::Presented;

/// What this version of the Worker speaks. While a deployment spreads, a Worker may meet the gate
/// of another version; each then says so, and the Worker goes on without it.
pub const VERSION: u64 = 2;
/// The gate gives up on Auth this much before the Worker's patience ends, so that its answer still arrives.
const TRANSIT_MS: u64 = 100;
/// Of a short budget, transit takes no more than this part.
const TRANSIT_PART: u64 = 10;

/// A message to the gate.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// A session has to be refreshed. Answered with [`Told`].
    Ask(Ask),
    /// The session ends: a sign-out, or an operator's revocation. Answered with [`EndTold`].
    End(End),
    /// Has the session ended? Answered with [`EndTold`].
    IsEnded(EndAsked),
    /// The session changed at Auth without the gate. Answered with [`EndTold`].
    Learn(Learn),
    /// The answer with this refresh token was not what it should be: forget it.
    Reject(Rejection),
}

/// Why a message cannot be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MessageError {
    /// No message at all.
    Malformed,
    /// A message of another version of the Worker.
    OtherVersion,
    /// This version, and no message of it.
    Unknown,
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "expected a message in JSON",
            Self::OtherVersion => "expected a message of this version of the Worker",
            Self::Unknown => "expected a message that this gate knows",
        })
    }
}

impl std::error::Error for MessageError {}

/// The end of a session.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct End {
    /// The longest that an access token of the session can live from now on, in milliseconds.
    pub life_ms: u64,
}

/// The question whether a session has ended.
#[derive(Debug, Deserialize, Serialize)]
pub struct EndAsked {
    /// When the access token was issued that is about to be written, in milliseconds since the epoch.
    pub issued_at_ms: Option<u64>,
}

/// A session that a route got from Auth.
#[derive(Deserialize, Serialize)]
pub struct Learn {
    /// The session as Auth answered it.
    pub session: Map<String, Value>,
    /// The refresh token that the browser held before.
    pub used: String,
}

/// An answer of the gate that turned out not to be trustworthy.
#[derive(Deserialize, Serialize)]
pub struct Rejection {
    /// The refresh token it holds.
    pub refresh_token: String,
}

/// A request for a refresh.
#[derive(Deserialize, Serialize)]
pub struct Ask {
    /// Milliseconds that Auth may take, all attempts together.
    pub budget_ms: u64,
    /// The visitor's address, for `Sb-Forwarded-For`.
    pub client_ip: Option<String>,
    /// Expiry of the presented access token, in milliseconds since the epoch.
    pub expires_at_ms: u64,
    /// True if the presented access token still works.
    pub is_alive: bool,
    /// When the presented access token was issued, in milliseconds since the epoch.
    pub issued_at_ms: Option<u64>,
    /// The presented refresh token.
    pub refresh_token: String,
    /// How long the visitor waits, in milliseconds.
    pub wait_ms: u64,
}

macro_rules! without_tokens_in_debug {
    ($($name:ident),+) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )+};
}

without_tokens_in_debug!(Ask, Learn, Rejection);

/// Whether the session has ended.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct EndTold {
    /// True if nobody may be given the session any more.
    pub is_ended: bool,
}

/// The gate's answer.
#[derive(Deserialize, Serialize)]
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

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Reply {
    Ended(String),
    Misconfigured(String),
    Renewed(Map<String, Value>),
    Revoked,
    Unavailable(String),
}

impl Message {
    /// The message as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        write(self)
    }

    /// Reads a message.
    ///
    /// # Errors
    /// What it is not.
    pub fn from_json(text: &str) -> Result<Self, MessageError> {
        read(text)
    }
}

impl End {
    /// The end of the session of these claims, now.
    #[must_use]
    pub fn of(claims: &Claims) -> Self {
        let life_ms = claims.issued_at.map_or(u64::MAX, |issued_at| {
            claims.expires_at.millis_since(issued_at)
        });
        Self { life_ms }
    }

    /// The end of a session of which nothing but its id is known.
    #[must_use]
    pub const fn of_unknown() -> Self {
        Self { life_ms: u64::MAX }
    }
}

impl Learn {
    /// Takes a session from Auth; `used` is the refresh token before.
    #[must_use]
    pub fn new(session: &Session, used: &str) -> Self {
        Self {
            session: session.members().clone(),
            used: used.to_owned(),
        }
    }

    /// The session; `None` if it is none.
    #[must_use]
    pub fn into_session(self, now: UnixTime) -> Option<Session> {
        read_session(&Value::Object(self.session), now)
    }
}

impl EndTold {
    /// The answer as JSON.
    #[must_use]
    pub fn to_json(self) -> String {
        write(&self)
    }

    /// Reads the gate's answer.
    #[must_use]
    pub fn from_json(text: &str) -> Option<Self> {
        read(text).ok()
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
            issued_at_ms: order.issued_at.map(UnixTime::millis),
            refresh_token: order.refresh_token.clone(),
            wait_ms: patience_ms - transit_ms,
        }
    }

    /// What is presented with it.
    #[must_use]
    pub fn presented(&self) -> Presented {
        Presented::new(
            &self.refresh_token,
            self.issued_at_ms.map(UnixTime::from_millis),
            UnixTime::from_millis(self.expires_at_ms),
        )
    }
}

impl Told {
    /// The answer that carries `answer`; `None` for one that no gate gives.
    #[must_use]
    pub fn new(answer: &RefreshAnswer) -> Option<Self> {
        let gate = match answer.gate {
            Gate::Failed | Gate::None => return None,
            Gate::Led => Role::Led,
            Gate::Replayed => Role::Replayed,
            Gate::Shared => Role::Shared,
        };
        let reply = match &answer.reply {
            RefreshReply::Ended(code) => Reply::Ended((*code).to_owned()),
            RefreshReply::Misconfigured(code) => Reply::Misconfigured((*code).to_owned()),
            RefreshReply::Renewed(session) => Reply::Renewed(session.members().clone()),
            RefreshReply::Revoked => Reply::Revoked,
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
        write(self)
    }

    /// Reads the gate's answer.
    #[must_use]
    pub fn from_json(text: &str, now: UnixTime) -> Option<RefreshAnswer> {
        let told: Self = read(text).ok()?;
        let gate = match told.gate {
            Role::Led => Gate::Led,
            Role::Replayed => Gate::Replayed,
            Role::Shared => Gate::Shared,
        };
        let reply = match told.reply {
            Reply::Ended(code) => RefreshReply::Ended(auth_api::known_code(&code)?),
            Reply::Misconfigured(code) => RefreshReply::Misconfigured(auth_api::known_code(&code)?),
            Reply::Renewed(members) => {
                let session = read_session(&Value::Object(members), now)?;
                RefreshReply::Renewed(Box::new(session))
            }
            Reply::Revoked => RefreshReply::Revoked,
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

fn write(message: &impl Serialize) -> String {
    // Maps with string keys and numbers can always be written.
    json!({ "v": VERSION, "m": message }).to_string()
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, MessageError> {
    let mut whole: Map<String, Value> =
        serde_json::from_str(text).map_err(|_| MessageError::Malformed)?;
    if whole.get("v").and_then(Value::as_u64) != Some(VERSION) {
        return Err(MessageError::OtherVersion);
    }
    let message = whole.remove("m").unwrap_or_default();
    serde_json::from_value(message).map_err(|_| MessageError::Unknown)
}

pub(super) fn read_session(members: &Value, now: UnixTime) -> Option<Session> {
    Session::from_token_response(members.to_string().as_bytes(), now.seconds()).ok()
}
