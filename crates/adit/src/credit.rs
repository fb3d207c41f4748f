//! `adit credit`: books what users earned, one or many, over the running server.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde_json::{Value, json};

use crate::cli::Server;
use crate::output::Output;

const PATH: [&str; 3] = ["api", "admin", "credits"];

#[derive(Args)]
pub struct Arguments {
    /// The user
    #[arg(long, required_unless_present = "file")]
    user: Option<String>,
    /// How much, in whole units, like 3000 or 0.5
    #[arg(long, required_unless_present = "file")]
    amount: Option<String>,
    /// Your own name for this credit: it is booked once, however often it is sent
    #[arg(long, required_unless_present = "file")]
    id: Option<String>,
    /// What is credited
    #[arg(long, default_value = "XP")]
    asset: String,
    /// Where it belongs
    #[arg(long, default_value = "xp")]
    book: String,
    /// Many at once: a .csv file with the header id,userId,book,asset,amount, or JSON lines with
    /// these names
    #[arg(long, value_name = "FILE", conflicts_with_all = ["user", "amount", "id"])]
    file: Option<PathBuf>,
    #[command(flatten)]
    server: Server,
}

/// # Errors
/// When the file cannot be read, or the server refuses.
pub async fn run(arguments: Arguments, output: Output) -> Result<()> {
    let server = arguments.server.connect()?;
    let answer = match &arguments.file {
        Some(file) => {
            let body = std::fs::read_to_string(file)
                .with_context(|| format!("{} cannot be read", file.display()))?;
            server.post(&PATH, media_type(file)?, body).await?
        }
        None => server.post(&PATH, "application/json", one(&arguments).to_string()).await?,
    };
    output.result(&answer, &said(&answer))?;
    match answer["refused"].as_u64() {
        None | Some(0) => Ok(()),
        Some(count) => bail!(
            "{count} of the credits were refused; the others are booked, and sending all again \
             books none of them twice"
        ),
    }
}

fn one(arguments: &Arguments) -> Value {
    let Arguments { user, amount, id, asset, book, .. } = arguments;
    json!({ "credits": [{ "id": id, "userId": user, "book": book, "asset": asset, "amount": amount }] })
}

fn media_type(file: &std::path::Path) -> Result<&'static str> {
    let ending = file.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    match ending.as_deref() {
        Some("csv") => Ok("text/csv"),
        Some("jsonl" | "ndjson") => Ok("application/x-ndjson"),
        Some("xls" | "xlsx" | "ods") => {
            bail!(
                "{} is a workbook; save it as CSV (UTF-8, separated by commas), and give that file",
                file.display()
            )
        }
        Some(_) | None => bail!(
            "{} ends neither in .csv nor in .jsonl or .ndjson; rename it after what it holds",
            file.display()
        ),
    }
}

/// What is booked, and each that was refused.
fn said(answer: &Value) -> String {
    let count = |key: &str| answer[key].as_u64().unwrap_or(0);
    let refused =
        answer["items"].as_array().or_else(|| answer["errors"].as_array()).into_iter().flatten();
    let lines = refused.filter(|item| !item["code"].is_null()).map(|item| {
        let part = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
        format!("\n  {}: {} ({})", part("id"), part("error"), part("code"))
    });
    let counts = format!(
        "{} credited, {} booked before, {} refused",
        count("credited"),
        count("unchanged"),
        count("refused")
    );
    counts + &lines.collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_told_by_its_ending_in_any_case() {
        let kind =
            |name: &str| media_type(std::path::Path::new(name)).map_err(|error| error.to_string());
        for name in ["credits.csv", "CREDITS.CSV", "dir.x/Credits.Csv"] {
            assert_eq!(kind(name), Ok("text/csv"), "{name}");
        }
        assert_eq!(
            (kind("a.JSONL"), kind("a.ndjson")),
            (Ok("application/x-ndjson"), Ok("application/x-ndjson"))
        );
        assert!(kind("a.XLSX").is_err_and(|said| said.contains("save it as CSV")));
        assert!(kind("a.txt").is_err_and(|said| said.contains(".csv")) && kind("csv").is_err());
    }
}
