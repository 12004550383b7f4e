//! What the Worker and its gate say to each other: JSON over the object's stub.

use std::fmt;

use serde_json::{Map, Value};

use crate::auth_api::{self, RefreshReply};
use crate::json::{self, json};
use crate::refresh_order::{Gate, RefreshAnswer, RefreshOrder};
use crate::session::Session;
use crate::time::UnixTime;
use crate::token::{Claims, Token};

use super::admission::Presented;

/// What this version of the Worker speaks. While a deployment spreads, a Worker may meet the gate
/// of another version; each then says so, and the Worker goes on without it.
pub const VERSION: u64 = 2;
/// The gate gives up on Auth this much before the Worker's patience ends, so that its answer still arrives.
const TRANSIT_MS: u64 = 100;
/// Of a short budget, transit takes no more than this part.
const TRANSIT_PART: u64 = 10;

/// A message to the gate.
#[derive(Debug)]
pub enum Message {
    /// A session has to be refreshed. Answered with [`Told`].
    Ask(Ask),
    /// The session ends: a sign-out, or an operator's revocation. Answered with [`EndTold`].
    End(End),
    /// Has the session ended? Answered with [`EndTold`].
    IsEnded(EndAsked),
    /// The session changed at Auth without the gate. Answered with [`EndTold`].
    Learn(Learn),
    /// Auth is asked to replace the session's tokens without the gate. Answered with an empty text.
    Raise(Raise),
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
#[derive(Clone, Debug)]
pub struct End {
    /// The longest that an access token of the session can live from now on, in milliseconds.
    pub life_ms: u64,
}

/// The question whether a session has ended.
#[derive(Debug)]
pub struct EndAsked {
    /// When the access token was issued that is about to be written, in milliseconds since the epoch.
    pub issued_at_ms: Option<u64>,
}

/// A session that a route got from Auth.
pub struct Learn {
    /// The session as Auth answered it.
    pub session: Map<String, Value>,
    /// The refresh token that the browser held before.
    pub used: String,
    /// True if it came when nobody waited any more, so that no browser holds it.
    pub is_late: bool,
}

/// A request of a route's that replaces the session's tokens at Auth: until its answer is there, the refresh token of before may
/// be the one that Auth ends the session over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Raise {
    /// The longest that Auth's answer may take from now on, in milliseconds.
    pub for_ms: u64,
}

/// An answer of the gate that turned out not to be trustworthy.
pub struct Rejection {
    /// The refresh token it holds.
    pub refresh_token: String,
}

/// A request for a refresh.
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
    /// The session's id, by a good signature: an answer of another session is none to keep.
    pub session_id: Option<String>,
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
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct EndTold {
    /// True if nobody may be given the session any more.
    pub is_ended: bool,
}

/// The gate's answer: its JSON, without the version.
pub struct Told(String);

impl Message {
    /// The message as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        match self {
            Self::Ask(ask) => write("ask", &ask.to_value()),
            Self::End(end) => write("end", &json!({ "life_ms": end.life_ms })),
            Self::IsEnded(asked) => {
                write("is_ended", &json!({ "issued_at_ms": asked.issued_at_ms }))
            }
            Self::Learn(learn) => {
                let session = written(&learn.session);
                let (used, is_late) = (json::write(&learn.used), learn.is_late);
                wrap(&format!(
                    r#"{{"learn":{{"session":{session},"used":{used},"is_late":{is_late}}}}}"#
                ))
            }
            Self::Raise(raise) => write("raise", &json!({ "for_ms": raise.for_ms })),
            Self::Reject(rejection) => {
                let token = rejection.refresh_token.as_str();
                write("reject", &json!({ "refresh_token": token }))
            }
        }
    }

    /// Reads a message.
    ///
    /// # Errors
    /// What it is not.
    pub fn from_json(text: &str) -> Result<Self, MessageError> {
        Self::from_value(opened(text)?).ok_or(MessageError::Unknown)
    }

    fn from_value(message: Value) -> Option<Self> {
        let (kind, mut members) = only(message)?;
        Some(match kind.as_str() {
            "ask" => Self::Ask(Ask::from_members(&members)?),
            "end" => Self::End(End {
                life_ms: number(&members, "life_ms")?,
            }),
            "is_ended" => Self::IsEnded(EndAsked {
                issued_at_ms: number(&members, "issued_at_ms"),
            }),
            "learn" => Self::Learn(Learn {
                session: object(members.remove("session")?)?,
                used: text(&members, "used")?,
                is_late: members.get("is_late").and_then(Value::as_bool) == Some(true),
            }),
            "raise" => Self::Raise(Raise {
                for_ms: number(&members, "for_ms")?,
            }),
            "reject" => Self::Reject(Rejection {
                refresh_token: text(&members, "refresh_token")?,
            }),
            _ => return None,
        })
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
            is_late: false,
        }
    }

    /// Takes an answer of Auth past the gate of the session of this id; `None` if it is another session's.
    #[must_use]
    pub fn past_gate(
        session: &Session,
        used: &str,
        session_id: &str,
        is_late: bool,
    ) -> Option<Self> {
        let token = Token::parse(session.access_token()).ok()?;
        let is_own = token.claimed_session() == Some(session_id);
        is_own.then(|| Self {
            is_late,
            ..Self::new(session, used)
        })
    }

    /// The session; `None` if it is none.
    #[must_use]
    pub fn into_session(self, now: UnixTime) -> Option<Session> {
        Session::from_members(self.session, now.seconds()).ok()
    }
}

impl EndTold {
    /// The answer as JSON.
    #[must_use]
    pub fn to_json(self) -> String {
        wrap(&json::write(&json!({ "is_ended": self.is_ended })))
    }

