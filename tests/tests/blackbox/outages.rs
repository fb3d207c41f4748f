//! Parts that go away or stand still: a node's pool, its blocks, the database, its disk, its
//! schema. Everybody is paid once all the same.

use adit_devnet::chaos::{self, ChainKind, Kind, Plan, Report, Size};
use adit_devnet::devnet::DATABASE;
use adit_devnet::options::StoreKind;
use adit_devnet::primitives::Address;
use adit_tests::people::{Person, endow, id_of, order};
use adit_tests::seed::Chance;
use adit_tests::settings::Settings;
use adit_tests::system::{System, folder};
use adit_tests::verdict::Histogram;
use anyhow::{Context, Result};
use futures::future::{join_all, try_join_all};
use serde_json::{Value, json};

const FRIEND: Address = Address::repeat_byte(0xf6);
const PAYEES: usize = 12;
/// A migration that no program of today knows.
const NEWER: &str = "INSERT INTO _sqlx_migrations (version, description, installed_on, success, checksum, execution_time)
    VALUES (99990101000000, 'of a newer program', now(), true, '\\x00', 0)";
const NO_NEWER: &str = "DELETE FROM _sqlx_migrations WHERE version = 99990101000000";

async fn system(topic: &str, settings: Settings) -> Result<(System, Person)> {
    let system = System::start(topic, settings.impatient()).await?;
    let ada = system.person(0)?;
    endow(&system.admin()?, "purse", &ada.player.id, "ETH", &PAYEES.to_string()).await?;
    Ok((system, ada))
}

fn payees() -> Vec<Address> {
    (1..=PAYEES)
        .map(|number| Address::left_padding_from(&(0xf6_0000 + number as u64).to_be_bytes()))
        .collect()
}

/// As when a node is started anew: it knows the chain and no pool.
#[tokio::test]
async fn f27_a_pool_that_forgot_everything_is_told_again() -> Result<()> {
    let (system, ada) = system("f27", Settings::sqlite()).await?;
    system.stop_mining().await?;
    let ids = [
        ada.withdrawn("ETH", "1", FRIEND).await?,
        ada.withdrawn("ETH", "1", Address::repeat_byte(0xf7)).await?,
    ];
    system.until_pooled(2).await?;
    // The node has them a moment before the record says so.
    let sent = async |id: &str| {
        let hash = ada.withdrawal(id).await?["txHash"].clone();
        Ok((!hash.is_null()).then_some(hash))
    };
    let hashes = [
        system.until("the first hash", async || sent(&ids[0]).await).await?,
        system.until("the second hash", async || sent(&ids[1]).await).await?,
    ];
    system.rpc().call::<Value>("anvil_dropAllTransactions", json!([])).await?;
    for hash in &hashes {
        let found = system.rpc().call::<Value>("eth_getTransactionByHash", json!([hash])).await?;
        assert!(found.is_null(), "the node has forgotten it: {found}");
    }
    system.until_pooled(2).await?;
    for (id, hash) in ids.iter().zip(&hashes) {
        let record = system.until_over(&ada, id).await?;
        assert_eq!(
            (&record["status"], &record["txHash"]),
            (&json!("completed"), hash),
            "the same bytes: {record}"
        );
    }
    assert_eq!(
        system.coins_paid(&[FRIEND, Address::repeat_byte(0xf7)]).await?,
        Histogram::all_once(2)
    );
    assert_eq!(system.sent_by_hot_wallet().await?.len(), 2);
    system.stop().await
}

/// The lane looks at the chain several times while the head is old, and plans nothing.
#[tokio::test]
async fn f42_nothing_is_planned_while_the_head_stands_still() -> Result<()> {
    let (system, ada) =
        system("f42", Settings::sqlite().chain("head_age_seconds_max", 2).proxied()).await?;
    system.stop_mining().await?;
    let stands = async || {
        let lanes =
            system.admin()?.get("/api/admin/lanes").await?.expect_success("reading lanes")?;
        Ok((lanes["items"][0]["tip"]["ageSeconds"].as_u64() > Some(3)).then_some(()))
    };
    system.until("the head to be old", stands).await?;
    let id = ada.withdrawn("ETH", "1", FRIEND).await?;
    for _ in 0..5 {
        let asked = system.proxy().seen("eth_getBlockByNumber");
        let looked =
            async || Ok((system.proxy().seen("eth_getBlockByNumber") > asked).then_some(()));
        system.until("the lane to look again", looked).await?;
        let why = ada.why(&id).await?;
        assert_eq!(
            (&why["status"], &why["attempts"]),
            (&json!("approved"), &json!(null)),
            "nothing is reserved: {why}"
        );
    }
    assert_eq!(
        system.rpc().call::<Value>("txpool_status", json!([])).await?["pending"],
        "0x0",
        "nothing is sent"
    );
    system.resume_mining().await?;
    assert_eq!(system.until_over(&ada, &id).await?["status"], "completed");
    assert_eq!(system.coins_paid(&[FRIEND]).await?, Histogram::all_once(1));
    system.stop().await
}

