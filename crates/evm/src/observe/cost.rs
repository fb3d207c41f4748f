//! What a final transaction cost: as its receipt tells, else as its block and the wallet's balance
//! show (case F90).

use std::sync::Arc;

use adit_chain::{Agreed, Call, Endpoint, Fault};
use adit_core::{BlockRef, EvmDraft, FeeKnown, LegEffect, Receipt};
use alloy::primitives::{Address, U256};
use serde_json::json;

use crate::address_of;
use crate::node::{Node, read_known};
use crate::paid::{Bid, Fee, Part};
use crate::rpc::{TxReceipt, height};

impl Node {
    /// What is kept of a final receipt. The fee may be in doubt, and then says so; what was done is
    /// not.
    ///
    /// # Errors
    /// [`Fault`] when too few endpoints answer at all.
    pub(super) async fn receipt(
        &self,
        wallet: Address,
        draft: &EvmDraft,
        agreed: &Agreed<TxReceipt>,
        effects: Vec<LegEffect>,
    ) -> Result<Receipt, Fault> {
        let receipt = &agreed.value;
        let base_fee = self.base_fee_if_asked(receipt).await?;
        let mut fee = Fee::told(&receipt.costs, Bid { draft, base_fee }, self.config.op_stack);
        let fee_known = self.known(&mut fee, wallet, draft, receipt).await?;
        let (hash, block) = (receipt.hash(), receipt.block());
        if !fee_known.is_agreed() {
            tracing::warn!(chain = %self.config.name, %hash, "network fee in doubt: {fee_known}");
        }
        Ok(Receipt {
            hash,
            block,
            effects,
            network_fee: fee.total,
            fee_parts: fee.parts,
            fee_known,
        })
    }

    /// How well the fee is known; what nobody tells is derived where that is unambiguous.
    async fn known(
        &self,
        fee: &mut Fee,
        wallet: Address,
        draft: &EvmDraft,
        receipt: &TxReceipt,
    ) -> Result<FeeKnown, Fault> {
        if fee.unknown.is_empty() {
            let said = std::mem::take(&mut fee.differs);
            return Ok(if said.is_empty() { FeeKnown::Agreed } else { FeeKnown::Differs { said } });
        }
        let parts: Vec<String> =
            fee.unknown.iter().copied().map(Part::label).map(str::to_owned).collect();
        let sent = receipt.succeeded() && address_of(&draft.to) != Some(wallet);
        let sent = if sent { U256::from(draft.value.base_units()) } else { U256::ZERO };
        let lost = self.lost_alone(wallet, receipt.block()).await?;
        let derived =
            lost.and_then(|lost| lost.checked_sub(sent)).is_some_and(|lost| fee.derive(lost));
        Ok(if derived { FeeKnown::Derived { parts } } else { FeeKnown::Unknown { parts } })
    }

    /// The base fee of the receipt's block, where an endpoint does not tell the price.
    async fn base_fee_if_asked(&self, receipt: &TxReceipt) -> Result<Option<U256>, Fault> {
        let told = receipt
            .costs
            .iter()
            .all(|(_, cost)| cost.effective_gas_price.or(cost.gas_price).is_some());
        if told {
            return Ok(None);
        }
        let block = self.blocks_at(&[receipt.block().height]).await?.into_iter().next().flatten();
        let block = block.filter(|block| block.value.at() == receipt.block());
        Ok(block.and_then(|block| block.value.base_fee_per_gas))
    }

    /// What the wallet lost in a block, where exactly one transaction of it is there. None where
    /// several are, where endpoints keep no state of that age, or where it did not lose anything.
    async fn lost_alone(&self, wallet: Address, block: BlockRef) -> Result<Option<U256>, Fault> {
        let Some(before) = block.height.checked_sub(1) else { return Ok(None) };
        let ask = |method, at: u64| Call::new(method, json!([wallet, height(at)]));
        let both = |method| [ask(method, before), ask(method, block.height)];
        let calls: Vec<Call> =
            ["eth_getBalance", "eth_getTransactionCount"].into_iter().flat_map(both).collect();
        let question = async |endpoint: Arc<Endpoint>| read_known::<U256>(&endpoint, &calls).await;
        let agreed =
            self.quorum.ask_each("the wallet around a block", calls.len(), question).await?;
        let known: Vec<U256> = agreed.into_iter().flatten().map(|agreed| agreed.value).collect();
        let &[held, holds, counted, counts] = known.as_slice() else { return Ok(None) };
        let alone = counted.checked_add(U256::from(1)) == Some(counts);
        Ok(held.checked_sub(holds).filter(|_| alone))
    }
}
