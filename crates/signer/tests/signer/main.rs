//! The signer through its public interface.

mod caps;
mod equivocation;
mod journal;
mod property;
mod refusals;
mod socket;
mod world;
