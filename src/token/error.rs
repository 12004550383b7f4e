//! Why a token is not trusted.
//!
//! The code goes to the log and to programs, the sentence to a developer. Neither repeats anything of the token.

use std::fmt;

/// Why a token is not trusted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TokenError {
    /// `alg` is none of ES256, RS256, EdDSA, HS256.
    AlgorithmNotAllowed,
    /// No accepted audience in `aud`.
    AudienceMismatch,
    /// The header demands extensions (`crit`, `b64`) that are not understood (RFC 7515 4.1.11).
    CriticalHeader,
    /// `exp` is missing or not a finite number.
    ExpiryMissing,
    /// `iss` is not accepted.
    IssuerMismatch,
    /// Not three base64url parts of JSON objects.
    Malformed,
    /// `nbf` or `iat` lies in the future, or is not a number.
    NotYetValid,
    /// Auth does not accept the token.
    Rejected,
    /// `role` is missing.
    RoleMissing,
    /// The signature is not the key's.
    SignatureMismatch,
    /// `sub` is not a UUID, or not the user that Auth names.
    SubjectMismatch,
    /// Longer than [`MAX_TOKEN_BYTES`](super::MAX_TOKEN_BYTES).
    TooLong,
    /// `typ` is present and not `JWT`.
    TypeMismatch,
    /// No key of the set has this `kid` and `alg`.
    UnknownKey,
}

impl TokenError {
    /// The stable code for logs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::AlgorithmNotAllowed => "token_algorithm",
            Self::AudienceMismatch => "token_audience",
            Self::CriticalHeader => "token_crit",
            Self::ExpiryMissing => "token_exp",
            Self::IssuerMismatch => "token_issuer",
            Self::Malformed => "token_malformed",
            Self::NotYetValid => "token_not_yet_valid",
            Self::Rejected => "token_rejected",
            Self::RoleMissing => "token_role",
            Self::SignatureMismatch => "token_signature",
            Self::SubjectMismatch => "token_subject",
            Self::TooLong => "token_too_long",
            Self::TypeMismatch => "token_type",
            Self::UnknownKey => "token_unknown_key",
        }
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlgorithmNotAllowed => "expected alg ES256, RS256, EdDSA or HS256",
            Self::AudienceMismatch => "expected an accepted audience in aud",
            Self::CriticalHeader => "expected no crit in the header",
            Self::ExpiryMissing => "expected a finite number in exp",
            Self::IssuerMismatch => "expected an accepted issuer in iss",
            Self::Malformed => "expected three base64url parts holding JSON objects",
            Self::NotYetValid => "expected nbf and iat in the past",
            Self::Rejected => "expected a token that Auth accepts",
            Self::RoleMissing => "expected a role",
            Self::SignatureMismatch => "expected a signature by the key that kid names",
            Self::SubjectMismatch => "expected the user's UUID in sub",
            Self::TooLong => "expected a token of at most 16 KiB",
            Self::TypeMismatch => "expected typ JWT",
            Self::UnknownKey => "expected a kid of the project's key set",
        })
    }
}

impl std::error::Error for TokenError {}
