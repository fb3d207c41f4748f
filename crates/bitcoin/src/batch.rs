//! Many payouts, one transaction: cheaper for all, and one anchor for all (they are paid together
//! or not at all).
//!
//! Payouts to one address become one output; the output keeps whose it is, so that the ledger's
//! entries stay apart. No payout is in a batch twice, and each that was given is either in it or
//! left for later.

use std::collections::{BTreeMap, BTreeSet};

use adit_core::{Amount, BitcoinDraft, Bytes, DraftOutput, OutputPurpose, PayoutId};

use crate::{Address, Bill, Payment, Purse, Unfunded, WalletError, money, plan::input, select};

/// A payout that may be paid now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payable {
    pub payout: PayoutId,
    pub address: Address,
    pub amount: Amount,
}

/// How many addresses one transaction pays at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct OutputsMax(u16);

/// A number that is no [`OutputsMax`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a transaction pays 1 to {} addresses, and this is {got}; more would make it hard to replace",
    OutputsMax::MOST
)]
pub struct WrongOutputsMax {
    pub got: u16,
}

/// What one transaction pays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// In the order of their first payouts.
    pub outputs: Vec<BatchOutput>,
    /// For a later transaction, in their order: this one is full.
    pub later: Vec<PayoutId>,
}

/// All that goes to one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchOutput {
    pub address: Address,
    pub payouts: Vec<(PayoutId, Amount)>,
}

