//! Database and journal restored together, by `adit restore`, to before most payments were signed.
//!
//! What was signed since is in neither, and may still be mined: the pool shows it, or hides it
//! until somebody sends it again. The lanes sweep, two admins release what waits, and nobody may be
//! paid twice.

mod announced;
mod chains;
mod people;
mod release;
mod report;
mod run;
mod scenario;
mod sweep;
mod verdict;

pub use report::{Report, Summary};
pub use run::{Outcome, run};
pub use scenario::{AIM, Pool, Scenario};
