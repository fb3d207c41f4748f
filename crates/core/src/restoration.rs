//! Database and journal were declared to have gone back together (cases F91, F96). What neither remembers may still be mined, and what waits
//! may have been paid, or given back, since.
//!
//! So a lane first takes back what journal, blocks and pools show. Then it sweeps: every place at which something forgotten could be
//! mined is used up by a transaction that pays nobody. Then two admins look at what waits, and release it. Nothing is planned before.

use serde::{Deserialize, Serialize};

use crate::{Actor, Timestamp};

/// How far a lane is with that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restoration {
    pub declared_at: Timestamp,
    #[serde(flatten)]
    pub stage: RestorationStage,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "stage")]
pub enum RestorationStage {
    /// Nothing is swept yet.
    Declared,
    /// On chains with nonces, every one below `below` is used up. On others, every coin becomes the output of a sweep.
    Sweeping { below: u64 },
    /// Nothing forgotten can be mined any more. The first of two admins may have released the lane.
    Swept { released_by: Option<Actor> },
}

impl Restoration {
    pub fn declared(at: Timestamp) -> Self {
        Self { declared_at: at, stage: RestorationStage::Declared }
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
