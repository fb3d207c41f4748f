//! What a command prints: text for people, JSON for programs.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::config::Unusable;

/// Exit status of a configuration that cannot be used, as of a wrong command line.
const UNUSABLE: u8 = 2;

#[derive(Clone, Copy)]
pub struct Output {
    pub json: bool,
}

impl Output {
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// One or the other.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn result(self, value: &Value, text: &str) -> Result<()> {
        if self.json { self.text(&format!("{value}\n")) } else { self.text(&format!("{text}\n")) }
    }

    /// As it is.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn text(self, text: &str) -> Result<()> {
        std::io::stdout().write_all(text.as_bytes()).context("the output cannot be written")
    }

    /// Says what failed; the exit status tells a configuration from the rest.
    pub fn failure(self, error: &anyhow::Error) -> ExitCode {
        match self.json {
            true => eprintln!("{}", json!({ "error": format!("{error:#}") })),
            false => eprintln!("adit: {error:#}"),
        }
        if error.is::<Unusable>() { ExitCode::from(UNUSABLE) } else { ExitCode::FAILURE }
    }
}
