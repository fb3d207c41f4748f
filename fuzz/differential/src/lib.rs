//! Claims and signatures judged by Adit and by viem, case by case: what differs is a bug in one of
//! them.
//!
//! The same bytes make the same case, so a fuzzer and a seed can both drive it.

mod case;
mod oracle;

pub use case::Case;
pub use oracle::Oracle;
