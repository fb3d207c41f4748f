//! Runs seeds and says what they showed.

use std::process::ExitCode;

use clap::Parser;

#[cfg(feature = "planted")]
mod power;
mod report;
mod runner;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Seeds are counted, and the count must not wrap.
const SEEDS_MAX: u64 = 1 << 62;
/// Failures that are shown; more of them rarely say more.
const FAILURES_MAX: usize = 5;

/// Simulates days of the whole engine in a world that fails, one per seed, and checks what must
/// always hold.
#[derive(Parser)]
struct Options {
    /// How many seeds.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=SEEDS_MAX))]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(0..=SEEDS_MAX))]
    from: u64,
    /// Stop after so many seconds, whatever is left.
    #[arg(long)]
    seconds: Option<u64>,
    /// Run this one seed and tell everything that happened.
    #[arg(long)]
    story: Option<u64>,
    /// Plant each known mistake in turn, and say how many seeds find it.
    #[cfg(feature = "planted")]
    #[arg(long)]
    power: bool,
    /// Only this mistake, by its name.
    #[cfg(feature = "planted")]
    #[arg(long)]
    mistake: Option<String>,
    /// Seeds at the same time.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1_024))]
    threads: Option<u16>,
}

fn main() -> ExitCode {
    match verdict(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn verdict(options: &Options) -> anyhow::Result<()> {
    if let Some(seed) = options.story {
        return report::story(&adit_sim::run(seed, true));
    }
    let threads = options
        .threads
        .map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from);
    let limits = runner::Limits {
        from: options.from,
        seeds: options.seeds,
        seconds: options.seconds,
        threads,
        failures_max: FAILURES_MAX,
    };
    #[cfg(feature = "planted")]
    if options.power {
        return power::measure(&limits, options.mistake.as_deref());
    }
    report::verdict(&runner::run_all(&limits))
}
