//! Tokens, presented as a bearer's to a guarded site.
//!
//! - Only a token with a good signature, every claim in order and its time not over is ever valid: a second verifier,
//!   written from the contract, has to agree. The other way round, what this one trusts in the usual form is valid.
//! - Who is not valid is refused, and the origin is told of no user.
//! - Nothing above 16 KiB is read.

use std::rc::Rc;

use edge_session::auth_api::Unreachable;
use edge_session::config::Config;
use edge_session::token::{MAX_TOKEN_BYTES, Token, TokenError};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, crypto};
use serde_json::Value;

use super::lines;
use super::play::{play, public_jwk};
use super::site::{ISSUER, JWT_SECRET, KID, NOW, decode, encode, guarded, mac};

const SKEW_SECONDS: f64 = 5.0;

/// The input is a token, or three lines: who signs, a header (empty for the usual one) and a payload.
pub fn check(input: &[u8]) {
    thread_local! {
        static CONFIG: Rc<Config> = guarded(&[]);
    }
    let text = String::from_utf8_lossy(input);
    let [signer, header, payload] = lines(&text);
    let Some(signer) = Signer::of(signer) else {
        parses(&text);
        CONFIG.with(|config| present(config, &text));
        return;
    };
    let token = signer.token(header, payload);
    parses(&token);
    let is_valid = CONFIG.with(|config| present(config, &token));
    // Written anew, the payload names nothing twice and fits.
    let usual = serde_json::from_str::<Value>(payload)
        .ok()
        .filter(Value::is_object);
    if let Some(usual) = usual
        .filter(|_| header.is_empty())
        .map(|usual| usual.to_string())
    {
        let token = signer.token("", &usual);
        let is_trusted = token.len() <= MAX_TOKEN_BYTES && trusted_subject(&token).is_some();
        assert_eq!(
            CONFIG.with(|config| present(config, &token)),
            is_trusted,
            "{usual}"
        );
        assert!(is_trusted || !is_valid, "{payload}");
    }
}

/// Presents a token and tells whether it passed.
fn present(config: &Rc<Config>, token: &str) -> bool {
    if token.contains(char::is_control) {
        return false;
    }
    let bearer = format!("Bearer {token}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("x-session-user-id", "forged"),
    ];
    let played = play(
        config,
        "https://site.example/page",
        &headers,
        &Err(Unreachable::Network),
    );
    let is_valid = played.record.outcome == "valid";
    if is_valid {
        let subject = trusted_subject(token.trim());
        if subject.is_none() && has_number_beyond_doubles(token) {
            return true;
        }
        assert!(subject.is_some(), "valid, but not to be trusted: {token}");
        assert_eq!(played.named_user(), subject.as_deref());
    } else {
        let status = played.answer().map(|answer| answer.status());
        assert!(matches!(status, Some(401 | 503)), "{status:?} for {token}");
    }
    is_valid
}

/// Such a number in a member that nobody reads is skipped by the Worker, and an error to the second verifier's parser.
fn has_number_beyond_doubles(token: &str) -> bool {
    let payload = token.split('.').nth(1).and_then(decode).unwrap_or_default();
    let read = serde_json::from_slice::<Value>(&payload);
    read.is_err_and(|error| error.to_string().starts_with("number out of range"))
}

fn parses(raw: &str) {
    match Token::parse(raw) {
        Ok(token) => {
            assert!(raw.len() <= MAX_TOKEN_BYTES);
            assert_eq!(token.raw(), raw);
            assert_eq!(raw.split('.').count(), 3);
            let whole = format!("{}.{}", token.signing_input(), encode(token.signature()));
            assert_eq!(whole, raw);
        }
        Err(error) => assert_eq!(error == TokenError::TooLong, raw.len() > MAX_TOKEN_BYTES),
    }
    let long = format!("{raw}{}", "A".repeat(MAX_TOKEN_BYTES + 1));
    assert_eq!(Token::parse(&long).err(), Some(TokenError::TooLong));
}

/// Who signs.
#[derive(Clone, Copy, PartialEq)]
enum Signer {
    Nobody,
    Project,
    ProjectByPadding,
    Secret,
    StrangersKey,
    StrangersSecret,
}