    /// Reads the gate's answer.
    #[must_use]
    pub fn from_json(text: &str) -> Option<Self> {
        let is_ended = opened(text).ok()?.get("is_ended")?.as_bool()?;
        Some(Self { is_ended })
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
            session_id: order.session_id.clone(),
            wait_ms: patience_ms - transit_ms,
        }
    }

    fn to_value(&self) -> Value {
        json!({
            "budget_ms": self.budget_ms,
            "client_ip": self.client_ip,
            "expires_at_ms": self.expires_at_ms,
            "is_alive": self.is_alive,
            "issued_at_ms": self.issued_at_ms,
            "refresh_token": self.refresh_token,
            "session_id": self.session_id,
            "wait_ms": self.wait_ms,
        })
    }

    fn from_members(members: &Map<String, Value>) -> Option<Self> {
        Some(Self {
            budget_ms: number(members, "budget_ms")?,
            client_ip: text(members, "client_ip"),
            expires_at_ms: number(members, "expires_at_ms")?,
            is_alive: members.get("is_alive")?.as_bool()?,
            issued_at_ms: number(members, "issued_at_ms"),
            refresh_token: text(members, "refresh_token")?,
            session_id: text(members, "session_id"),
            wait_ms: number(members, "wait_ms")?,
        })
    }

    /// What is presented with it.
    #[must_use]
    pub fn presented(&self) -> Presented {
        Presented::new(
            &self.refresh_token,
            self.issued_at_ms.map(UnixTime::from_millis),
            UnixTime::from_millis(self.expires_at_ms),
        )
        .of_session(self.session_id.as_deref())
    }
}

impl Told {
    /// The answer that carries `answer`; `None` for one that no gate gives.
    #[must_use]
    pub fn new(answer: &RefreshAnswer) -> Option<Self> {
        let gate = match answer.gate {
            Gate::Failed | Gate::None => return None,
            Gate::Led | Gate::Replayed | Gate::Shared => answer.gate.word(),
        };
        let told = |kind: &str, code: &str| json::write(&json!({ kind: code }));
        let reply = match &answer.reply {
            RefreshReply::Ended(code) => told("ended", code),
            RefreshReply::Misconfigured(code) => told("misconfigured", code),
            RefreshReply::Renewed(session) => {
                format!(r#"{{"renewed":{}}}"#, written(session.members()))
            }
            RefreshReply::Revoked => r#""revoked""#.to_owned(),
            RefreshReply::Unavailable { code, .. } => told("unavailable", code),
        };
        let calls = answer.auth_calls;
        Some(Self(format!(
            r#"{{"auth_calls":{calls},"gate":"{gate}","reply":{reply}}}"#
        )))
    }

    /// The answer as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        wrap(&self.0)
    }

    /// Reads the gate's answer.
    #[must_use]
    pub fn from_json(text: &str, now: UnixTime) -> Option<RefreshAnswer> {
        let mut told = object(opened(text).ok()?)?;
        let gate = told.get("gate")?.as_str()?;
        let gate = [Gate::Led, Gate::Replayed, Gate::Shared]
            .into_iter()
            .find(|known| known.word() == gate)?;
        let auth_calls = u32::try_from(number(&told, "auth_calls")?).ok()?;
        Some(RefreshAnswer {
            reply: read_reply(told.remove("reply")?, now)?,
            auth_calls,
            gate,
        })
    }
}

fn read_reply(reply: Value, now: UnixTime) -> Option<RefreshReply> {
    if reply == "revoked" {
        return Some(RefreshReply::Revoked);
    }
    let (kind, value) = object(reply)?.into_iter().next()?;
    let code = || auth_api::known_code(value.as_str()?);
    Some(match kind.as_str() {
        "ended" => RefreshReply::Ended(code()?),
        "misconfigured" => RefreshReply::Misconfigured(code()?),
        "renewed" => {
            let session = Session::from_members(object(value)?, now.seconds()).ok()?;
            RefreshReply::Renewed(Box::new(session))
        }
        "unavailable" => RefreshReply::Unavailable {
            code: code()?,
            // The gate has made the attempts there are.
            may_retry: false,
            retry_after_ms: None,
        },
        _ => return None,
    })
}

/// JSON text of this version.
fn wrap(message: &str) -> String {
    format!(r#"{{"v":{VERSION},"m":{message}}}"#)
}

fn write(kind: &str, members: &Value) -> String {
    let members = json::write(members);
    wrap(&format!(r#"{{"{kind}":{members}}}"#))
}

/// A map with string keys can always be written.
fn written(members: &Map<String, Value>) -> String {
    json::write(members)
}

/// What stands in a text of this version.
fn opened(text: &str) -> Result<Value, MessageError> {
    let whole: Value = json::read(text).map_err(|_| MessageError::Malformed)?;
    let mut whole = object(whole).ok_or(MessageError::Malformed)?;
    if number(&whole, "v") != Some(VERSION) {
        return Err(MessageError::OtherVersion);
    }
    Ok(whole.remove("m").unwrap_or_default())
}

/// The one member of an object, which is an object itself.
fn only(message: Value) -> Option<(String, Map<String, Value>)> {
    let members = object(message)?;
    let is_one = members.len() == 1;
    let (kind, value) = members.into_iter().next()?;
    Some((kind, object(value).filter(|_| is_one)?))
}

fn object(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(members) => Some(members),
        Value::Array(_) | Value::Bool(_) | Value::Null | Value::Number(_) | Value::String(_) => {
            None
        }
    }
}

fn number(members: &Map<String, Value>, name: &str) -> Option<u64> {
    members.get(name)?.as_u64()
}

fn text(members: &Map<String, Value>, name: &str) -> Option<String> {
    Some(members.get(name)?.as_str()?.to_owned())
}
