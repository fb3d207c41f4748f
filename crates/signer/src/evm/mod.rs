//! Transactions of types 2 and 0: built, read back, compared with what was approved.

pub(crate) mod approval;
pub(crate) mod transaction;

pub(crate) use transaction::{Said, Unsigned, address};
