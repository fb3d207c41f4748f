//! A payment of nothing to the wallet itself: it uses up a nonce. What it takes differs from chain
//! to chain (case F103).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use adit_chain::{Call, Endpoint};
use adit_core::{Amount, Bytes, Destination, EvmDraft, EvmFees};
use alloy::primitives::{Address, U64};
use serde_json::json;

use crate::draft::Form;
use crate::node::Node;
use crate::plan::gas_limit;

/// What any transaction takes at least (Yellow Paper, G_transaction), and on most chains exactly
/// what this one takes. Chains that charge for publishing its data in gas take more (Arbitrum,
/// Mantle).
pub(crate) const SELF_TRANSFER_GAS: u64 = 21_000;

/// The last limit that endpoints gave.
pub(crate) struct LastLimit(AtomicU64);

impl Default for LastLimit {
    fn default() -> Self {
        Self(AtomicU64::new(SELF_TRANSFER_GAS))
    }
}

impl Node {
    /// Returns the gas limit of a self-transfer: by the highest estimate among a quorum, and never
    /// below the least of any transaction. Where too few endpoints answer, the last limit that is
    /// known: a cancel does not wait for them.
    pub(crate) async fn self_transfer_limit(&self, wallet: Address) -> u64 {
        let nothing = json!({ "from": wallet, "to": wallet, "value": "0x0" });
        let call = Call::new("eth_estimateGas", json!([nothing]));
        let question = async |endpoint: Arc<Endpoint>| endpoint.ask::<U64>(call.clone()).await;
        match self.quorum.gather("the gas of a self-transfer", question).await {
            Ok(said) => {
                let highest = said.answers.iter().map(|(_, gas)| gas.to::<u64>()).max();
                let limit = limit(highest.unwrap_or(SELF_TRANSFER_GAS));
                self.last_limit.0.store(limit, Ordering::Relaxed);
                limit
            }
            Err(fault) => {
                let limit = self.last_limit.0.load(Ordering::Relaxed);
                tracing::warn!(
                    chain = %self.config.name,
                    %fault,
                    limit,
                    "a self-transfer is not estimated"
                );
                limit
            }
        }
    }
}

/// Where it takes what it takes everywhere, exactly that; what moves with the price of data gets a
/// margin.
fn limit(estimate: u64) -> u64 {
    if estimate <= SELF_TRANSFER_GAS { SELF_TRANSFER_GAS } else { gas_limit(estimate) }
}

pub(crate) fn self_transfer(
    form: Form,
    wallet: &Destination,
    nonce: u64,
    fees: EvmFees,
    gas_limit: u64,
) -> EvmDraft {
    form.draft(wallet.clone(), Amount::ZERO, Bytes::default(), nonce, gas_limit, fees)
}

/// Whether a draft is one.
pub(crate) fn is_self_transfer(draft: &EvmDraft, wallet: &Destination) -> bool {
    draft.to == *wallet && draft.value.is_zero() && draft.input.0.is_empty()
}

#[cfg(test)]
mod tests {
    use adit_core::EvmPricing;

    use super::*;

    /// A fill of a nonce moves nothing, to the wallet itself.
    #[test]
    fn a_self_transfer_moves_nothing() {
        let wallet: Destination =
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed".parse().expect("a name");
        let fees = EvmFees { max_fee_per_gas: 9, max_priority_fee_per_gas: 3 };
        let fill = self_transfer(
            Form { chain_id: 7, pricing: EvmPricing::Dynamic },
            &wallet,
            11,
            fees,
            30_000,
        );
        assert_eq!((fill.chain_id, fill.nonce, fill.gas_limit, fill.fees), (7, 11, 30_000, fees));
        assert!(is_self_transfer(&fill, &wallet));
        let other: Destination =
            "0x70997970C51812dc3A010C7d01b50e0d17dc79C8".parse().expect("a name");
        assert!(!is_self_transfer(&fill, &other));
        assert!(!is_self_transfer(&EvmDraft { value: Amount::new(1), ..fill.clone() }, &wallet));
        assert!(!is_self_transfer(&EvmDraft { input: Bytes(vec![0]), ..fill }, &wallet));
    }

    #[test]
    fn f103_the_limit_is_the_floor_or_an_estimate_with_its_margin() {
        for estimate in [0, 1, 20_999, 21_000] {
            assert_eq!(limit(estimate), 21_000);
        }
        assert_eq!(limit(21_001), gas_limit(21_001));
        assert_eq!(limit(u64::MAX), u64::MAX);
    }
}
