//! `adit lanes`: what the running server knows of its wallets' lines of payments.

use anyhow::Result;
use clap::Subcommand;
use serde_json::Value;

use crate::cli::Server;
use crate::output::{Output, plain, table};

const COLUMNS: [(&str, &str); 6] = [
    ("withdrawalId", "id"),
    ("status", "status"),
    ("amount", "amount"),
    ("asset", "asset"),
    ("toAddress", "to"),
    ("txHash", "transaction"),
];

#[derive(Subcommand)]
pub enum Command {
    /// What the signer's journal knows and the database cannot explain, and what to do about it
    Explain(Server),
}

/// # Errors
/// When the server cannot be reached, or refuses.
pub async fn run(command: Command, output: Output) -> Result<()> {
    match command {
        Command::Explain(server) => {
            let answer = server.connect()?.get(&["api", "admin", "unmatched"], &[]).await?;
            output.result(&answer, &explained(&answer))
        }
    }
}

fn explained(answer: &Value) -> String {
    let lanes = answer["lanes"].as_array().map(Vec::as_slice).unwrap_or_default().iter().map(lane);
    let items = answer["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let payments = match items {
        [] => "every payment that the journal knows has its user".to_owned(),
        some => {
            let next: Vec<String> =
                some.iter().map(|item| format!("{}: {}", plain(&item["withdrawalId"]), plain(&item["nextStep"]))).collect();
            format!("payments whose user nobody knows:\n{}\n\n{}", table(&COLUMNS, answer), next.join("\n"))
        }
    };
    lanes.chain([payments]).collect::<Vec<String>>().join("\n\n")
}

fn lane(lane: &Value) -> String {
    let read = if lane["journalRead"] == true { "it has read the signer's journal" } else { "it has not read the signer's journal yet" };
    let head = format!("{} is {}; {read}", plain(&lane["lane"]), plain(&lane["state"]));
    let unplaced = lane["unplaced"].as_str().map(|_| format!("\n  cannot be placed: {}", plain(&lane["unplaced"]))).unwrap_or_default();
    format!("{head}{unplaced}\n  {}", plain(&lane["nextStep"]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_payment_without_a_user_is_told_with_amount_recipient_and_next_step() {
        let answer = json!({
            "lanes": [{ "lane": "base:0x1", "state": "halted", "journalRead": false, "unplaced": "lineage 7", "nextStep": "Restore." }],
            "items": [{ "withdrawalId": "w1", "status": "held_for_inspection", "amount": "3000", "asset": "DG", "toAddress": "0x2",
                "txHash": null, "nextStep": "Match it." }],
        });
        let text = explained(&answer);
        for part in ["base:0x1 is halted", "cannot be placed: lineage 7", "3000", "0x2", "w1: Match it."] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        let nothing = json!({ "lanes": [], "items": [] });
        assert_eq!(explained(&nothing), "every payment that the journal knows has its user");
    }
}
