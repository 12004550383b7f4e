//! JSON Web Key Sets (RFC 7517): which keys may verify which tokens, and how long a set is used.
//!
//! A key of a set is read strictly and the set leniently: one key that is not understood is left out, and the
//! others serve. Private members and certificates never leave here. The set is fetched and kept by others: the
//! handler's `keys`, [`crate::memory::KeyCache`], and the shell for `SESSION_KV`.

use std::fmt;

use jsonwebtoken::Algorithm;
use jsonwebtoken::jwk::{EllipticCurve, KeyOperations, PublicKeyUse};
use serde::de::DeserializeOwned;
use serde::de::value::{Error, StrDeserializer};
use serde_json::Value;

use crate::json::{self, json};
use crate::time::UnixTime;

/// Largest key set that is read. Supabase publishes a handful of keys of at most 1 KiB.
pub const MAX_SET_BYTES: usize = 64 * 1024;
/// Most keys of a set that are kept: a longer list is an attack on memory, not a rotation.
pub const MAX_KEYS: usize = 64;
/// The last good set serves this long while Auth cannot be reached.
pub const MAX_STALE_SECONDS: u64 = 24 * 60 * 60;
/// RFC 7518 3.3: RSA keys below 2048 bits must not be used.
const MIN_RSA_BITS: usize = 2048;

/// A signature algorithm that this Worker verifies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SignatureAlgorithm {
    /// ECDSA on P-256 with SHA-256 (RFC 7518 3.4); Supabase's default.
    Es256,
    /// Ed25519 (RFC 8037).
    EdDsa,
    /// HMAC with SHA-256: the project's legacy secret.
    Hs256,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 3.3).
    Rs256,
}

impl SignatureAlgorithm {
    /// The algorithm that a token or a key names, if it is one of ours.
    ///
    /// ```
    /// use edge_session::jwks::SignatureAlgorithm;
    ///
    /// assert_eq!(SignatureAlgorithm::from_name("ES256"), Some(SignatureAlgorithm::Es256));
    /// assert_eq!(SignatureAlgorithm::from_name("none"), None);
    /// assert_eq!(SignatureAlgorithm::from_name("ES384"), None);
    /// ```
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        // The crate knows more than are allowed here.
        let allowed = [Self::Es256, Self::EdDsa, Self::Hs256, Self::Rs256];
        let named: Algorithm = name.parse().ok()?;
        allowed.into_iter().find(|ours| ours.registered() == named)
    }

    /// The algorithm as the JWT crate names it.
    const fn registered(self) -> Algorithm {
        match self {
            Self::Es256 => Algorithm::ES256,
            Self::EdDsa => Algorithm::EdDSA,
            Self::Hs256 => Algorithm::HS256,
            Self::Rs256 => Algorithm::RS256,
        }
    }

    /// The registered name (RFC 7518 3.1, RFC 8037 3.1).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
        }
    }
}

/// A public key that may verify tokens: its `kty`, `crv`, `use`, `key_ops` and `alg` agree.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VerificationKey {
    kid: String,
    algorithm: SignatureAlgorithm,
    jwk: String,
}

impl VerificationKey {
    /// The one algorithm the key is for.
    #[must_use]
    pub const fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    /// The public members as a JWK in JSON, ready for import.
    #[must_use]
    pub fn jwk(&self) -> &str {
        &self.jwk
    }

    fn from_json(value: &Value) -> Option<Self> {
        let (algorithm, public) = public_members(value)?;
        let stated = named::<PublicKeyUse>(text(value, "use"));
        let is_for_signatures = stated.is_none_or(|stated| stated == PublicKeyUse::Signature);
        let is_agreed = text(value, "alg").is_none_or(|name| name == algorithm.name());
        let operations = texts(value, "key_ops");
        let may_verify = operations.is_none_or(|operations| {
            let mut operations = operations.into_iter();
            operations.any(|name| named(Some(name)) == Some(KeyOperations::Verify))
        });
        let kid = text(value, "kid").filter(|kid| !kid.is_empty())?;
        (is_well_formed(value) && is_for_signatures && is_agreed && may_verify).then(|| Self {
            kid: kid.to_owned(),
            algorithm,
            jwk: json::write(&public),
        })
    }
}

