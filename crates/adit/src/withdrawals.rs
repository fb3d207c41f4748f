//! `adit withdrawals`: what the running server knows of them.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value;

use crate::cli::Server;
use crate::output::{Output, plain, table};

const COLUMNS: [(&str, &str); 7] = [
    ("id", "id"),
    ("userId", "user"),
    ("status", "status"),
    ("amount", "amount"),
    ("tokenType", "asset"),
    ("createdAt", "created"),
    ("txHash", "transaction"),
];

#[derive(Subcommand)]
pub enum Command {
    /// The newest first
    List(List),
    /// Everything about one
    Show(One),
    /// Why one stands where it stands: the evidence, what is waited for, what comes next
    Why(One),
    /// Say whose a payment was that only the signer's journal knew (`adit lanes explain` lists
    /// them)
    Match(Match),
}

#[derive(Args)]
pub struct List {
    /// Only this user's
    #[arg(long)]
    user: Option<String>,
    /// Only those in this state, like processing
    #[arg(long)]
    status: Option<String>,
    /// Only of this asset
    #[arg(long)]
    asset: Option<String>,
    /// How many at most
    #[arg(long)]
    limit: Option<u32>,
    /// Where the page before ended (its nextCursor)
    #[arg(long)]
    cursor: Option<String>,
    #[command(flatten)]
    server: Server,
}

#[derive(Args)]
pub struct One {
    /// The withdrawal's id
    id: String,
    #[command(flatten)]
    server: Server,
}

#[derive(Args)]
#[command(group = clap::ArgGroup::new("whose").required(true))]
pub struct Match {
    /// The payment's withdrawal, as `adit lanes explain` prints it
    id: String,
    /// The user who had asked for it
    #[arg(long, value_name = "USER", group = "whose")]
    user: Option<String>,
    /// The book that it is taken from [default: the user's only one with the asset]
    #[arg(long, requires = "user")]
    book: Option<String>,
    /// The asset that it was taken from: the points of a claim, else the asset itself [default: the
    /// asset, where no claim pays it]
    #[arg(long, value_name = "ASSET", requires = "user")]
    source_asset: Option<String>,
    /// The amount that it took of the source asset, the fee included, in whole units [default: what
    /// was paid, where no claim pays it]
    #[arg(long, value_name = "AMOUNT", requires = "user")]
    deducted: Option<String>,
    /// A withdrawal that is held for inspection and asks for the same
    #[arg(long, value_name = "ID", group = "whose")]
    withdrawal: Option<String>,
    /// How it was found out, for whoever reads the record later
    #[arg(long)]
    note: String,
    #[command(flatten)]
    server: Server,
}

/// # Errors
/// When the server cannot be reached, or refuses.
pub async fn run(command: Command, output: Output) -> Result<()> {
    match command {
        Command::List(list) => {
            let page = list.server.connect()?.get(&["api", "withdrawals"], &list.query()).await?;
            output.result(&page, &table(&COLUMNS, &page))
        }
        Command::Show(one) => {
            let record = one.server.connect()?.get(&["api", "withdrawals", &one.id], &[]).await?;
            output.result(&record, &lines(&record, 0))
        }
        Command::Why(one) => {
            let why =
                one.server.connect()?.get(&["api", "withdrawals", &one.id, "why"], &[]).await?;
            let sentence = plain(&why["sentence"]);
            output.result(&why, &format!("{sentence}\n\n{}", lines(&why, 0)))
        }
        Command::Match(found) => {
            let path = ["api", "admin", "withdrawals", &found.id, "match"];
            let body = serde_json::to_string(&found.body())?;
            let record = found.server.connect()?.post(&path, "application/json", body).await?;
            let said = format!(
                "{} is {}, {}'s",
                plain(&record["id"]),
                plain(&record["status"]),
                plain(&record["userId"])
            );
            output.result(&record, &said)
        }
    }
}

/// What the server reads.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MatchBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    book: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_asset: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deducted: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawal_id: Option<&'a str>,
    note: &'a str,
}

impl Match {
    fn body(&self) -> MatchBody<'_> {
        MatchBody {
            user_id: self.user.as_deref(),
            book: self.book.as_deref(),
            source_asset: self.source_asset.as_deref(),
            deducted: self.deducted.as_deref(),
            withdrawal_id: self.withdrawal.as_deref(),
            note: &self.note,
        }
    }
}

impl List {
    fn query(&self) -> Vec<(&'static str, String)> {
        let given = [
            ("userId", &self.user),
            ("status", &self.status),
            ("asset", &self.asset),
            ("cursor", &self.cursor),
        ];
        let texts = given.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
        texts.chain(self.limit.map(|limit| ("limit", limit.to_string()))).collect()
    }
}

/// Names and values, one a line, what is inside another indented.
fn lines(value: &Value, depth: usize) -> String {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(fields) => {
            let field = |(name, inner): (&String, &Value)| match is_plain(inner) {
                true => format!("{indent}{name}: {}", plain(inner)),
                false => format!("{indent}{name}:\n{}", lines(inner, depth + 1)),
            };
            fields
                .iter()
                .filter(|(_, inner)| !inner.is_null())
                .map(field)
                .collect::<Vec<String>>()
                .join("\n")
        }
        Value::Array(items) => {
            let item = |inner: &Value| match is_plain(inner) {
                true => format!("{indent}- {}", plain(inner)),
                false => format!("{indent}-\n{}", lines(inner, depth + 1)),
            };
            items.iter().map(item).collect::<Vec<String>>().join("\n")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            format!("{indent}{}", plain(value))
        }
    }
}

fn is_plain(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_page_is_a_table() {
        let page = json!({ "items": [{ "id": "1", "userId": "ada\u{1b}[2J", "status": "pending" }], "nextCursor": "abc" });
        let text = table(&COLUMNS, &page);
        assert!(text.starts_with("id  user"), "{text}");
        assert!(text.contains("ada[2J") && !text.contains('\u{1b}'), "{text}");
        assert!(text.ends_with("more: --cursor abc"), "{text}");
    }

    #[test]
    fn a_record_is_lines() {
        let text = lines(&json!({ "id": "1", "txHash": null, "legs": [{ "a": 1 }, "b"] }), 0);
        assert_eq!(text, "id: 1\nlegs:\n  -\n    a: 1\n  - b");
    }
}
