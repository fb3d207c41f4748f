//! The shell that moves and decides nothing: one writer, a lane and an observer per wallet, alerts.

mod alerts;
mod auditor;
mod clock;
mod cosigning;
mod engine;
mod give_back;
mod heart;
mod hub;
mod lane;
mod ports;
#[cfg(test)]
mod sample;
mod settings;
mod teach;
mod third_witness;
mod writer;

pub use alerts::{Alert, Alerts};
pub use clock::{
    AGREES_WITHIN, AnchoredClock, BITCOIN_BLOCK_WITHIN, ClockDisagrees, ClockStanding,
    DRIFT_SECONDS_TOLD, EVM_BLOCK_WITHIN, FOLLOWED_SECONDS_MAX, Reading, Source, Timekeeper,
    Witness,
};
pub use cosigning::{Brought, CosignError, CosignedVersion};
pub use engine::Engine;
pub use hub::Hub;
pub use ports::{Clock, Entropy, Ports, Spawner};
pub use settings::{LIVE_LINEAGES_MAX, PLAN_MAX, Settings};
pub use teach::{Lessons, Taught, TeachError, teach};
pub use third_witness::{ThirdWitness, WitnessFault};
pub use writer::{GROUP_ORDERS_MAX, QUEUE_ORDERS_MAX, WriteError, Writer};

pub(crate) use lane::LaneTask;
