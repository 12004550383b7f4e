//! Which ways to sign in a project has: Auth's `/settings`.

use serde_json::Value;

/// Members of `external` that are no OAuth provider.
const NO_PROVIDERS: [&str; 3] = ["anonymous_users", "email", "phone"];
/// Names that are not their identifier with a capital letter.
const NAMES: [(&str, &str); 9] = [
    ("azure", "Microsoft"),
    ("github", "GitHub"),
    ("gitlab", "GitLab"),
    ("kakao", "Kakao"),
    ("linkedin", "LinkedIn"),
    ("linkedin_oidc", "LinkedIn"),
    ("slack_oidc", "Slack"),
    ("twitter", "X"),
    ("workos", "WorkOS"),
];

/// The ways to sign in that the pages offer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Offers {
    /// By e-mail address, with a password or a code.
    pub email: bool,
    /// By phone number.
    pub phone: bool,
    /// Whether new accounts can be created.
    pub sign_up: bool,
    /// By an organisation's identity provider (SAML).
    pub sso: bool,
    /// With a passkey.
    pub passkeys: bool,
    /// Identifiers of OAuth providers.
    pub providers: Vec<String>,
}

impl Default for Offers {
    /// What every project has unless its settings say otherwise.
    fn default() -> Self {
        Self {
            email: true,
            phone: false,
            sign_up: true,
            sso: false,
            passkeys: false,
            providers: Vec::new(),
        }
    }
}

impl Offers {
    /// Reads the answer of `GET /settings`; what it does not say is as by default.
    #[must_use]
    pub fn from_settings(settings: &Value) -> Self {
        let is_on = |pointer: &str| settings.pointer(pointer).and_then(Value::as_bool);
        let external = settings.get("external").and_then(Value::as_object);
        let providers = external.into_iter().flatten().filter(|(name, on)| {
            let is_plain = name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            is_plain && **on == Value::Bool(true) && !NO_PROVIDERS.contains(&name.as_str())
        });
        Self {
            email: is_on("/external/email").unwrap_or(true),
            phone: is_on("/external/phone").unwrap_or(false),
            sign_up: !is_on("/disable_signup").unwrap_or(false),
            sso: is_on("/saml_enabled").unwrap_or(false),
            passkeys: is_on("/passkeys_enabled").unwrap_or(false),
            providers: providers.map(|(name, _)| name.clone()).collect(),
        }
    }
}

/// A provider's name as people know it.
pub(super) fn provider_name(provider: &str) -> String {
    if let Some((_, name)) = NAMES.iter().find(|(identifier, _)| *identifier == provider) {
        return (*name).to_owned();
    }
    let mut letters = provider.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
