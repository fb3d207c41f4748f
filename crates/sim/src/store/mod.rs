//! The database of the simulated world, as one process sees it.

mod disk;
mod label;
mod port;

pub use disk::{Backup, Disk};
pub use port::SimStore;
