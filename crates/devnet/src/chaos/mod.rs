//! Chaos: the built server on real parts, with everything going wrong that may, and a verdict read
//! from the chain.
//!
//! All the time the base fee moves, one answer in a hundred is dropped, every second endpoint is
//! three blocks behind, and every request is sent twice. At moments drawn from a seed disasters
//! strike. In the end each payee must have been paid once, and ledger, chain and journal must say
//! the same.

mod calm;
pub(crate) mod chain;
mod disasters;
mod disk;
mod fees;
pub(crate) mod forgotten;
pub(crate) mod journal;
pub(crate) mod ledger;
pub(crate) mod payees;
mod plan;
mod recovery;
mod report;
pub(crate) mod requests;
mod run;
pub(crate) mod verdict;
mod world;

pub use disasters::Tally;
pub use plan::{ChainKind, Kind, Plan, Size, Step};
pub use recovery::{Recovery, percentile};
pub use report::{Report, place};
pub use run::{Outcome, run};
pub use verdict::Verdict;
