//! What a store is to Adit: it loads and locks rows for one group of commands, commits what became of them in one
//! transaction, and answers reads. It decides nothing.

mod fault;
mod port;

pub use fault::{CommitFault, StoreFault};
pub use port::{Coverage, Cursor, Group, Page, Store, UserSheet, WithdrawalFilter};
