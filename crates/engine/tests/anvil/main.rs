//! The whole engine without its front door: store in memory, the real signer, a real node.

#![allow(clippy::disallowed_methods, reason = "here the clock and the tasks are real")]

mod both;
mod clocks;
mod crash;
mod dates;
mod empty;
mod flow;
mod invariants;
mod journals;
mod leases;
mod parts;
mod repeats;
mod restores;
mod slow;
mod stops;
mod sweeps;
mod witness;
mod world;
