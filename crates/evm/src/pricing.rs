//! How a chain's transactions offer fees: with a base fee in its blocks (EIP-1559), or by a gas
//! price alone.

use adit_chain::Fault;
use adit_core::EvmPricing;

use crate::draft::Form;
use crate::node::{Node, block_at};
use crate::rpc::{Block, height};

impl Node {
    /// Returns what a quorum says at the head. It is pinned with the chain's other facts, and asked
    /// with them.
    ///
    /// # Errors
    /// [`Fault`].
    pub(crate) async fn pricing_now(&self) -> Result<EvmPricing, Fault> {
        let head = self.heads().await?.tip.head.height;
        let block =
            self.ask::<Block>(&format!("block {head}"), block_at(&height(head))).await?.value;
        Ok(if block.base_fee_per_gas.is_some() { EvmPricing::Dynamic } else { EvmPricing::Legacy })
    }

    /// Returns the form of this chain's transactions, as it was first said to this process. A chain
    /// that takes up base fees goes on to take legacy transactions.
    ///
    /// # Errors
    /// [`Fault`], where nobody has said it yet.
    pub(crate) async fn form(&self) -> Result<Form, Fault> {
        let pricing = match self.pricing.get() {
            Some(known) => *known,
            None => {
                let now = self.pricing_now().await?;
                *self.pricing.get_or_init(|| now)
            }
        };
        Ok(Form { chain_id: self.config.chain_id, pricing })
    }
}
