//! The configuration: variables in, one typed value out, all problems reported together.
//!
//! [`Config::from_vars`] is the one way in: it is called once per isolate, and every other module gets the finished
//! value by reference. A variable is read even where one before it is wrong, so that one deployment shows all
//! mistakes.
//!
//! | file | reads |
//! |---|---|
//! | `urls` | where things are: the project, the origin, the site, its pages |
//! | `keys`, `identity_key` | what is secret, and what must not be mistaken for it |
//! | `cookie` | how cookies are written |
//! | `origin_headers` | which headers the origin gets of the operator's choice |
//! | `site_pages` | how the Worker's own pages look |
//! | `exempt` | nothing: which paths no rule denies, given all of the above |
//!
//! A new variable is a row of `variables`, which the README's table is compared with, a field of [`Config`], and a
//! line where it is read. Text that lies about its type is a problem, never a guess, and no value is ever repeated:
//! a secret may stand in the wrong variable.

mod cookie;
mod exempt;
mod http_url;
mod identity_key;
mod keys;
mod origin_headers;
mod parse;
mod problems;
mod site_pages;
mod urls;
mod variable;
mod variables;

pub use cookie::{CookieSecure, CookieSettings};
pub use http_url::HttpUrl;
pub use identity_key::IdentityKey;
pub use keys::Turnstile;
pub use origin_headers::IdentityClaims;
pub use problems::{ConfigError, ConfigProblem};
pub use site_pages::Pages;
pub use variable::{Kind, Unset, Variable};
pub use variables::VARIABLES;

use crate::cookies::is_family_name;
use crate::jwks::KeySet;
use crate::redirect::{Destination, RedirectHosts};
use crate::rules::Rules;
use crate::secret::Secret;
use parse::Reader;

/// What the operator decided. It is read once and does not change.
///
/// It has no default of its own: what holds where a variable is unset stands in [`VARIABLES`].
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `<SUPABASE_URL>/auth/v1`, without a slash at its end.
    pub auth_base: String,
    /// Where the key set is.
    pub jwks_url: String,
    /// The key that any browser may know.
    pub publishable_key: Secret,
    /// The key that opens everything; for refreshes only.
    pub secret_key: Option<Secret>,
    /// The key of HS256 tokens.
    pub jwt_secret: Option<Secret>,
    /// The key set that is used in place of any that Auth publishes.
    pub pinned_keys: Option<KeySet>,
    /// The accepted `iss`.
    pub issuers: Vec<String>,
    /// Whether `JWT_ISSUER` is set: a token without `iss` passes only where it is not.
    pub issuer_is_set: bool,
    /// The accepted `aud`.
    pub audiences: Vec<String>,
    /// Leeway on `exp`, `nbf` and `iat`.
    pub clock_skew_seconds: u64,
    /// Where requests go, if not to a binding or to the zone's own origin.
    pub origin_url: Option<HttpUrl>,
    /// What holds for which requests.
    pub rules: Rules,
    /// Where a denied navigation is sent.
    pub login: Destination,
    /// Where a navigation is sent that lacks only the assurance level.
    pub mfa: Option<Destination>,
    /// The other hosts that `next` may name.
    pub redirect_hosts: RedirectHosts,
    /// Whether the Worker serves pages for its routes; never without `auth_path`.
    pub account_pages: bool,
    /// How the Worker's own pages look and read.
    pub pages: Pages,
    /// The keys of Turnstile.
    pub turnstile: Turnstile,
    /// What operators show to get an explanation or to revoke; without it, the secret key.
    pub operator_token: Option<Secret>,
    /// Below which path the Worker serves its own routes, without a slash at its end.
    pub auth_path: Option<String>,
    /// The public origin of the site as `scheme://host[:port]`, if it is not that of the request.
    pub site_url: Option<String>,
    /// A token with fewer seconds left is refreshed.
    pub refresh_margin_seconds: u64,
    /// How long a rotated refresh token is answered with its successor.
    pub refresh_replay_seconds: u64,
    /// The whole budget for the Auth server in one request.
    pub auth_timeout_ms: u64,
    /// How long a key set is fresh.
    pub jwks_ttl_seconds: u64,
    /// Whether sign-outs end access tokens at once.
    pub revocation: bool,
    /// The name of the session's cookie, and the first part of its family's names.
    pub storage_key: String,
    /// How the session's cookies are written.
    pub cookie: CookieSettings,
    /// Whether the origin gets identity headers.
    pub identity_headers: bool,
    /// How the origin gets the claims.
    pub identity_claims: IdentityClaims,
    /// The key of `X-Session-Assertion`.
    pub identity_secret: Option<Secret>,
    /// The key of an `X-Session-Assertion` that needs no secret at the origin; it goes before the secret.
    pub identity_key: Option<IdentityKey>,
    /// Headers that every request to the origin carries, names in lower case.
    pub origin_headers: Vec<(String, Secret)>,
    /// The cookies that `shared` paths pass on.
    pub shared_cookies: Vec<String>,
    /// Whether the origin gets the session's cookies.
    pub forward_cookies: bool,
    /// Whether the origin gets the access token as a bearer token.
    pub forward_bearer: bool,
    /// Whether responses carry `Server-Timing`.
    pub server_timing: bool,
    /// What is logged.
    pub log_level: LogLevel,
    /// Whether the log line has method, host and path.
    pub log_path: bool,
    /// Whether decisions are carried out, or only logged.
    pub mode: Mode,
}

