//! What a chain is to Adit: identity, planning facts, sending, and evidence agreed by a quorum of endpoints.
//!
//! A chain never meets a store. It is asked by the lane and the observer, answers facts, and decides nothing about money.

mod fault;
mod port;

pub use fault::Fault;
pub use port::{
    Chain, Foreign, FundsReading, Identity, ParsedDestination, Plan, PlanRequest, Planned, RefusedDestination, Sent, Sightings, Watch,
    WatchedAttempt, WatchedLineage,
};