impl Signer {
    fn of(line: &str) -> Option<Self> {
        match line {
            "E" => Some(Self::Project),
            "H" => Some(Self::Secret),
            "L" => Some(Self::ProjectByPadding),
            "e" => Some(Self::StrangersKey),
            "h" => Some(Self::StrangersSecret),
            "n" => Some(Self::Nobody),
            _ => None,
        }
    }

    fn token(self, header: &str, payload: &str) -> String {
        let usual = match self {
            Self::Project | Self::StrangersKey => r#"{"alg":"ES256","kid":"kid-es","typ":"JWT"}"#,
            Self::Nobody => r#"{"alg":"none"}"#,
            Self::ProjectByPadding | Self::Secret | Self::StrangersSecret => {
                r#"{"alg":"HS256","typ":"JWT"}"#
            }
        };
        let header = if header.is_empty() { usual } else { header };
        let padding = if self == Self::ProjectByPadding {
            MAX_TOKEN_BYTES
        } else {
            0
        };
        let payload = format!("{payload}{}", " ".repeat(padding));
        let input = format!("{}.{}", encode(header), encode(payload));
        let signature = match self {
            Self::Nobody => String::new(),
            Self::Project => es256(&input, include_bytes!("../../it/keys/es256.pem")),
            Self::ProjectByPadding | Self::Secret => mac(&input, JWT_SECRET),
            Self::StrangersKey => es256(&input, include_bytes!("../../it/keys/other_es256.pem")),
            Self::StrangersSecret => mac(&input, "another secret of at least 32 bytes"),
        };
        format!("{input}.{signature}")
    }
}

fn es256(input: &str, pem: &[u8]) -> String {
    let key = EncodingKey::from_ec_pem(pem).unwrap();
    crypto::sign(input.as_bytes(), &key, Algorithm::ES256).unwrap()
}

/// The second verifier: the `sub` of a token that is to be trusted.
fn trusted_subject(token: &str) -> Option<String> {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else {
        return None;
    };
    let header: Value = serde_json::from_slice(&decode(header)?).ok()?;
    let payload: Value = serde_json::from_slice(&decode(payload)?).ok()?;
    let is_jwt = |typ: &Value| {
        typ.as_str()
            .is_some_and(|typ| typ.eq_ignore_ascii_case("jwt"))
    };
    let is_plain = header.get("crit").is_none() && header.get("typ").is_none_or(is_jwt);
    let input = format!("{}.{}", parts[0], parts[1]);
    let is_signed = match header["alg"].as_str()? {
        "HS256" => mac(&input, JWT_SECRET) == signature,
        "ES256" if header["kid"] == KID => {
            let jwk = serde_json::from_value(public_jwk()).unwrap();
            let key = DecodingKey::from_jwk(&jwk).unwrap();
            crypto::verify(signature, input.as_bytes(), &key, Algorithm::ES256).unwrap_or(false)
        }
        _ => false,
    };
    let now = NOW as f64;
    let is_alive = payload["exp"].as_f64()?.trunc() + SKEW_SECONDS > now;
    let has_begun = |claim: &Value| {
        claim
            .as_f64()
            .is_some_and(|start| start.trunc() <= now + SKEW_SECONDS)
    };
    let is_current = is_alive
        && ["iat", "nbf"]
            .iter()
            .all(|name| payload.get(name).is_none_or(has_begun));
    let is_ours = |audience: &Value| audience == "authenticated";
    let aud = &payload["aud"];
    let is_for_us = is_ours(aud) || aud.as_array().is_some_and(|list| list.iter().any(is_ours));
    let has_role = payload["role"].as_str().is_some_and(|role| {
        (1..=256).contains(&role.len()) && role.chars().all(|c| ('!'..='~').contains(&c))
    });
    let subject = payload["sub"].as_str()?;
    let lengths: Vec<usize> = subject.split('-').map(str::len).collect();
    let is_uuid = lengths == [8, 4, 4, 4, 12]
        && subject
            .replace('-', "")
            .chars()
            .all(|c| c.is_ascii_hexdigit());
    let is_trusted = is_plain
        && is_signed
        && is_current
        && payload["iss"] == ISSUER
        && is_for_us
        && has_role
        && is_uuid;
    is_trusted.then(|| subject.to_owned())
}
