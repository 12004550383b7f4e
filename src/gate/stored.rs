//! What a gate knows as its object's storage holds it: one JSON text, so that it is written and read as a whole.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::json::{self, json};
use crate::session::Session;
use crate::time::UnixTime;

use super::admission::Digest;
use super::family::{Ended, Family};
use super::newest::Newest;

impl Family {
    /// What has to outlive the object's memory; `None` if there is nothing.
    #[must_use]
    pub fn to_stored(&self) -> Option<String> {
        if self.newest.is_none() && self.ended.is_none() {
            return None;
        }
        let rotated: Vec<String> = self
            .rotated
            .iter()
            .map(|digest| URL_SAFE_NO_PAD.encode(digest))
            .collect();
        let ended = self.ended.map(|ended| {
            json!({
                "until": ended.until.millis(),
                "up_to": ended.up_to.map(UnixTime::millis),
            })
        });
        let newest = self.newest.as_ref();
        // Written by itself: a session of some kilobytes would be copied to become a part of the whole.
        let newest = newest.map_or_else(
            || "null".to_owned(),
            |newest| json::write(newest.session.members()),
        );
        let (ended, rotated) = (ended.unwrap_or_default(), Value::from(rotated));
        let (open_until, until) = (self.open_until.millis(), self.until.millis());
        let was_sent = self.was_sent;
        Some(format!(
            r#"{{"ended":{ended},"newest":{newest},"open_until":{open_until},"rotated":{rotated},"until":{until},"was_sent":{was_sent}}}"#
        ))
    }

    /// Reads what [`Self::to_stored`] wrote; whatever cannot be read counts as nothing known.
    #[must_use]
    pub fn from_stored(text: &str, now: UnixTime) -> Self {
        let mut stored: Value = json::read(text).unwrap_or_default();
        let mut family = Self::default();
        family.ended = stored.get("ended").and_then(read_end);
        // What cannot be read whole is not taken over in part.
        let _is_known: Option<()> = family.take_newest(&mut stored, now);
        family.expire(now);
        family
    }

    fn take_newest(&mut self, stored: &mut Value, now: UnixTime) -> Option<()> {
        let Value::Object(newest) = stored.get_mut("newest")?.take() else {
            return None;
        };
        let session = Session::from_members(newest, now.seconds()).ok()?;
        let rotated = stored.get("rotated")?.as_array()?.iter();
        let rotated = rotated.map(read_digest).collect::<Option<_>>()?;
        self.until = UnixTime::from_millis(stored.get("until")?.as_u64()?);
        let open_until = stored.get("open_until").and_then(Value::as_u64);
        self.open_until = open_until.map_or(self.until, UnixTime::from_millis);
        self.newest = Some(Newest::new(session));
        self.rotated = rotated;
        // Without it the parent of a token that Auth may have rotated would be sent: two steps behind by then.
        self.was_sent = stored.get("was_sent").and_then(Value::as_bool) == Some(true);
        Some(())
    }
}

fn read_digest(value: &Value) -> Option<Digest> {
    let digest = URL_SAFE_NO_PAD.decode(value.as_str()?).ok()?;
    digest.try_into().ok()
}

fn read_end(value: &Value) -> Option<Ended> {
    Some(Ended {
        until: UnixTime::from_millis(value.get("until")?.as_u64()?),
        up_to: value
            .get("up_to")
            .and_then(Value::as_u64)
            .map(UnixTime::from_millis),
    })
}
