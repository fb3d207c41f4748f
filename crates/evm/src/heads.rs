//! Where the chain stands: the head that enough endpoints have reached, what is final, and what to
//! offer.

use std::sync::Arc;

use adit_chain::{Call, Endpoint, Fault, Said};
use adit_core::{
    BlockRef, EndpointName, EvmFees, EvmMarket, Finality, Market, Mistake, Timestamp, Tip, planted,
};
use alloy::primitives::U256;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::fee;
use crate::node::{Node, block_at};
use crate::rpc::{Block, height};

/// Blocks whose tips are looked at where a node suggests none.
const FEE_HISTORY_BLOCKS: u64 = 5;
const FEE_HISTORY_PERCENTILE: u64 = 50;

/// The chain's state, as a quorum says.
pub(crate) struct Heads {
    pub tip: Tip,
    pub witnesses: Vec<EndpointName>,
}

/// What one endpoint says.
#[derive(Debug, Clone)]
struct View {
    head: Block,
    /// None where the node knows no finalised block.
    finalized: Option<u64>,
    next_base_fee: u128,
    tip: Option<u128>,
    /// What it asks where blocks have no base fee.
    gas_price: Option<u128>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FeeHistory {
    base_fee_per_gas: Vec<U256>,
    #[serde(default)]
    reward: Option<Vec<Vec<U256>>>,
}

impl Node {
    /// # Errors
    /// [`Fault`], when too few endpoints answer or those that have reached the same height have
    /// other blocks there.
    pub(crate) async fn heads(&self) -> Result<Heads, Fault> {
        let said = self
            .quorum
            .gather("the head", async |endpoint: Arc<Endpoint>| view(&endpoint).await)
            .await?;
        let height = self.common_height(&said);
        let (head, witnesses) = self.head_at(height, &said).await?;
        let final_height = self.final_height(head.height, &said)?;
        let base_fee_per_gas = middle(&said, |view| view.head.base_fee_per_gas.map_or(0, small));
        let seconds = middle(&said, |view| view.head.timestamp.to::<u128>());
        let mined_at = Timestamp::from_seconds(i64::try_from(seconds).unwrap_or(i64::MAX));
        let market = Market::Evm(EvmMarket { base_fee_per_gas, fees: self.fees(&said) });
        let tip = Tip { head, final_height, market, mined_at, at: mined_at };
        Ok(Heads { tip, witnesses })
    }

    /// The highest that enough have reached. A liar who claims more is alone with it.
    fn common_height(&self, said: &Said<View>) -> u64 {
        self.reached_by_enough(
            said.answers.iter().map(|(_, view)| view.head.number.to::<u64>()).collect(),
        )
    }

    /// Of numbers that grow: the largest that at least `needed` endpoints have reached; 0 when
    /// fewer answered.
    fn reached_by_enough(&self, mut numbers: Vec<u64>) -> u64 {
        numbers.sort_unstable_by(|a, b| b.cmp(a));
        numbers.get(self.quorum.needed() - 1).copied().unwrap_or(0)
    }

    async fn head_at(
        &self,
        height: u64,
        said: &Said<View>,
    ) -> Result<(BlockRef, Vec<EndpointName>), Fault> {
        let there = said.answers.iter().filter(|(_, view)| view.head.number.to::<u64>() == height);
        let heads: Vec<_> = there.map(|(name, view)| (name.clone(), view.head.at())).collect();
        if let Some(agreed) = adit_chain::tally(&heads, self.quorum.needed()) {
            return Ok((agreed.value, agreed.witnesses));
        }
        let agreed = self
            .ask::<Block>(&format!("block {height}"), block_at(&crate::rpc::height(height)))
            .await?;
        if agreed.value.number.to::<u64>() == height {
            return Ok((agreed.value.at(), agreed.witnesses));
        }
        let detail =
            format!("asked for block {height}, they answered block {}", agreed.value.number);
        Err(Fault::Malformed {
            endpoint: agreed.witnesses[0].clone(),
            method: "eth_getBlockByNumber".to_owned(),
            detail,
        })
    }

