//! The database of the simulated world, as one process sees it.

mod disk;
mod group;
mod label;
mod line;
mod port;

pub use disk::{Backup, Disk};
pub use port::SimStore;
