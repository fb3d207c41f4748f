//! What happened, in words: kept only when somebody will read it.

use std::collections::VecDeque;
use std::sync::Mutex;

use crate::executor::{Handle, Instant};

/// Lines that are kept; the oldest go first.
const LINES_MAX: usize = 200_000;

/// The story of one seed.
pub struct Story {
    handle: Handle,
    lines: Option<Mutex<VecDeque<String>>>,
}

impl Story {
    pub fn new(handle: Handle, told: bool) -> Self {
        Self { handle, lines: told.then(Mutex::default) }
    }

    /// Adds a line, which is only made if somebody will read it.
    pub fn tell(&self, who: &str, line: impl FnOnce() -> String) {
        let Some(lines) = &self.lines else { return };
        let mut lines = lines.lock().expect("nothing panics while it holds this lock");
        if lines.len() == LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(format!("{} {who:<12} {}", clock(self.handle.now()), line()));
    }

    pub fn is_told(&self) -> bool {
        self.lines.is_some()
    }

    /// Everything told so far.
    pub fn lines(&self) -> Vec<String> {
        let lines = self
            .lines
            .as_ref()
            .map(|lines| lines.lock().expect("nothing panics while it holds this lock"));
        lines.map(|lines| lines.iter().cloned().collect()).unwrap_or_default()
    }
}

/// `13:05:07.250` of the simulated day; hours go on beyond 24.
pub fn clock(at: Instant) -> String {
    let millis = at / 1_000;
    format!(
        "{:02}:{:02}:{:02}.{:03}",
        millis / 3_600_000,
        millis / 60_000 % 60,
        millis / 1_000 % 60,
        millis % 1_000
    )
}