/// Why a batch is not planned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unplanned {
    #[error("there is nobody to pay")]
    Empty,
    #[error(transparent)]
    Unfunded(#[from] Unfunded),
    #[error(transparent)]
    Wallet(#[from] WalletError),
}

impl OutputsMax {
    pub const MOST: u16 = 250;

    /// # Errors
    /// [`WrongOutputsMax`] for none or more than [`OutputsMax::MOST`].
    pub fn new(got: u16) -> Result<Self, WrongOutputsMax> {
        if (1..=Self::MOST).contains(&got) { Ok(Self(got)) } else { Err(WrongOutputsMax { got }) }
    }

    pub fn get(self) -> u16 {
        self.0
    }
}

impl Default for OutputsMax {
    fn default() -> Self {
        Self(100)
    }
}

impl Batch {
    /// Takes payouts in their order until there are so many addresses; further payouts to one of
    /// these still join.
    pub fn of(payables: &[Payable], outputs_max: OutputsMax) -> Self {
        let (mut outputs, mut later): (Vec<BatchOutput>, Vec<PayoutId>) = Default::default();
        let (mut places, mut seen) = (BTreeMap::new(), BTreeSet::new());
        for Payable { payout, address, amount } in
            payables.iter().filter(|payable| seen.insert(payable.payout))
        {
            let known = places.get(address.destination()).copied();
            match known {
                Some(place) => place_of(&mut outputs, place).push((*payout, *amount)),
                None if outputs.len() < usize::from(outputs_max.0) => {
                    places.insert(address.destination().clone(), outputs.len());
                    outputs.push(BatchOutput {
                        address: address.clone(),
                        payouts: vec![(*payout, *amount)],
                    });
                }
                None => later.push(*payout),
            }
        }
        Self { outputs, later }
    }

    /// Chooses coins for it and says what will be signed.
    ///
    /// # Errors
    /// [`Unplanned`].
    pub fn plan(&self, payment: Payment<'_>, purse: &Purse<'_>) -> Result<BitcoinDraft, Unplanned> {
        if self.outputs.is_empty() {
            return Err(Unplanned::Empty);
        }
        let outputs =
            self.outputs.iter().map(|output| (output.address.kind(), output.amount())).collect();
        let bill = Bill {
            spend: payment.wallet.spend(),
            outputs,
            feerate: payment.feerate,
            replaces: None,
        };
        let chosen = select(purse, &bill)?;
        let outputs = self.outputs.iter().map(|output| output.drafted(output.amount())).collect();
        Ok(payment.draft(
            chosen.coins.iter().map(input).collect(),
            outputs,
            chosen.balance.change,
        )?)
    }
}

fn place_of(outputs: &mut [BatchOutput], place: usize) -> &mut Vec<(PayoutId, Amount)> {
    &mut outputs[place].payouts
}

impl BatchOutput {
    pub fn amount(&self) -> Amount {
        money::sum(self.payouts.iter().map(|(_, amount)| *amount))
    }

    /// As it is drafted when nothing is taken off.
    pub(crate) fn drafted(&self, amount: Amount) -> DraftOutput {
        let purpose = OutputPurpose::Pays(self.payouts.iter().map(|(payout, _)| *payout).collect());
        DraftOutput { script: Bytes(self.address.script().to_bytes()), amount, purpose }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::coin::tests::{CONFIRMED, coin};
    use crate::wallet::root_tests::{PHRASES, root};
    use crate::{Coin, KeyWallet, Network, Unsigned, Wallet};
    use adit_core::{FeeRate, Keychain, Place};

    pub(crate) fn wallet() -> Wallet {
        root(Network::Regtest, PHRASES[0]).wallet(KeyWallet::Segwit)
    }

    /// One of the addresses of another wallet.
    pub(crate) fn addresses() -> Vec<Address> {
        let other = root(Network::Regtest, PHRASES[1]).wallet(KeyWallet::Taproot);
        (0..8)
            .map(|index| {
                other.address(Place { keychain: Keychain::External, index }).expect("an index")
            })
            .collect()
    }

    pub(crate) fn payable(
        addresses: &[Address],
        payout: u128,
        to: usize,
        satoshi: u128,
    ) -> Payable {
        let payout = PayoutId(uuid::Uuid::from_u128(payout));
        Payable {
            payout,
            address: addresses[to % addresses.len()].clone(),
            amount: Amount::new(satoshi),
        }
    }

    fn purse(coins: &[Coin]) -> Purse<'_> {
        static NONE: BTreeSet<bdk_wallet::bitcoin::OutPoint> = BTreeSet::new();
        Purse { coins, reserved: &NONE, tip: 200 }
    }

    #[test]
    fn payouts_to_one_address_are_one_output_and_stay_apart() {
        let to = addresses();
        let batch = Batch::of(
            &[payable(&to, 1, 0, 10_000), payable(&to, 2, 1, 20_000), payable(&to, 3, 0, 30_000)],
            OutputsMax::default(),
        );
        let amounts: Vec<u128> =
            batch.outputs.iter().map(|output| output.amount().base_units()).collect();
        assert_eq!(amounts, [40_000, 20_000]);
        assert_eq!(batch.outputs[0].payouts.len(), 2);
    }

    #[test]
    fn a_full_batch_leaves_the_rest_for_later() {
        assert!([0, 251].map(OutputsMax::new).iter().all(Result::is_err));
        assert!([1, 250].map(OutputsMax::new).iter().all(Result::is_ok));
        let to = addresses();
        let three =
            [payable(&to, 1, 0, 10_000), payable(&to, 2, 1, 20_000), payable(&to, 3, 0, 30_000)];
        let batch = Batch::of(&three, OutputsMax::new(1).expect("allowed"));
        assert_eq!((batch.outputs.len(), batch.later), (1, vec![three[1].payout]));
    }

    #[test]
    fn payees_get_whole_amounts_and_change_pays_the_fee() {
        let (to, wallet, coins) = (addresses(), wallet(), [coin(1, 1_000_000, CONFIRMED)]);
        let payment =
            Payment { wallet: &wallet, number: 4, feerate: FeeRate::from_sat_per_kvb(10_000) };
        let batch = Batch::of(
            &[payable(&to, 1, 0, 10_000), payable(&to, 2, 1, 20_000)],
            OutputsMax::default(),
        );
        let draft = batch.plan(payment, &purse(&coins)).expect("enough");
        let unsigned = Unsigned::of(&draft).expect("fine");
        assert_eq!(
            (unsigned.draft(), unsigned.weight(wallet.spend()).to_vbytes_ceil()),
            (&draft, draft.vbytes),
            "in order, and measured"
        );
        assert_eq!(unsigned.fee(), payment.feerate.fee_of(draft.vbytes));
        let amounts: Vec<u128> =
            draft.outputs.iter().map(|output| output.amount.base_units()).collect();
        assert_eq!(amounts, [10_000, 20_000, 970_000 - unsigned.fee().base_units()]);
        assert_eq!(
            Batch::of(&[], OutputsMax::default()).plan(payment, &purse(&coins)),
            Err(Unplanned::Empty)
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_payout_is_lost_or_doubled(
            asked in prop::collection::vec((0u128..12, 0usize..8, 5_460u128..100_000), 0..30),
            most in 1u16..6,
            rate in 1_000u64..20_000,
        ) {
            let (to, wallet) = (addresses(), wallet());
            let payables: Vec<Payable> = asked.iter().map(|(payout, place, amount)| payable(&to, *payout, *place, *amount)).collect();
            let batch = Batch::of(&payables, OutputsMax::new(most).expect("allowed"));
            let paid: Vec<(PayoutId, Amount)> = batch.outputs.iter().flat_map(|output| output.payouts.clone()).collect();
            let all: BTreeSet<PayoutId> = payables.iter().map(|payable| payable.payout).collect();
            let mut together: Vec<PayoutId> = paid.iter().map(|(payout, _)| *payout).chain(batch.later.iter().copied()).collect();
            together.sort_unstable();
            prop_assert_eq!(together, all.into_iter().collect::<Vec<_>>());
            for (payout, amount) in &paid {
                let first = payables.iter().find(|payable| payable.payout == *payout).expect("asked for");
                prop_assert_eq!(first.amount, *amount);
            }
            let coins = [coin(1, 2_000_000, CONFIRMED), coin(2, 900_000, CONFIRMED)];
            let payment = Payment { wallet: &wallet, number: 9, feerate: FeeRate::from_sat_per_kvb(rate) };
            if let Ok(draft) = batch.plan(payment, &purse(&coins)) {
                let unsigned = Unsigned::of(&draft).expect("fine");
                prop_assert_eq!(draft.payouts().count(), paid.len());
                prop_assert_eq!(draft.paid_total(), money::sum(paid.iter().map(|(_, amount)| *amount)));
                prop_assert!(FeeRate::paid(unsigned.fee(), unsigned.weight(wallet.spend()).to_vbytes_ceil()) >= payment.feerate);
            }
        }
    }
}
