//! A command of the server as its operator says it, with everything that the command needs.

use std::time::Duration;

use anyhow::Result;

use crate::command;

/// Not run yet.
#[derive(Debug, Clone)]
pub struct Operation {
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Operation {
    pub fn new(
        arguments: impl IntoIterator<Item = String>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        Self {
            arguments: arguments.into_iter().collect(),
            environment: environment.into_iter().collect(),
        }
    }

    /// Runs it to its end, and gives what it printed.
    ///
    /// # Errors
    /// As [`command::run`]; it may take so long.
    pub async fn run(&self, bound: Duration) -> Result<String> {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        command::run_for(bound, &arguments, &self.environment, "").await
    }
}
