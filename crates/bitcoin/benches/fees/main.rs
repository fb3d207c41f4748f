//! Network fees of the same payouts under one history of feerates: each alone and at once, together
//! and at once, and together when due or cheap. What is paid when, the engine's own rule says
//! (`adit_core::next`); what it costs, its own planner.
//!
//! `cargo bench -p adit-bitcoin --bench fees` takes a modelled year. `FEE_HISTORY=/path/to.csv`
//! takes a recorded one: lines of a time (UTC) and satoshis per virtual byte, oldest first.

mod crowd;
mod history;
mod replay;

use std::path::Path;

use adit_core::{Batching, Patience, Share, Span};

use crowd::Crowd;
use history::History;
use replay::{Outcome, Policy, replay};

/// Draws payouts, and the modelled year.
const SEED: u64 = 1;
const TOGETHER: Batching = Batching { gather: Span::from_seconds(60), payouts_max: 100 };

fn main() {
    let history = match std::env::var("FEE_HISTORY") {
        Ok(path) => History::recorded(Path::new(&path)).expect("a history that can be read"),
        Err(_) => History::modelled(SEED),
    };
    let crowd = Crowd::draw(SEED, &history);
    println!("{}", history.describe());
    println!(
        "{} payouts of 0.0005 to 0.05 BTC, {:.0} a day, from one P2WPKH coin with change, seed \
         {SEED}",
        crowd.len(),
        crowd.per_day()
    );
    println!();
    println!(
        "{:<38} {:>13} {:>9} {:>9} {:>10} {:>10} {:>8}",
        "", "sat a payout", "of alone", "to one tx", "waits mean", "waits max", "overdue"
    );
    let alone = replay(&history, &crowd, Policy::ALONE);
    print("each alone, at once", &alone, &alone);
    print(
        "together, at once",
        &replay(&history, &crowd, Policy { batching: Some(TOGETHER), patience: None }),
        &alone,
    );
    for (basis_points, hours) in [(100, 24), (100, 72), (100, 168), (30, 24), (30, 72), (30, 168)] {
        let patience = Patience {
            fee_share_max: Share::from_basis_points(basis_points),
            wait_max: Span::from_hours(hours),
        };
        let outcome =
            replay(&history, &crowd, Policy { batching: Some(TOGETHER), patience: Some(patience) });
        print(
            &format!("together, due or at {} %, {hours} h", f64::from(basis_points) / 100.0),
            &outcome,
            &alone,
        );
    }
}

fn print(name: &str, outcome: &Outcome, alone: &Outcome) {
    println!(
        "{name:<38} {:>13.0} {:>7.1} % {:>9.1} {:>8.1} h {:>8.1} h {:>6.1} %",
        outcome.satoshi_per_payout(),
        100.0 * outcome.fees as f64 / alone.fees as f64,
        outcome.payouts as f64 / outcome.transactions as f64,
        outcome.hours_mean(),
        outcome.hours_max(),
        100.0 * outcome.overdue as f64 / outcome.payouts as f64,
    );
}
