//! What sources say to bytes: it explains, and proves nothing.

use adit_bitcoin::{Face, Node};
use adit_core::SubmissionAnswer;
use bitcoin::{Amount, Transaction};

use crate::world::{FEE, World, node, signed};

async fn answers(node: &Node, transaction: &Transaction) -> Vec<SubmissionAnswer> {
    let sent = node.broadcast(&[signed(transaction)]).await.remove(0);
    assert_eq!(sent.hash, adit_bitcoin::hash_of(transaction.compute_txid()));
    sent.submissions.into_iter().map(|submission| submission.answer).collect()
}

fn all_refuse(answers: &[SubmissionAnswer], words: &str) {
    for answer in answers {
        assert!(
            matches!(answer, SubmissionAnswer::Refused { text } if text.contains(words)),
            "{words}: {answers:?}"
        );
    }
}

#[tokio::test]
async fn f06_f07_f14_every_source_is_told_and_its_answer_kept() {
    let Some(world) = World::start("broadcast").await else { return };
    let (coin, payee) = (world.coin().await, world.address().await);
    let payment = world.spend(coin, &payee, FEE).await;
    let cheap = world.spend(coin, &payee, FEE + Amount::from_sat(1)).await;
    let node = world.node();
    assert_eq!(answers(&node, &payment).await, [const { SubmissionAnswer::Accepted }; 3]);
    assert_eq!(
        answers(&node, &payment).await,
        [const { SubmissionAnswer::Accepted }; 3],
        "once more is no error"
    );
    world.catch_up().await;
    // -26: the replacement does not pay for itself.
    all_refuse(&answers(&node, &cheap).await, "insufficient fee");
    world.mine().await;
    // -27: it is in the chain. -25: its coin is spent.
    assert_eq!(answers(&node, &payment).await, [const { SubmissionAnswer::AlreadyKnown }; 3]);
    all_refuse(&answers(&node, &cheap).await, "bad-txns-inputs-missingorspent");
    assert!(
        node.readings().iter().all(|reading| reading.failures == 0),
        "a refusal is an answer: {:?}",
        node.readings()
    );
}

#[tokio::test]
async fn f05_who_cannot_be_reached_keeps_nobody_from_being_told() {
    let Some(world) = World::start("unreachable").await else { return };
    let mut faces = world.faces();
    faces[1] = (Face::Esplora, "http://127.0.0.1:1".to_owned());
    let (coin, payee) = (world.coin().await, world.address().await);
    let parent = world.spend(coin, &payee, FEE).await;
    let said = answers(&node(faces), &parent).await;
    assert!(
        matches!(
            &said[..],
            [
                SubmissionAnswer::Accepted,
                SubmissionAnswer::Unclear { .. },
                SubmissionAnswer::Accepted
            ]
        ),
        "{said:?}"
    );
}
