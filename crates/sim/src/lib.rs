//! The whole engine on one seed, in one thread, in a world that fails.
//!
//! Nothing of the engine is written again here: writer, lanes, observer, alerts, signer, both kinds
//! of chains behind their endpoints and the store in memory are the product's own code, on
//! simulated ports. [`run`] is one seed; [`check`] is what must hold all the time.

pub mod check;
pub mod crash;
pub mod dice;
pub mod evm;
pub mod executor;
mod fate;
mod lie;
mod people;
mod ports;
mod replica;
mod rules;
pub mod run;
mod signer;
mod store;
mod story;
pub mod utxo;
mod weather;
mod wire;
mod world;

pub use dice::Dice;
pub use run::{Outcome, run};
pub use world::World;
