//! What the server refuses to commit, whatever the rules say. (What the rules do decide passes:
//! every order of these tests is audited.)

use adit_core::*;

use super::world::*;

/// The commit in which a payment became final and its hold was settled.
fn settled() -> Batch {
    let (mut world, _, lineage, attempt) = World::sent();
    world.finalize(lineage, attempt, &Effect::Paid).expect("final");
    assert_eq!(audit_batch(&world.batch), Ok(()));
    world.batch
}

#[track_caller]
fn broken(batch: &Batch, says: &str) {
    let found = audit_batch(batch).expect_err("an invariant is broken");
    assert!(found.detail.contains(says), "{found}");
}

#[test]
fn a_withdrawal_does_not_end_without_its_hold() {
    let mut batch = settled();
    batch.appended.transfers.retain(|transfer| transfer.kind.resolves().is_none());
    broken(&batch, "is completed and its hold was resolved so: None");
}

#[test]
fn a_hold_does_not_end_without_its_withdrawal() {
    let mut batch = settled();
    batch.withdrawals.clear();
    broken(&batch, "no withdrawal of this commit has it");
}

#[test]
fn what_was_paid_is_not_released_and_what_was_not_is_not_settled() {
    let mut batch = settled();
    for transfer in &mut batch.appended.transfers {
        if let TransferKind::Settle { hold } = transfer.kind {
            transfer.kind = TransferKind::Release { hold };
        }
    }
    broken(&batch, "is completed");
    let mut batch = settled();
    let at = batch.now;
    batch.withdrawals[0].row.state =
        State::Failed { at, failure: Failure::Reverted, payment: None };
    broken(&batch, "is failed");
}

#[test]
fn a_hold_ends_once() {
    let mut batch = settled();
    let twice = batch
        .appended
        .transfers
        .iter()
        .find(|transfer| transfer.kind.resolves().is_some())
        .cloned();
    batch.appended.transfers.extend(twice);
    broken(&batch, "is resolved twice");
}

#[test]
fn an_amount_stays_in_its_asset() {
    let mut batch = settled();
    batch.appended.transfers[0].credit = Account::Treasury { asset: asset("ETH") };
    broken(&batch, "moves");
}

#[test]
fn a_payout_and_a_nonce_live_in_one_lineage() {
    let (world, _, _) = World::reserved();
    let twin = |change: &dyn Fn(&mut Lineage)| {
        let mut batch = world.batch.clone();
        let mut other = batch.lineages[0].clone();
        other.row.id = LineageId(uuid::Uuid::from_u128(5));
        change(&mut other.row);
        batch.lineages.push(other);
        batch
    };
    broken(&twin(&|_| {}), "is in two live lineages");
    broken(&twin(&|lineage| lineage.anchors.clear()), "payout");
    broken(&twin(&|lineage| lineage.legs.clear()), "devnet:");
    let ended = twin(&|lineage| {
        lineage.state = LineageState::Conflicted { by: hash(9), at: world.view.now }
    });
    assert_eq!(audit_batch(&ended), Ok(()), "one that ended excludes nobody");
}
