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
    /// Many at once: a .csv file with the header id,userId,book,asset,amount, or JSON lines with these names
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
            let body = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
            server.post(&PATH, media_type(file)?, body).await?
        }
        None => server.post(&PATH, "application/json", one(&arguments).to_string()).await?,
    };
    output.result(&answer, &said(&answer))
}

fn one(arguments: &Arguments) -> Value {
    let Arguments { user, amount, id, asset, book, .. } = arguments;
    json!({ "credits": [{ "id": id, "userId": user, "book": book, "asset": asset, "amount": amount }] })
}

fn media_type(file: &std::path::Path) -> Result<&'static str> {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => Ok("text/csv"),
        Some("jsonl" | "ndjson") => Ok("application/x-ndjson"),
        Some(_) | None => bail!("{} ends neither in .csv nor in .jsonl or .ndjson; rename it after what it holds", file.display()),
    }
}

fn said(answer: &Value) -> String {
    match answer["credited"].as_u64().or_else(|| answer["accepted"].as_u64()) {
        Some(count) => format!("{count} credited"),
        None => answer.to_string(),
    }
}
