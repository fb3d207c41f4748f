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

/// A page of records: a line each, and how to go on.
pub fn table(columns: &[(&str, &str)], page: &Value) -> String {
    let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let head: Vec<String> = columns.iter().map(|(_, title)| (*title).to_owned()).collect();
    let rows: Vec<Vec<String>> = items
        .iter()
        .map(|item| columns.iter().map(|(key, _)| plain(&item[key])).collect())
        .collect();
    let all = || std::iter::once(&head).chain(&rows);
    let widths: Vec<usize> = (0..columns.len())
        .map(|at| all().map(|row| row[at].chars().count()).max().unwrap_or(0))
        .collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    let next = page["nextCursor"].as_str().map(|cursor| format!("more: --cursor {cursor}"));
    all().map(line).chain(next).collect::<Vec<String>>().join("\n")
}

/// Control characters would let what a stranger wrote steer the terminal.
pub fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.chars().filter(|c| !c.is_control()).collect(),
        other => other.to_string(),
    }
}
