//! Payouts in bitcoin, on a real bitcoind behind all three faces: what is paid, what is refused,
//! and a server that dies in between.

use std::collections::BTreeSet;

use adit_devnet::config::BTC;
use adit_tests::people::{Person, endow, refused};
use adit_tests::seed::Chance;
use adit_tests::settings::Settings;
use adit_tests::system::System;
use adit_tests::verdict::Histogram;
use anyhow::{Context, Result};
use bitcoin::{Address, Amount};
use futures::future::try_join_all;
use serde_json::{Value, json};

const PAYEES: usize = 20;
/// Of them, so many ask at a time.
const WAVE: usize = 4;
const SPIKE_SAT_PER_VBYTE: u64 = 20;
/// From the vectors of BIP-173 and BIP-350.
const MAINNET: &str = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4";
const TESTNET: &str = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx";
/// Of the main network, in base58.
const LEGACY_MAINNET: &str = "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2";

/// Ada has one bitcoin in her purse.
async fn system(topic: &str) -> Result<Option<(System, Person)>> {
    let Some(system) = System::with_bitcoin(topic, Settings::sqlite()).await? else {
        return Ok(None);
    };
    let ada = system.person(0)?;
    endow(&system.admin()?, "purse", &ada.player.id, BTC, "1").await?;
    Ok(Some((system, ada)))
}

#[tokio::test]
async fn a_payout_is_paid_to_the_satoshi_and_six_blocks_deep_before_it_is_settled() -> Result<()> {
    let Some((system, ada)) = system("bitcoin-payout").await? else { return Ok(()) };
    let id = ada.withdrawn_bitcoin("0.12345678").await?;
    assert_eq!(ada.available(BTC).await?, "0.87654322", "held at once");
    let txid = system.until_in_mempool(1).await?[0].to_string();
    system.mine_bitcoin(5).await?;
    let confirmed =
        async || Ok(Some(ada.withdrawal(&id).await?).filter(|record| record["confirmed"] == true));
    let record = system.until("the payout to be confirmed", confirmed).await?;
    assert_eq!(
        (&record["status"], &record["txHash"]),
        (&json!("processing"), &json!(txid)),
        "five confirmations are not six: {record}"
    );

    let record = system.until_settled(&ada, &id).await?;
    assert_eq!(
        (&record["status"], &record["txHash"], &record["tokenType"]),
        (&json!("completed"), &json!(txid), &json!(BTC)),
        "{record}"
    );
    let payments = system.payments().await?.to(&ada.bitcoin_address());
    let [payment] = payments.as_slice() else {
        panic!("paid once, and the chain shows {payments:?}")
    };
    assert_eq!((payment.amount, payment.txid.to_string()), (Amount::from_sat(12_345_678), txid));
    assert_eq!(record["blockNumber"], payment.height);
    system.stop().await
}

#[tokio::test]
async fn those_who_ask_together_share_one_transaction() -> Result<()> {
    let Some(system) = System::with_bitcoin("bitcoin-batch", Settings::sqlite()).await? else {
        return Ok(());
    };
    let (people, ids) = crowd(&system, PAYEES, "0.001").await?;
    let shared = system.until_in_mempool(1).await?;
    for (person, id) in people.iter().zip(&ids) {
        let record = system.until_settled(person, id).await?;
        assert_eq!(
            (&record["status"], &record["txHash"]),
            (&json!("completed"), &json!(shared[0].to_string())),
            "{record}"
        );
        assert_eq!(person.available(BTC).await?, "0.999");
    }
    let addresses: Vec<Address> = people.iter().map(Person::bitcoin_address).collect();
    assert_eq!(system.bitcoin_paid(&addresses).await?, Histogram::all_once(PAYEES));
    let payments = system.payments().await?;
    let each: BTreeSet<_> = addresses
        .iter()
        .flat_map(|address| payments.to(address))
        .map(|payment| (payment.txid, payment.amount))
        .collect();
    assert_eq!(each, BTreeSet::from([(shared[0], Amount::from_sat(100_000))]));
    system.stop().await
}

