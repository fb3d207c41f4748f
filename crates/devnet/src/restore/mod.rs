//! Restores: the built server on a database that was brought back to before most payments, by `adit
//! restore`.
//!
//! Hundreds were paid since the backup, most of them for withdrawals that it has never seen. Nobody
//! may be paid twice, nothing may be lost, and each withdrawal is there again with its user, key
//! and claim.
//!
//! [`together`] is the other part: the signer's journal goes back with the database.

mod after;
mod announced;
mod book;
mod cast;
mod comeback;
mod money;
mod report;
mod run;
mod scenario;
pub mod together;
mod verdict;
mod world;

pub use report::{Report, Summary};
pub use run::{Outcome, run};
pub use scenario::Scenario;
