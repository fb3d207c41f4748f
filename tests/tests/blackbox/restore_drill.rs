//! The database is restored to before most payments, with withdrawals that it has never seen:
//! alone, and together with the signer's journal. `make restore-drill` is the whole drill, by the
//! same code.

use adit_devnet::chaos::ChainKind;
use adit_devnet::options::StoreKind;
use adit_devnet::parts;
use adit_devnet::restore::together::{self, Pool};
use adit_devnet::restore::{self, Report, Scenario};
use adit_tests::seed::Chance;
use adit_tests::system::folder;
use anyhow::Result;

/// Twelve of them are of withdrawals that the backup has never seen.
const PAYOUTS: usize = 20;
/// Of both.
const PAYOUTS_TOGETHER: usize = 10;

#[tokio::test]
async fn f95_a_restored_database_makes_again_what_it_never_saw_on_sqlite() -> Result<()> {
    drill("restore-evm-sqlite", ChainKind::Evm, StoreKind::Sqlite).await
}

#[tokio::test]
async fn f95_a_restored_database_makes_again_what_it_never_saw_on_postgres() -> Result<()> {
    drill("restore-evm-postgres", ChainKind::Evm, StoreKind::Postgres).await
}

#[tokio::test]
async fn f95_a_restored_database_makes_again_what_it_never_saw_in_bitcoin() -> Result<()> {
    match parts::bitcoind() {
        Ok(_) => drill("restore-bitcoin", ChainKind::Bitcoin, StoreKind::Sqlite).await,
        Err(missing) => {
            println!("SKIPPED, nothing of Bitcoin is restored: {missing}");
            Ok(())
        }
    }
}

#[tokio::test]
async fn f91_both_restored_together_pay_nobody_twice_on_sqlite() -> Result<()> {
    together("both-evm-sqlite", ChainKind::Evm, StoreKind::Sqlite).await
}

#[tokio::test]
async fn f91_both_restored_together_pay_nobody_twice_on_postgres() -> Result<()> {
    together("both-evm-postgres", ChainKind::Evm, StoreKind::Postgres).await
}

#[tokio::test]
async fn f91_both_restored_together_pay_nobody_twice_in_bitcoin() -> Result<()> {
    match parts::bitcoind() {
        Ok(_) => together("both-bitcoin", ChainKind::Bitcoin, StoreKind::Sqlite).await,
        Err(missing) => {
            println!("SKIPPED, nothing of Bitcoin is restored: {missing}");
            Ok(())
        }
    }
}

async fn drill(topic: &str, chain: ChainKind, store: StoreKind) -> Result<()> {
    let scenario = Scenario { chain, store, payouts: PAYOUTS };
    let outcome = restore::run(&scenario, Chance::new(), &folder(topic)?).await?;
    println!("{}", Report(std::slice::from_ref(&outcome)));
    assert!(outcome.is_good(), "{:#?}", outcome.findings);
    assert_eq!(outcome.made_again, scenario.unknown());
    Ok(())
}

/// With a pool that shows what both forgot, and with one that hides it until somebody sends it
/// again.
async fn together(topic: &str, chain: ChainKind, store: StoreKind) -> Result<()> {
    for pool in Pool::ALL {
        let scenario = together::Scenario { chain, store, pool, payouts: PAYOUTS_TOGETHER };
        let outcome = together::run(&scenario, Chance::new(), &folder(topic)?).await?;
        println!("{}", together::Report(std::slice::from_ref(&outcome)));
        assert!(outcome.is_good(), "{:#?}", outcome.findings);
        assert_eq!((outcome.twice, outcome.not_paid), (0, 0));
        assert!(outcome.lost > 0, "what both forgot is what this is about");
    }
    Ok(())
}
