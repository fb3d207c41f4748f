//! The precheck: whether the chain would carry payments now, and with how much gas. All that can
//! refuse is asked here, before anything is reserved.

use std::collections::BTreeMap;
use std::sync::Arc;

use adit_chain::{Endpoint, Fault, Obstacle, PlanRequest, Planning, Ready, Said};
use adit_core::{Amount, AssetId, Draft, EvmFees, Leg};
use alloy::primitives::{Address, Bytes, U256, address, keccak256};
use alloy::sol;
use alloy::sol_types::SolCall;

use crate::address_of;
use crate::chain::evm_fees;
use crate::config::{Payable, Paying};
use crate::draft::{Form, Message};
use crate::node::Node;
use crate::rpc::height;
use crate::self_transfer::SELF_TRANSFER_GAS;
use crate::simulate::{Outcome, Trial, try_all};

/// Gas on top of the estimate: one cold storage slot (EIP-2929: 22,100) that an earlier payment to
/// the same recipient had warmed in the simulation, and would not have if it were cancelled.
pub const GAS_MARGIN: u64 = 25_000;

/// What an OP stack chain's own oracle says a transaction's data will cost.
const GAS_PRICE_ORACLE: Address = address!("420000000000000000000000000000000000000F");
/// A token transfer is some 180 bytes when signed.
const TRANSFER_BYTES: u64 = 250;
/// The L1 base fee may rise before the transaction is included.
const DATA_FEE_TIMES: u64 = 2;

sol! {
    interface GasPriceOracle {
        function getL1FeeUpperBound(uint256 unsignedTxSize) external view returns (uint256);
    }
}

/// The estimate and a quarter: gas used is reported after refunds, which are at most a fifth
/// (EIP-3529).
pub fn gas_limit(estimate: u64) -> u64 {
    estimate.saturating_add(estimate / 4).saturating_add(GAS_MARGIN)
}

/// What gas costs at most.
#[derive(Clone, Copy)]
struct Price {
    fees: EvmFees,
    /// On top for each transaction, in wei.
    data_fee: U256,
}

/// What is left of the wallet while the payments are counted off in order.
#[derive(Clone)]
struct Purse {
    native: AssetId,
    coins: U256,
    tokens: BTreeMap<AssetId, Amount>,
}

impl Node {
    /// # Errors
    /// [`Fault`].
    pub(crate) async fn plan(
        &self,
        request: &PlanRequest<'_>,
        wallet: Address,
        payable: &[Payable],
    ) -> Result<Planning, Fault> {
        let at = self.funds_height(request.booked).await?;
        let purse = self.purse(wallet, payable, at).await?.without(&request.committed);
        let fees = evm_fees(request.offer);
        let price = Price { fees, data_fee: self.data_fee(at).await? };
        let mut first = purse.clone();
        let considered: Vec<Result<Trial, Obstacle>> =
            request.legs.iter().map(|leg| first.consider(leg, payable, price)).collect();
        let trials: Vec<Trial> =
            considered.iter().filter_map(|trial| trial.as_ref().ok().copied()).collect();
        let outcomes = self.outcomes(wallet, &trials, at).await?;
        let counted = counted(purse, price, &request.legs, considered, outcomes);
        Ok(numbered(self.form().await?, request, fees, counted))
    }

    /// Whether the asset moves at all: a tiny transfer to nobody in particular.
    ///
    /// # Errors
    /// [`Fault`] when nobody could say.
    pub(crate) async fn probe(&self, wallet: Address, asset: &Payable) -> Result<bool, Fault> {
        let at = self.heads().await?.tip.head.height;
        let held = self.funds(wallet, std::slice::from_ref(asset), at).await?.assets;
        let amount =
            held.first().map_or(Amount::ZERO, |reading| reading.balance).min(Amount::new(1));
        let nobody = Address::from_word(keccak256("adit: nobody in particular"));
        let trial = Trial { paying: asset.paying, to: nobody, amount };
        let said = self.trials(wallet, &[trial], at).await?;
        let failing = said
            .answers
            .iter()
            .filter(|(_, outcomes)| matches!(outcomes[0], Outcome::Fails { .. }))
            .count();
        Ok(failing < self.quorum.needed())
    }

    async fn trials(
        &self,
        wallet: Address,
        trials: &[Trial],
        at: u64,
    ) -> Result<Said<Vec<Outcome>>, Fault> {
        let question = async |endpoint: Arc<Endpoint>| try_all(&endpoint, wallet, trials, at).await;
        self.quorum.gather("a trial of payments", question).await
    }