/// A member of the wrong type (RFC 7517 4) spoils the key, not the set.
fn is_well_formed(key: &Value) -> bool {
    let is_unset = |name: &str| matches!(key.get(name), None | Some(Value::Null));
    let is_name = |name: &&str| key.get(name).is_none_or(Value::is_string);
    let is_text = |name: &&str| is_unset(name) || text(key, name).is_some();
    let is_list = |name: &&str| is_unset(name) || texts(key, name).is_some();
    let listed = ["key_ops", "x5c"];
    // What says how the key is used is not even `null`.
    ["alg", "crv", "kty", "use"].iter().all(is_name)
        && ["kid", "x5t", "x5t#S256", "x5u"].iter().all(is_text)
        && listed.iter().all(is_list)
}

fn text<'k>(key: &'k Value, name: &str) -> Option<&'k str> {
    key.get(name)?.as_str()
}

/// What the JWT crate calls by this name. Its whole `Jwk` reads all kinds of keys at once, each with its certificates: that
/// is 14 KB gzip more to fetch and compile, and takes `null` for nothing and `{"EC": null}` for a name.
fn named<T: DeserializeOwned>(name: Option<&str>) -> Option<T> {
    T::deserialize(StrDeserializer::<Error>::new(name?)).ok()
}

/// A list of texts and of nothing else.
fn texts<'k>(key: &'k Value, name: &str) -> Option<Vec<&'k str>> {
    let members = key.get(name)?.as_array()?;
    members.iter().map(Value::as_str).collect()
}

/// The algorithm a key is for and its public members; a private member never leaves here.
fn public_members(key: &Value) -> Option<(SignatureAlgorithm, Value)> {
    let member = |name| text(key, name);
    match (member("kty")?, named(member("crv"))) {
        ("EC", Some(EllipticCurve::P256)) => {
            let (x, y) = (member("x")?, member("y")?);
            let public = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y});
            Some((SignatureAlgorithm::Es256, public))
        }
        ("OKP", Some(EllipticCurve::Ed25519)) => {
            let public = json!({"kty": "OKP", "crv": "Ed25519", "x": member("x")?});
            Some((SignatureAlgorithm::EdDsa, public))
        }
        ("RSA", _) => {
            let (n, e) = (member("n")?, member("e")?);
            let public = json!({"kty": "RSA", "alg": "RS256", "n": n, "e": e});
            (modulus_bits(n)? >= MIN_RSA_BITS).then_some((SignatureAlgorithm::Rs256, public))
        }
        _ => None,
    }
}

fn modulus_bits(modulus: &str) -> Option<usize> {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(modulus)
        .ok()?;
    let first = bytes.iter().position(|byte| *byte != 0)?;
    let leading = bytes.get(first)?.leading_zeros() as usize;
    Some((bytes.len() - first) * 8 - leading)
}

/// Why a key set could not be had.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeysError {
    /// The answer is not `{"keys":[…]}`.
    Malformed,
    /// The server answered with another status than 200.
    Status(u16),
    /// The answer is larger than [`MAX_SET_BYTES`].
    TooLarge,
    /// No answer in time, or none at all.
    Unreachable,
}

impl fmt::Display for KeysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("expected a JSON Web Key Set, found something else"),
            Self::Status(status) => {
                write!(f, "expected status 200 for the key set, found {status}")
            }
            Self::TooLarge => write!(f, "expected a key set of at most {MAX_SET_BYTES} bytes"),
            Self::Unreachable => f.write_str("expected a key set, found no answer in time"),
        }
    }
}

impl std::error::Error for KeysError {}

/// The usable keys of a JSON Web Key Set.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct KeySet {
    keys: Vec<VerificationKey>,
}