/// So many players, who all ask for as much in one moment.
async fn crowd(system: &System, count: usize, amount: &str) -> Result<(Vec<Person>, Vec<String>)> {
    let people: Vec<Person> =
        (0..count).map(|index| system.person(index)).collect::<Result<_>>()?;
    let admin = system.admin()?;
    let purse = async |person: &Person| {
        endow(&admin, &format!("crowd-{}", person.player.id), &person.player.id, BTC, "1").await
    };
    try_join_all(people.iter().map(purse)).await?;
    let ids = try_join_all(people.iter().map(|person| person.withdrawn_bitcoin(amount))).await?;
    Ok((people, ids))
}

#[tokio::test]
async fn f57_f61_a_payout_that_became_too_cheap_is_replaced_by_one_that_spends_the_same_coins()
-> Result<()> {
    let Some((system, ada)) = system("bitcoin-bump").await? else { return Ok(()) };
    let world = &system.bitcoin().world;
    world.ask_for(SPIKE_SAT_PER_VBYTE);
    let id = ada.withdrawn_bitcoin("0.01").await?;
    let cheap = system.until_in_mempool(1).await?[0];
    let spent = world.rpc().transaction(cheap).await?.context("it waits")?.input;
    system.mine_bitcoin(2).await?;
    assert_eq!(system.until_in_mempool(1).await?, [cheap], "the blocks had no room for it");

    world.gateway().estimate(Some(SPIKE_SAT_PER_VBYTE));
    let outbid = async || Ok((!world.rpc().mempool().await?.contains(&cheap)).then_some(()));
    system.until("a better offer", outbid).await?;
    let record = system.until_settled(&ada, &id).await?;
    assert_eq!(record["status"], "completed", "{record}");
    let payments = system.payments().await?;
    let paid = payments.to(&ada.bitcoin_address());
    assert_eq!((paid.len(), paid[0].amount), (1, Amount::from_sat(1_000_000)));
    assert_eq!(record["txHash"], paid[0].txid.to_string());
    assert_ne!(paid[0].txid, cheap);
    let mined = payments.transaction(paid[0].txid).context("it is in a block")?;
    assert!(
        spent.iter().all(|input| mined.spends.contains(&input.previous_output)),
        "{mined:?} spends all coins of the first version"
    );
    assert_eq!(
        world.rpc().transaction(cheap).await?,
        None,
        "nobody has the first version any more"
    );
    system.stop().await
}

#[tokio::test]
async fn f62_f68_what_is_no_amount_or_address_of_this_network_is_refused_and_nothing_is_held()
-> Result<()> {
    let Some((system, ada)) = system("bitcoin-bad").await? else { return Ok(()) };
    let good = ada.bitcoin_address().to_string();
    let own = system.bitcoin().wallet.addresses[0].to_string();
    let taproot_in_bech32 = v1_in_bech32();
    for (destination, code, said) in [
        (MAINNET.to_owned(), "INVALID_ADDRESS", "mainnet"),
        (TESTNET.to_owned(), "INVALID_ADDRESS", "test network"),
        (LEGACY_MAINNET.to_owned(), "INVALID_ADDRESS", "regtest"),
        (mixed_case(&good), "INVALID_ADDRESS", "mixed"),
        (taproot_in_bech32, "INVALID_ADDRESS", "bech32m"),
        (other_last(&good), "INVALID_ADDRESS", "checksum"),
        (good[..good.len() - 1].to_owned(), "INVALID_ADDRESS", "checksum"),
        (format!("bitcoin:{good}?amount=0.1"), "INVALID_ADDRESS", &format!("paste {good}")),
        (format!("{} {}", &good[..8], &good[8..]), "INVALID_ADDRESS", &format!("paste {good}")),
        (String::new(), "INVALID_ADDRESS", ""),
        (system.devnet.stage.hot_wallet.address.to_checksum(None), "INVALID_ADDRESS", ""),
        (own, "FORBIDDEN_DESTINATION", "wallet that pays"),
    ] {
        let answer = ada.withdraw_bitcoin("0.5", &destination).await?;
        let body = refused(&answer, code).with_context(|| destination.clone())?;
        assert!(
            body.to_string().contains(said),
            "{destination:?} is refused for {said:?}, and the answer is {body}"
        );
    }
    for (amount, code) in [
        ("0.00009999", "BELOW_MINIMUM"),
        ("0.00000001", "BELOW_MINIMUM"),
        ("0.123456789", "INVALID_AMOUNT"),
        ("0", "INVALID_AMOUNT"),
        ("-0.1", "INVALID_AMOUNT"),
        ("1e-3", "INVALID_AMOUNT"),
        ("1.00000001", "INSUFFICIENT_BALANCE"),
    ] {
        let answer = ada.withdraw_bitcoin(amount, &good).await?;
        refused(&answer, code).with_context(|| amount.to_owned())?;
    }
    assert_eq!(ada.available(BTC).await?, "1", "nothing is held");
    let records = ada.api.get("/api/withdrawals").await?.expect_success("reading withdrawals")?;
    assert_eq!(records["items"], json!([]));

    let upper = ada
        .withdraw_bitcoin("0.5", &good.to_uppercase())
        .await?
        .expect_success("an address in capital letters")?;
    assert_eq!(upper["toAddress"], good, "one form is kept");
    system.stop().await
}

