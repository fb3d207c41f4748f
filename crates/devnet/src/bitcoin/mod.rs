//! Bitcoin for development and tests: a real bitcoind on a chain of its own, and a miner.

pub mod miner;
pub mod node;
pub mod rpc;

pub use miner::{Beat, Miner};
pub use node::Node;
pub use rpc::{Refusal, Rpc, RpcError};