    fn final_height(&self, head: u64, said: &Said<View>) -> Result<u64, Fault> {
        match self.config.finality {
            Finality::Depth { blocks } => Ok(head.saturating_sub(u64::from(blocks))),
            Finality::Tag => {
                let tags: Vec<u64> =
                    said.answers.iter().filter_map(|(_, view)| view.finalized).collect();
                let (answered, needed) = (tags.len(), self.quorum.needed());
                if answered < needed {
                    let detail =
                        "too few know a finalised block; wait for one, or configure a depth"
                            .to_owned();
                    return Err(Fault::Unreachable {
                        chain: self.config.name.to_string(),
                        answered,
                        needed,
                        detail,
                    });
                }
                if planted(Mistake::BelievesHighestFinal) {
                    return Ok(tags.into_iter().max().unwrap_or(0).min(head));
                }
                Ok(self.reached_by_enough(tags).min(head))
            }
        }
    }

    fn fees(&self, said: &Said<View>) -> EvmFees {
        let without: Vec<&View> =
            views(said).filter(|view| view.head.base_fee_per_gas.is_none()).collect();
        if without.len() >= self.quorum.needed() {
            let prices: Vec<u128> = without.iter().filter_map(|view| view.gas_price).collect();
            return fee::suggest_price(&prices, self.config.priority_fee_floor);
        }
        let tips: Vec<u128> = said.answers.iter().filter_map(|(_, view)| view.tip).collect();
        fee::suggest(middle(said, |view| view.next_base_fee), &tips, self.config.priority_fee_floor)
    }
}

async fn view(endpoint: &Endpoint) -> Result<View, Fault> {
    let calls = [
        block_at("latest"),
        block_at("finalized"),
        Call::new("eth_maxPriorityFeePerGas", json!([])),
        Call::new(
            "eth_feeHistory",
            json!([height(FEE_HISTORY_BLOCKS), "latest", [FEE_HISTORY_PERCENTILE]]),
        ),
    ];
    let mut answers = endpoint.batch(&calls).await?.into_iter();
    let mut next = || answers.next().expect("each question has its answer");
    let head: Block = endpoint.read("eth_getBlockByNumber", next())?;
    // A chain without the tag, or before its first final block, has no such block: that is no
    // malformed answer.
    let finalized = match next() {
        Ok(Value::Null) | Err(_) => None,
        known => Some(endpoint.read::<Block>("eth_getBlockByNumber", known)?.number.to()),
    };
    let suggested: Option<U256> = endpoint.read("eth_maxPriorityFeePerGas", next()).ok();
    let history: Option<FeeHistory> = endpoint.read("eth_feeHistory", next()).ok();
    let newest = history.as_ref().and_then(|history| history.base_fee_per_gas.last().copied());
    let next_base_fee = small(newest.or(head.base_fee_per_gas).unwrap_or_default());
    let tip = suggested.map(small).or_else(|| history.as_ref().and_then(paid_tip));
    let gas_price = match head.base_fee_per_gas {
        Some(_) => None,
        None => endpoint.ask::<U256>(Call::new("eth_gasPrice", json!([]))).await.ok().map(small),
    };
    Ok(View { head, finalized, next_base_fee, tip, gas_price })
}

fn views(said: &Said<View>) -> impl Iterator<Item = &View> {
    said.answers.iter().map(|(_, view)| view)
}

/// The median of what they say; of two, the smaller.
fn middle(said: &Said<View>, value: impl Fn(&View) -> u128) -> u128 {
    let values: Vec<u128> = said.answers.iter().map(|(_, view)| value(view)).collect();
    fee::lower_median(&values).unwrap_or(0)
}

/// The median of what the last blocks' transactions paid.
fn paid_tip(history: &FeeHistory) -> Option<u128> {
    let mut paid: Vec<u128> = history
        .reward
        .as_ref()?
        .iter()
        .filter_map(|tips| tips.first().copied().map(small))
        .collect();
    paid.sort_unstable();
    paid.get(paid.len() / 2).copied()
}

fn small(value: U256) -> u128 {
    u128::try_from(value).unwrap_or(u128::MAX)
}
