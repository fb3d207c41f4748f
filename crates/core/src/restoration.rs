//! Database and journal were declared to have gone back together (cases F91, F96). What neither
//! remembers may still be mined, and what waits may have been paid, or given back, since.
//!
//! So a lane first takes back what journal, blocks and pools show. Then it sweeps: every place at
//! which something forgotten could be mined is used up by a transaction that pays nobody. Then two
//! admins look at what waits, and release it. Nothing is planned before.

use serde::{Deserialize, Serialize};

use crate::{Actor, Epoch, Lineage, Timestamp};

/// How far a lane is with that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restoration {
    pub declared_at: Timestamp,
    /// Nobody knew what time that was. Until somebody does, whatever waits counts as of before
    /// (case F97).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_doubt: bool,
    /// The lane's epoch when it was declared. What was reserved under a later one was made since,
    /// whatever any clock says.
    pub epoch: Epoch,
    #[serde(flatten)]
    pub stage: RestorationStage,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "stage")]
pub enum RestorationStage {
    /// Nothing is swept yet.
    Declared,
    /// On chains with nonces, every one below `below` is used up. On others, every coin becomes the
    /// output of a sweep.
    Sweeping { below: u64 },
    /// Nothing forgotten can be mined any more. The first of two admins may have released the lane.
    Swept { released: Option<Released> },
}

/// An admin has seen what waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    pub by: Actor,
    /// How many withdrawals that were.
    pub seen: u64,
}

impl Restoration {
    pub fn declared(at: Timestamp, epoch: Epoch) -> Self {
        Self { declared_at: at, in_doubt: false, epoch, stage: RestorationStage::Declared }
    }

    /// Somebody knows what time it is. Where nobody did when it was declared, nobody could ask for
    /// anything since, and it counts from now.
    pub(crate) fn dated(&mut self, now: Timestamp) {
        if self.in_doubt {
            self.declared_at = self.declared_at.max(now);
            self.in_doubt = false;
        }
    }

    /// Returns whether it was declared before this lineage was reserved, so that nothing forgotten
    /// can spend what that makes.
    pub fn precedes(&self, lineage: &Lineage) -> bool {
        lineage.attempts.first().is_some_and(|attempt| attempt.epoch > self.epoch)
    }

    /// Returns the number below which all are used up, while the lane sweeps.
    pub fn sweeps_below(&self) -> Option<u64> {
        match self.stage {
            RestorationStage::Sweeping { below } => Some(below),
            RestorationStage::Declared | RestorationStage::Swept { .. } => None,
        }
    }

    /// Returns whether nothing forgotten can be mined any more.
    pub fn is_swept(&self) -> bool {
        matches!(self.stage, RestorationStage::Swept { .. })
    }
}
