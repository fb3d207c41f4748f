//! Invariants that stay on in production: checked on what is about to be committed, and now and
//! then on the whole ledger. Each restates a promise with other means than the rules that keep it.
//! A broken one is a defect of ours: nothing is committed, and the lanes stop.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Account, AssetId, Balance, Batch, Status, TransferId, TransferKind};

/// What does not hold, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct BrokenInvariant {
    pub detail: String,
}

fn broken(detail: String) -> Result<(), BrokenInvariant> {
    Err(BrokenInvariant { detail })
}

/// Cheap enough for every commit: linear in what the commit writes.
///
/// # Errors
/// [`BrokenInvariant`], the first.
pub fn audit_batch(batch: &Batch) -> Result<(), BrokenInvariant> {
    for transfer in &batch.appended.transfers {
        if transfer.debit.asset() != transfer.credit.asset() {
            return broken(format!(
                "transfer {} moves {} into {}",
                transfer.id, transfer.debit, transfer.credit
            ));
        }
    }
    batch.accounts.iter().try_for_each(|(account, row)| not_overdrawn(account, &row.row))?;
    holds_end_with_withdrawals(batch)?;
    live_lineages_exclude_each_other(batch)
}

fn not_overdrawn(account: &Account, balance: &Balance) -> Result<(), BrokenInvariant> {
    let Account::User { .. } = account else { return Ok(()) };
    let used = balance.debits.checked_add(balance.held);
    if used.is_some_and(|used| used <= balance.credits) {
        return Ok(());
    }
    broken(format!(
        "{account} has {} credited, {} debited and {} held",
        balance.credits, balance.debits, balance.held
    ))
}

/// A withdrawal that ends resolves its hold in the same commit: settled when it was completed,
/// released otherwise. Nobody else's is touched.
fn holds_end_with_withdrawals(batch: &Batch) -> Result<(), BrokenInvariant> {
    let mut resolved: BTreeMap<TransferId, bool> = BTreeMap::new();
    for transfer in &batch.appended.transfers {
        let (hold, settled) = match transfer.kind {
            TransferKind::Settle { hold } => (hold, true),
            TransferKind::Release { hold } => (hold, false),
            TransferKind::Post | TransferKind::Hold => continue,
        };
        if resolved.insert(hold, settled).is_some() {
            return broken(format!("hold {hold} is resolved twice"));
        }
    }
    for withdrawal in batch.withdrawals.iter().map(|row| &row.row) {
        let status = withdrawal.state.status();
        let expected = status.is_end().then_some(status == Status::Completed);
        let found = resolved.remove(&withdrawal.hold);
        if expected != found {
            return broken(format!(
                "withdrawal {} is {} and its hold was resolved so: {found:?}",
                withdrawal.id,
                status.as_str()
            ));
        }
    }
    match resolved.first_key_value() {
        Some((hold, _)) => {
            broken(format!("hold {hold} is resolved and no withdrawal of this commit has it"))
        }
        None => Ok(()),
    }
}

fn live_lineages_exclude_each_other(batch: &Batch) -> Result<(), BrokenInvariant> {
    let mut payouts = BTreeSet::new();
    let mut anchors = BTreeSet::new();
    for lineage in batch.lineages.iter().map(|row| &row.row).filter(|lineage| lineage.is_live()) {
        if let Some(leg) = lineage.legs.iter().find(|leg| !payouts.insert(leg.payout)) {
            return broken(format!("payout {} is in two live lineages", leg.payout));
        }
        if let Some(anchor) =
            lineage.anchors.iter().find(|anchor| !anchors.insert((*anchor).clone()))
        {
            return broken(format!("{anchor} is in two live lineages"));
        }
    }
    Ok(())
}

/// Dear, since it reads every account: per asset, debits equal credits, and no user's account is
/// overdrawn.
///
/// # Errors
/// [`BrokenInvariant`], the first.
pub fn audit_ledger(accounts: &[(Account, Balance)]) -> Result<(), BrokenInvariant> {
    // Sums of 128-bit amounts: two halves each, so that nothing can overflow below 2^64 accounts.
    let mut sums: BTreeMap<&AssetId, [u128; 4]> = BTreeMap::new();
    for (account, balance) in accounts {
        not_overdrawn(account, balance)?;
        let sum = sums.entry(account.asset()).or_default();
        for (place, amount) in [balance.debits, balance.credits].into_iter().enumerate() {
            let units = amount.base_units();
            sum[2 * place] += units >> 64;
            sum[2 * place + 1] += units & u128::from(u64::MAX);
        }
    }
    let whole = |high: u128, low: u128| (high + (low >> 64), low & u128::from(u64::MAX));
    let uneven = sums.iter().find(|(_, sum)| whole(sum[0], sum[1]) != whole(sum[2], sum[3]));
    match uneven {
        Some((asset, _)) => {
            broken(format!("the debits of all accounts in {asset} are not equal to their credits"))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Amount;

    fn account(user: &str) -> Account {
        Account::User {
            user: user.parse().expect("a user"),
            book: "main".parse().expect("a book"),
            asset: "DG".parse().expect("an asset"),
        }
    }

    fn balance(credits: u128, debits: u128, held: u128) -> Balance {
        Balance {
            credits: Amount::new(credits),
            debits: Amount::new(debits),
            held: Amount::new(held),
        }
    }

    #[test]
    fn what_is_held_and_spent_was_credited_before() {
        assert!(not_overdrawn(&account("a"), &balance(10, 4, 6)).is_ok());
        assert!(not_overdrawn(&account("a"), &balance(10, 5, 6)).is_err());
        assert!(not_overdrawn(&account("a"), &balance(0, u128::MAX, 1)).is_err());
        let treasury = Account::Treasury { asset: "DG".parse().expect("an asset") };
        assert!(
            not_overdrawn(&treasury, &balance(0, 5, 0)).is_ok(),
            "our own accounts may have a debit balance"
        );
    }

    proptest! {
        #[test]
        fn one_unit_of_difference_is_seen(amounts in prop::collection::vec(any::<u128>(), 1..20), odd: bool) {
            let issuer = Account::Issuer { book: "main".parse().expect("a book"), asset: "DG".parse().expect("an asset") };
            let mut accounts = Vec::new();
            for (number, amount) in amounts.iter().enumerate() {
                accounts.push((account(&format!("u{number}")), balance(*amount, 0, 0)));
                accounts.push((issuer.clone(), balance(0, *amount, 0)));
            }
            if odd {
                accounts.push((issuer, balance(0, 1, 0)));
            }
            prop_assert_eq!(audit_ledger(&accounts).is_ok(), !odd);
        }
    }
}
