//! The whole engine without its front door: store in memory, the real signer, a real node.

mod crash;
mod flow;
mod world;
