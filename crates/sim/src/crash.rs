//! Crash points: places where a process may lose power. They live in the wrappers of the ports, so
//! that none can be forgotten, and register themselves when they are first passed.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::Dice;
use crate::executor::{Handle, ProcessId};
use crate::story::Story;

/// How much more likely a crash is at a point that was never passed, and after how many passes that
/// has worn off.
const RARE_WEIGHT: u64 = 40;
const COMMON_PASSES: u64 = 1_000;
/// What every process passes soon after its start is no rarity: else none would come any further.
const OF_EVERY_START: [&str; 2] = ["lease", "open"];

/// Where in a deed the power goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Nothing was done.
    Before,
    /// It was done, and whoever asked does not know.
    Effect,
    /// It was done and answered.
    After,
}

/// How often a point was passed, and how often the power went there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Passes {
    pub passed: u64,
    /// Of these, while power could be lost at all: not in a quiet time.
    pub exposed: u64,
    pub crashed: u64,
}

/// All points of a run, by deed and phase.
pub type Coverage = BTreeMap<(&'static str, Phase), Passes>;

/// The crash points of one world.
pub struct CrashPoints {
    handle: Handle,
    book: Mutex<Book>,
}

struct Book {
    coverage: Coverage,
    dice: Dice,
    permille: u32,
}

/// One process that can lose power.
#[derive(Debug, Clone)]
pub struct Process {
    pub id: ProcessId,
    pub name: String,
    /// Its machine.
    pub slot: usize,
}

impl CrashPoints {
    pub fn new(handle: Handle, dice: Dice) -> Self {
        Self { handle, book: Mutex::new(Book { coverage: Coverage::new(), dice, permille: 0 }) }
    }

    /// How likely a crash is at each point from now on.
    pub fn set_permille(&self, permille: u32) {
        self.book().permille = permille;
    }

    /// Passes a point. Where the power goes, this never comes back.
    pub async fn pass(&self, process: &Process, deed: &'static str, phase: Phase, story: &Story) {
        let crashes = {
            let mut book = self.book();
            let passed = book.coverage.get(&(deed, phase)).map_or(0, |passes| passes.passed);
            let passed =
                if OF_EVERY_START.contains(&deed) { passed.max(COMMON_PASSES) } else { passed };
            let likely = likelihood(book.permille, passed);
            let crashes = likely > 0 && book.dice.chance(likely);
            let passes = book.coverage.entry((deed, phase)).or_default();
            passes.passed += 1;
            passes.exposed += u64::from(likely > 0);
            passes.crashed += u64::from(crashes);
            crashes
        };
        if crashes {
            story.tell(&process.name, || format!("loses power: {deed}, {phase:?}"));
            self.handle.kill(process.id);
            std::future::pending::<()>().await;
        }
    }

    pub fn coverage(&self) -> Coverage {
        self.book().coverage.clone()
    }

    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.book.lock().expect("nothing panics while it holds this lock")
    }
}

/// What is rarely done would rarely be interrupted: a point that was seldom passed is the more
/// dangerous.
fn likelihood(permille: u32, passed: u64) -> u32 {
    let weight = (RARE_WEIGHT * COMMON_PASSES / (COMMON_PASSES + passed * RARE_WEIGHT)).max(1);
    let scaled = u64::from(permille) * weight / 4;
    u32::try_from(scaled.min(500)).expect("at most 500")
}

/// Adds what another run covered.
pub fn merge(into: &mut Coverage, other: &Coverage) {
    for (point, passes) in other {
        let known = into.entry(*point).or_default();
        known.passed += passes.passed;
        known.exposed += passes.exposed;
        known.crashed += passes.crashed;
    }
}
