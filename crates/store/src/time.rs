//! A database's clock beside that of whoever asks it.

use adit_core::{Span, Timestamp};

/// Further apart, one of the two clocks is wrong.
pub const DATABASE_APART_MAX: Span = Span::from_seconds(30);

/// Returns the time as commits see it. The database's clock is what all servers have in common, so
/// it is used while it agrees with the caller's. Else it is wrong, or the caller's is, which the
/// caller knows: the caller's is used (case F97).
pub fn common_time(database: Timestamp, now: Timestamp) -> Timestamp {
    let agrees =
        database <= now.plus(DATABASE_APART_MAX) && now <= database.plus(DATABASE_APART_MAX);
    if agrees { database } else { now }
}
