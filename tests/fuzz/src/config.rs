//! Variables, whatever an operator puts into them.
//!
//! - A configuration is accepted, or at least one problem names a variable that exists; no value is quoted.
//! - What was accepted is within its limits, and its paths stay on the site.

use edge_session::config::VARIABLES;
use edge_session::redirect::{Destination, safe_next};
use url::Url;

use super::site::try_config;

/// What `SUPABASE_PUBLISHABLE_KEY` may be called as well.
const OTHER_NAME: &str = "SUPABASE_ANON_KEY";

/// Part of a value by which it would be recognised in a message.
const MARK: &str = "Qx7vZ";

/// The input is lines of `NAME=value`.
pub fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let vars = vars(&text);
    match try_config(&vars) {
        Err(error) => {
            assert!(!error.problems.is_empty());
            for problem in &error.problems {
                let is_known = VARIABLES.iter().any(|known| known.name == problem.variable);
                assert!(is_known || problem.variable == OTHER_NAME, "{problem}");
                assert!(!problem.rule.is_empty());
            }
        }
        Ok(config) => {
            assert_eq!(
                config.jwks_url,
                format!("{}/.well-known/jwks.json", config.auth_base)
            );
            let scheme = Url::parse(&config.auth_base)
                .expect("a URL")
                .scheme()
                .to_owned();
            assert!(matches!(scheme.as_str(), "http" | "https"), "{scheme}");
            assert!(config.auth_base.ends_with("/auth/v1"));
            for page in [Some(&config.login), config.mfa.as_ref()]
                .into_iter()
                .flatten()
            {
                let location = page.location(None, &[("next", "/")]);
                if let Destination::Site(_) = page {
                    assert_eq!(safe_next(&location), location);
                }
            }
            if let Some(path) = &config.auth_path {
                assert!(safe_next(path) == path && !path.ends_with('/'));
            }
            if let Some(site) = &config.site_url {
                assert_eq!(
                    Url::parse(site)
                        .expect("a URL")
                        .origin()
                        .ascii_serialization(),
                    *site
                );
            }
            assert!(config.clock_skew_seconds <= 60 && config.refresh_margin_seconds <= 600);
            assert!((100..=30_000).contains(&config.auth_timeout_ms));
            assert!((60..=86_400).contains(&config.jwks_ttl_seconds));
            assert!(
                config
                    .identity_secret
                    .is_none_or(|secret| secret.expose().len() >= 32)
            );
            assert!(!config.storage_key.is_empty());
        }
    }
    quotes_nothing(&vars);
}

/// Marked, no value comes up in a message. Names of fields in `RULES` are no values and may.
fn quotes_nothing(vars: &[(&str, &str)]) {
    let marked: Vec<(&str, String)> = vars
        .iter()
        .filter(|(name, _)| *name != "RULES")
        .map(|(name, value)| (*name, format!("{value}{MARK}")))
        .collect();
    let marked: Vec<(&str, &str)> = marked
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    if let Err(error) = try_config(&marked) {
        assert!(!error.to_string().contains(MARK), "{error}");
    }
}

/// Lines of `NAME=value`.
pub(crate) fn vars(text: &str) -> Vec<(&str, &str)> {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .collect()
}