/// A P2TR address with the checksum of BIP-173, as wallets wrote before BIP-350.
fn v1_in_bech32() -> String {
    use bitcoin::bech32::{
        Bech32, Fe32, Hrp,
        primitives::iter::{ByteIterExt, Fe32IterExt},
    };
    let hrp = Hrp::parse("bcrt").expect("regtest's prefix");
    let program = [7_u8; 32].into_iter().bytes_to_fes();
    program.with_checksum::<Bech32>(&hrp).with_witness_version(Fe32::P).chars().collect()
}

fn mixed_case(address: &str) -> String {
    let (prefix, rest) = address.split_at(address.len() / 2);
    format!("{prefix}{}", rest.to_uppercase())
}

fn other_last(address: &str) -> String {
    let (rest, last) = address.split_at(address.len() - 1);
    format!("{rest}{}", if last == "q" { "p" } else { "q" })
}

#[tokio::test]
async fn f05_killed_after_the_nodes_accepted_and_mined_while_away() -> Result<()> {
    let Some((mut system, ada)) = system("bitcoin-killed").await? else { return Ok(()) };
    let id = ada.withdrawn_bitcoin("0.25").await?;
    let sent = system.until_in_mempool(1).await?;
    system.devnet.server(0).kill().await?;
    system.mine_bitcoin(1).await?;
    system.devnet.server(0).start_again().await?;
    is_paid_once(&system, &ada, &id).await?;
    assert_eq!(system.payments().await?.to(&ada.bitcoin_address())[0].txid, sent[0]);
    system.stop().await
}

#[tokio::test]
async fn f01_f04_killed_between_acceptance_and_the_block_at_any_moment() -> Result<()> {
    let Some((mut system, ada)) = system("bitcoin-kills").await? else { return Ok(()) };
    let id = ada.withdrawn_bitcoin("0.25").await?;
    system.crash_and_restart().await?;
    let reserved =
        async || Ok((ada.withdrawal(&id).await?["status"] == "processing").then_some(()));
    system.until("a reservation", reserved).await?;
    system.crash_and_restart().await?;
    system.until_in_mempool(1).await?;
    system.crash_and_restart().await?;
    is_paid_once(&system, &ada, &id).await?;
    system.stop().await
}

/// The keys are in a third process, and the servers know the wallet by its descriptor alone.
#[tokio::test]
async fn f16_f17_of_two_servers_the_other_finishes_what_one_began() -> Result<()> {
    let settings = Settings::postgres().replicas(2);
    let Some(mut system) = System::with_bitcoin("bitcoin-replicas", settings).await? else {
        return Ok(());
    };
    let addresses: Vec<String> = system.devnet.addresses().map(str::to_owned).collect();
    let [ada, at_the_other] =
        [system.person_at(0, &addresses[0])?, system.person_at(0, &addresses[1])?];
    endow(&system.admin()?, "purse", &ada.player.id, BTC, "1").await?;
    let id = ada.withdrawn_bitcoin("0.25").await?;
    system.until_in_mempool(1).await?;
    system.devnet.server(0).kill().await?;
    is_paid_once(&system, &at_the_other, &id).await?;

    system.devnet.server(0).start_again().await?;
    system.devnet.server(1).kill().await?;
    let again = ada.withdrawn_bitcoin("0.125").await?;
    assert_eq!(system.until_settled(&ada, &again).await?["status"], "completed");
    assert_eq!(
        system.bitcoin_paid(&[ada.bitcoin_address()]).await?,
        Histogram::of([2]),
        "once for each that was asked for"
    );
    system.stop().await
}

