//! The database fails over without its last commits, or its host falls silent; `make
//! failover-drill` is the whole drill, by the same code.

use std::time::Duration;

use adit_devnet::chaos::ChainKind;
use adit_devnet::failover::{self, Back, Event, Fate, Outcome, Report, Scenario, Then};
use adit_tests::seed::Chance;
use adit_tests::system::folder;
use anyhow::Result;

const CUT: Duration = Duration::from_millis(400);
const SILENCE: Duration = Duration::from_secs(10);

/// Several users in one round at the promoted standby, and one of them asks again with the key of
/// before.
#[tokio::test]
async fn f101_a_failover_within_the_lease_pays_nobody_twice() -> Result<()> {
    let event = Event::Loss { cut: CUT, fate: Fate::Pooled, then: Then::AskAgain };
    drill("f101", event).await
}

#[tokio::test]
async fn f98_a_silent_database_host_under_load_stops_nothing_for_good() -> Result<()> {
    drill("f98", Event::Silence { lasts: SILENCE, load: true, back: Back::Anew }).await
}

async fn drill(topic: &str, event: Event) -> Result<()> {
    let scenario = Scenario { chain: ChainKind::Evm, servers: 1, event };
    let outcome: Outcome = failover::run(&scenario, Chance::new(), &folder(topic)?).await?;
    println!("{}", Report(std::slice::from_ref(&outcome)));
    assert!(outcome.is_good(), "{:#?}", outcome.findings);
    Ok(())
}
