//! The signer through its public interface.

mod bitcoin;
mod caps;
mod equivocation;
mod journal;
mod keys;
mod property;
mod refusals;
mod socket;
mod world;
