//! Database and journal that go back together: what the drill and chaos do alike.
//!
//! What was signed since the snapshot is in neither store, and may still be mined. The lanes sweep,
//! two admins release them, and an operator judges what is held.

pub mod adversary;
pub mod lanes;
pub mod lost;
pub mod operator;
pub mod release;
pub mod snapshot;

pub use adversary::Adversary;
pub use operator::Operator;
pub use snapshot::Snapshot;
