//! The whole engine on Bitcoin without its front door: store in memory, the real signer, a real bitcoind behind three faces.

#![allow(clippy::disallowed_methods, reason = "here the clock and the tasks are real")]

mod crash;
mod flow;
#[path = "../anvil/parts.rs"]
mod parts;
mod world;
