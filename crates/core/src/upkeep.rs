//! Small coins made one while blocks are cheap: when a lane does so, and why it does not. Such a
//! transaction pays nobody.

use serde::{Deserialize, Serialize};

use crate::gate::{Gate, gate_of_lane};
use crate::next::{LaneView, fresh_tip, in_flight};
use crate::{Amount, FEE_HISTORY_MIN, FeeRate, Market, Offer};

/// When and what is merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consolidation {
    /// Cheap is a feerate not above so many percent of those seen.
    pub quantile_percent: u8,
    /// Coins below it are small.
    pub small_below: Amount,
    /// Fewer are left alone.
    pub coins_min: u16,
}

/// Whether small coins may be merged now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upkeep {
    /// This chain has no coins, or is told not to merge them.
    Off,
    /// Too few feerates were seen to say what is cheap.
    Learning {
        seen: usize,
        needed: usize,
    },
    /// Blocks were cheaper than now, often enough.
    Dear {
        now: FeeRate,
        cheap: FeeRate,
    },
    /// The lane is stopped, its chain is not read, or something is under way or due.
    Busy,
    Due(Offer),
}

/// Whether the lane may merge small coins at this moment: `idle` says that nothing else is due.
pub fn upkeep(view: &LaneView, idle: bool) -> Upkeep {
    let (Some(rules), Some(tip)) = (view.chain.consolidation, fresh_tip(view)) else {
        return if view.chain.consolidation.is_some() { Upkeep::Busy } else { Upkeep::Off };
    };
    let Market::Bitcoin(market) = &tip.market else { return Upkeep::Off };
    let Some(cheap) = market.past.quantile(rules.quantile_percent) else {
        return Upkeep::Learning { seen: market.past.len(), needed: FEE_HISTORY_MIN };
    };
    if market.feerate > cheap || market.guessed {
        return Upkeep::Dear { now: market.feerate, cheap };
    }
    match idle && in_flight(view) == 0 && gate_of_lane(view) == Gate::Open {
        true => Upkeep::Due(tip.market.offer(view.chain)),
        false => Upkeep::Busy,
    }
}

impl Upkeep {
    /// A word that stays the same.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Learning { .. } => "learning",
            Self::Dear { .. } => "dear",
            Self::Busy => "busy",
            Self::Due(_) => "due",
        }
    }

    /// Why small coins are merged now, or are not.
    pub fn sentence(&self) -> String {
        match self {
            Self::Off => "Small coins are left alone.".to_owned(),
            Self::Learning { seen, needed } => {
                format!(
                    "{seen} feerates of the last week are known, and {needed} say what is cheap; \
                     small coins are left alone until then."
                )
            }
            Self::Dear { now, cheap } => {
                format!("Blocks cost {now}; small coins are merged when they cost {cheap} or less.")
            }
            Self::Busy => "Small coins are merged when nothing else is to be done.".to_owned(),
            Self::Due(_) => {
                "Blocks are cheap: small coins are merged where there are enough of them."
                    .to_owned()
            }
        }
    }
}
