//! Adit on Postgres: any number of identical processes on one database.
//!
//! READ COMMITTED. A group first locks the rows that it names, table by table and each in order of
//! its key; later statements see what was committed before the locks were granted. Versions are
//! asserted at commit, so a row that was not there to be locked is safe as well. Every statement is
//! a constant and takes all rows of its table at once, by `unnest`.

mod columns;
mod digits;
mod fault;
mod glance;
mod group;
mod line;
mod load;
mod migrate;
mod pooler;
mod read;
mod store;
mod write;

pub use store::PostgresStore;
