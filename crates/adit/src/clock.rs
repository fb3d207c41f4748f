//! `adit clock`: what time the running server believes it is, and an admin's word that its machine
//! is right.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::cli::Server;
use crate::output::{Output, plain};

#[derive(Subcommand)]
pub enum Command {
    /// Show the server's time, its machine's clock, and the clocks that disagree
    Show(Server),
    /// Say what time it is, so that a server believes its machine's clock where no second clock can
    /// be asked
    Accept(Accept),
}

#[derive(Args)]
pub struct Accept {
    /// The time now, by a clock that is not the server's (RFC 3339, like 2026-11-22T11:27:34Z)
    #[arg(long, value_name = "TIME")]
    time: String,
    #[command(flatten)]
    server: Server,
}

/// # Errors
/// When the server cannot be reached, or refuses.
pub async fn run(command: Command, output: Output) -> Result<()> {
    let answer = match command {
        Command::Show(server) => server.connect()?.get(&["api", "admin", "clock"], &[]).await?,
        Command::Accept(Accept { time, server }) => {
            let body = json!({ "time": time }).to_string();
            server
                .connect()?
                .post(&["api", "admin", "clock", "accept"], "application/json", body)
                .await?
        }
    };
    output.result(&answer, &told(&answer))
}

fn told(answer: &Value) -> String {
    let head = format!(
        "it is {}; the server's machine shows {}",
        plain(&answer["time"]),
        plain(&answer["machine"])
    );
    let doubt = answer["sentence"]
        .as_str()
        .map(|_| format!("the time is in doubt: {}", plain(&answer["sentence"])));
    let others = answer["disagree"].as_array().into_iter().flatten();
    let others = others.map(|other| {
        format!("{} is {} s ahead of it", plain(&other["clock"]), plain(&other["seconds"]))
    });
    [head].into_iter().chain(doubt).chain(others).collect::<Vec<String>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubt_is_told_with_its_sentence_and_with_who_disagrees() {
        let answer = json!({
            "state": "doubted", "time": "2026-11-22T11:27:34Z", "machine": "2031-11-22T11:27:34Z", "sentence": "Set it.",
            "disagree": [{ "clock": "the database", "seconds": -157_766_400 }],
        });
        let text = told(&answer);
        for part in [
            "it is 2026-11-22T11:27:34Z",
            "shows 2031-11-22T11:27:34Z",
            "in doubt: Set it.",
            "the database is -157766400 s ahead",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }
}