/// What becomes of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is carried out.
    Enforce,
    /// It is logged, and the request passes as if the Worker were not there.
    Observe,
}

/// What is logged; each level includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// What an operator must act on.
    Error,
    /// One record per request.
    Info,
    /// What helps to follow a request step by step.
    Debug,
}

impl Config {
    /// What operators show: `OPERATOR_TOKEN`, or without one the secret key.
    #[must_use]
    pub fn operator_secret(&self) -> Option<&Secret> {
        self.operator_token.as_ref().or(self.secret_key.as_ref())
    }

    /// True while decisions are only logged.
    #[must_use]
    pub fn is_observing(&self) -> bool {
        self.mode == Mode::Observe
    }

    /// Reads all variables; `look_up` is given a name and answers with the value, if it is set.
    ///
    /// `look_up` answers with text; a variable that is JSON comes as its text. White space around a value does not
    /// count, and an empty value is as good as none.
    ///
    /// ```
    /// use edge_session::config::Config;
    ///
    /// let config = Config::from_vars(|name| match name {
    ///     "SUPABASE_URL" => Some("https://abc.supabase.co".to_owned()),
    ///     "SUPABASE_PUBLISHABLE_KEY" => Some("sb_publishable_x".to_owned()),
    ///     _ => None,
    /// })?;
    /// assert_eq!(config.auth_base, "https://abc.supabase.co/auth/v1");
    /// assert_eq!(config.storage_key, "sb-abc-auth-token");
    /// assert_eq!(config.refresh_margin_seconds, 90);
    ///
    /// // Both problems are found at once, and neither says what was there.
    /// let error = Config::from_vars(|name| (name == "MODE").then(|| "obsreve".to_owned())).unwrap_err();
    /// let variables: Vec<&str> = error.problems.iter().map(|problem| problem.variable).collect();
    /// assert_eq!(variables, ["SUPABASE_URL", "SUPABASE_PUBLISHABLE_KEY", "MODE"]);
    /// assert!(!error.to_string().contains("obsreve"));
    /// # Ok::<(), edge_session::config::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// Every problem of every variable.
    pub fn from_vars(look_up: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(look_up);
        let config = Self::read(&mut reader);
        let problems = reader.into_problems();
        match config {
            Some(config) if problems.is_empty() => Ok(config),
            Some(_) | None => Err(ConfigError { problems }),
        }
    }

