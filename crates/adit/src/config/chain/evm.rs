//! EVM chains: nonces, gas, and JSON-RPC endpoints.

use adit_core::{ATTEMPTS_MAX_LEAST, Amount, AssetId, ChainName, Finality, Span, Trust};

use super::{Chain, Of, SECONDS_MAX, head_age, sources};
use crate::config::address::{ADDRESS_FORM, address};
use crate::config::hidden::Hidden;
use crate::config::section::Section;

/// Decimals of a gwei in wei, and of an EVM chain's native coin.
const GWEI_DECIMALS: u8 = 9;
pub const NATIVE_DECIMALS: u8 = 18;
/// 2^53 - 1: wallets read a claim's chain id from a JSON number, and JavaScript knows no larger
/// ones exactly.
const CHAIN_ID_MAX: u64 = (1 << 53) - 1;
/// 300 gwei: Ethereum on its busy days. What costs more waits.
const FEE_PER_GAS_MAX: Amount = Amount::new(300_000_000_000);
/// 0.05 ETH.
const FEE_PER_TRANSACTION_MAX: Amount = Amount::new(50_000_000_000_000_000);
/// A chain whose newest block is older stands still, as far as its endpoints show. Base makes one
/// every 2 seconds, Ethereum every 12.
const HEAD_AGE_SECONDS_MAX: u64 = 120;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvmChain {
    pub chain_id: u64,
    /// They may carry keys.
    pub rpc: Vec<Hidden>,
    pub op_stack: bool,
    pub lower_case_addresses: bool,
}

pub fn read(section: &Section<'_>, trust: Trust, named: Option<ChainName>) -> Option<Chain> {
    section.require("chain_id", "the id that its nodes answer to eth_chainId, like 8453");
    let chain_id = section.number("chain_id", 1..=CHAIN_ID_MAX);
    let rpc = sources::read(section, "rpc", trust);
    sources::enough(
        section,
        "rpc",
        rpc.len(),
        trust,
        "INFURA_PROJECT_ID, ALCHEMY_API_KEY, BASE_RPC_ENDPOINT, or by ADIT_EVM_RPC",
    );
    let of = EvmChain {
        chain_id: chain_id.unwrap_or(0),
        rpc,
        op_stack: section.flag("op_stack").unwrap_or(false),
        lower_case_addresses: section.flag("lower_case_addresses").unwrap_or(false),
    };
    let fee_per_gas_max =
        section.amount("fee_per_gas_max_gwei", GWEI_DECIMALS).unwrap_or(FEE_PER_GAS_MAX);
    let chain = Chain {
        trust,
        confirmations: section.number("confirmations", 1..=1_000).unwrap_or(2),
        finality: read_finality(section),
        block_time: section
            .seconds("block_time_seconds", 0..=SECONDS_MAX)
            .unwrap_or(Span::from_seconds(2)),
        in_flight_max: section.number("in_flight_max", 1..=10_000).unwrap_or(16),
        slow_start: section.flag("slow_start").unwrap_or(true),
        attempts_max: section.number("attempts_max", ATTEMPTS_MAX_LEAST.into()..=100).unwrap_or(10),
        bump_after: section
            .seconds("bump_after_seconds", 1..=SECONDS_MAX)
            .unwrap_or(Span::from_seconds(60)),
        rebroadcast_after: section
            .seconds("rebroadcast_after_seconds", 1..=SECONDS_MAX)
            .unwrap_or(Span::from_seconds(30)),
        offer_max: fee_per_gas_max.base_units(),
        fee_per_transaction_max: section
            .amount("fee_per_transaction_max", NATIVE_DECIMALS)
            .unwrap_or(FEE_PER_TRANSACTION_MAX),
        fee_share_max: None,
        patience: None,
        batching: None,
        consolidation: None,
        precheck_tries_max: section.number("precheck_tries_max", 1..=1_000).unwrap_or(5),
        head_age_max: head_age(section, HEAD_AGE_SECONDS_MAX),
        blocks_on_demand: section.flag("blocks_on_demand").unwrap_or(false),
        precheck_backoff: section
            .seconds("precheck_backoff_seconds", 1..=SECONDS_MAX)
            .unwrap_or(Span::from_seconds(5)),
        native: section
            .typed("native", "an asset's name")
            .unwrap_or(AssetId::new("ETH").expect("a constant name")),
        wallet: section.read("wallet", ADDRESS_FORM, |value| address(value.as_str()?)),
        of: Of::Evm(of),
        name: named?,
    };
    Some(chain)
}

fn read_finality(section: &Section<'_>) -> Finality {
    let allowed = "\"finalized\" (the node's tag), or a number of blocks from 1 to 100000";
    let finality = section.read("finality", allowed, |value| match value.as_integer() {
        Some(blocks) => u32::try_from(blocks)
            .ok()
            .filter(|blocks| (1..=100_000).contains(blocks))
            .map(|blocks| Finality::Depth { blocks }),
        None => (value.as_str() == Some("finalized")).then_some(Finality::Tag),
    });
    finality.unwrap_or(Finality::Tag)
}
