//! `IDENTITY_PRIVATE_KEY`: the key of assertions that an origin checks without a secret.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::parse::Reader;
use crate::json::{self, json};
use crate::secret::Secret;

/// Coordinates and the private number of P-256 (RFC 7518 6.2).
const NUMBER_BYTES: usize = 32;

/// A private P-256 key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityKey {
    kid: String,
    x: String,
    y: String,
    private_jwk: Secret,
}

impl IdentityKey {
    /// Reads a private JWK (RFC 7517) for ES256; `None` where it is none.
    #[must_use]
    pub fn from_jwk(jwk: &Value) -> Option<Self> {
        let member = |name: &str| jwk.get(name)?.as_str();
        let number = |name: &str| {
            let text = member(name)?;
            let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
            (bytes.len() == NUMBER_BYTES).then_some(text)
        };
        let may_be = |name: &str, wanted: &str| jwk.get(name).is_none_or(|found| found == wanted);
        let may_sign = jwk.get("key_ops").is_none_or(|operations| {
            let operations = operations.as_array();
            operations.is_some_and(|list| list.iter().any(|operation| operation == "sign"))
        });
        if member("kty")? != "EC"
            || member("crv")? != "P-256"
            || !may_be("use", "sig")
            || !may_be("alg", "ES256")
            || !may_sign
        {
            return None;
        }
        let (x, y, d) = (number("x")?, number("y")?, number("d")?);
        let private = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "d": d});
        let kid = match jwk.get("kid") {
            None => thumbprint(x, y),
            Some(kid) => kid.as_str().filter(|kid| !kid.is_empty())?.to_owned(),
        };
        Some(Self {
            kid,
            x: x.to_owned(),
            y: y.to_owned(),
            private_jwk: Secret::new(json::write(&private)),
        })
    }

    /// The name of the key: its own, or its thumbprint (RFC 7638).
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The key for import, without members that an import could stumble over.
    #[must_use]
    pub const fn private_jwk(&self) -> &Secret {
        &self.private_jwk
    }

    /// The document that publishes the public key.
    #[must_use]
    pub fn public_set(&self) -> Value {
        json!({"keys": [json!({
            "kty": "EC",
            "crv": "P-256",
            "x": self.x,
            "y": self.y,
            "kid": self.kid,
            "use": "sig",
            "alg": "ES256",
        })]})
    }
}

/// RFC 7638: the required members in the order of their names, without spaces.
fn thumbprint(x: &str, y: &str) -> String {
    let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    URL_SAFE_NO_PAD.encode(Sha256::digest(members))
}

pub(super) fn identity_key<F: Fn(&str) -> Option<String>>(
    reader: &mut Reader<F>,
) -> Option<IdentityKey> {
    const NAME: &str = "IDENTITY_PRIVATE_KEY";
    let text = reader.set(NAME)?;
    let key = json::read(&text)
        .ok()
        .and_then(|jwk| IdentityKey::from_jwk(&jwk));
    if key.is_none() {
        reader.problem(
            NAME,
            "must be a private JWK for ES256: an object with kty EC, crv P-256, x, y and d",
        );
    }
    key
}
