//! A nonce follows the lineage that the signer knows before it: case F101, point 4.

use adit_signer::{Refused, SignRequest, Signer as _};

use crate::bitcoin::world as bitcoin;
use crate::world::{World, bump, cancel, in_a_row, lineage, pay};

fn following(named: Option<u128>, request: SignRequest) -> SignRequest {
    SignRequest { previous: named.map(lineage), ..request }
}

fn not_next(number: u64, known: u128, named: Option<u128>) -> Result<(), Refused> {
    Err(Refused::NotNext { number, known: lineage(known), named: named.map(lineage) })
}

/// Signs and runs dry: both answer the same.
async fn ask(world: &World, request: SignRequest) -> Result<(), Refused> {
    let signer = world.start();
    let would = signer.dry_run(std::slice::from_ref(&request)).await.expect("reads").remove(0);
    let answer = signer.sign(&[request]).await.expect("writes").remove(0).map(drop);
    assert_eq!(would, answer, "the dry run told the truth");
    answer
}

/// The store lost the payment at nonce 0 and has given its number to nobody, or to another one.
#[tokio::test]
async fn f101_a_store_that_lost_its_last_commits_does_not_sign_past_them() {
    let world = World::new();
    assert_eq!(ask(&world, pay(1, 1, 0)).await, Ok(()));
    assert_eq!(ask(&world, following(None, pay(2, 2, 1))).await, not_next(1, 1, None));
    assert_eq!(ask(&world, following(Some(9), pay(2, 2, 1))).await, not_next(1, 1, Some(9)));
    assert_eq!(
        ask(&world, following(None, cancel(2, 1))).await,
        not_next(1, 1, None),
        "a fill too"
    );
    assert_eq!(ask(&world, following(Some(1), pay(2, 2, 1))).await, Ok(()));
}

#[tokio::test]
async fn f101_a_number_whose_forerunner_was_not_signed_waits_for_it() {
    let world = World::new();
    let early = following(Some(1), pay(2, 2, 1));
    assert_eq!(
        ask(&world, early.clone()).await,
        Err(Refused::NotInOrder { number: 1, named: lineage(1) })
    );
    assert_eq!(
        ask(&world, following(Some(5), pay(3, 3, 0))).await,
        Err(Refused::NotInOrder { number: 0, named: lineage(5) })
    );
    assert_eq!(
        ask(&world, following(None, pay(4, 4, 7))).await,
        Ok(()),
        "the first that this signer signs for a wallet in use"
    );
    assert_eq!(ask(&world, pay(1, 1, 0)).await, Ok(()));
    assert_eq!(ask(&world, early).await, Ok(()));
}

#[tokio::test]
async fn f101_requests_of_one_batch_chain() {
    let world = World::new();
    let signer = world.start();
    let batch = in_a_row([pay(1, 1, 0), pay(2, 2, 1), pay(3, 3, 2)]);
    assert_eq!(signer.dry_run(&batch).await, Ok(vec![Ok(()), Ok(()), Ok(())]));
    let unchained = [pay(1, 1, 0), pay(2, 2, 1)];
    assert_eq!(signer.dry_run(&unchained).await, Ok(vec![Ok(()), not_next(1, 1, None)]));
    let mut broken = batch.clone();
    broken[1].approved[0].amount = adit_core::Amount::new(7);
    let answers = signer.dry_run(&broken).await.expect("reads");
    assert!(matches!(answers[1], Err(Refused::Mismatch { .. })));
    assert_eq!(
        answers[2],
        Err(Refused::NotInOrder { number: 2, named: lineage(2) }),
        "nobody moves up behind one that is refused"
    );
    assert!(signer.sign(&batch).await.expect("writes").iter().all(Result::is_ok));
}

#[tokio::test]
async fn f101_only_a_lineages_first_signature_is_asked() {
    let world = World::new();
    let batch = in_a_row([pay(1, 1, 0), pay(2, 2, 1)]);
    assert!(world.start().sign(&batch).await.expect("writes").iter().all(Result::is_ok));
    assert_eq!(ask(&world, following(None, bump(&batch[1]))).await, Ok(()), "a bump");
    assert_eq!(ask(&world, following(Some(9), cancel(2, 1))).await, Ok(()), "a cancel");
    assert_eq!(ask(&world, following(None, batch[1].clone())).await, Ok(()), "asked again");
}

#[tokio::test]
async fn coins_are_not_chained() {
    let world = World::new();
    let signer = bitcoin::start(&world);
    for request in
        [bitcoin::pay(1, &[1], &[(1, 0, 10_000)]), bitcoin::pay(2, &[2], &[(2, 0, 10_000)])]
    {
        signer
            .sign(&[following(Some(9), request)])
            .await
            .expect("writes")
            .remove(0)
            .expect("signs");
    }
}
