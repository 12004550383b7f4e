//! PKCE (RFC 7636) as the Supabase clients do it: verifiers in cookies, one slot per flow.
//!
//! ```text
//! K-flow-<id>-code-verifier   the verifier of one flow
//! K-flows-code-verifier       the ids of the flows under way, oldest first, at most five
//! K-code-verifier             the verifier of the latest flow, for clients that know no slots
//! ```
//!
//! A flow that the browser's client began can be finished here, and the other
//! way round, because names, encoding and limits are the client's.
//!
//! Pure but for the random bytes, which the caller draws. What is sent to Auth stands in [`crate::sign_in_api`],
//! where the flow comes back to in the route `callback`. The challenge's method is S256 alone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::cookies::encoding::{self, Encoding};
use crate::cookies::{self, chunks, is_flow_id};
use crate::json;

/// Random bytes that a flow is made of: 56 for the verifier, 16 for the id.
pub const RANDOM_BYTES: usize = VERIFIER_BYTES + ID_BYTES;
const VERIFIER_BYTES: usize = 56;
const ID_BYTES: usize = 16;
/// Flows that may be under way in one browser; the oldest make room.
const MAX_FLOWS: usize = 5;
/// Ids of the index that are read, the newest of them. Clients keep [`MAX_FLOWS`]; whoever else may write a cookie
/// here could list thousands, each with a cookie to look for and to delete.
const MAX_IDS_READ: usize = 16;

/// A flow that begins.
///
/// ```
/// use edge_session::cookies::encoding::Encoding;
/// use edge_session::pkce::{Flow, RANDOM_BYTES, verifier};
///
/// let flow = Flow::from_random(&[7; RANDOM_BYTES]).expect("enough bytes");
/// let changes = flow.cookies("", "K", "", Encoding::Raw);
/// let header: Vec<String> =
///     changes.set.iter().map(|(name, value)| format!("{name}={value}")).collect();
/// let header = header.join("; ");
/// // The browser brings the cookies back, and the flow finds its own verifier.
/// let found = verifier(&header, "K", Some(flow.id())).expect("the slot of this flow");
/// assert_eq!(found, "07".repeat(56));
/// assert_eq!(verifier(&header, "K", Some("another-flow")), None);
/// ```
#[derive(Clone, Debug)]
pub struct Flow {
    id: String,
    verifier: String,
}

impl Flow {
    /// A flow from [`RANDOM_BYTES`] random bytes; `None` from fewer.
    #[must_use]
    pub fn from_random(random: &[u8]) -> Option<Self> {
        let (verifier, rest) = random.split_at_checked(VERIFIER_BYTES)?;
        Some(Self {
            id: hex(rest.get(..ID_BYTES)?),
            verifier: hex(verifier),
        })
    }

    /// The id, as in `sb_flow_id`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The S256 challenge (RFC 7636 4.2).
    ///
    /// 43 characters of base64url.
    #[must_use]
    pub fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier.as_bytes()))
    }

    /// The cookies that keep this flow beside those in `header`.
    /// `suffix` marks what the flow is for, such as `/recovery`.
    #[must_use]
    pub fn cookies(&self, header: &str, key: &str, suffix: &str, encoding: Encoding) -> Changes {
        let stored = format!("{}{suffix}", self.verifier);
        let mut flows = index(header, key);
        flows.push(self.id.clone());
        flows.drain(..flows.len().saturating_sub(MAX_FLOWS));
        // Those that make room, and those that no index names any more.
        let is_over = |id: &str| flows.iter().all(|known| known != id);
        let mut changes = Changes {
            deleted: cookies::flow_slots(header, key, is_over, cookies::MAX_NAMES_DELETED),
            set: Vec::new(),
        };
        changes.write(&slot_name(key, &self.id), &stored, encoding);
        changes.write(&index_name(key), &flows, encoding);
        changes.write(&fixed_name(key), &stored, encoding);
        changes
    }
}

/// Cookies to delete and to set.
///
/// The caller writes them with the attributes of verifiers: an hour of life.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Changes {
    /// Names to delete.
    pub deleted: Vec<String>,
    /// Names and wire values to set.
    pub set: Vec<(String, String)>,
}

