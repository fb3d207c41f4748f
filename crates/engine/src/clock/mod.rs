//! What time it is, and who says so (case F97).

mod accepted;
mod anchored;
mod dates;
mod timekeeper;
mod watch;
mod witness;

pub use anchored::{AnchoredClock, ClockDisagrees, ClockStanding};
pub(crate) use timekeeper::rounded;
pub use timekeeper::{DRIFT_SECONDS_TOLD, FOLLOWED_SECONDS_MAX, Reading, Timekeeper};
pub(crate) use watch::watch;
pub use witness::{AGREES_WITHIN, BITCOIN_BLOCK_WITHIN, EVM_BLOCK_WITHIN, Source, Witness};
