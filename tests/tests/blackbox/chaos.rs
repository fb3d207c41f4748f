//! A short storm on each store; `make chaos` is the whole one, by the same code.

use adit_devnet::chaos::{self, ChainKind, Kind, Plan, Report, Size};
use adit_devnet::options::StoreKind;
use adit_devnet::parts;
use adit_tests::seed::Chance;
use adit_tests::system::folder;
use anyhow::Result;

/// Larger seeds are as good; a short one is easier to repeat.
const SEED_MAX: u64 = u32::MAX as u64;

/// Of the five that are planned, on either chain.
const KILLS_STRUCK_MIN: usize = 2;

#[tokio::test]
async fn a_short_storm_on_sqlite_pays_everybody_once() -> Result<()> {
    storm(ChainKind::Evm, StoreKind::Sqlite, "chaos-sqlite").await
}

#[tokio::test]
async fn a_short_storm_on_postgres_pays_everybody_once() -> Result<()> {
    storm(ChainKind::Evm, StoreKind::Postgres, "chaos-postgres").await
}

#[tokio::test]
async fn a_short_storm_in_bitcoin_on_sqlite_pays_everybody_once() -> Result<()> {
    storm_in_bitcoin(StoreKind::Sqlite, "chaos-bitcoin-sqlite").await
}

#[tokio::test]
async fn a_short_storm_in_bitcoin_on_postgres_pays_everybody_once() -> Result<()> {
    storm_in_bitcoin(StoreKind::Postgres, "chaos-bitcoin-postgres").await
}

async fn storm_in_bitcoin(store: StoreKind, topic: &str) -> Result<()> {
    match parts::bitcoind() {
        Ok(_) => storm(ChainKind::Bitcoin, store, topic).await,
        Err(missing) => {
            println!("SKIPPED {topic}, nothing of Bitcoin is tested: {missing}");
            Ok(())
        }
    }
}

async fn storm(chain: ChainKind, store: StoreKind, topic: &str) -> Result<()> {
    let seed = Chance::new().up_to(SEED_MAX);
    let plan = Plan::draw(seed, chain, store, &Size::short());
    let outcome = chaos::run(&plan, &folder(topic)?).await?;
    println!("{}", Report(std::slice::from_ref(&outcome)));
    assert!(
        outcome.verdict.is_good(),
        "{:?} {:#?}",
        outcome.verdict.histogram,
        outcome.verdict.differences
    );
    for kind in Kind::ALL {
        let struck = outcome.tally.of(kind);
        let planned = plan.planned(kind);
        // A kill waits for a send; where an earlier disaster has made that send needless, it does
        // not strike. A batch pays many by one send.
        let least = if kind == Kind::Kill { KILLS_STRUCK_MIN } else { planned };
        assert!(
            (least..=planned).contains(&struck),
            "{struck} of {planned} planned {} struck",
            kind.name()
        );
    }
    Ok(())
}
