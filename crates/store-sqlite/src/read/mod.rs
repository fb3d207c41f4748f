//! Questions, by what they are about. Each takes a connection, so the same ones serve readers and
//! the open group.

pub(crate) mod credential;
pub(crate) mod event;
pub(crate) mod incarnation;
pub(crate) mod ledger;
pub(crate) mod limit;
pub(crate) mod lineage;
pub(crate) mod people;
pub(crate) mod withdrawal;