/// Equal in recipient and amount: they are told apart by their hashes.
#[tokio::test]
async fn f55_two_equal_payments_in_one_block_are_two() -> Result<()> {
    let (system, ada) = system("f55", Settings::sqlite()).await?;
    system.stop_mining().await?;
    let ids = [ada.withdrawn("ETH", "1", FRIEND).await?, ada.withdrawn("ETH", "1", FRIEND).await?];
    system.until_pooled(2).await?;
    system.rpc().mine(1).await?;
    let records =
        [system.until_over(&ada, &ids[0]).await?, system.until_over(&ada, &ids[1]).await?];
    assert_eq!(records[0]["blockNumber"], records[1]["blockNumber"], "one block");
    assert_ne!(records[0]["txHash"], records[1]["txHash"]);
    assert_eq!(system.coins_paid(&[FRIEND]).await?, Histogram::of([2]));
    assert_eq!(ada.available("ETH").await?, "10");
    system.stop().await
}

/// Postgres ends while requests are answered: whoever got no answer asks again with the same key,
/// and is accepted once.
#[tokio::test]
async fn f71_an_answer_lost_with_the_database_is_asked_for_again() -> Result<()> {
    let mut chance = Chance::new();
    let (mut system, ada) = system("f71", Settings::postgres()).await?;
    let payees = payees();
    let keyed = |payee: Address| {
        let ada = ada.clone();
        async move {
            ada.api
                .post_with(
                    "/api/withdrawals",
                    &order("ETH", "1", payee),
                    &[("Idempotency-Key", &payee.to_string())],
                )
                .await
        }
    };
    let burst: Vec<_> = payees.iter().map(|payee| tokio::spawn(keyed(*payee))).collect();
    tokio::time::sleep(std::time::Duration::from_millis(chance.up_to(40))).await;
    let postgres = system.devnet.postgres_mut().context("it is on Postgres")?;
    postgres.crash().await?;
    postgres.start_again().await?;
    let answered = join_all(burst)
        .await
        .into_iter()
        .filter(|answer| matches!(answer, Ok(Ok(answer)) if answer.status.is_success()))
        .count();
    println!("{answered} of {PAYEES} were answered");
    let mut ids = Vec::new();
    for payee in &payees {
        let accepted =
            async || Ok(Some(keyed(*payee).await?).filter(|answer| answer.status.is_success()));
        ids.push(id_of(system.until("the request to be accepted", accepted).await?, "id")?);
    }
    assert_eq!(ada.available("ETH").await?, "0", "each is held once");
    for id in &ids {
        assert_eq!(system.until_over(&ada, id).await?["status"], "completed");
    }
    assert_eq!(system.coins_paid(&payees).await?, Histogram::all_once(PAYEES));
    assert_eq!(system.sent_by_hot_wallet().await?.len(), PAYEES);
    system.stop().await
}

#[tokio::test]
async fn f77_a_full_disk_of_sqlite_and_journal_pays_everybody_once() -> Result<()> {
    only(StoreKind::Sqlite, "f77-sqlite", Size { payees: 24, full_disks: 3, ..Size::default() })
        .await
}

#[tokio::test]
async fn f77_a_full_disk_of_postgres_and_journal_pays_everybody_once() -> Result<()> {
    only(StoreKind::Postgres, "f77-postgres", Size { payees: 24, full_disks: 3, ..Size::default() })
        .await
}

#[tokio::test]
async fn f73_a_restored_postgres_finds_again_what_was_paid() -> Result<()> {
    only(StoreKind::Postgres, "f73-postgres", Size { payees: 40, restores: 1, ..Size::default() })
        .await
}

async fn only(store: StoreKind, topic: &str, size: Size) -> Result<()> {
    let plan = Plan::draw(Chance::new().up_to(u64::from(u32::MAX)), ChainKind::Evm, store, &size);
    let outcome = chaos::run(&plan, &folder(topic)?).await?;
    println!("{}", Report(std::slice::from_ref(&outcome)));
    assert!(
        outcome.verdict.is_good(),
        "{:?} {:#?}",
        outcome.verdict.histogram,
        outcome.verdict.differences
    );
    assert_eq!(
        Kind::ALL.iter().map(|kind| outcome.tally.of(*kind)).sum::<usize>(),
        plan.steps.len(),
        "all of them struck"
    );
    Ok(())
}

/// A newer program has changed the schema while payments were under way: this one leaves it alone,
/// and goes on when it is its own again.
#[tokio::test]
async fn f78_an_older_program_leaves_a_newer_database_alone() -> Result<()> {
    let (mut system, ada) = system("f78", Settings::postgres()).await?;
    system.stop_mining().await?;
    let payees = payees();
    let ids = try_join_all(payees.iter().map(|payee| ada.withdrawn("ETH", "1", *payee))).await?;
    system.until_pooled(1).await?;
    system.devnet.server(0).stop().await?;
    system.devnet.postgres().context("it is on Postgres")?.sql(DATABASE, NEWER).await?;
    let refused = system.devnet.server(0).start_again().await.expect_err("an older program");
    assert!(format!("{refused:#}").contains("newer"), "{refused:#}");
    let before = system.sent_by_hot_wallet().await?.len();
    assert_eq!(before, 0, "nothing is mined, and nothing was");
    system.devnet.postgres().context("it is on Postgres")?.sql(DATABASE, NO_NEWER).await?;
    system.devnet.server(0).start_again().await?;
    system.resume_mining().await?;
    for id in &ids {
        assert_eq!(system.until_over(&ada, id).await?["status"], "completed");
    }
    assert_eq!(system.coins_paid(&payees).await?, Histogram::all_once(PAYEES));
    assert_eq!(system.sent_by_hot_wallet().await?.len(), PAYEES);
    system.stop().await
}
