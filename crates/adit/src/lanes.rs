//! `adit lanes`: what the running server knows of its wallets' lines of payments.

use anyhow::Result;
use clap::{Args, Subcommand};
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
    /// List the payments that the database cannot explain, with the next step of each; or say what
    /// a transaction was
    Explain(Explain),
    /// List the withdrawals that wait after a restore of database and journal; two admins say that
    /// they may be paid
    Release(Release),
    /// Look for coins at every address that a Bitcoin wallet ever used, once: somebody paid an old
    /// one, or the balance is short
    Rescan(Rescan),
}

#[derive(Args)]
pub struct Rescan {
    /// The chain, as the configuration names it
    chain: String,
    #[command(flatten)]
    server: Server,
}

#[derive(Args)]
pub struct Release {
    /// The chain, as the configuration names it
    chain: String,
    /// Release it: how many withdrawals wait, as the list says. It takes two admins, each with a
    /// key of their own
    #[arg(long, value_name = "COUNT")]
    seen: Option<usize>,
    #[command(flatten)]
    server: Server,
}

#[derive(Args)]
pub struct Explain {
    /// A transaction that nobody here remembers, as the list shows it: nobody waits because of it
    /// any more
    #[arg(long, value_name = "HASH", requires = "note")]
    transaction: Option<String>,
    /// What it was, for whoever reads the record later
    #[arg(long, requires = "transaction")]
    note: Option<String>,
    #[command(flatten)]
    server: Server,
}

/// # Errors
/// When the server cannot be reached, or refuses.
pub async fn run(command: Command, output: Output) -> Result<()> {
    match command {
        Command::Release(Release { chain, seen, server }) => {
            let path = ["api", "admin", "lanes", &chain, "release"];
            let answer = match seen {
                None => server.connect()?.get(&path, &[]).await?,
                Some(seen) => {
                    server
                        .connect()?
                        .post(
                            &path,
                            "application/json",
                            serde_json::json!({ "seen": seen }).to_string(),
                        )
                        .await?
                }
            };
            output.result(&answer, &released(&answer))
        }
        Command::Rescan(Rescan { chain, server }) => {
            let answer = server
                .connect()?
                .post(
                    &["api", "admin", "lanes", &chain, "rescan"],
                    "application/json",
                    String::new(),
                )
                .await?;
            output.result(
                &answer,
                &format!("{chain} looks at all addresses of its wallet; payments go on meanwhile"),
            )
        }
        Command::Explain(Explain { transaction: Some(hash), note: Some(note), server }) => {
            let body = serde_json::json!({ "note": note }).to_string();
            let answer = server
                .connect()?
                .post(&["api", "admin", "strays", &hash, "explain"], "application/json", body)
                .await?;
            output.result(
                &answer,
                &format!("{hash} is explained; nobody waits because of it any more"),
            )
        }
        Command::Explain(Explain { server, .. }) => {
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
            let next: Vec<String> = some
                .iter()
                .map(|item| {
                    format!("{}: {}", plain(&item["withdrawalId"]), plain(&item["nextStep"]))
                })
                .collect();
            format!(
                "payments whose user nobody knows:\n{}\n\n{}",
                table(&COLUMNS, answer),
                next.join("\n")
            )
        }
    };
    lanes.chain([payments]).chain(strays(answer)).collect::<Vec<String>>().join("\n\n")
}

const WAITING: [(&str, &str); 7] = [
    ("withdrawalId", "id"),
    ("userId", "user"),
    ("status", "status"),
    ("amount", "amount"),
    ("asset", "asset"),
    ("toAddress", "to"),
    ("createdAt", "asked for"),
];

fn released(answer: &Value) -> String {
    let of = |field: &str| plain(&answer[field]);
    let sweeps = answer["sweepsBelow"]
        .as_u64()
        .map_or_else(String::new, |below| format!(" (nonce {} of {below})", of("nextNonce")));
    let head = format!(
        "{}: {}{sweeps}, {} withdrawals of before the restore wait",
        of("lane"),
        of("stage"),
        of("waiting")
    );
    let list = if answer["waiting"] == 0 {
        String::new()
    } else {
        format!("\n{}", table(&WAITING, answer))
    };
    format!("{head}{list}\n{}", of("nextStep"))
}

/// Returns the payments that blocks hold and nobody remembers, in words; none where all are
/// explained.
fn strays(answer: &Value) -> Option<String> {
    let open = answer["strays"].as_array()?.iter().filter(|stray| stray["explained"] != true);
    let told = |stray: &Value| {
        let of = |field: &str| plain(&stray[field]);
        let paid =
            format!("{} {} to {} by {}", of("amount"), of("asset"), of("toAddress"), of("lane"));
        format!("{} in block {}: {paid}\n  {}", of("txHash"), of("blockNumber"), of("nextStep"))
    };
    let told: Vec<String> = open.map(told).collect();
    (!told.is_empty()).then(|| {
        format!("payments that blocks hold and nobody here remembers:\n{}", told.join("\n"))
    })
}

fn lane(lane: &Value) -> String {
    let read = if lane["journalRead"] == true {
        "it has read the signer's journal"
    } else {
        "it has not read the signer's journal yet"
    };
    let head = format!("{} is {}; {read}", plain(&lane["lane"]), plain(&lane["state"]));
    let unplaced = lane["unplaced"]
        .as_str()
        .map(|_| format!("\n  cannot be placed: {}", plain(&lane["unplaced"])))
        .unwrap_or_default();
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
        for part in
            ["base:0x1 is halted", "cannot be placed: lineage 7", "3000", "0x2", "w1: Match it."]
        {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        let stray = json!({ "txHash": "0xab", "blockNumber": 7, "lane": "base:0x1", "asset": "DG", "amount": "5", "toAddress": "0x3",
            "explained": false, "nextStep": "Book it." });
        let text = explained(&json!({ "lanes": [], "items": [], "strays": [stray] }));
        assert!(text.contains("0xab in block 7: 5 DG to 0x3 by base:0x1\n  Book it."), "{text}");
        let nothing = json!({ "lanes": [], "items": [], "strays": [] });
        assert_eq!(explained(&nothing), "every payment that the journal knows has its user");
    }
}