async fn is_paid_once(system: &System, ada: &Person, id: &str) -> Result<()> {
    let record: Value = system.until_settled(ada, id).await?;
    assert_eq!(record["status"], "completed", "{record}");
    assert_eq!(system.bitcoin_paid(&[ada.bitcoin_address()]).await?, Histogram::all_once(1));
    assert_eq!(ada.available(BTC).await?, "0.75");
    assert!(system.bitcoin().world.rpc().mempool().await?.is_empty(), "nothing else is under way");
    Ok(())
}

/// Waves of payouts: the server dies after each was sent and again when it was outbid, where blocks
/// are dear; and now and then blocks are taken back.
#[tokio::test]
async fn f29_f37_kills_spikes_and_reorganisations_pay_each_of_many_once() -> Result<()> {
    let mut chance = Chance::new();
    let Some(mut system) = System::with_bitcoin("bitcoin-storm", Settings::sqlite()).await? else {
        return Ok(());
    };
    let people: Vec<Person> =
        (0..PAYEES).map(|index| system.person(index)).collect::<Result<_>>()?;
    let admin = system.admin()?;
    let purse = async |person: &Person| {
        endow(&admin, &format!("purse-{}", person.player.id), &person.player.id, BTC, "1").await
    };
    try_join_all(people.iter().map(purse)).await?;
    let mut ids = Vec::new();
    for wave in people.chunks(WAVE) {
        let dear = chance.up_to(2) > 0;
        ask_for(&system, dear, false);
        ids.extend(try_join_all(wave.iter().map(|person| person.withdrawn_bitcoin("0.25"))).await?);
        system.until_in_mempool_for(&wave[0].bitcoin_address()).await?;
        ask_for(&system, dear, dear);
        system.crash_and_restart().await?;
        if dear && chance.up_to(2) > 0 {
            system
                .until("better offers", async || Ok(nothing_is_cheap(&system).await?.then_some(())))
                .await?;
            system.crash_and_restart().await?;
        }
        system.mine_bitcoin(1 + u32::try_from(chance.up_to(2))?).await?;
        if chance.up_to(1) == 0 {
            take_back(&system, 1 + u32::try_from(chance.up_to(2))?).await?;
        }
    }
    ask_for(&system, false, false);
    for (person, id) in people.iter().zip(&ids) {
        let record = system.until_settled(person, id).await?;
        assert_eq!(record["status"], "completed", "{record}");
        let paid = system.payments().await?.to(&person.bitcoin_address());
        assert_eq!((&record["txHash"], paid.len()), (&json!(paid[0].txid.to_string()), 1));
        assert_eq!(paid[0].amount, Amount::from_sat(25_000_000));
    }
    system.stop().await
}

/// Whether blocks are dear, and whether the estimates say so.
fn ask_for(system: &System, dear: bool, told: bool) {
    let world = &system.bitcoin().world;
    world.ask_for(if dear { SPIKE_SAT_PER_VBYTE } else { 0 });
    world.gateway().estimate(told.then_some(SPIKE_SAT_PER_VBYTE));
}

async fn nothing_is_cheap(system: &System) -> Result<bool> {
    let mempool = system.bitcoin().world.rpc().waiting().await?;
    Ok(mempool
        .values()
        .all(|waiting| waiting.fees.base.to_sat() >= waiting.vbytes * SPIKE_SAT_PER_VBYTE))
}

/// So many blocks are void, and one more than they were stands in their place, with what the
/// mempool holds now.
async fn take_back(system: &System, blocks: u32) -> Result<()> {
    let rpc = system.bitcoin().world.rpc();
    let first = rpc.height().await? + 1 - blocks;
    rpc.invalidate_block(rpc.block_hash(first).await?).await?;
    system.mine_bitcoin(blocks + 1).await
}
