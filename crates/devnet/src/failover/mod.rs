//! Failovers of the database: the built server on a Postgres primary and its asynchronous standby,
//! while people are paid.
//!
//! The last commits are lost, the old primary comes back, or the host falls silent. Nobody may be
//! paid twice, or paid and given back; who was accepted by the promoted database is paid or given
//! back; and lanes go on without a person.

mod cancel;
pub(crate) mod cluster;
mod course;
pub(crate) mod eye;
mod loss;
pub(crate) mod node;
mod readiness;
mod report;
pub(crate) mod request;
mod run;
mod scenario;
mod silence;
mod split;
pub(crate) mod verdict;
mod world;

pub use report::{Report, Summary};
pub use run::{Outcome, run};
pub use scenario::{Back, Event, Fate, Part, Scenario, Then, Wakes, When};
