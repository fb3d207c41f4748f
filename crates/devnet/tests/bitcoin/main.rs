//! Bitcoin's parts on a real bitcoind: the node, the miner, and what both faces of the gateway say
//! about the same chain.

mod agreement;
mod faces;
mod node;
mod refusals;
mod reorganisation;
mod world;
