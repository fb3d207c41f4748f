//! What a payment did: judged by its effect, never by its status alone (rule R8).
//!
//! A token paid when its contract reported exactly one movement out of our wallet, to the
//! recipient, of the exact amount. That finds tokens that return false, report nothing, or keep a
//! fee (windows F47, F48).

use adit_core::{Amount, Destination, Effect, Leg, LegEffect, Mistake, Purpose, planted};
use alloy::primitives::{Address, U256};

use crate::address_of;
use crate::config::Paying;
use crate::erc20::{self, Movement};
use crate::rpc::{Log, TxReceipt};

/// What became of each leg of an attempt whose receipt is this.
pub(crate) fn of_legs(
    legs: &[Leg],
    purpose: Purpose,
    wallet: Address,
    receipt: &TxReceipt,
    paying: impl Fn(&Leg) -> Option<Paying>,
) -> Vec<LegEffect> {
    let effect = |leg: &Leg| match purpose {
        Purpose::Cancel if planted(Mistake::CancelCountedAsPaid) => Effect::Paid,
        Purpose::Cancel => Effect::Cancelled,
        Purpose::Pay if planted(Mistake::RevertCountsAsPaid) => Effect::Paid,
        Purpose::Pay if !receipt.succeeded() => Effect::Reverted,
        Purpose::Pay if planted(Mistake::StatusIsEnough) => Effect::Paid,
        Purpose::Pay => of_success(leg, wallet, receipt, paying(leg)),
    };
    legs.iter().map(|leg| LegEffect { payout: leg.payout, effect: effect(leg) }).collect()
}

fn of_success(leg: &Leg, wallet: Address, receipt: &TxReceipt, paying: Option<Paying>) -> Effect {
    let finding = match (paying, address_of(&leg.destination)) {
        (None, _) => Some(format!("{} is not an asset of this chain any more", leg.asset)),
        (_, None) => Some(format!("{} is not an address", leg.destination)),
        // The transaction's hash is ours, so are its recipient and value: success means that they
        // moved.
        (Some(Paying::Native), Some(to)) => (receipt.done.to != Some(to))
            .then(|| format!("the receipt names {:?} as recipient", receipt.done.to)),
        (Some(Paying::Token(token)), Some(to)) => {
            odd_movement(token, wallet, to, leg.amount, &receipt.done.logs)
        }
    };
    finding.map_or(Effect::Paid, |finding| Effect::Unexpected { finding })
}

/// What is wrong with the reported movements of a token payment; nothing when it is exactly the
/// expected one.
pub(crate) fn odd_movement(
    token: Address,
    wallet: Address,
    to: Address,
    amount: Amount,
    logs: &[Log],
) -> Option<String> {
    let ours: Vec<Movement> = logs
        .iter()
        .filter_map(erc20::movement)
        .filter(|moved| moved.token == token && moved.from == wallet)
        .collect();
    match ours.as_slice() {
        [] => Some("the token reported no transfer out of the wallet".to_owned()),
        [one] if one.to == to && one.value == U256::from(amount.base_units()) => None,
        several => {
            let seen: Vec<String> =
                several.iter().map(|moved| format!("{} to {}", moved.value, moved.to)).collect();
            Some(format!(
                "the token reported {}, and {amount} to {to} was asked",
                seen.join(" and ")
            ))
        }
    }
}

/// Whether a transaction that we did not make may have paid the leg: it reached its destination,
/// with whatever amount. Deliberately wide: a person looks at what it finds.
pub(crate) fn may_pay(leg: &Leg, wallet: Address, receipt: &TxReceipt) -> bool {
    let Some(to) = address_of(&leg.destination) else { return true };
    let moved = || {
        receipt
            .done
            .logs
            .iter()
            .filter_map(erc20::movement)
            .any(|moved| moved.from == wallet && moved.to == to)
    };
    receipt.succeeded() && (receipt.done.to == Some(to) || moved())
}

