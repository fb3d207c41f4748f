//! Whether a lane knows the journal when something depends on it: before a hold is given back that
//! no lineage carries (case F93), and before anything is accepted after the store went back (case
//! F95).

use std::collections::BTreeSet;

use adit_core::{Batch, EventKind, LaneId, Rules, State, TransferKind, WithdrawalId};

use super::{Broken, must};

/// What the rows say of reading, after the commits so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Reading {
    read: BTreeSet<LaneId>,
    unread: BTreeSet<LaneId>,
    is_found: bool,
}

impl Reading {
    /// A lane that has read before this commit or by it knows the journal: orders of one commit
    /// follow each other.
    pub fn commit(
        &mut self,
        batch: &Batch,
        rules: &Rules,
        waits: impl Fn(WithdrawalId) -> bool,
    ) -> Result<(), Broken> {
        let before = self.clone();
        self.learn(batch);
        for row in &batch.withdrawals {
            let Some(chain) = rules.chain_of(&row.row.asset) else { continue };
            let (id, lane) = (row.row.id, &chain.lane);
            let is_request = row.version == 0
                && matches!(row.row.state, State::Pending | State::Approved { .. });
            let held_back = |reading: &Self| reading.is_found || reading.unread.contains(lane);
            must(
                !is_request || !held_back(&before) || !held_back(self),
                "accepted when read",
                || {
                    format!(
                        "{id} is accepted, and {lane} does not know yet what was accepted before \
                         the store went back"
                    )
                },
            )?;
            let knows = before.read.contains(lane) || self.read.contains(lane);
            must(
                knows || !waits(id) || !gives_back(batch, row.row.hold),
                "given back when read",
                || {
                    format!(
                        "{id} is given back, and {lane} does not know yet what the signer signed"
                    )
                },
            )?;
        }
        Ok(())
    }

    fn learn(&mut self, batch: &Batch) {
        for row in &batch.lanes {
            match row.row.has_read_journal() {
                true => self.read.insert(row.row.id.clone()),
                false => self.read.remove(&row.row.id),
            };
        }
        if let Some(row) = &batch.incarnation {
            self.unread = row.row.unread.iter().map(|unread| unread.lane.clone()).collect();
            self.is_found = row.row.finding.is_some();
        }
    }
}

/// Whether the hold is released, and not because the same request is made again from the journal.
fn gives_back(batch: &Batch, held: adit_core::TransferId) -> bool {
    let releases =
        batch.appended.transfers.iter().any(
            |transfer| matches!(transfer.kind, TransferKind::Release { hold } if hold == held),
        );
    let replaced =
        batch.appended.events.iter().any(|event| matches!(event.kind, EventKind::Replaced { .. }));
    releases && !replaced
}
