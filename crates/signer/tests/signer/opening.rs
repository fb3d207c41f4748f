//! Where a lane's book begins: case F95.

use adit_core::{Amount, Epoch, Holding, Opening};
use adit_signer::{OPENING_ASSETS_MAX, Open, Refused, Signer, Stamp};

use crate::world::{World, claim, lane, lease, stamp};

fn opening(from_number: u64, amounts: &[u128]) -> Opening {
    let held = |(at, amount): (usize, &u128)| Holding {
        asset: format!("T{at}").parse().expect("an asset"),
        amount: Amount::new(*amount),
    };
    Opening { from_number, holdings: amounts.iter().enumerate().map(held).collect() }
}

async fn open(signer: &dyn Signer, stamp: Stamp, opening: Opening) -> Result<Opening, Refused> {
    let open = Open { lane: lane(), epoch: Epoch(1), stamp, opening };
    signer.open(&open).await.expect("the journal can be written")
}

#[tokio::test]
async fn f95_the_first_opening_is_noted_and_answers_all_later_ones() {
    let world = World::new();
    let signer = world.start();
    lease(&signer, &claim(1, stamp(1, 10, 1))).await.expect("leases");
    let first = opening(30, &[100, 7]);
    assert_eq!(open(&signer, stamp(1, 10, 1), first.clone()).await, Ok(first.clone()));
    let records = signer.tip().expect("open").records;
    for later in [first.clone(), opening(31, &[60]), opening(0, &[])] {
        assert_eq!(open(&signer, stamp(1, 10, 1), later).await, Ok(first.clone()));
    }
    assert_eq!(signer.tip().expect("open").records, records, "and nothing more is written");
    let signer = world.start();
    assert_eq!(
        open(&signer, stamp(1, 10, 1), opening(31, &[60])).await,
        Ok(first),
        "nor forgotten by a restart"
    );
}

#[tokio::test]
async fn f95_an_opening_needs_the_lease_and_a_bound() {
    let world = World::new();
    let signer = world.start();
    lease(&signer, &claim(1, stamp(1, 10, 1))).await.expect("leases");
    let taken = Refused::EpochTaken { epoch: Epoch(1) };
    assert_eq!(open(&signer, stamp(1, 11, 1), opening(0, &[1])).await, Err(taken), "another token");
    assert_eq!(
        open(&signer, stamp(2, 10, 1), opening(0, &[1])).await,
        Err(Refused::NotLeased { lane: lane() }),
        "another store"
    );
    let assets = |count: usize| opening(0, &vec![1; count]);
    let refused = open(&signer, stamp(1, 10, 1), assets(OPENING_ASSETS_MAX + 1)).await;
    assert!(matches!(refused, Err(Refused::Mismatch { .. })), "{refused:?}");
    let most = assets(OPENING_ASSETS_MAX);
    assert_eq!(open(&signer, stamp(1, 10, 1), most.clone()).await, Ok(most));
}

#[tokio::test]
async fn f95_what_could_not_be_written_is_not_noted() {
    let world = World::new();
    let signer = world.start();
    lease(&signer, &claim(1, stamp(1, 10, 1))).await.expect("leases");
    world.disk.set_room(Some(0));
    let first =
        Open { lane: lane(), epoch: Epoch(1), stamp: stamp(1, 10, 1), opening: opening(0, &[1]) };
    assert!(signer.open(&first).await.is_err(), "the disk is full");
    world.disk.set_room(None);
    assert_eq!(open(&signer, stamp(1, 10, 1), opening(0, &[2])).await, Ok(opening(0, &[2])));
}
