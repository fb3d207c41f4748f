//! What the server does when its own ledger does not add up.

use std::time::Duration;

use adit_core::{Account, Amount, Balance, Batch, GroupId, HaltReason, LaneState, Row};
use adit_store::Store;

use super::world::{World, asset};

/// R10: a row that somebody changed behind our back is found by the audit, and the lane stands
/// until a person has looked.
#[tokio::test(flavor = "multi_thread")]
async fn r10_a_ledger_that_does_not_add_up_stops_the_lane() {
    let world = World::new(None).await;
    let running = world.start();
    world.seed(&running.engine, 10).await;
    let uneven = Balance { debits: Amount::new(1), ..Balance::default() };
    let account = Account::Suspense { asset: asset("DG") };
    let accounts = vec![(account, Row { version: 0, row: uneven })];
    world
        .store
        .replay(GroupId(uuid::Uuid::from_u128(1)), Batch { accounts, ..Batch::default() })
        .expect("the tables take it");
    for _ in 0..100 {
        let lane = world.store.lane(&world.lane).await.expect("the store answers");
        if let Some(LaneState::Halted { reason: HaltReason::Invariant { detail }, .. }) =
            lane.map(|lane| lane.state)
        {
            assert!(detail.contains("debits of all accounts in DG"), "{detail}");
            running.crash();
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the lane still runs on a ledger that does not add up");
}