    async fn outcomes(
        &self,
        wallet: Address,
        trials: &[Trial],
        at: u64,
    ) -> Result<Vec<Outcome>, Fault> {
        if trials.is_empty() {
            return Ok(Vec::new());
        }
        let said = self.trials(wallet, trials, at).await?;
        Ok((0..trials.len()).map(|index| combined(&said, index, self.quorum.needed())).collect())
    }

    async fn purse(&self, wallet: Address, payable: &[Payable], at: u64) -> Result<Purse, Fault> {
        let funds = self.funds(wallet, payable, at).await?;
        let native = payable
            .iter()
            .find(|asset| asset.paying == Paying::Native)
            .map(|asset| asset.asset.clone());
        let native = native.unwrap_or_else(|| AssetId::new("native").expect("a name"));
        let Some(coins) = funds.native else {
            let detail = "too few agree on the wallet's native balance".to_owned();
            return Err(Fault::Disagreement {
                chain: self.config.name.to_string(),
                subject: "balances".to_owned(),
                detail,
            });
        };
        let tokens = payable.iter().filter(|asset| asset.paying != Paying::Native);
        let read = tokens
            .filter_map(|asset| funds.assets.iter().find(|reading| reading.asset == asset.asset));
        Ok(Purse {
            native,
            coins,
            tokens: read.map(|reading| (reading.asset.clone(), reading.balance)).collect(),
        })
    }

    /// What publishing one payment's data may cost; zero on chains without such a fee (window F90).
    async fn data_fee(&self, at: u64) -> Result<U256, Fault> {
        if !self.config.op_stack {
            return Ok(U256::ZERO);
        }
        let input: Bytes =
            GasPriceOracle::getL1FeeUpperBoundCall { unsignedTxSize: U256::from(TRANSFER_BYTES) }
                .abi_encode()
                .into();
        let word = self.view("the data fee", GAS_PRICE_ORACLE, input, &height(at)).await?.value;
        Ok(U256::try_from_be_slice(&word)
            .unwrap_or_default()
            .saturating_mul(U256::from(DATA_FEE_TIMES)))
    }
}

/// Counts the payments off again, now that their gas is known. Gives the gas limit of each.
fn counted(
    mut purse: Purse,
    price: Price,
    legs: &[Leg],
    considered: Vec<Result<Trial, Obstacle>>,
    outcomes: Vec<Outcome>,
) -> Vec<Result<(Trial, u64), Obstacle>> {
    let mut outcomes = outcomes.into_iter();
    let mut count = |(leg, considered): (&Leg, Result<Trial, Obstacle>)| {
        let trial = considered?;
        match outcomes.next().expect("each trial has its outcome") {
            Outcome::Fails { reason } => Err(Obstacle::WouldFail { reason }),
            Outcome::Untold { reason } => Err(Obstacle::Untold { reason }),
            Outcome::Unclear { reason } => Err(Obstacle::Unclear { reason }),
            Outcome::Fine { gas } => {
                let limit = gas_limit(gas);
                purse.pay(&leg.asset, &trial, price.of(limit)).map(|()| (trial, limit))
            }
        }
    };
    legs.iter().zip(considered).map(&mut count).collect()
}

/// Ready only when enough say so; and then with the largest estimate.
fn combined(said: &Said<Vec<Outcome>>, index: usize, needed: usize) -> Outcome {
    let outcomes = || said.answers.iter().map(|(_, outcomes)| &outcomes[index]);
    let estimates: Vec<u64> = outcomes()
        .filter_map(|outcome| if let Outcome::Fine { gas } = outcome { Some(*gas) } else { None })
        .collect();
    if estimates.len() >= needed {
        return Outcome::Fine { gas: estimates.into_iter().max().unwrap_or(0) };
    }
    let fails = |outcome: &Outcome| {
        if let Outcome::Fails { reason } = outcome { Some(reason.clone()) } else { None }
    };
    let untold = |outcome: &Outcome| {
        if let Outcome::Untold { reason } = outcome { Some(reason.clone()) } else { None }
    };
    let failing: Vec<String> = outcomes().filter_map(fails).collect();
    let reason =
        failing.first().cloned().or_else(|| outcomes().find_map(untold)).unwrap_or_default();
    match estimates.len() {
        0 if failing.len() >= needed => Outcome::Fails { reason },
        0 => Outcome::Untold { reason },
        _ => Outcome::Unclear {
            reason: format!("the endpoints disagree: some would carry it, some say: {reason}"),
        },
    }
}

impl Purse {
    /// Less what unmined payments may still take.
    fn without(mut self, committed: &BTreeMap<AssetId, Amount>) -> Self {
        for (asset, amount) in committed {
            match self.tokens.get_mut(asset) {
                Some(held) => *held = held.saturating_sub(*amount),
                None if *asset == self.native => {
                    self.coins = self.coins.saturating_sub(U256::from(amount.base_units()))
                }
                None => {}
            }
        }
        self
    }

