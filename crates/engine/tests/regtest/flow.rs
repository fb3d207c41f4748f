//! From a request to a final block.

use adit_core::{Account, Amount, Batching, LineageState, Span, State, Status};
use adit_store::Store;

use super::world::{PAID, World, btc};

/// One payout: a transaction of its own, confirmed, settled at six confirmations, its fee booked to
/// the satoshi.
#[tokio::test(flavor = "multi_thread")]
async fn a_payout_is_paid_once_and_its_fee_is_booked() {
    let Some(world) = World::new("regtest-one", 2).await else { return };
    let running = world.start();
    world.credit(&running.engine, 1).await;
    let ids = world.request(&running.engine, [0]).await;
    world.mine_until(&ids, Status::Completed).await;
    assert_eq!(world.times_paid([0]).await, [1]);
    let lineage = world.store.lineages_of(ids[0]).await.expect("a read").remove(0);
    assert!(matches!(lineage.state, LineageState::Final { .. }));
    let hash = world.withdrawal(ids[0]).await.state.hash().expect("paid");
    let transaction = world
        .bitcoin
        .rpc()
        .transaction(World::txid(hash))
        .await
        .expect("a read")
        .expect("in the chain");
    let spent: u128 = transaction.input.len() as u128 * 50_000_000;
    let made: u128 =
        transaction.output.iter().map(|output| u128::from(output.value.to_sat())).sum();
    let network = Account::Network { chain: "bitcoin".parse().expect("a chain"), asset: btc() };
    let accounts = world.store.accounts().await.expect("a read");
    let booked = accounts
        .iter()
        .find(|(account, _)| *account == network)
        .map(|(_, balance)| balance.debits.checked_sub(balance.credits));
    assert_eq!(booked.flatten().map(Amount::base_units), Some(spent - made), "{accounts:?}");
    running.crash();
}

/// A batch: twenty-five people in one transaction, entries apart in the ledger.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_pays_everybody_in_one_transaction() {
    let Some(world) = World::new("regtest-batch", 2).await else { return };
    // It goes when all are there, however long a busy machine takes to ask.
    let world = world.ruled(|chain| {
        chain.batching = Some(Batching { gather: Span::from_seconds(60), payouts_max: 25 })
    });
    let running = world.start();
    world.credit(&running.engine, 25).await;
    let ids = world.request(&running.engine, 0..25).await;
    world.mine_until(&ids, Status::Completed).await;
    assert_eq!(world.times_paid(0..25).await, [1; 25]);
    assert_eq!(world.transactions(&ids).await.len(), 1, "one for all");
    running.crash();
}

/// F60: payments that find no confirmed coin build on our own unconfirmed change.
#[tokio::test(flavor = "multi_thread")]
async fn f60_payments_build_on_unconfirmed_change() {
    let Some(world) = World::new("regtest-change", 1).await else { return };
    let running = world.start();
    world.credit(&running.engine, 3).await;
    let mut ids = Vec::new();
    for payee in 0..3 {
        let one = world.request(&running.engine, [payee]).await;
        world
            .until("the payment to be in the pool", async || {
                world.withdrawal(one[0]).await.state.hash().is_some()
            })
            .await;
        ids.extend(one);
    }
    assert_eq!(world.bitcoin.rpc().mempool().await.expect("a read").len(), 3, "a chain of three");
    world.mine_until(&ids, Status::Completed).await;
    assert_eq!(world.times_paid(0..3).await, [1; 3]);
    assert_eq!(PAID, Amount::new(100_000));
    running.crash();
}

/// F66: what somebody sent us in the last block is not spent before that block is final.
#[tokio::test(flavor = "multi_thread")]
async fn f66_a_fresh_deposit_is_not_spent() {
    let Some(world) = World::new("regtest-deposit", 0).await else { return };
    let running = world.start();
    world.fund_freshly(&[bitcoin::Amount::from_sat(10_000_000)]).await;
    world.credit(&running.engine, 1).await;
    let ids = world.request(&running.engine, [0]).await;
    world
        .until("the lane to say what it lacks", async || {
            matches!(
                world.withdrawal(ids[0]).await.state,
                State::Approved { deferred: Some(_), .. }
            )
        })
        .await;
    assert!(world.bitcoin.rpc().mempool().await.expect("a read").is_empty());
    world.mine_until(&ids, Status::Completed).await;
    assert_eq!(world.times_paid([0]).await, [1]);
    running.crash();
}

/// F66: our own change counts as soon as its transaction is made, so that users are covered all the
/// time; what somebody sent counts when its block is final.
#[tokio::test(flavor = "multi_thread")]
async fn f66_own_change_is_held_at_once_and_a_deposit_when_it_is_final() {
    let Some(world) = World::new("regtest-funds", 1).await else { return };
    let running = world.start();
    world.until("what the wallet holds", async || world.funds().await == Some(50_000_000)).await;
    world.credit(&running.engine, 2).await;
    let first = world.request(&running.engine, [0]).await;
    let second_on_top =
        async |count: usize| world.bitcoin.rpc().mempool().await.expect("a read").len() == count;
    world.until("a transaction in the pool", async || second_on_top(1).await).await;
    let second = world.request(&running.engine, [1]).await;
    world.until("one more on its change", async || second_on_top(2).await).await;
    let left = async || {
        let mut left = 50_000_000 - 2 * PAID.base_units();
        for id in [&first, &second] {
            let lineage = world.store.lineages_of(id[0]).await.expect("a read").remove(0);
            left -= lineage.latest().draft.cost_max().base_units();
        }
        Some(left)
    };
    world.until("change that no block holds", async || world.funds().await == left().await).await;
    world.fund_freshly(&[bitcoin::Amount::from_sat(10_000_000)]).await;
    world.mine().await;
    world
        .until("both in a block", async || {
            world.withdrawal(second[0]).await.state.block().is_some()
        })
        .await;
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    assert_eq!(
        world.funds().await,
        left().await,
        "three looks later: a deposit that may be taken back is not ours yet"
    );
    world.mine_until(&[first.clone(), second.clone()].concat(), Status::Completed).await;
    let with_deposit = left().await.map(|left| left + 10_000_000);
    world.until("the deposit", async || world.funds().await == with_deposit).await;
    running.crash();
}
