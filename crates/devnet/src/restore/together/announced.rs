//! What `adit restore` said of both, held against the database of the snapshot and the chain.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::chaos::ChainKind;
use crate::chaos::chain::Mined;
use crate::chaos::ledger::Ledger;
use crate::primitives::U256;

use super::super::world::World;

/// The part of it that is compared.
pub struct Announced {
    said: Value,
}

impl Announced {
    /// # Errors
    /// Fails if it is no JSON.
    pub fn read(text: &str) -> Result<Self> {
        Ok(Self { said: serde_json::from_str(text).with_context(|| format!("no JSON: {text}"))? })
    }

    /// Both ages, a sweep for each lane, and everybody who waits; in a sentence what is missing.
    /// `consumed` is how many numbers of the EVM wallet blocks had used up.
    pub fn differences(
        &self,
        world: &World,
        in_flight_max: usize,
        consumed: u64,
        backup: &Ledger,
    ) -> Vec<String> {
        let mut found = Vec::new();
        let said = &self.said;
        let mut ages = vec!["newestCommit", "ageSeconds"];
        // With --journal-declared the journal is on the signer's host.
        if world.devnet.postgres().is_none() {
            ages.extend(["newestRecord", "records"]);
        }
        found.extend(
            ages.iter()
                .filter(|age| said[**age].is_null())
                .map(|age| format!("`adit restore` does not say {age}")),
        );
        let lanes = said["both"]["lanes"].as_array().map(Vec::as_slice).unwrap_or_default();
        let expected = if world.chain == ChainKind::Bitcoin { 2 } else { 1 };
        if lanes.len() != expected {
            found.push(format!(
                "`adit restore` announced sweeps of {} lanes, there are {expected}",
                lanes.len()
            ));
        }
        for lane in lanes {
            let evm = lane["lane"].as_str().is_some_and(|name| name.starts_with("devnet"));
            let below = lane["sweep"]["numbers"][1].as_u64();
            if evm && below.is_none_or(|below| below < consumed + in_flight_max as u64) {
                found.push(format!(
                    "blocks hold {consumed}, {in_flight_max} may be in flight, and the sweep is {}",
                    lane["sweep"]
                ));
            }
            if fee_cap(lane).is_none_or(|cap| cap.is_zero()) {
                found.push(format!("`adit restore` names no cap of a sweep's fee: {lane}"));
            }
        }
        found.extend(self.forgets(backup));
        found
    }

    fn forgets(&self, backup: &Ledger) -> Vec<String> {
        let listed: BTreeSet<&str> = self.said["both"]["waiting"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|row| row["withdrawalId"].as_str())
            .collect();
        let rows = |statuses: &'static [&'static str]| {
            backup.withdrawals.iter().filter(|row| statuses.contains(&row.status.as_str()))
        };
        let missing =
            rows(&["pending", "approved"]).filter(|row| !listed.contains(row.id.as_str()));
        let ended = rows(&["completed", "cancelled", "failed"])
            .filter(|row| listed.contains(row.id.as_str()));
        let missing = missing.map(|row| {
            format!("withdrawal {} is {} and not in the waiting list", row.id, row.status)
        });
        missing
            .chain(ended.map(|row| {
                format!("withdrawal {} is {} and in the waiting list", row.id, row.status)
            }))
            .collect()
    }

    /// Transactions of the chain of this run that cost more than was said.
    pub fn dearer(&self, chain: ChainKind, mined: &[Mined]) -> Vec<String> {
        let name = if chain == ChainKind::Evm { "devnet" } else { "bitcoin" };
        let lanes = self.said["both"]["lanes"].as_array().into_iter().flatten();
        let cap = lanes
            .filter(|lane| lane["lane"].as_str().is_some_and(|lane| lane.starts_with(name)))
            .find_map(fee_cap);
        let above = mined.iter().filter(|mined| cap.is_some_and(|cap| mined.fee > cap));
        above
            .map(|mined| {
                format!("{} cost {}, above the cap that was announced", mined.hash, mined.fee)
            })
            .collect()
    }
}

fn fee_cap(lane: &Value) -> Option<U256> {
    U256::from_str_radix(lane["sweep"]["feeCap"].as_str()?, 10).ok()
}
