//! The built server, driven from outside against real parts: anvil, Unlock, SQLite and Postgres.
//! What a test says about payments it reads from the chain.

mod access;
mod amounts;
mod bitcoin;
mod chaos;
mod claims;
mod cosigning;
mod crashes;
mod credits;
mod failover;
mod fees;
mod foreign;
mod idempotency;
mod network;
mod outages;
mod races;
mod receivers;
mod refusals;
mod reorgs;
mod replicas;
mod restore_drill;
mod restores;
mod reverts;
mod signatures;
mod stops;
mod tokens;
mod witness;
