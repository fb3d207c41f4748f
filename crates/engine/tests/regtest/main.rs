//! The whole engine on Bitcoin without its front door: store in memory, the real signer, a real
//! bitcoind behind three faces.

#![allow(clippy::disallowed_methods, reason = "here the clock and the tasks are real")]

mod both;
mod bumps;
mod cosigning;
mod crash;
mod flow;
mod foreign;
#[path = "../anvil/parts.rs"]
mod parts;
mod pool;
mod restart;
mod rules;
mod strangers;
mod upkeep;
mod verdict;
mod world;
