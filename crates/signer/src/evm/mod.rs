//! EIP-1559 transactions: built, read back, compared with what was approved.

pub(crate) mod approval;
pub(crate) mod transaction;

pub(crate) use transaction::{Said, Unsigned, address};
