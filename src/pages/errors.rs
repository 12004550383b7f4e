//! Codes of errors in words. A code that stands in no list is never shown.

/// What a visitor has to look at again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Concern {
    Address,
    Code,
    Credentials,
    CurrentPassword,
    Domain,
    NewPassword,
    Nothing,
}

/// Codes of Auth (and of the Worker), the key of their text, and the field they are about.
const CODES: [(&str, &str, Concern); 26] = [
    (
        "email_exists identity_already_exists phone_exists user_already_exists",
        "error.account_exists",
        Concern::Address,
    ),
    (
        "access_denied user_cancelled",
        "error.cancelled",
        Concern::Nothing,
    ),
    ("captcha_failed", "error.captcha", Concern::Nothing),
    (
        "mfa_challenge_expired mfa_ip_address_mismatch mfa_verification_failed otp_expired \
         reauthentication_not_valid",
        "error.code",
        Concern::Code,
    ),
    (
        "invalid_credentials user_not_found",
        "error.credentials",
        Concern::Credentials,
    ),
    (
        "current_password_invalid",
        "error.current_password",
        Concern::CurrentPassword,
    ),
    (
        "current_password_required",
        "error.current_password_required",
        Concern::CurrentPassword,
    ),
    (
        "email_address_invalid email_address_not_authorized",
        "error.email_address",
        Concern::Address,
    ),
    (
        "mfa_factor_not_found too_many_enrolled_mfa_factors",
        "error.factor",
        Concern::Nothing,
    ),
    (
        "bad_code_verifier bad_oauth_callback bad_oauth_state flow_state_already_used flow_state_expired \
         flow_state_not_found oauth_invalid_state pkce_code_verifier_not_found saml_relay_state_expired saml_relay_state_not_found",
        "error.flow",
        Concern::Nothing,
    ),
    (
        "anonymous_provider_disabled email_provider_disabled mfa_phone_verify_not_enabled \
         mfa_totp_verify_not_enabled oauth_provider_not_supported otp_disabled passkey_disabled \
         phone_provider_disabled provider_disabled saml_provider_disabled",
        "error.method",
        Concern::Nothing,
    ),
    (
        "email_not_confirmed phone_not_confirmed provider_email_needs_verification",
        "error.not_confirmed",
        Concern::Address,
    ),
    (
        "webauthn_challenge_expired webauthn_challenge_not_found webauthn_credential_not_found \
         webauthn_verification_failed",
        "error.passkey",
        Concern::Nothing,
    ),
    (
        "reauthentication_needed",
        "error.reauthentication",
        Concern::Code,
    ),
    ("same_password", "error.same_password", Concern::NewPassword),
    ("insufficient_aal", "error.second_step", Concern::Nothing),
    (
        "bad_jwt no_authorization refresh_token_already_used refresh_token_not_found session_expired \
         session_not_found unauthorized",
        "error.session",
        Concern::Nothing,
    ),
    ("signup_disabled", "error.signup_disabled", Concern::Nothing),
    ("sms_send_failed", "error.sms", Concern::Address),
    (
        "saml_idp_not_found sso_provider_disabled sso_provider_not_found",
        "error.sso",
        Concern::Domain,
    ),
    ("user_banned", "error.suspended", Concern::Nothing),
    (
        "over_request_rate_limit rate_limited too_many_requests",
        "error.too_many",
        Concern::Nothing,
    ),
    (
        "over_email_send_rate_limit over_sms_send_rate_limit",
        "error.too_many_messages",
        Concern::Nothing,
    ),
    (
        "auth_answer_not_trusted auth_network auth_timeout conflict hook_timeout \
         hook_timeout_after_retry request_timeout server_error temporarily_unavailable unavailable \
         unexpected_failure",
        "error.unavailable",
        Concern::Nothing,
    ),
    (
        "bad_json validation_failed",
        "error.validation",
        Concern::Nothing,
    ),
    ("weak_password", "error.weak_password", Concern::NewPassword),
];

/// The key of the text for a code, and what it is about.
pub(super) fn explain(code: &str) -> (&'static str, Concern) {
    let is_listed =
        |(codes, ..): &&(&str, &str, Concern)| codes.split(' ').any(|listed| listed == code);
    let known = CODES.iter().find(is_listed);
    known.map_or(("error.other", Concern::Nothing), |(_, key, concern)| {
        (*key, *concern)
    })
}
