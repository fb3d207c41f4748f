//! The signer through its public interface.

mod bitcoin;
mod caps;
mod chained;
mod contexts;
mod equivocation;
mod format;
mod journal;
mod keys;
mod leases;
mod opening;
mod property;
mod refusals;
mod retired;
mod socket;
mod taught;
mod world;
