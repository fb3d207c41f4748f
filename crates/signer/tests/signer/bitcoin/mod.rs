//! Bitcoin: what is signed, what is refused, and which coin belongs to whom.

mod coins;
mod multisig;
mod mutation;
mod payments;
mod property;
mod refusals;
mod wallets;
pub mod world;
