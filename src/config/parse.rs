//! Reads variables one by one and gathers what is wrong with them.
//!
//! It knows kinds of values (a number in a range, one of some words, a switch, a list, JSON), and none of the
//! variables. Those are read in the files beside it, each with what is special about it.

use super::problems::ConfigProblem;
use super::variable::Unset;
use super::variables::VARIABLES;
use crate::json;
use crate::secret::Secret;
use serde_json::Value;
use std::ops::RangeInclusive;

/// The variables of the environment, and the problems met so far.
///
/// A reader answers with a harmless value after a problem, so that the variables behind it are still read.
pub(super) struct Reader<F> {
    look_up: F,
    problems: Vec<ConfigProblem>,
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    /// A reader that has met no problem.
    pub(super) const fn new(look_up: F) -> Self {
        Self {
            look_up,
            problems: Vec::new(),
        }
    }

    /// Notes what `variable` must be; `rule` is read after its name and must not repeat the value.
    pub(super) fn problem(&mut self, variable: &'static str, rule: impl Into<String>) {
        self.problems.push(ConfigProblem {
            variable,
            rule: rule.into(),
        });
    }

    /// Every problem so far, in the order in which variables were read.
    pub(super) fn into_problems(self) -> Vec<ConfigProblem> {
        self.problems
    }

    /// The value as set, without surrounding white space; an empty one counts as unset.
    pub(super) fn set(&self, variable: &str) -> Option<String> {
        let value = (self.look_up)(variable)?;
        let value = trim(&value);
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// The value as set, or the default of the table; empty where there is neither.
    pub(super) fn text(&self, variable: &str) -> String {
        self.set(variable)
            .unwrap_or_else(|| default_text(variable).to_owned())
    }

    /// A whole number within `range`, or the default; the least of the range after a problem. Only digits count:
    /// `+5`, `5.0` and `0x5` are mistakes.
    pub(super) fn number(&mut self, variable: &'static str, range: RangeInclusive<u64>) -> u64 {
        let text = self.text(variable);
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text
            .parse()
            .ok()
            .filter(|number| digits && range.contains(number));
        number.unwrap_or_else(|| {
            let (least, most) = (range.start(), range.end());
            self.problem(
                variable,
                format!("must be a whole number from {least} to {most}"),
            );
            *least
        })
    }

    /// One of a closed set of words, in any case.
    pub(super) fn word<T: Copy, const N: usize>(
        &mut self,
        variable: &'static str,
        words: [(&str, T); N],
        otherwise: T,
    ) -> T {
        let text = self.text(variable);
        if let Some((_, meaning)) = words
            .iter()
            .find(|(word, _)| word.eq_ignore_ascii_case(&text))
        {
            return *meaning;
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        self.problem(variable, format!("must be one of {}", known.join(", ")));
        otherwise
    }

    /// `on` or `off`; off after a problem.
    pub(super) fn switch(&mut self, variable: &'static str) -> bool {
        self.word(variable, [("on", true), ("off", false)], false)
    }

    /// A comma-separated list with at least one member.
    pub(super) fn list(&mut self, variable: &'static str, default: &str) -> Vec<String> {
        let text = self.set(variable).unwrap_or_else(|| default.to_owned());
        let members: Vec<String> = text
            .split(',')
            .map(trim)
            .filter(|member| !member.is_empty())
            .map(str::to_owned)
            .collect();
        if members.is_empty() && self.set(variable).is_some() {
            self.problem(variable, "must name at least one value");
        }
        members
    }

    /// The value as JSON; a problem where it is none.
    pub(super) fn json(&mut self, variable: &'static str) -> Option<Value> {
        let text = self.set(variable)?;
        match json::read(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                let (line, column) = (error.line(), error.column());
                let rule = format!("must be JSON (line {line}, column {column} is not)");
                self.problem(variable, rule);
                None
            }
        }
    }

    /// A secret as set. It is checked nowhere here, as its form is its maker's affair.
    pub(super) fn secret(&self, variable: &str) -> Option<Secret> {
        self.set(variable).map(Secret::new)
    }
}

/// The default of the table, for the variables that have one.
pub(super) fn default_text(name: &str) -> &'static str {
    let default = VARIABLES
        .iter()
        .find(|variable| variable.name == name)
        .map(|variable| variable.default);
    match default {
        Some(Unset::Value(value)) => value,
        Some(Unset::Absent | Unset::Described(_) | Unset::Required) | None => "",
    }
}

/// What JavaScript's `trim` drops, because the Supabase clients trim with it.
fn trim(text: &str) -> &str {
    text.trim_matches(|character: char| {
        character == '\u{feff}' || (character.is_whitespace() && character != '\u{85}')
    })
}
