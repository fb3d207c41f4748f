//! What the lost journal signed: bytes that anybody who saw them may send again.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

/// A transaction that was signed before the restore.
#[derive(Debug, Clone)]
pub struct Signed {
    /// As the ledger and the chain's reader write it, in lower case.
    pub hash: String,
    /// Hexadecimal, with its prefix.
    pub raw: String,
    /// Whom it pays.
    pub payouts: Vec<String>,
    /// The copy of the journal does not have it.
    pub since: bool,
}

/// Reads all of the lost journal, and tells what its copy does not have.
///
/// # Errors
/// Fails if one of the two cannot be read.
pub fn read(journal: &Path, copy: &Path) -> Result<Vec<Signed>> {
    let known: BTreeSet<String> = records(copy)?.into_iter().map(|signed| signed.hash).collect();
    let told = |signed: Signed| Signed { since: !known.contains(&signed.hash), ..signed };
    Ok(records(journal)?.into_iter().map(told).collect())
}

/// Payments that only the lost part of the journal has.
pub fn payments(lost: &[Signed]) -> usize {
    let of = |since: bool| {
        lost.iter().filter(move |signed| signed.since == since).flat_map(|signed| &signed.payouts)
    };
    let known: BTreeSet<&String> = of(false).collect();
    of(true).filter(|payout| !known.contains(payout)).collect::<BTreeSet<_>>().len()
}

/// All of them count as lost.
fn records(journal: &Path) -> Result<Vec<Signed>> {
    let text = std::fs::read_to_string(journal)
        .with_context(|| format!("cannot read {}", journal.display()))?;
    let mut found = Vec::new();
    // The first line names the format; the last one of a copy may be cut.
    for line in text.lines().skip(1) {
        let json =
            line.splitn(4, ' ').nth(3).and_then(|json| serde_json::from_str::<Value>(json).ok());
        let Some(record) = json.filter(|record| record["record"] == "signed") else { continue };
        let text =
            |name: &str| record["entry"]["signed"][name].as_str().map(str::to_ascii_lowercase);
        let approved = record["entry"]["request"]["approved"].as_array().into_iter().flatten();
        let payouts: Vec<String> =
            approved.filter_map(|one| one["payout"].as_str().map(str::to_owned)).collect();
        found.extend(text("hash").zip(text("raw")).map(|(hash, raw)| Signed {
            hash,
            raw,
            payouts,
            since: true,
        }));
    }
    Ok(found)
}
