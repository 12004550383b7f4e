//! What a rule with `require` asks of a verified session.

use serde_json::Value;

/// The conditions of a guard, all of which must hold. The default is `require: true`: any verified session.
#[derive(Clone, Debug, PartialEq)]
pub struct Requirement {
    /// The roles one of which the token must have; empty allows all.
    pub role: Vec<String>,
    /// The authenticator assurance level that must be reached.
    pub aal: Option<Aal>,
    /// Whether anonymous users may pass.
    pub anonymous: bool,
    /// JSON pointers into the claims, each with the values one of which must be found there.
    pub claims: Vec<(String, Vec<Value>)>,
}

/// Authenticator assurance level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aal {
    /// One factor.
    Aal1,
    /// Two factors.
    Aal2,
}

/// Which condition a session falls short of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortfall {
    /// The assurance level is too low.
    Aal,
    /// The user is anonymous.
    Anonymous,
    /// A claim is absent or another.
    Claim,
    /// The role is another.
    Role,
}

impl Requirement {
    /// Checks a verified session; `claims` is called only where a claim is asked for.
    ///
    /// # Errors
    /// The first condition that does not hold.
    pub fn check(
        &self,
        role: &str,
        aal: &str,
        anonymous: bool,
        claims: impl FnOnce() -> Option<Value>,
    ) -> Result<(), Shortfall> {
        if !self.role.is_empty() && !self.role.iter().any(|wanted| wanted == role) {
            return Err(Shortfall::Role);
        }
        if anonymous && !self.anonymous {
            return Err(Shortfall::Anonymous);
        }
        if self
            .aal
            .is_some_and(|wanted| Aal::parse(aal).is_none_or(|reached| reached < wanted))
        {
            return Err(Shortfall::Aal);
        }
        if self.claims.is_empty() {
            return Ok(());
        }
        let claims = claims().ok_or(Shortfall::Claim)?;
        let holds = |(pointer, wanted): &(String, Vec<Value>)| {
            claims
                .pointer(pointer)
                .is_some_and(|found| wanted.iter().any(|wanted| has(found, wanted)))
        };
        if self.claims.iter().all(holds) {
            Ok(())
        } else {
            Err(Shortfall::Claim)
        }
    }
}

impl Default for Requirement {
    fn default() -> Self {
        Self {
            role: Vec::new(),
            aal: None,
            anonymous: true,
            claims: Vec::new(),
        }
    }
}

impl Aal {
    /// Reads the `aal` claim; a level that is not known satisfies nothing.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "aal1" => Some(Self::Aal1),
            "aal2" => Some(Self::Aal2),
            _ => None,
        }
    }
}

impl Shortfall {
    /// A stable word for answers, logs and tests.
    pub fn code(self) -> &'static str {
        match self {
            Self::Aal => "aal",
            Self::Anonymous => "anonymous",
            Self::Claim => "claim",
            Self::Role => "role",
        }
    }
}

/// A claim is the wanted value, or a list that contains it.
fn has(found: &Value, wanted: &Value) -> bool {
    match found {
        Value::Array(members) => members.iter().any(|member| same(member, wanted)),
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::Object(_) | Value::String(_) => {
            same(found, wanted)
        }
    }
}

/// Equal, where `1` and `1.0` are the same number although serde_json tells them apart.
fn same(found: &Value, wanted: &Value) -> bool {
    if found == wanted {
        return true;
    }
    let (Value::Number(found), Value::Number(wanted)) = (found, wanted) else {
        return false;
    };
    // Two integers that differ must not become equal by losing their last digits as floating point numbers.
    if !found.is_f64() && !wanted.is_f64() {
        return false;
    }
    found.as_f64() == wanted.as_f64()
}