impl KeySet {
    /// Reads a key set, key by key: what is not understood is skipped (RFC 7517 5).
    ///
    /// ```
    /// use edge_session::jwks::{KeySet, KeysError, SignatureAlgorithm};
    ///
    /// let set = KeySet::parse(br#"{"keys":[
    ///     {"kid":"a","kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
    ///     {"kid":"b","kty":"EC","crv":"P-521","x":"AA","y":"AA"}
    /// ]}"#)?;
    /// assert_eq!(set.len(), 1);
    /// assert!(set.find("a", SignatureAlgorithm::EdDsa).is_some());
    /// // The token's algorithm has to be the key's own.
    /// assert!(set.find("a", SignatureAlgorithm::Es256).is_none());
    /// # Ok::<(), KeysError>(())
    /// ```
    ///
    /// # Errors
    /// [`KeysError::TooLarge`] above [`MAX_SET_BYTES`], [`KeysError::Malformed`] without a list `keys`.
    pub fn parse(body: &[u8]) -> Result<Self, KeysError> {
        if body.len() > MAX_SET_BYTES {
            return Err(KeysError::TooLarge);
        }
        let set: Value = json::read(body).map_err(|_| KeysError::Malformed)?;
        let Some(Value::Array(listed)) = set.get("keys") else {
            return Err(KeysError::Malformed);
        };
        let mut keys: Vec<VerificationKey> = Vec::new();
        for key in listed.iter().filter_map(VerificationKey::from_json) {
            if keys.len() == MAX_KEYS {
                break;
            }
            // Auth lists its keys in random order; a stable order makes sets comparable.
            let place = |held: &VerificationKey| (&held.kid, &held.jwk) <= (&key.kid, &key.jwk);
            let at = keys.partition_point(place);
            keys.insert(at, key);
        }
        Ok(Self { keys })
    }

    /// True if no key of the set can verify anything: a project with a shared secret only.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The number of usable keys.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.keys.len()
    }

    /// True if a key with this id is in the set.
    #[must_use]
    pub fn contains(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid == kid)
    }

    /// The key with this id for this algorithm.
    ///
    /// `None` also where the id is there with another algorithm, which [`contains`](Self::contains) tells apart.
    #[must_use]
    pub fn find(&self, kid: &str, algorithm: SignatureAlgorithm) -> Option<&VerificationKey> {
        self.keys
            .iter()
            .find(|key| key.kid == kid && key.algorithm == algorithm)
    }
}

/// A key set with the time it was fetched.
///
/// In `SESSION_KV` it stands under `jwks:<JWKS URL>` for [`MAX_STALE_SECONDS`], as
/// `{"fetched_at":<ms since 1970>,"keys":[{"kid":…,"alg":…,"kty":…,…}]}`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CachedKeys {
    /// The usable keys.
    pub set: KeySet,
    /// When Auth answered with them.
    pub fetched_at: UnixTime,
}

impl CachedKeys {
    /// The KV key of the set of one Auth server: by its full URL, so that two
    /// projects which share a cookie name never share keys.
    #[must_use]
    pub fn storage_name(jwks_url: &str) -> String {
        format!("jwks:{jwks_url}")
    }

    /// Reads what [`Self::to_stored`] wrote.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        let stored: Value = json::read(text).ok()?;
        let fetched_at = UnixTime::from_millis(stored.get("fetched_at")?.as_u64()?);
        let set = KeySet::parse(text.as_bytes()).ok()?;
        Some(Self { set, fetched_at })
    }

    /// The text that is kept in `SESSION_KV`.
    #[must_use]
    pub fn to_stored(&self) -> String {
        let keys: Vec<Value> = self.set.keys.iter().filter_map(stored_key).collect();
        json::write(&json!({"fetched_at": self.fetched_at.millis(), "keys": keys}))
    }

    /// True while the set needs no look at Auth.
    #[must_use]
    pub const fn is_fresh(&self, ttl_seconds: u64, now: UnixTime) -> bool {
        now.millis_since(self.fetched_at) < ttl_seconds.saturating_mul(1000)
    }

    /// True while the set may still verify tokens although Auth was not asked again.
    #[must_use]
    pub const fn is_usable(&self, now: UnixTime) -> bool {
        now.millis_since(self.fetched_at) < MAX_STALE_SECONDS * 1000
    }

    /// True if the stored copy should be replaced by this set: it changed, or
    /// the copy is half way to its expiry. KV writes cost ten times a read and
    /// are limited to one a second per key.
    #[must_use]
    pub fn is_worth_storing(&self, stored: Option<&Self>) -> bool {
        let half = MAX_STALE_SECONDS * 1000 / 2;
        stored.is_none_or(|stored| {
            stored.set != self.set || self.fetched_at.millis_since(stored.fetched_at) >= half
        })
    }
}

fn stored_key(key: &VerificationKey) -> Option<Value> {
    let mut members: Value = json::read(&key.jwk).ok()?;
    let object = members.as_object_mut()?;
    object.insert("kid".into(), key.kid.clone().into());
    object.insert("alg".into(), key.algorithm.name().into());
    Some(members)
}
