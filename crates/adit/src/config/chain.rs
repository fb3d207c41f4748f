//! `[chains.NAME]`: how a chain is reached, what is believed of it, and how its transactions are driven.

use adit_core::{Amount, AssetId, ChainName, Destination, Finality, Span, Trust};

use super::address::{ADDRESS_FORM, address};
use super::hidden::Hidden;
use super::section::Section;

/// Decimals of a gwei in wei, and of an EVM chain's native coin.
const GWEI_DECIMALS: u8 = 9;
const NATIVE_DECIMALS: u8 = 18;
const SECONDS_MAX: u64 = 86_400;
/// 2^53 - 1: wallets read a claim's chain id from a JSON number, and JavaScript knows no larger ones exactly.
const CHAIN_ID_MAX: u64 = (1 << 53) - 1;
/// 300 gwei: Ethereum on its busy days. What costs more waits.
const FEE_PER_GAS_MAX: Amount = Amount::new(300_000_000_000);
/// 0.05 ETH.
const FEE_PER_TRANSACTION_MAX: Amount = Amount::new(50_000_000_000_000_000);

/// A chain whose newest block is older stands still, as far as its endpoints show. Base makes one every 2 seconds, Ethereum every 12.
const HEAD_AGE_SECONDS_MAX: u64 = 120;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    pub name: ChainName,
    pub chain_id: u64,
    /// They may carry keys.
    pub rpc: Vec<Hidden>,
    pub trust: Trust,
    pub confirmations: u32,
    pub finality: Finality,
    pub block_time: Span,
    pub in_flight_max: u32,
    pub attempts_max: u32,
    pub bump_after: Span,
    pub rebroadcast_after: Span,
    pub fee_per_gas_max: Amount,
    pub fee_per_transaction_max: Amount,
    pub precheck_tries_max: u32,
    /// None where a head may be as old as it likes.
    pub head_age_max: Option<Span>,
    pub precheck_backoff: Span,
    pub op_stack: bool,
    pub native: AssetId,
    pub lower_case_addresses: bool,
    /// The wallet that pays, where the key is in another process.
    pub wallet: Option<Destination>,
}

impl Chain {
    /// None where something was noted that leaves nothing to go on with.
    pub fn read(name: &str, section: Section<'_>) -> Option<Self> {
        section.choice("kind", &[("evm", ())]);
        section.require("chain_id", "the id that its nodes answer to eth_chainId, like 8453");
        let named = ChainName::new(name).map_err(|error| section.wrong("", format_args!("is named {name:?}"), error)).ok();
        let chain_id = section.number("chain_id", 1..=CHAIN_ID_MAX);
        let trust = section.choice("trust", &[("quorum", Trust::Quorum), ("single", Trust::Single)]).unwrap_or(Trust::Quorum);
        let fee_per_gas_max = section.amount("fee_per_gas_max_gwei", GWEI_DECIMALS).unwrap_or(FEE_PER_GAS_MAX);
        let fee_per_transaction_max = section.amount("fee_per_transaction_max", NATIVE_DECIMALS).unwrap_or(FEE_PER_TRANSACTION_MAX);
        let chain = Self {
            name: named?,
            chain_id: chain_id.unwrap_or(0),
            rpc: read_endpoints(&section, trust),
            trust,
            confirmations: section.number("confirmations", 1..=1_000).unwrap_or(2),
            finality: read_finality(&section),
            block_time: section.seconds("block_time_seconds", 0..=SECONDS_MAX).unwrap_or(Span::from_seconds(2)),
            in_flight_max: section.number("in_flight_max", 1..=10_000).unwrap_or(16),
            attempts_max: section.number("attempts_max", 1..=100).unwrap_or(10),
            bump_after: section.seconds("bump_after_seconds", 1..=SECONDS_MAX).unwrap_or(Span::from_seconds(60)),
            rebroadcast_after: section.seconds("rebroadcast_after_seconds", 1..=SECONDS_MAX).unwrap_or(Span::from_seconds(30)),
            fee_per_gas_max,
            fee_per_transaction_max,
            precheck_tries_max: section.number("precheck_tries_max", 1..=1_000).unwrap_or(5),
            head_age_max: match section.number("head_age_seconds_max", 0..=SECONDS_MAX).unwrap_or(HEAD_AGE_SECONDS_MAX) {
                0 => None,
                seconds => Some(Span::from_seconds(seconds)),
            },
            precheck_backoff: section.seconds("precheck_backoff_seconds", 1..=SECONDS_MAX).unwrap_or(Span::from_seconds(5)),
            op_stack: section.flag("op_stack").unwrap_or(false),
            native: section.typed("native", "an asset's name").unwrap_or(AssetId::new("ETH").expect("a constant name")),
            lower_case_addresses: section.flag("lower_case_addresses").unwrap_or(false),
            wallet: section.read("wallet", ADDRESS_FORM, |value| address(value.as_str()?)),
        };
        section.finish();
        Some(chain)
    }
}

fn read_finality(section: &Section<'_>) -> Finality {
    let allowed = "\"finalized\" (the node's tag), or a number of blocks from 1 to 100000";
    let finality = section.read("finality", allowed, |value| match value.as_integer() {
        Some(blocks) => u32::try_from(blocks).ok().filter(|blocks| (1..=100_000).contains(blocks)).map(|blocks| Finality::Depth { blocks }),
        None => (value.as_str() == Some("finalized")).then_some(Finality::Tag),
    });
    finality.unwrap_or(Finality::Tag)
}

/// A quorum of one is none: whoever has one endpoint says so himself.
fn read_endpoints(section: &Section<'_>, trust: Trust) -> Vec<Hidden> {
    let endpoints = section.hidden_texts("rpc").unwrap_or_default();
    for (index, _) in endpoints.iter().enumerate().filter(|(_, url)| !is_http(url)) {
        let wrong = format!("has a value that is not shown at place {}", index + 1);
        section.wrong("rpc", wrong, "allowed are http:// or https:// URLs, like \"https://rpc.example.org/\"");
    }
    // The same node twice would be its own witness.
    let repeated = (1..endpoints.len()).find(|place| endpoints[..*place].iter().any(|other| same_url(other, &endpoints[*place])));
    if let Some(place) = repeated.filter(|_| trust == Trust::Quorum) {
        let wrong = format!("names the same URL twice, the second time at place {}", place + 1);
        section.wrong("rpc", wrong, "a quorum needs endpoints of different providers; take the second one out, or give another");
    }
    let (least, more) = match trust {
        Trust::Single => (1, "give an endpoint"),
        Trust::Quorum => (2, "give two endpoints of different providers, or say trust = \"single\" and accept the word of one"),
    };
    if endpoints.len() < least {
        let wrong = format!("has {} endpoint(s)", endpoints.len());
        section.wrong(
            "rpc",
            wrong,
            format_args!("{more} (in the file, by INFURA_PROJECT_ID, ALCHEMY_API_KEY, BASE_RPC_ENDPOINT, or by ADIT_EVM_RPC)"),
        );
    }
    endpoints.into_iter().map(Hidden::new).collect()
}

fn same_url(one: &str, other: &str) -> bool {
    one.trim().trim_end_matches('/').eq_ignore_ascii_case(other.trim().trim_end_matches('/'))
}

fn is_http(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && url.chars().all(|c| c.is_ascii_graphic()))
}
