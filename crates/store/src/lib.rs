//! What a store is to Adit: it loads and locks rows for one group of commands, commits what became
//! of them in one transaction, and answers reads. It decides nothing.

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod constraint;
mod credentials;
mod fault;
mod glance;
mod history;
mod memory;
mod port;
pub mod rows;
mod time;

pub use credentials::{CredentialCursor, CredentialFilter, CredentialRecord};
pub use fault::{CommitFault, StoreFault};
pub use glance::{Glance, TABLES_OF_ALL_SCHEMAS};
pub use history::{GROUPS_REMEMBERED, History, Identity};
pub use memory::{CommitFate, CommitHook, MemStore, Snapshot, StoreTime};
pub use port::{
    CommitWait, Coverage, Cursor, Group, LineageCursor, Page, QueueFilter, Replication, Standbys,
    Store, StoreClock, UserSheet, WithdrawalFilter,
};
pub use time::{DATABASE_APART_MAX, common_time};