impl Changes {
    fn write(&mut self, name: &str, value: &impl serde::Serialize, encoding: Encoding) {
        // Strings and lists of strings always have a JSON form.
        if let Ok(json) = serde_json::to_string(value) {
            self.set.extend(chunks::write(name, &json, encoding));
        }
    }
}

/// The verifier of a flow that comes back: of the slot that `flow_id` names,
/// and no other, or the latest one without an id.
#[must_use]
pub fn verifier(header: &str, key: &str, flow_id: Option<&str>) -> Option<String> {
    let name = match flow_id {
        Some(id) if is_flow_id(id) => slot_name(key, id),
        Some(_) => return None,
        None => fixed_name(key),
    };
    let stored = read(header, key, &name)?;
    let verifier = stored.split('/').next().unwrap_or_default();
    (!verifier.is_empty()).then(|| verifier.to_owned())
}

/// What the flow was begun for, such as `recovery`, if the client wrote it beside its verifier.
///
/// Clients write it behind a slash: `<verifier>/recovery`.
#[must_use]
pub fn purpose(header: &str, key: &str, flow_id: Option<&str>) -> Option<String> {
    let name = match flow_id {
        Some(id) if is_flow_id(id) => slot_name(key, id),
        Some(_) => return None,
        None => fixed_name(key),
    };
    let stored = read(header, key, &name)?;
    stored
        .split_once('/')
        .map(|(_, purpose)| purpose.to_owned())
}

/// What remains of the cookies once the verifier of `flow_id` was used, well or badly.
#[must_use]
pub fn forget(header: &str, key: &str, flow_id: Option<&str>, encoding: Encoding) -> Changes {
    let mut changes = Changes::default();
    let fixed = fixed_name(key);
    let Some(id) = flow_id else {
        changes.deleted.push(fixed);
        return changes;
    };
    if !is_flow_id(id) {
        return changes;
    }
    let slot = slot_name(key, id);
    if read(header, key, &slot) == read(header, key, &fixed) {
        changes.deleted.push(fixed);
    }
    changes.deleted.push(slot);
    let mut flows = index(header, key);
    flows.retain(|known| known != id);
    if flows.is_empty() {
        changes.deleted.push(index_name(key));
    } else {
        changes.write(&index_name(key), &flows, encoding);
    }
    changes
}

/// The flows under way, oldest first, each once.
fn index(header: &str, key: &str) -> Vec<String> {
    let text = cookies::value(header, key, &index_name(key)).unwrap_or_default();
    let decoded = encoding::decode(&text).ok().flatten();
    let listed = decoded.and_then(|decoded| list(&decoded.text));
    let mut flows: Vec<String> = Vec::new();
    for id in listed.unwrap_or_default().into_iter().rev() {
        if flows.len() == MAX_IDS_READ {
            break;
        }
        if is_flow_id(&id) && !flows.contains(&id) {
            flows.push(id);
        }
    }
    flows.reverse();
    flows
}

/// A list of texts and of nothing else.
fn list(json: &str) -> Option<Vec<String>> {
    let Ok(Value::Array(members)) = json::read(json) else {
        return None;
    };
    let text = |member: &Value| member.as_str().map(str::to_owned);
    members.iter().map(text).collect()
}

fn read(header: &str, key: &str, name: &str) -> Option<String> {
    let text = cookies::value(header, key, name)?;
    let decoded = encoding::decode(&text).ok()??;
    // Clients of the auth-helpers kept the bare verifier.
    match json::read(&*decoded.text) {
        Ok(Value::String(verifier)) => Some(verifier),
        Ok(_) | Err(_) => Some(decoded.text.into_owned()),
    }
}

fn fixed_name(key: &str) -> String {
    format!("{key}-code-verifier")
}

fn index_name(key: &str) -> String {
    format!("{key}-flows-code-verifier")
}

fn slot_name(key: &str, id: &str) -> String {
    format!("{key}-flow-{id}-code-verifier")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
