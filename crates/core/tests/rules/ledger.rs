//! What an entry does to its two accounts, at and one past every bound; accounts and kinds by the
//! names under which they are stored.

use adit_core::*;

use super::world::*;

fn balance(debits: u128, credits: u128, held: u128) -> Balance {
    Balance { debits: Amount::new(debits), credits: Amount::new(credits), held: Amount::new(held) }
}

fn of_user() -> Account {
    Account::User { user: user(), book: book(), asset: asset("XP") }
}

fn issuer() -> Account {
    Account::Issuer { book: book(), asset: asset("XP") }
}

fn hold() -> TransferId {
    TransferId(uuid::Uuid::from_u128(7))
}

/// The debited and the credited balance afterwards.
fn apply(
    kind: TransferKind,
    debited: Account,
    amount: u128,
    before: (Balance, Balance),
) -> Result<(Balance, Balance), LedgerError> {
    let cause = Cause::Withdrawal { id: WithdrawalId(uuid::Uuid::from_u128(1)) };
    let at = Timestamp::from_seconds(1);
    let transfer = Transfer {
        id: hold(),
        kind,
        debit: debited,
        credit: issuer(),
        amount: Amount::new(amount),
        at,
        cause,
    };
    let (mut debit, mut credit) = before;
    transfer.apply(&mut debit, &mut credit).map(|()| (debit, credit))
}

#[test]
fn what_is_owed_and_what_is_available() {
    let alice = balance(3, 10, 2);
    assert_eq!((alice.owed(), alice.available()), (Amount::new(7), Amount::new(5)));
    let treasury = balance(10, 3, 0);
    assert_eq!((treasury.owed(), treasury.available()), (Amount::ZERO, Amount::ZERO));
}

#[test]
fn a_post_moves_all_that_is_available_and_no_more() {
    let before = (balance(3, 10, 2), balance(0, 0, 0));
    assert_eq!(
        apply(TransferKind::Post, of_user(), 5, before),
        Ok((balance(8, 10, 2), balance(0, 5, 0)))
    );
    let short = LedgerError::Insufficient { available: Amount::new(5), wanted: Amount::new(6) };
    assert_eq!(apply(TransferKind::Post, of_user(), 6, before), Err(short));
}

#[test]
fn a_hold_takes_all_that_is_available_and_no_more_and_moves_nothing() {
    let before = (balance(3, 10, 2), balance(0, 0, 0));
    assert_eq!(
        apply(TransferKind::Hold, of_user(), 5, before),
        Ok((balance(3, 10, 7), balance(0, 0, 0)))
    );
    let short = LedgerError::Insufficient { available: Amount::new(5), wanted: Amount::new(6) };
    assert_eq!(apply(TransferKind::Hold, of_user(), 6, before), Err(short));
}

#[test]
fn a_hold_is_settled_by_moving_it_and_released_by_forgetting_it() {
    let before = (balance(3, 10, 7), balance(1, 1, 0));
    assert_eq!(
        apply(TransferKind::Settle { hold: hold() }, of_user(), 5, before),
        Ok((balance(8, 10, 2), balance(1, 6, 0)))
    );
    assert_eq!(
        apply(TransferKind::Release { hold: hold() }, of_user(), 5, before),
        Ok((balance(3, 10, 2), balance(1, 1, 0)))
    );
}

/// Only what users are owed is bounded by what they have: the organisation's own accounts may stand
/// on either side.
#[test]
fn own_accounts_may_go_below_zero() {
    for account in [issuer(), Account::Treasury { asset: asset("XP") }] {
        let empty = (Balance::default(), Balance::default());
        assert_eq!(
            apply(TransferKind::Post, account.clone(), 5, empty),
            Ok((balance(5, 0, 0), balance(0, 5, 0)))
        );
        assert_eq!(
            apply(TransferKind::Hold, account, 5, empty),
            Ok((balance(0, 0, 5), Balance::default()))
        );
    }
}

/// F79: a total that does not fit is refused, never wrapped.
#[test]
fn f79_totals_end_at_128_bits() {
    let full = balance(u128::MAX, 0, 0);
    let credited = balance(0, u128::MAX, 0);
    let held = balance(0, 0, u128::MAX);
    let none = Balance::default();
    assert_eq!(apply(TransferKind::Post, issuer(), 1, (full, none)), Err(LedgerError::Overflow));
    assert_eq!(
        apply(TransferKind::Post, issuer(), 1, (none, credited)),
        Err(LedgerError::Overflow)
    );
    assert_eq!(apply(TransferKind::Hold, issuer(), 1, (held, none)), Err(LedgerError::Overflow));
}

#[test]
fn a_kind_says_whether_it_moves_and_what_it_resolves() {
    let resolving = Some(hold());
    for (kind, name, moves, resolves) in [
        (TransferKind::Post, "post", true, None),
        (TransferKind::Hold, "hold", false, None),
        (TransferKind::Settle { hold: hold() }, "settle", true, resolving),
        (TransferKind::Release { hold: hold() }, "release", false, resolving),
    ] {
        assert_eq!((kind.name(), kind.moves(), kind.resolves()), (name, moves, resolves));
    }
}

/// The paths under which accounts are stored: another path would be another account after an
/// upgrade.
#[test]
fn an_account_has_one_path_and_one_asset() {
    let (xp, wallet) = (asset("XP"), lane());
    let hot = format!("hot/{wallet}/XP");
    for (account, path) in [
        (of_user(), "user/alice/xp/XP"),
        (issuer(), "issuer/xp/XP"),
        (Account::Hot { wallet, asset: xp.clone() }, hot.as_str()),
        (Account::Treasury { asset: xp.clone() }, "treasury/XP"),
        (Account::Fees { asset: xp.clone() }, "income/fees/XP"),
        (Account::Network { chain: lane().chain, asset: xp.clone() }, "expense/network/devnet/XP"),
        (Account::Rounding { asset: xp.clone() }, "rounding/XP"),
        (Account::Suspense { asset: xp.clone() }, "suspense/XP"),
    ] {
        assert_eq!((account.to_string().as_str(), account.asset()), (path, &xp));
    }
}
