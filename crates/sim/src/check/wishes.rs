//! Payments that somebody wished to have cancelled, as one server of the database knows them (case
//! F92).

use std::collections::BTreeMap;

use adit_core::{Hash32, Lineage, LineageId, Purpose};

use crate::executor::Instant;

/// Which lineages are to be undone, and whose transactions are whose.
#[derive(Debug, Clone, Default)]
pub(super) struct CancelWishes {
    wished: BTreeMap<LineageId, Instant>,
    paying: BTreeMap<Hash32, LineageId>,
}

impl CancelWishes {
    pub fn changed(&mut self, lineage: &Lineage, at: Instant) {
        if lineage.cancel.is_some() {
            self.wished.entry(lineage.id).or_insert(at);
        }
        let paying = lineage.attempts.iter().filter(|attempt| attempt.purpose == Purpose::Pay);
        self.paying.extend(
            paying.filter_map(|attempt| attempt.signed()).map(|signed| (signed.hash, lineage.id)),
        );
    }

    pub fn wished_at(&self, lineage: LineageId) -> Option<Instant> {
        self.wished.get(&lineage).copied()
    }

    /// The lineage that pays by this transaction.
    pub fn paid_by(&self, hash: Hash32) -> Option<LineageId> {
        self.paying.get(&hash).copied()
    }
}
