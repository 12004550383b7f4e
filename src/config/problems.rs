//! What an operator must change.

use std::fmt;

/// Every problem of a configuration, so that one look is enough to mend them all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The problems, in the order of the variables; never empty.
    pub problems: Vec<ConfigProblem>,
}

/// One variable and what it must be. The value itself is never part of it: it may be a secret in the wrong place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigProblem {
    /// The name of the variable.
    pub variable: &'static str,
    /// What it must be, to be read after the name; for `RULES` it begins with the position, such as `[2].verify`.
    pub rule: String,
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.rule.starts_with('[') { "" } else { " " };
        write!(formatter, "{}{separator}{}", self.variable, self.rule)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(formatter, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
