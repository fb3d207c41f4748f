//! What happened in a run, before it is judged.

use std::time::Duration;

use tokio::task::JoinHandle;

use super::request::Request;

pub struct Course {
    /// All who asked.
    pub requests: Vec<Request>,
    /// Gives how long it took from the promotion, or from the host's return, to the first new
    /// transaction.
    pub progress: JoinHandle<Duration>,
    /// How long commits were lost; zero where none were.
    pub lost_for: Duration,
    /// What cancels were answered.
    pub cancels: Vec<String>,
    /// What is wrong already, in a sentence each.
    pub findings: Vec<String>,
}
