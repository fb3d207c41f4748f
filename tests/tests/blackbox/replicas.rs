//! Two servers on one Postgres and one signer.

use adit_devnet::api::Api;
use adit_devnet::primitives::Address;
use adit_tests::people::{Person, endow};
use adit_tests::settings::Settings;
use adit_tests::system::{BOUND, System};
use adit_tests::verdict::Histogram;
use anyhow::{Context, Result};
use futures::future::try_join_all;

use crate::races::one_of_a_thousand;

const PAYEES: usize = 24;

#[tokio::test]
async fn of_a_thousand_at_once_at_two_servers_one_is_accepted() -> Result<()> {
    let system = System::start("replicas-races", Settings::postgres().replicas(2)).await?;
    one_of_a_thousand(&system).await?;
    system.stop().await
}

/// Each server is killed once while payments are under way. The second one holds the lane when it
/// is killed, because it alone was alive before: the first one takes the lane over in an epoch of
/// its own, and gives out no number that the other one gave out.
#[tokio::test]
async fn f16_f17_the_other_server_takes_over_when_one_is_killed() -> Result<()> {
    let settings = Settings::postgres().replicas(2).impatient().in_flight_max(4);
    let mut system = System::start("replicas-killed", settings).await?;
    let (payees, asked) = many(&system).await?;
    for index in [0, 1] {
        until_paid(&system, &payees, 4 + index * 8).await?;
        let left = system.admin_at(&address(&system, 1 - index)?)?;
        let before = epoch(&left).await?;
        system.devnet.server(index).kill().await?;
        until_paid(&system, &payees, 8 + index * 8).await?;
        if index == 1 {
            taken_over(&system, &left, before).await?;
        }
        system.devnet.server(index).start_again().await?;
    }
    each_is_paid_once(&system, &payees, &asked).await?;
    system.stop().await
}

/// A process that stands still longer than its lease, and then goes on as if nothing had happened
/// (windows F20, F21). The second one holds the lane when it stands still, because it alone ran
/// before: the first one pays on under a new epoch, which the zombie does not get back.
#[tokio::test]
async fn f20_a_zombie_is_fenced() -> Result<()> {
    let settings = Settings::postgres().replicas(2).impatient().in_flight_max(4);
    let mut system = System::start("replicas-zombie", settings).await?;
    let (payees, asked) = many(&system).await?;
    let mut taken = 0;
    for index in [0, 1] {
        until_paid(&system, &payees, 3 + index * 9).await?;
        let left = system.admin_at(&address(&system, 1 - index)?)?;
        let before = epoch(&left).await?;
        system.devnet.server(index).freeze();
        until_paid(&system, &payees, 9 + index * 9).await?;
        if index == 1 {
            taken = taken_over(&system, &left, before).await?;
        }
        system.devnet.server(index).thaw();
    }
    each_is_paid_once(&system, &payees, &asked).await?;
    assert!(epoch(&system.admin()?).await? >= taken, "no epoch comes back");
    system.stop().await
}

async fn many(system: &System) -> Result<(Vec<Address>, Vec<String>)> {
    let ada = system.person(0)?;
    endow(&system.admin()?, "purse", &ada.player.id, "ETH", "24").await?;
    let payees: Vec<Address> = (1..=PAYEES)
        .map(|number| Address::left_padding_from(&(0xf8_0000 + number as u64).to_be_bytes()))
        .collect();
    let other = system.person_at(0, &address(system, 1)?)?;
    let by = |number: usize| if number.is_multiple_of(2) { &ada } else { &other };
    let asked = try_join_all(
        payees.iter().enumerate().map(|(number, payee)| by(number).withdrawn("ETH", "1", *payee)),
    )
    .await?;
    Ok((payees, asked))
}

fn address(system: &System, index: usize) -> Result<String> {
    system.devnet.addresses().nth(index).map(str::to_owned).context("so many servers")
}

async fn epoch(admin: &Api) -> Result<u64> {
    let lanes = admin.get("/api/admin/lanes").await?.expect_success("reading lanes")?;
    lanes["items"][0]["epoch"].as_u64().with_context(|| format!("an epoch in {lanes}"))
}

/// The server that is left has taken the lane over under a new epoch, and gives it.
async fn taken_over(system: &System, left: &Api, before: u64) -> Result<u64> {
    let after = async || Ok(Some(epoch(left).await?).filter(|after| *after > before));
    system.until(&format!("an epoch above {before}"), after).await
}

/// So many of them hold coins.
async fn until_paid(system: &System, payees: &[Address], count: usize) -> Result<()> {
    let paid = async || {
        let balances =
            try_join_all(payees.iter().map(|payee| system.balance(None, *payee))).await?;
        Ok((balances.iter().filter(|balance| !balance.is_zero()).count() >= count).then_some(()))
    };
    system.until(&format!("{count} payees to be paid"), paid).await
}

async fn each_is_paid_once(system: &System, payees: &[Address], asked: &[String]) -> Result<()> {
    let clients: Vec<Person> = system
        .devnet
        .addresses()
        .map(|address| system.person_at(0, address))
        .collect::<Result<_>>()?;
    for (number, id) in asked.iter().enumerate() {
        let record = system.until_over(&clients[number % clients.len()], id).await?;
        assert_eq!(record["status"], "completed", "within {BOUND:?}: {record}");
    }
    let verdict = system.coins_paid(payees).await?;
    println!("{verdict}");
    assert_eq!(verdict, Histogram::all_once(payees.len()));
    assert_eq!(system.sent_by_hot_wallet().await?.len(), payees.len());
    Ok(())
}
