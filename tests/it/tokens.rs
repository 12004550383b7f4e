//! Tokens for tests: any header, any payload, signed with the keys of `tests/it/keys`.

use std::collections::HashMap;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};

pub(crate) const NOW: u64 = 1_800_000_000;
pub(crate) const ISSUER: &str = "https://abc.supabase.co/auth/v1";
pub(crate) const USER: &str = "8d1b2ae5-3f0c-4f55-9c3e-0a7b1f4f7a01";
pub(crate) const OTHER_USER: &str = "11111111-2222-4333-8444-555555555555";
pub(crate) const SESSION: &str = "c0ffee00-1111-4222-8333-444455556666";
pub(crate) const OTHER_SESSION: &str = "c0ffee00-9999-4222-8333-444455556666";
pub(crate) const JWT_SECRET: &str = "a-shared-secret-of-at-least-32-bytes";

static SIGNED: Mutex<Option<HashMap<String, String>>> = Mutex::new(None);

/// A key that signs, with the `alg` and `kid` that belong to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Signer {
    EdDsa,
    Es256,
    Hs256,
    /// A good key that no key set lists.
    OtherEs256,
    Rs256,
}

impl Signer {
    pub(crate) const fn alg(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 | Self::OtherEs256 => "ES256",
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
        }
    }

    pub(crate) const fn kid(self) -> &'static str {
        match self {
            Self::EdDsa => "kid-ed",
            Self::Es256 => "kid-es",
            Self::Hs256 => "kid-hs",
            Self::OtherEs256 => "kid-other",
            Self::Rs256 => "kid-rs",
        }
    }

    pub(crate) fn header(self) -> Value {
        json!({"alg": self.alg(), "kid": self.kid(), "typ": "JWT"})
    }

    /// The signature over `input`, as the third part of a token. Signatures are
    /// kept, since the same tokens come up again and again and each costs milliseconds.
    pub(crate) fn sign(self, input: &str) -> String {
        let mut signed = SIGNED
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        signed
            .get_or_insert_default()
            .entry(format!("{self:?} {input}"))
            .or_insert_with(|| self.sign_anew(input))
            .clone()
    }

    fn sign_anew(self, input: &str) -> String {
        let (key, algorithm) = match self {
            Self::EdDsa => (
                EncodingKey::from_ed_pem(include_bytes!("keys/eddsa.pem")),
                Algorithm::EdDSA,
            ),
            Self::Es256 => (
                EncodingKey::from_ec_pem(include_bytes!("keys/es256.pem")),
                Algorithm::ES256,
            ),
            Self::Hs256 => (
                Ok(EncodingKey::from_secret(JWT_SECRET.as_bytes())),
                Algorithm::HS256,
            ),
            Self::OtherEs256 => (
                EncodingKey::from_ec_pem(include_bytes!("keys/other_es256.pem")),
                Algorithm::ES256,
            ),
            Self::Rs256 => (
                EncodingKey::from_rsa_pem(include_bytes!("keys/rs256.pem")),
                Algorithm::RS256,
            ),
        };
        crypto::sign(input.as_bytes(), &key.unwrap(), algorithm).unwrap()
    }

    /// A token of this header and payload, whatever they say.
    pub(crate) fn token(self, header: &Value, payload: &Value) -> String {
        self.token_of(&header.to_string(), &payload.to_string())
    }

    /// A token of these texts, JSON or not.
    pub(crate) fn token_of(self, header: &str, payload: &str) -> String {
        let input = format!("{}.{}", encode(header), encode(payload));
        let signature = self.sign(&input);
        format!("{input}.{signature}")
    }

    /// A token of Auth with a few claims changed; a change to `null` removes the claim.
    pub(crate) fn mint(self, changes: &Value) -> String {
        self.token(&self.header(), &claims(changes))
    }
}

/// The public members of one of the test keys, with `kid` and `alg` where given.
pub(crate) fn public_jwk(name: &str, changes: &Value) -> Value {
    let keys: Value = serde_json::from_str(include_str!("keys/public.json")).unwrap();
    let mut key = keys[name].clone();
    merge(&mut key, changes);
    key
}

/// The key set of the project: one key of each kind, as Auth publishes them.
pub(crate) fn key_set_json() -> Value {
    let operations = json!(["verify"]);
    let listed = |name, signer: Signer| {
        let common = json!({"alg": signer.alg(), "kid": signer.kid(), "use": "sig", "key_ops": operations, "ext": true});
        public_jwk(name, &common)
    };
    json!({"keys": [
        listed("es256", Signer::Es256),
        listed("rs256", Signer::Rs256),
        listed("eddsa", Signer::EdDsa),
    ]})
}

/// The same with an ES256 key that no WebCrypto imports.
pub(crate) fn unusable_key_set_json() -> Value {
    let mut set = key_set_json();
    set["keys"][0]["x"] = json!("+/+/");
    set
}

/// The claims of a user of Auth, an hour before their expiry.
pub(crate) fn claims(changes: &Value) -> Value {
    let mut claims = json!({
        "aal": "aal1",
        "amr": [{"method": "password", "timestamp": NOW - 60}],
        "app_metadata": {"provider": "email", "plan": "pro"},
        "aud": "authenticated",
        "email": "visitor@example.com",
        "exp": NOW + 3600,
        "iat": NOW - 60,
        "is_anonymous": false,
        "iss": ISSUER,
        "role": "authenticated",
        "session_id": SESSION,
        "sub": USER,
    });
    merge(&mut claims, changes);
    claims
}

/// A token that runs out `seconds` from now, or has run out if that is negative.
pub(crate) fn expiring_in(seconds: i64) -> String {
    let expires_at = NOW.saturating_add_signed(seconds);
    // Auth's tokens live an hour; one of the future must not be.
    let issued_at = (expires_at - 3600).min(NOW - 60);
    Signer::Es256.mint(&json!({"exp": expires_at, "iat": issued_at}))
}

pub(crate) fn encode(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

pub(crate) fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

fn merge(value: &mut Value, changes: &Value) {
    let members = value.as_object_mut().unwrap();
    for (name, change) in changes.as_object().unwrap() {
        if change.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), change.clone());
        }
    }
}