/// The account as stored, for words.
pub(crate) fn shown(address: Address) -> Destination {
    crate::canonical(address)
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{B256, U64, address};
    use alloy::sol_types::SolEvent;

    use super::*;
    use crate::rpc::Done;

    const TOKEN: Address = address!("7777777777777777777777777777777777777777");
    const WALLET: Address = address!("1111111111111111111111111111111111111111");
    const BOB: Address = address!("bBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB");
    const EVE: Address = address!("eEeEEEEeEeEeEeEEEeEeeeEeeeeEeeeeeeeEEEeE");

    fn log(token: Address, from: Address, to: Address, value: u64) -> Log {
        let data = erc20::Token::Transfer { from, to, value: U256::from(value) }.encode_log_data();
        Log { address: token, topics: data.topics().to_vec(), data: data.data }
    }

    fn receipt(status: u64, to: Address, logs: Vec<Log>) -> TxReceipt {
        let done = Done {
            transaction_hash: B256::ZERO,
            block_hash: B256::ZERO,
            block_number: U64::from(1),
            from: WALLET,
            to: Some(to),
            status: U64::from(status),
            logs,
        };
        TxReceipt { done, costs: Vec::new() }
    }

    fn leg(destination: &str) -> Leg {
        Leg {
            payout: adit_core::PayoutId(
                "00000000-0000-0000-0000-000000000001".parse().expect("a uuid"),
            ),
            withdrawal: "00000000-0000-0000-0000-000000000002".parse().expect("an id"),
            user: "alice".parse().expect("a user"),
            book: "xp".parse().expect("a book"),
            source_asset: "XP".parse().expect("an asset"),
            asset: "DG".parse().expect("an asset"),
            amount: Amount::new(100),
            destination: destination.parse().expect("a destination"),
        }
    }

    fn effect(purpose: Purpose, paying: Option<Paying>, receipt: &TxReceipt) -> Effect {
        let effects =
            of_legs(&[leg(&shown(BOB).to_string())], purpose, WALLET, receipt, |_| paying);
        assert_eq!(effects.len(), 1);
        assert_eq!(effects[0].payout, leg("x").payout);
        effects[0].effect.clone()
    }

    fn odd(logs: &[Log]) -> Option<String> {
        odd_movement(TOKEN, WALLET, BOB, Amount::new(100), logs)
    }

    #[test]
    fn f47_f48_exactly_the_expected_movement_is_a_payment() {
        assert_eq!(odd(&[log(TOKEN, WALLET, BOB, 100)]), None);
        assert_eq!(
            odd(&[
                log(EVE, WALLET, BOB, 7),
                log(TOKEN, WALLET, BOB, 100),
                log(TOKEN, BOB, EVE, 50)
            ]),
            None
        );
    }

    #[test]
    fn f47_f48_everything_else_is_unexpected() {
        for logs in [
            vec![],
            vec![log(TOKEN, WALLET, BOB, 99)],
            vec![log(TOKEN, WALLET, EVE, 100)],
            vec![log(EVE, WALLET, BOB, 100)],
            vec![log(TOKEN, EVE, BOB, 100)],
            vec![log(TOKEN, WALLET, BOB, 99), log(TOKEN, WALLET, EVE, 1)],
            vec![log(TOKEN, WALLET, BOB, 100), log(TOKEN, WALLET, BOB, 100)],
        ] {
            assert!(odd(&logs).is_some(), "{logs:?}");
        }
    }
    /// F46, F47: status 0 is a revert; status 1 is a payment only with its effect; a cancelling
    /// attempt pays nobody whatever it did.
    #[test]
    fn f46_f47_a_status_alone_is_no_payment() {
        let (token, paid) = (Some(Paying::Token(TOKEN)), vec![log(TOKEN, WALLET, BOB, 100)]);
        assert_eq!(effect(Purpose::Pay, token, &receipt(1, TOKEN, paid.clone())), Effect::Paid);
        assert_eq!(effect(Purpose::Pay, token, &receipt(0, TOKEN, paid.clone())), Effect::Reverted);
        assert!(matches!(
            effect(Purpose::Pay, token, &receipt(1, TOKEN, Vec::new())),
            Effect::Unexpected { .. }
        ));
        assert!(matches!(
            effect(Purpose::Pay, None, &receipt(1, TOKEN, paid.clone())),
            Effect::Unexpected { .. }
        ));
        for status in [0, 1] {
            assert_eq!(
                effect(Purpose::Cancel, token, &receipt(status, TOKEN, paid.clone())),
                Effect::Cancelled
            );
        }
    }

    #[test]
    fn f47_a_coin_payment_names_its_recipient() {
        assert_eq!(
            effect(Purpose::Pay, Some(Paying::Native), &receipt(1, BOB, Vec::new())),
            Effect::Paid
        );
        assert!(matches!(
            effect(Purpose::Pay, Some(Paying::Native), &receipt(1, EVE, Vec::new())),
            Effect::Unexpected { .. }
        ));
        let nowhere =
            of_legs(&[leg("nowhere")], Purpose::Pay, WALLET, &receipt(1, BOB, Vec::new()), |_| {
                Some(Paying::Native)
            });
        assert!(matches!(nowhere[0].effect, Effect::Unexpected { .. }));
    }

    /// F22, rule R4: what somebody else sent may have paid a leg if it reached its destination in
    /// any way, and not if it was reverted.
    #[test]
    fn f22_whatever_reaches_the_payee_may_have_paid_him() {
        let may = |receipt: &TxReceipt| may_pay(&leg(&shown(BOB).to_string()), WALLET, receipt);
        assert!(may(&receipt(1, BOB, Vec::new())), "coins");
        assert!(may(&receipt(1, EVE, vec![log(EVE, WALLET, BOB, 1)])), "any amount of any token");
        assert!(!may(&receipt(1, EVE, vec![log(TOKEN, WALLET, EVE, 100)])), "another recipient");
        assert!(!may(&receipt(1, EVE, vec![log(TOKEN, EVE, BOB, 100)])), "another payer");
        assert!(!may(&receipt(0, BOB, vec![log(TOKEN, WALLET, BOB, 100)])), "it was reverted");
        assert!(
            may_pay(&leg("nowhere"), WALLET, &receipt(0, BOB, Vec::new())),
            "who cannot be read is looked at"
        );
    }
}
