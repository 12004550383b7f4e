//! What a variable is: its name, what sort of thing it is to the platform, what holds where it is unset.
//!
//! The table itself is in `variables`, beside which nothing else says what a default is.

use std::fmt;

use self::Kind::{
    AnalyticsDataset, AssetsBinding, DurableObject, JsonVar, KvBinding, RateLimit, Secret,
    ServiceBinding, Var,
};
use self::Unset::{Absent, Described, Required, Value};

/// A variable, secret or binding that an operator may set.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What sort of thing it is to the platform.
    pub kind: Kind,
    /// What holds where it is unset.
    pub default: Unset,
    /// What it does and which values it takes, in Markdown.
    pub meaning: &'static str,
}

/// What sort of thing a variable is to the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A binding to a dataset of Workers Analytics Engine.
    AnalyticsDataset,
    /// A binding to static assets.
    AssetsBinding,
    /// A binding to a Durable Object namespace.
    DurableObject,
    /// A variable that is JSON.
    JsonVar,
    /// A binding to a KV namespace.
    KvBinding,
    /// A binding to a rate limit.
    RateLimit,
    /// A variable that is stored encrypted.
    Secret,
    /// A binding to another Worker.
    ServiceBinding,
    /// A plain variable.
    Var,
}

/// What holds where a variable is unset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unset {
    /// Nothing: what it would switch on stays off.
    Absent,
    /// Something that depends on the other variables or on the request.
    Described(&'static str),
    /// An error.
    Required,
    /// The same as if the variable had this value.
    Value(&'static str),
}

impl Kind {
    /// Whether the value is text in the Worker's environment, and not a binding.
    pub fn is_text(self) -> bool {
        match self {
            JsonVar | Secret | Var => true,
            AnalyticsDataset | AssetsBinding | DurableObject | KvBinding | RateLimit
            | ServiceBinding => false,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            AnalyticsDataset => "Analytics Engine binding",
            AssetsBinding => "assets binding",
            DurableObject => "Durable Object binding",
            JsonVar => "JSON var",
            KvBinding => "KV binding",
            RateLimit => "rate limit binding",
            Secret => "secret",
            ServiceBinding => "service binding",
            Var => "var",
        })
    }
}

impl fmt::Display for Unset {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Absent => formatter.write_str("–"),
            Described(words) => formatter.write_str(words),
            Required => formatter.write_str("required"),
            Value(value) => write!(formatter, "`{value}`"),
        }
    }
}

impl fmt::Display for Variable {
    /// The variable's row of the README's table.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "| `{}` | {} | {} | {} |",
            self.name, self.kind, self.default, self.meaning
        )
    }
}
