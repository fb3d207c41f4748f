//! The signer's journal, read by a hand of its own: `length guard chain json`, one record a line.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// What the signer has signed.
#[derive(Debug, Default)]
pub struct Journal {
    /// Hashes of transactions, in lower case.
    pub hashes: BTreeSet<String>,
    pub lineages: BTreeSet<String>,
    /// Each payout with each lineage that pays it.
    pub payouts: BTreeSet<(String, String)>,
}

impl Journal {
    /// # Errors
    /// When it cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the journal {}", path.display()))?;
        let mut journal = Self::default();
        let mut lines = text.lines();
        ensure!(
            lines.next().is_some_and(|line| line.contains("adit signer journal")),
            "{} is no journal",
            path.display()
        );
        for line in lines {
            let json = line.splitn(4, ' ').nth(3).with_context(|| format!("no record: {line}"))?;
            journal.add(&serde_json::from_str(json).with_context(|| format!("no record: {json}"))?);
        }
        Ok(journal)
    }

    fn add(&mut self, record: &Value) {
        if record["record"] != "signed" {
            return;
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_ascii_lowercase();
        let request = &record["entry"]["request"];
        let lineage = text(&request["lineage"]);
        self.hashes.insert(text(&record["entry"]["signed"]["hash"]));
        for approved in request["approved"].as_array().into_iter().flatten() {
            self.payouts.insert((text(&approved["payout"]), lineage.clone()));
        }
        self.lineages.insert(lineage);
    }
}
