//! `IDENTITY_PRIVATE_KEY`: the key of assertions that an origin checks without a secret.
//!
//! The Worker signs with it (ES256) and publishes its public half; [`crate::identity`] says what is signed. The key
//! itself is imported and used by the runtime's WebCrypto, so that no elliptic curve is compiled into the wasm.

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
///
/// The public half is kept beside it, since it is published on request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityKey {
    kid: String,
    x: String,
    y: String,
    private_jwk: Secret,
}

impl IdentityKey {
    /// Reads a private JWK (RFC 7517) for ES256; `None` where it is none.
    ///
    /// Members that contradict ES256 (`use`, `alg`, `key_ops`) make it another key's. Whether the point lies on the
    /// curve is found out by the runtime at its first use.
    ///
    /// ```
    /// use edge_session::config::IdentityKey;
    ///
    /// // The key of RFC 7515, appendix A.3.
    /// let jwk = serde_json::json!({
    ///     "kty": "EC",
    ///     "crv": "P-256",
    ///     "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    ///     "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    ///     "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
    /// });
    /// let key = IdentityKey::from_jwk(&jwk).expect("a private key for ES256");
    /// assert_eq!(key.public_set()["keys"][0]["crv"], "P-256");
    /// assert!(key.public_set()["keys"][0].get("d").is_none());
    /// ```
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
///
/// It names the key as long as the key is the same, whoever deploys it.
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