    /// Counts a payment and the most that its gas may cost off, or says what is missing.
    fn pay(&mut self, asset: &AssetId, trial: &Trial, cost: U256) -> Result<(), Obstacle> {
        let (coins, tokens) = match trial.paying {
            Paying::Native => {
                (cost.saturating_add(U256::from(trial.amount.base_units())), Amount::ZERO)
            }
            Paying::Token(_) => (cost, trial.amount),
        };
        let held = self.tokens.get(asset).copied().unwrap_or(Amount::ZERO);
        let Some(rest) = held.checked_sub(tokens) else {
            return Err(Obstacle::Unfunded { asset: asset.clone(), needed: tokens, held });
        };
        let Some(left) = self.coins.checked_sub(coins) else {
            return Err(Obstacle::Unfunded {
                asset: self.native.clone(),
                needed: narrowed(coins),
                held: narrowed(self.coins),
            });
        };
        self.coins = left;
        self.tokens.insert(asset.clone(), rest);
        Ok(())
    }

    /// Whether the payment is worth trying: it can be read, and there is enough for it and for the
    /// gas of any transaction.
    fn consider(
        &mut self,
        leg: &Leg,
        payable: &[Payable],
        price: Price,
    ) -> Result<Trial, Obstacle> {
        let refused = |reason: String| Err(Obstacle::WouldFail { reason });
        let Some(asset) = payable.iter().find(|asset| asset.asset == leg.asset) else {
            return refused(format!("{} is not an asset of this chain; configure it", leg.asset));
        };
        let Some(to) = address_of(&leg.destination) else {
            return refused(format!("{} is not an address", leg.destination));
        };
        if asset.paying != Paying::Native && !self.tokens.contains_key(&leg.asset) {
            return Err(Obstacle::Unclear {
                reason: format!("the wallet's balance of {} could not be read", leg.asset),
            });
        }
        let trial = Trial { paying: asset.paying, to, amount: leg.amount };
        self.pay(&leg.asset, &trial, price.of(SELF_TRANSFER_GAS)).map(|()| trial)
    }
}

/// Transactions at consecutive nonces for those that can be paid.
fn numbered(
    form: Form,
    request: &PlanRequest<'_>,
    fees: EvmFees,
    counted: Vec<Result<(Trial, u64), Obstacle>>,
) -> Planning {
    let mut planning = Planning::default();
    let mut nonces = request.first..;
    for (leg, counted) in request.legs.iter().zip(counted) {
        match counted {
            Ok((Trial { paying, to, amount }, gas)) => {
                let nonce = nonces.next().expect("nonces do not run out");
                let draft = Message::paying(paying, to, amount).draft(form, nonce, gas, fees);
                planning.ready.push(Ready { legs: vec![leg.clone()], draft: Draft::Evm(draft) });
            }
            Err(obstacle) => planning.waiting.push((leg.clone(), obstacle)),
        }
    }
    planning
}

impl Price {
    /// The most that so much gas may cost, in wei.
    fn of(self, gas: u64) -> U256 {
        U256::from(gas)
            .saturating_mul(U256::from(self.fees.max_fee_per_gas))
            .saturating_add(self.data_fee)
    }
}

/// Only for telling: more than 128 bits of wei do not exist.
fn narrowed(coins: U256) -> Amount {
    crate::rpc::amount(coins).unwrap_or(Amount::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(outcomes: &[Outcome]) -> Said<Vec<Outcome>> {
        let name =
            |index: usize| adit_core::EndpointName::new(format!("e{index}")).expect("a name");
        Said {
            answers: outcomes
                .iter()
                .enumerate()
                .map(|(index, outcome)| (name(index), vec![outcome.clone()]))
                .collect(),
            faults: Vec::new(),
        }
    }

    #[test]
    fn one_yes_is_not_enough_and_the_largest_estimate_counts() {
        let fine = |gas| Outcome::Fine { gas };
        let fails = Outcome::Fails { reason: "paused".to_owned() };
        assert_eq!(combined(&said(&[fine(5), fine(9), fails.clone()]), 0, 2), fine(9));
        assert!(
            matches!(combined(&said(&[fine(5), fails.clone()]), 0, 2), Outcome::Unclear { reason } if reason.contains("disagree"))
        );
        assert_eq!(combined(&said(&[fails.clone(), fails.clone()]), 0, 2), fails);
    }

    proptest! {
        #[test]
        fn the_limit_covers_refunds_and_a_cold_slot(estimate in 21_000u64..30_000_000) {
            prop_assert!(gas_limit(estimate) >= estimate + estimate / 4 + 22_100);
        }
    }
}
