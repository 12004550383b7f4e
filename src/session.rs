//! The Supabase session: the JSON that clients keep in their cookies.
//!
//! What of it is trusted is little: the two tokens, which are verified or answered by Auth. `expires_at` and `user`
//! are written by whoever writes the cookie, so the one never decides about a refresh and the other never tells who
//! somebody is.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Map, Value};

use crate::cookies::chunks;
use crate::cookies::encoding::{self, Encoding};
pub use crate::cookies::error::SessionCookieError;
use crate::json;

/// A session as a client or the Auth server wrote it, unknown members and their order kept.
#[derive(Clone, PartialEq)]
pub struct Session {
    format: Format,
    members: Map<String, Value>,
}

/// The form a session came in, which is the form it is written back in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Format {
    /// The encoding of the cookie's value.
    pub encoding: Encoding,
    /// True for a form that current clients cannot read, so that it is worth rewriting
    /// even if the tokens stay: arrays of auth-helpers, `base64l-…` of `@supabase/ssr` 0.6.0.
    pub foreign: bool,
    /// False for clients that keep the user elsewhere (`encode: "tokens-only"`). True for arrays,
    /// whose client made the user up from the token: its successor expects one.
    pub with_user: bool,
}

impl Session {
    /// Reads a joined cookie value; `None` if it holds nothing.
    ///
    /// ```
    /// use edge_session::session::Session;
    ///
    /// let cookie = r#"{"access_token":"a","refresh_token":"r","expires_at":1,"more":[2]}"#;
    /// let session = Session::from_cookie(cookie).ok().flatten().expect("a session");
    /// assert_eq!(session.access_token(), "a");
    /// // Members that are not known stay, in their order.
    /// assert_eq!(session.to_cookies("K", session.format())[0].0, "K");
    /// assert!(session.members().contains_key("more"));
    /// assert_eq!(Session::from_cookie("null"), Ok(None));
    /// ```
    ///
    /// # Errors
    /// Why it cannot be read. `null` and an empty value are nothing, and no error.
    pub fn from_cookie(value: &str) -> Result<Option<Self>, SessionCookieError> {
        let Some(decoded) = encoding::decode(value)? else {
            return Ok(None);
        };
        let (encoding, foreign) = (decoded.encoding, decoded.foreign);
        match parse(&decoded.text)? {
            Value::Array(items) => Ok(Some(Self::from_array(items, encoding)?)),
            Value::Object(members) => {
                require_tokens(&members)?;
                if !members.contains_key("expires_at") {
                    return Err(SessionCookieError::WrongShape);
                }
                let with_user = members.contains_key("user");
                Ok(Some(Self {
                    format: Format {
                        encoding,
                        foreign,
                        with_user,
                    },
                    members,
                }))
            }
            Value::Null => Ok(None),
            Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                Err(SessionCookieError::WrongShape)
            }
        }
    }

    /// Reads the Auth server's answer to a sign-in or refresh. `expires_at` is computed from
    /// `now_seconds` (Unix time) if the server did not send it.
    ///
    /// # Errors
    /// Why it is no session. Auth's own answers are read with the same limit as cookies, as they become one.
    pub fn from_token_response(body: &[u8], now_seconds: u64) -> Result<Self, SessionCookieError> {
        if body.len() > encoding::MAX_SESSION_BYTES {
            return Err(SessionCookieError::TooLarge);
        }
        let text = std::str::from_utf8(body).map_err(|_| SessionCookieError::NotUtf8)?;
        let Value::Object(members) = parse(text)? else {
            return Err(SessionCookieError::WrongShape);
        };
        Self::from_members(members, now_seconds)
    }

    /// Takes over the members of such an answer.
    ///
    /// # Errors
    /// What they are not.
    pub fn from_members(
        mut members: Map<String, Value>,
        now_seconds: u64,
    ) -> Result<Self, SessionCookieError> {
        require_tokens(&members)?;
        let expires_in = members.get("expires_in").and_then(Value::as_f64);
        let Some(expires_in) = expires_in.filter(|seconds| *seconds > 0.0) else {
            return Err(SessionCookieError::WrongShape);
        };
        if !members.get("expires_at").is_some_and(Value::is_number) {
            // A float-to-integer cast saturates, so no answer can overflow it.
            let expires_at = now_seconds.saturating_add(expires_in.round() as u64);
            members.insert("expires_at".to_owned(), expires_at.into());
        }
        let with_user = members.contains_key("user");
        let format = Format {
            encoding: Encoding::Base64Url,
            foreign: false,
            with_user,
        };
        Ok(Self { format, members })
    }

    /// The access token, never empty.
    pub fn access_token(&self) -> &str {
        self.member("access_token")
    }

    /// The refresh token, never empty.
    pub fn refresh_token(&self) -> &str {
        self.member("refresh_token")
    }

    /// The session as JSON, with every member it came with.
    pub fn members(&self) -> &Map<String, Value> {
        &self.members
    }

    /// True if the session carries a user.
    pub fn has_user(&self) -> bool {
        self.members.contains_key("user")
    }

    /// The form it came in. Sessions from the Auth server have the clients' default form.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Sets `expires_at` and `expires_in` from the access token's `exp`, both in seconds. Arrays
    /// of auth-helpers carry neither, and clients refuse a session without `expires_at`.
    #[must_use]
    pub fn with_expiry(mut self, expires_at: u64, now_seconds: u64) -> Self {
        let expires_in = expires_at.saturating_sub(now_seconds);
        self.members
            .insert("expires_in".to_owned(), expires_in.into());
        self.members
            .insert("expires_at".to_owned(), expires_at.into());
        self
    }

    /// True if the session's `user` is the one whose id is `subject`, the token's verified `sub`, or if it has none.
    ///
    /// Nobody signs the member: a browser can hold somebody else's in it, and `getSession()` at the origin believes it.
    pub fn has_trusted_user(&self, subject: &str) -> bool {
        let id = |user: &Value| user.get("id").and_then(Value::as_str) == Some(subject);
        self.members.get("user").is_none_or(id)
    }

    /// The session without a `user` other than `subject`: what may be written, and what the origin may see.
    #[must_use]
    pub fn with_trusted_user(&self, subject: &str) -> Cow<'_, Self> {
        if self.has_trusted_user(subject) {
            return Cow::Borrowed(self);
        }
        let mut session = self.clone();
        session.members.shift_remove("user");
        Cow::Owned(session)
    }

    /// The cookies that carry this session in the form of `shape`: names and wire values.
    pub fn to_cookies(&self, storage_key: &str, shape: Format) -> Vec<(String, String)> {
        let json = self.to_json(shape.with_user);
        chunks::write(storage_key, &json, shape.encoding)
    }

    fn to_json(&self, with_user: bool) -> String {
        let mut members = Cow::Borrowed(&self.members);
        if !with_user && self.has_user() {
            members.to_mut().shift_remove("user");
        }
        // A map with string keys can always be written.
        json::write(members.as_ref())
    }

    fn member(&self, name: &str) -> &str {
        self.members
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// `[access, refresh, provider, provider refresh, factors]` of auth-helpers. Members that
    /// are null there are absent in a session of today.
    fn from_array(items: Vec<Value>, encoding: Encoding) -> Result<Self, SessionCookieError> {
        const NAMES: [&str; 4] = [
            "access_token",
            "refresh_token",
            "provider_token",
            "provider_refresh_token",
        ];
        let mut members = Map::new();
        for (name, item) in NAMES.into_iter().zip(items) {
            if item.is_string() {
                members.insert(name.to_owned(), item);
            }
            if name == "access_token" {
                members.insert("token_type".to_owned(), "bearer".into());
            }
        }
        require_tokens(&members)?;
        Ok(Self {
            format: Format {
                encoding,
                foreign: true,
                with_user: true,
            },
            members,
        })
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

fn require_tokens(members: &Map<String, Value>) -> Result<(), SessionCookieError> {
    let is_token = |name| {
        members
            .get(name)
            .and_then(Value::as_str)
            .is_some_and(|token: &str| !token.is_empty())
    };
    if is_token("access_token") && is_token("refresh_token") {
        Ok(())
    } else {
        Err(SessionCookieError::WrongShape)
    }
}

/// Parses JSON. Its depth is bounded by serde_json's limit of 128, far above any session's.
fn parse(text: &str) -> Result<Value, SessionCookieError> {
    json::read_healed(text).map_err(|_| SessionCookieError::NotJson)
}
