//! What is wrong with a configuration: all of it at once, each with key, value and what is allowed.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

/// Longest part of a wrong value that is repeated.
const ECHO_CHARS_MAX: usize = 80;

/// One key that cannot be used as it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    key: String,
    wrong: String,
    allowed: String,
    /// The environment variable that the value came from.
    variable: Option<&'static str>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key, self.wrong)?;
        if let Some(variable) = self.variable {
            write!(f, " (from the environment variable {variable})")?;
        }
        write!(f, "; {}", self.allowed)
    }
}

/// Why nothing starts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Unusable {
    /// What was read: a file, or the environment alone.
    pub subject: String,
    pub problems: Vec<Problem>,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be used:", self.subject)?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  - {problem}"))?;
        write!(f, "\nNothing was started. `adit config` prints every key with its default.")
    }
}

/// Where problems are noted while reading goes on, and which variable set which key.
#[derive(Debug, Default)]
pub struct Notes {
    problems: RefCell<Vec<Problem>>,
    origins: RefCell<BTreeMap<String, &'static str>>,
}

impl Notes {
    /// Remembers that `key` was set by an environment variable.
    pub fn set_by(&self, key: impl Into<String>, variable: &'static str) {
        self.origins.borrow_mut().insert(key.into(), variable);
    }

    pub fn problem(
        &self,
        key: impl Into<String>,
        wrong: impl Into<String>,
        allowed: impl Into<String>,
    ) {
        let key = key.into();
        let variable = self.origins.borrow().get(&key).copied();
        self.problems.borrow_mut().push(Problem {
            key,
            wrong: wrong.into(),
            allowed: allowed.into(),
            variable,
        });
    }

    /// In order of their keys, each once.
    pub fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort();
        problems.dedup();
        problems
    }
}

/// A value as it is repeated to whoever wrote it.
pub fn echo(value: &toml::Value) -> String {
    let text = value.to_string();
    let cut: String = text.chars().take(ECHO_CHARS_MAX).collect();
    if cut.len() < text.len() { format!("{cut}…") } else { cut }
}
