//! Payouts that are never signed again: case F93.

use adit_core::PayoutId;
use adit_signer::{
    PayoutStanding, RETIRED_BY_BYTES_MAX, RETIRED_REASON_BYTES_MAX, Refused, Retire, Signer,
};

use crate::world::{
    World, bump, cancel, dry_run, lineage, pay, payout, retire, retired, sign, supersede,
};

async fn ask(signer: &dyn Signer, retire: &Retire) -> Result<(), Refused> {
    signer.retire(retire).await.expect("the journal can be written")
}

async fn standing(signer: &dyn Signer, number: u128) -> PayoutStanding {
    signer.standing(&[payout(number)]).await.expect("answers").remove(0)
}

fn told() -> PayoutStanding {
    PayoutStanding::Retired { by: "an admin".to_owned(), reason: "cancelled".to_owned() }
}

#[tokio::test]
async fn f93_a_retired_payout_is_never_signed() {
    let world = World::new();
    assert_eq!(ask(&world.start(), &retire(1, 1, None)).await, Ok(()));
    let signer = world.start();
    let records = signer.tip().expect("open").records;
    assert_eq!(ask(&signer, &retire(1, 1, None)).await, Ok(()), "asked again");
    assert_eq!(signer.tip().expect("open").records, records, "and written once");
    assert_eq!(sign(&signer, &pay(1, 1, 0)).await.err(), Some(retired(1)));
    assert_eq!(dry_run(&signer, &pay(1, 1, 0)).await, Err(retired(1)));
    sign(&signer, &pay(2, 1, 0)).await.expect("others are paid");
    assert_eq!(
        signer.standing(&[payout(1), payout(2), payout(3)]).await,
        Ok(vec![told(), PayoutStanding::Live { lineage: lineage(1) }, PayoutStanding::Unknown,])
    );
}

#[tokio::test]
async fn f93_a_payout_that_lives_in_a_lineage_is_not_retired() {
    let world = World::new();
    let first = pay(1, 1, 0);
    sign(&world.start(), &first).await.expect("signs");
    let live = Err(Refused::Equivocation { payout: payout(1), live: lineage(1) });
    let signer = world.start();
    for ended in [None, Some((2, 9)), Some((1, 0))] {
        assert_eq!(ask(&signer, &retire(1, 1, ended)).await, live, "{ended:?}");
    }
    sign(&signer, &bump(&first)).await.expect("nothing has changed");
    assert_eq!(standing(&signer, 1).await, PayoutStanding::Live { lineage: lineage(1) });
}

#[tokio::test]
async fn f93_a_payout_leaves_the_lineage_whose_end_is_named_and_is_retired() {
    let world = World::new();
    let first = pay(1, 1, 0);
    sign(&world.start(), &first).await.expect("signs");
    assert_eq!(ask(&world.start(), &retire(1, 1, Some((1, 9)))).await, Ok(()));
    let signer = world.start();
    assert_eq!(standing(&signer, 1).await, told());
    for again in [first.clone(), bump(&first), pay(1, 2, 1)] {
        assert_eq!(
            sign(&signer, &again).await.err(),
            Some(retired(1)),
            "before equivocation, and of what was signed before"
        );
    }
    sign(&signer, &cancel(1, 0)).await.expect("a cancelling attempt pays nobody");
    let records = signer.tip().expect("open").records;
    assert_eq!(signer.supersede(&supersede(1, 1)).await, Ok(Ok(())));
    assert_eq!(signer.tip().expect("open").records, records, "it has left that lineage already");
}

#[tokio::test]
async fn f93_a_payout_that_was_moved_out_before_is_retired_without_proof() {
    let world = World::new();
    let signer = world.start();
    sign(&signer, &pay(1, 1, 0)).await.expect("signs");
    signer.supersede(&supersede(1, 1)).await.expect("writes").expect("moves");
    assert_eq!(standing(&signer, 1).await, PayoutStanding::Left);
    assert_eq!(ask(&signer, &retire(1, 1, None)).await, Ok(()));
    assert_eq!(sign(&world.start(), &pay(1, 2, 1)).await.err(), Some(retired(1)));
}

#[tokio::test]
async fn f77_a_full_disk_retires_nothing() {
    let world = World::new();
    let signer = world.start();
    world.disk.set_room(Some(100));
    assert!(signer.retire(&retire(1, 1, None)).await.is_err());
    world.disk.set_room(None);
    assert_eq!(standing(&signer, 1).await, PayoutStanding::Unknown);
}

#[tokio::test]
async fn what_people_say_is_cut_to_its_bound() {
    let world = World::new();
    let said = |by: usize, reason: usize| {
        let mut retire = retire(1, u128::try_from(by).expect("small"), None);
        retire.retirement.by = "b".repeat(by);
        // Two bytes a letter: one that would be cut in two goes as a whole.
        retire.retirement.reason = "ü".repeat(reason);
        retire
    };
    let (by, reason) = (RETIRED_BY_BYTES_MAX, RETIRED_REASON_BYTES_MAX / 2);
    let signer = world.start();
    for (asked, told) in [((by, reason), (by, reason)), ((by + 1, reason + 1), (by, reason))] {
        ask(&signer, &said(asked.0, asked.1)).await.expect("retires");
        let id = PayoutId(uuid::Uuid::from_u128(u128::try_from(asked.0).expect("small")));
        let standing = world.start().standing(&[id]).await.expect("answers").remove(0);
        assert_eq!(
            standing,
            PayoutStanding::Retired { by: "b".repeat(told.0), reason: "ü".repeat(told.1) }
        );
    }
}