    /// Reads every variable, also behind a problem; `None` only without a project.
    fn read<F: Fn(&str) -> Option<String>>(reader: &mut Reader<F>) -> Option<Self> {
        let project = urls::project(reader);
        let auth_base = project.as_ref().map(|project| project.auth_base.clone());
        let issuer = auth_base.clone().unwrap_or_default();
        let publishable_key = keys::publishable_key(reader);
        let mut cookie = cookie::settings(reader);
        let label = project.map(|project| project.storage_key);
        let storage_key = cookie::storage_key(reader, label, &mut cookie);
        let auth_path = urls::auth_path(reader);
        let account_pages = account_pages(reader, auth_path.as_deref());
        let own_pages = auth_path.as_deref().filter(|_| account_pages);
        let urls::Pages { login, mfa } = urls::pages(reader, own_pages);
        let identity_claims = origin_headers::identity_claims(reader);
        Some(Self {
            jwks_url: format!("{issuer}/.well-known/jwks.json"),
            publishable_key,
            secret_key: keys::secret_key(reader),
            jwt_secret: reader.secret("SUPABASE_JWT_SECRET"),
            pinned_keys: keys::pinned_keys(reader),
            issuer_is_set: reader.set("JWT_ISSUER").is_some(),
            issuers: reader.list("JWT_ISSUER", &issuer),
            audiences: reader.list("JWT_AUDIENCE", parse::default_text("JWT_AUDIENCE")),
            clock_skew_seconds: reader.number("CLOCK_SKEW_SECONDS", 0..=60),
            origin_url: urls::origin_url(reader),
            rules: rules(reader),
            login,
            mfa,
            auth_path,
            account_pages,
            pages: site_pages::pages(reader),
            redirect_hosts: urls::redirect_hosts(reader),
            turnstile: keys::turnstile(reader, account_pages),
            operator_token: keys::operator_token(reader),
            site_url: urls::site_url(reader),
            refresh_margin_seconds: reader.number("REFRESH_MARGIN_SECONDS", 0..=600),
            refresh_replay_seconds: reader.number("REFRESH_REPLAY_SECONDS", 0..=300),
            auth_timeout_ms: reader.number("AUTH_TIMEOUT_MS", 100..=30_000),
            jwks_ttl_seconds: reader.number("JWKS_TTL_SECONDS", 60..=86_400),
            revocation: reader.switch("REVOCATION"),
            shared_cookies: shared_cookies(reader, &storage_key),
            storage_key,
            cookie,
            identity_headers: reader.switch("IDENTITY_HEADERS"),
            identity_secret: keys::long_secret(reader, "IDENTITY_SECRET"),
            identity_key: identity_key::identity_key(reader),
            origin_headers: origin_headers::origin_headers(reader, &identity_claims),
            identity_claims,
            forward_cookies: reader.switch("FORWARD_COOKIES"),
            forward_bearer: reader.switch("FORWARD_BEARER"),
            server_timing: reader.switch("SERVER_TIMING"),
            log_level: log_level(reader),
            log_path: reader.switch("LOG_PATH"),
            mode: mode(reader),
            // The last field, so that every other variable is read before a missing project ends this.
            auth_base: auth_base?,
        })
    }
}

/// With a mistake in it no rule holds, but then no request is served either.
fn rules<F: Fn(&str) -> Option<String>>(reader: &mut Reader<F>) -> Rules {
    let Some(json) = reader.set("RULES") else {
        return Rules::default();
    };
    match Rules::parse(&json) {
        Ok(rules) => rules,
        Err(problems) => {
            for problem in problems {
                reader.problem("RULES", problem);
            }
            Rules::default()
        }
    }
}

/// They live below `AUTH_PATH`: without one there is no address for them.
fn account_pages<F: Fn(&str) -> Option<String>>(
    reader: &mut Reader<F>,
    auth_path: Option<&str>,
) -> bool {
    const NAME: &str = "ACCOUNT_PAGES";
    let is_on = reader.switch(NAME);
    if is_on && auth_path.is_none() {
        reader.problem(NAME, "must be off while AUTH_PATH is unset");
    }
    is_on
}

/// A cookie of the session would make a page that is the same for everyone another one for each visitor.
fn shared_cookies<F: Fn(&str) -> Option<String>>(
    reader: &mut Reader<F>,
    storage_key: &str,
) -> Vec<String> {
    const NAME: &str = "SHARED_COOKIES";
    let names = reader.list(NAME, "");
    let allowed = |byte: u8| byte.is_ascii_graphic() && byte != b';' && byte != b'=';
    if !names.iter().all(|name| name.bytes().all(allowed)) {
        reader.problem(NAME, "must be names of cookies, comma separated");
    }
    if names.iter().any(|name| is_family_name(storage_key, name)) {
        reader.problem(NAME, "must not name a cookie of the session");
    }
    names
}

fn mode<F: Fn(&str) -> Option<String>>(reader: &mut Reader<F>) -> Mode {
    let words = [("enforce", Mode::Enforce), ("observe", Mode::Observe)];
    reader.word("MODE", words, Mode::Enforce)
}

fn log_level<F: Fn(&str) -> Option<String>>(reader: &mut Reader<F>) -> LogLevel {
    let words = [
        ("off", LogLevel::Off),
        ("error", LogLevel::Error),
        ("info", LogLevel::Info),
        ("debug", LogLevel::Debug),
    ];
    reader.word("LOG_LEVEL", words, LogLevel::Info)
}
