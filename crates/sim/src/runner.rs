//! Many seeds, on all cores, with a bar that says how far it is.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use adit_sim::Outcome;
use adit_sim::crash::{Coverage, merge};

/// What to run.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub from: u64,
    pub seeds: u64,
    pub seconds: Option<u64>,
    pub threads: usize,
    /// Failures after which no further seed is begun.
    pub failures_max: usize,
}

/// What all seeds together showed.
#[derive(Default)]
pub struct Sum {
    pub seeds: u64,
    pub faults: u64,
    pub payouts: u64,
    pub mined: u64,
    pub blocks: u64,
    pub simulated_micros: u64,
    /// Days that ended early in a documented halt.
    pub conceded: u64,
    /// Paid twice, or paid and given back, beyond what anybody could know; and days on which that
    /// happened.
    pub beyond: u64,
    pub days_beyond: u64,
    pub coverage: Coverage,
    pub took: Duration,
    /// The first one that broke, lowest seed first.
    pub failed: Vec<Outcome>,
}

const BAR_CHARS: u64 = 30;
/// Where nobody watches, a line now and then is enough.
const LINE_SECONDS: u64 = 10;

/// Runs them.
pub fn run_all(limits: &Limits) -> Sum {
    let began = Instant::now();
    let next = AtomicU64::new(limits.from);
    let sum = Mutex::new(Sum::default());
    let shown = Mutex::new(Duration::ZERO);
    std::thread::scope(|scope| {
        for _ in 0..limits.threads.max(1) {
            scope.spawn(|| {
                while let Some(seed) = due(limits, &next, &sum, began) {
                    let outcome = adit_sim::run(seed, false);
                    let mut sum = sum.lock().expect("a seed that panics ends the run");
                    sum.add(outcome);
                    show(limits, &sum, began, &shown);
                }
            });
        }
    });
    let mut sum = sum.into_inner().expect("a seed that panics ends the run");
    sum.took = began.elapsed();
    sum.failed.sort_by_key(|outcome| outcome.seed);
    if std::io::stderr().is_terminal() {
        eprintln!();
    }
    sum
}

fn due(limits: &Limits, next: &AtomicU64, sum: &Mutex<Sum>, began: Instant) -> Option<u64> {
    let in_time =
        limits.seconds.is_none_or(|seconds| began.elapsed() < Duration::from_secs(seconds));
    let fine =
        sum.lock().expect("a seed that panics ends the run").failed.len() < limits.failures_max;
    let seed = next.fetch_add(1, Ordering::Relaxed);
    (in_time && fine && seed < limits.from + limits.seeds).then_some(seed)
}

impl Sum {
    fn add(&mut self, outcome: Outcome) {
        self.seeds += 1;
        self.faults += outcome.faults;
        self.payouts += outcome.payouts;
        self.mined += outcome.mined;
        self.blocks += outcome.blocks;
        self.simulated_micros += outcome.simulated;
        self.conceded += u64::from(outcome.conceded.is_some());
        self.beyond += outcome.beyond;
        self.days_beyond += u64::from(outcome.beyond > 0);
        merge(&mut self.coverage, &outcome.coverage);
        if outcome.broken.is_some() {
            self.failed.push(outcome);
        }
    }

    pub fn simulated_years(&self) -> f64 {
        self.simulated_micros as f64 / 1e6 / 86_400.0 / 365.25
    }

    pub fn seeds_per_second(&self, took: Duration) -> f64 {
        self.seeds as f64 / took.as_secs_f64().max(0.001)
    }
}

fn show(limits: &Limits, sum: &Sum, began: Instant, shown: &Mutex<Duration>) {
    let took = began.elapsed();
    let line = format!(
        "{}/{} seeds, {:.1} per second, {} faults, {:.2} simulated years, {} broken",
        sum.seeds,
        limits.seeds,
        sum.seeds_per_second(took),
        sum.faults,
        sum.simulated_years(),
        sum.failed.len()
    );
    if std::io::stderr().is_terminal() {
        let filled = sum.seeds * BAR_CHARS / limits.seeds.max(1);
        let bar: String =
            (0..BAR_CHARS).map(|place| if place < filled { '#' } else { '.' }).collect();
        eprint!("\r[{bar}] {line} ");
        let _nobody_watches = std::io::stderr().flush();
        return;
    }
    let mut last = shown.lock().expect("nothing panics while it holds this lock");
    if took.as_secs() >= last.as_secs() + LINE_SECONDS {
        *last = took;
        eprintln!("{line}");
    }
}
