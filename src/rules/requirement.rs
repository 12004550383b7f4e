//! What a rule with `require` asks of a verified session.
//!
//! Pure: a requirement and verified claims in, the first condition that does not hold out. Only claims that the
//! project's own key signed are ever asked; `user_metadata`, which users write themselves, cannot be pointed at.

use serde_json::Value;

/// The conditions of a guard, all of which must hold. The default is `require: true`: any verified session.
///
/// It is what the object of `require` says, member by member.
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
    /// JSON pointers into the claims at which nothing may be found.
    pub absent: Vec<String>,
    /// How many seconds may have passed since the user last proved who he is.
    pub max_age: Option<u64>,
    /// The apps whose tokens may pass besides those of the site itself.
    pub clients: Clients,
}

/// Apps to which Auth's OAuth server gave tokens (`client_id`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Clients {
    /// All of them.
    Any,
    /// Those with these ids.
    Listed(Vec<String>),
    /// None.
    #[default]
    None,
}

/// What a verified session presents to a guard.
#[derive(Clone, Copy, Debug)]
pub struct Presented<'c> {
    /// The `role` claim.
    pub role: &'c str,
    /// The `aal` claim; empty where there is none.
    pub aal: &'c str,
    /// Whether the user is anonymous.
    pub is_anonymous: bool,
    /// The `client_id` claim: the app of somebody else that Auth's OAuth server gave the token to.
    pub client_id: Option<&'c str>,
    /// The time, in seconds since 1970.
    pub now: u64,
}

/// Authenticator assurance level.
///
/// Levels of Auth's `aal` claim (after NIST SP 800-63), in ascending order.
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
    /// A claim is there that must not be.
    Absent,
    /// The assurance level is too low.
    Aal,
    /// The user is anonymous.
    Anonymous,
    /// A claim is absent or another.
    Claim,
    /// The token was given to somebody else's app.
    Client,
    /// The role is another.
    Role,
    /// The user proved who he is too long ago.
    SignInAgain,
}

impl Requirement {
    /// Checks a verified session; `claims` is called only where something of them is asked for.
    ///
    /// The conditions that a further sign-in or factor would meet come last: whoever lacks the role as well is not sent
    /// there in vain.
    ///
    /// ```
    /// use edge_session::rules::{Aal, Presented, Requirement, Shortfall};
    /// use serde_json::json;
    ///
    /// let requirement = Requirement {
    ///     claims: vec![("/app_metadata/plan".to_owned(), vec![json!("pro"), json!("team")])],
    ///     aal: Some(Aal::Aal2),
    ///     ..Requirement::default()
    /// };
    /// let presented = Presented {
    ///     role: "authenticated",
    ///     aal: "aal1",
    ///     is_anonymous: false,
    ///     client_id: None,
    ///     now: 1_790_000_000,
    /// };
    /// let claims = |plan: &str| json!({"app_metadata": {"plan": plan}});
    /// // The plan is missed first: a second factor alone would not help.
    /// assert_eq!(requirement.check(presented, || Some(claims("free"))), Err(Shortfall::Claim));
    /// assert_eq!(requirement.check(presented, || Some(claims("pro"))), Err(Shortfall::Aal));
    /// let presented = Presented { aal: "aal2", ..presented };
    /// assert_eq!(requirement.check(presented, || Some(claims("pro"))), Ok(()));
    /// ```
    ///
    /// # Errors
    /// The first condition that does not hold.
    pub fn check(
        &self,
        presented: Presented<'_>,
        claims: impl FnOnce() -> Option<Value>,
    ) -> Result<(), Shortfall> {
        if !self.clients.allow(presented.client_id) {
            return Err(Shortfall::Client);
        }
        if !self.role.is_empty() && !self.role.iter().any(|wanted| wanted == presented.role) {
            return Err(Shortfall::Role);
        }
        if presented.is_anonymous && !self.anonymous {
            return Err(Shortfall::Anonymous);
        }
        let reads_claims =
            !self.claims.is_empty() || !self.absent.is_empty() || self.max_age.is_some();
        let claims = if reads_claims {
            claims().ok_or(Shortfall::Claim)?
        } else {
            Value::Null
        };
        self.check_claims(&claims)?;
        if self
            .aal
            .is_some_and(|wanted| Aal::parse(presented.aal).is_none_or(|reached| reached < wanted))
        {
            return Err(Shortfall::Aal);
        }
        let is_recent =
            |most| newest_proof(&claims).is_some_and(|at| presented.now <= at.saturating_add(most));
        if self.max_age.is_some_and(|most| !is_recent(most)) {
            return Err(Shortfall::SignInAgain);
        }
        Ok(())
    }

    fn check_claims(&self, claims: &Value) -> Result<(), Shortfall> {
        let holds = |(pointer, wanted): &(String, Vec<Value>)| {
            claims
                .pointer(pointer)
                .is_some_and(|found| wanted.iter().any(|wanted| has(found, wanted)))
        };
        if !self.claims.iter().all(holds) {
            return Err(Shortfall::Claim);
        }
        if self
            .absent
            .iter()
            .any(|pointer| claims.pointer(pointer).is_some())
        {
            return Err(Shortfall::Absent);
        }
        Ok(())
    }
}

impl Clients {
    /// A token without `client_id` is the site's own.
    fn allow(&self, client_id: Option<&str>) -> bool {
        match (client_id, self) {
            (None, _) | (Some(_), Self::Any) => true,
            (Some(id), Self::Listed(ids)) => ids.iter().any(|known| known == id),
            (Some(_), Self::None) => false,
        }
    }
}

/// When the user last proved who he is, in seconds since 1970: the newest timestamp of `amr`.
///
/// Auth puts a timestamp to each method of `amr`; a refresh adds none, so the newest one is when he last did
/// something.
fn newest_proof(claims: &Value) -> Option<u64> {
    let methods = claims.get("amr")?.as_array()?;
    let stamps = methods
        .iter()
        .filter_map(|method| method.get("timestamp")?.as_u64());
    stamps.max()
}

impl Default for Requirement {
    fn default() -> Self {
        Self {
            role: Vec::new(),
            aal: None,
            anonymous: true,
            claims: Vec::new(),
            absent: Vec::new(),
            max_age: None,
            clients: Clients::None,
        }
    }
}

impl Aal {
    /// Reads the `aal` claim; a level that is not known satisfies nothing.
    ///
    /// ```
    /// use edge_session::rules::Aal;
    ///
    /// assert!(Aal::parse("aal2") > Aal::parse("aal1"));
    /// assert_eq!(Aal::parse("aal3"), None);
    /// ```
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
            Self::Absent => "absent",
            Self::Anonymous => "anonymous",
            Self::Claim => "claim",
            Self::Client => "client",
            Self::Role => "role",
            Self::SignInAgain => "sign_in_again",
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
