//! Bitcoin: a wallet of coins, sources of three kinds, and one feerate for all payees of a
//! transaction.

use adit_bitcoin::{
    BLOCKCYPHER_LOOK_EVERY, CONSOLIDATED_COINS_MAX, DepthTier, FINAL_BLOCKS, Face, LOOK_EVERY,
    Network, OutputsMax,
};
use adit_core::{
    ATTEMPTS_MAX_LEAST, Amount, AssetId, Batching, ChainName, Consolidation, Finality, Patience,
    Share, Span, Trust,
};
use adit_signer::AccountKind;

use super::{Chain, Of, SECONDS_MAX, head_age, sources};
use crate::config::hidden::Hidden;
use crate::config::section::Section;

pub const NATIVE_DECIMALS: u8 = 8;
/// Digits after the point of a feerate in sat/vB: it is counted in satoshi per 1000 virtual bytes.
const FEERATE_DECIMALS: u8 = 3;
/// 300 sat/vB: the dearest days of 2023 and 2024 but for hours. What costs more waits.
const FEERATE_MAX: Amount = Amount::new(300_000);
/// 0.005 BTC.
const FEE_PER_TRANSACTION_MAX: Amount = Amount::new(500_000);
/// Blocks come every ten minutes on average; one in 65,000 takes longer than two hours.
const HEAD_AGE_SECONDS_MAX: u64 = 7_200;
/// 100 %.
const BASIS_POINTS_MAX: u64 = 10_000;
const PERCENT_MAX: u64 = 100;
/// A tenth of the week.
const CONSOLIDATE_CHEAPEST_PERCENT: u8 = 10;
/// One input more costs a payment 68 vbytes later: twenty are as much as forty-four payees.
const CONSOLIDATE_COINS_MIN: u16 = 20;
/// 0.01 BTC.
const CONSOLIDATE_BELOW: Amount = Amount::new(1_000_000);
/// Two days' worth of blocks.
const BLOCKS_MAX: u64 = 288;
/// The least that may be withdrawn: ten times the dust of the dearest kind of address (window F62).
pub const WITHDRAWAL_MIN: Amount = Amount::new(5_460);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BitcoinChain {
    pub network: Network,
    pub sources: Vec<(Face, Hidden)>,
    pub blockcypher_token: Option<Hidden>,
    /// Which of the seed's accounts pays.
    pub addresses: AccountKind,
    pub account: u32,
    /// The wallet, where its keys are in another process, or are not the seed's own account.
    pub descriptor: Option<String>,
    /// Of the descriptor's keys none is here, and none is expected to be.
    pub keys_elsewhere: bool,
    pub deeper: Vec<DepthTier>,
    pub look_every: Span,
    pub blockcypher_look_every: Span,
    pub outputs_max: OutputsMax,
}

pub fn read(section: &Section<'_>, trust: Trust, named: Option<ChainName>) -> Option<Chain> {
    let blocks = section.number("finality", 1..=BLOCKS_MAX).unwrap_or(FINAL_BLOCKS);
    let payouts_max: u16 = section
        .number("batch_payouts_max", 1..=u64::from(OutputsMax::MOST))
        .unwrap_or(OutputsMax::default().get());
    let gather =
        section.seconds("batch_gather_seconds", 0..=SECONDS_MAX).unwrap_or(Span::from_seconds(60));
    let feerate_max =
        section.amount("feerate_max_sat_per_vb", FEERATE_DECIMALS).unwrap_or(FEERATE_MAX);
    let of = read_wallet(section, trust, payouts_max);
    let chain = Chain {
        trust,
        confirmations: section.number("confirmations", 1..=BLOCKS_MAX).unwrap_or(2),
        finality: Finality::Depth { blocks },
        block_time: section
            .seconds("block_time_seconds", 0..=SECONDS_MAX)
            .unwrap_or(Span::from_seconds(600)),
        in_flight_max: section.number("in_flight_max", 1..=1_000).unwrap_or(20),
        slow_start: false,
        attempts_max: section.number("attempts_max", ATTEMPTS_MAX_LEAST.into()..=100).unwrap_or(20),
        bump_after: section
            .seconds("bump_after_seconds", 1..=SECONDS_MAX)
            .unwrap_or(Span::from_seconds(1_800)),
        rebroadcast_after: section
            .seconds("rebroadcast_after_seconds", 1..=SECONDS_MAX)
            .unwrap_or(Span::from_seconds(600)),
        offer_max: feerate_max.base_units(),
        fee_per_transaction_max: section
            .amount("fee_per_transaction_max", NATIVE_DECIMALS)
            .unwrap_or(FEE_PER_TRANSACTION_MAX),
        fee_share_max: share(section, "fee_share_max_basis_points"),
        patience: read_patience(section),
        batching: Some(Batching { gather, payouts_max }),
        consolidation: read_consolidation(section),
        precheck_tries_max: section.number("precheck_tries_max", 1..=1_000).unwrap_or(5),
        head_age_max: head_age(section, HEAD_AGE_SECONDS_MAX),
        blocks_on_demand: false,
        precheck_backoff: section
            .seconds("precheck_backoff_seconds", 1..=SECONDS_MAX)
            .unwrap_or(Span::from_seconds(5)),
        native: section
            .typed("native", "an asset's name")
            .unwrap_or(AssetId::new("BTC").expect("a constant name")),
        wallet: None,
        of: Of::Bitcoin(of),
        name: named?,
    };
    Some(chain)
}

fn read_wallet(section: &Section<'_>, trust: Trust, payouts_max: u16) -> BitcoinChain {
    section.require("network", "\"mainnet\", \"testnet4\", \"signet\" or \"regtest\"");
    let networks = Network::ALL.map(|network| (network.name(), network));
    let sources = read_sources(section, trust);
    let deepest = section.number("deep_blocks", 1..=BLOCKS_MAX);
    let deep_from = section.amount("deep_from", NATIVE_DECIMALS);
    let deeper =
        deep_from.zip(deepest).map(|(from, final_blocks)| DepthTier { from, final_blocks });
    BitcoinChain {
        network: section.choice("network", &networks).unwrap_or(Network::Mainnet),
        sources,
        blockcypher_token: read_token(section),
        addresses: section
            .choice(
                "addresses",
                &[("segwit", AccountKind::Segwit), ("taproot", AccountKind::Taproot)],
            )
            .unwrap_or(AccountKind::Segwit),
        account: section.number("account", 0..=2_147_483_647).unwrap_or(0),
        descriptor: section.text_or_empty("descriptor"),
        keys_elsewhere: section
            .choice("keys", &[("sealed", false), ("elsewhere", true)])
            .unwrap_or(false),
        deeper: deeper.into_iter().collect(),
        look_every: section.seconds("look_every_seconds", 0..=3_600).unwrap_or(LOOK_EVERY),
        blockcypher_look_every: section
            .seconds("blockcypher_look_every_seconds", 0..=3_600)
            .unwrap_or(BLOCKCYPHER_LOOK_EVERY),
        outputs_max: OutputsMax::new(payouts_max).unwrap_or_default(),
    }
}

/// An empty one is as if it were absent.
fn read_token(section: &Section<'_>) -> Option<Hidden> {
    let token =
        section.read_hidden("blockcypher_token", "a token of letters and digits", |value| {
            value.as_str().map(str::to_owned)
        });
    token.filter(|token| !token.is_empty()).map(Hidden::new)
}

fn read_sources(section: &Section<'_>, trust: Trust) -> Vec<(Face, Hidden)> {
    let of = |key: &'static str, face: Face| {
        sources::read(section, key, trust).into_iter().map(move |url| (face, url))
    };
    let faces = [
        ("esplora", Face::Esplora),
        ("blockcypher", Face::BlockCypher),
        ("bitcoind", Face::Bitcoind),
    ];
    let all: Vec<(Face, Hidden)> =
        faces.into_iter().flat_map(|(key, face)| of(key, face)).collect();
    let variables = "ADIT_BITCOIN_ESPLORA, ADIT_BITCOIN_BLOCKCYPHER, or by ADIT_BITCOIN_RPC";
    sources::enough(section, "esplora", all.len(), trust, variables);
    all
}

/// Small coins become one while blocks are cheap; 0 percent leaves them alone.
fn read_consolidation(section: &Section<'_>) -> Option<Consolidation> {
    let quantile_percent: u8 = section
        .number("consolidate_cheapest_percent", 0..=PERCENT_MAX)
        .unwrap_or(CONSOLIDATE_CHEAPEST_PERCENT);
    let coins_min: u16 = section
        .number("consolidate_coins_min", 2..=CONSOLIDATED_COINS_MAX as u64)
        .unwrap_or(CONSOLIDATE_COINS_MIN);
    let small_below =
        section.amount("consolidate_below", NATIVE_DECIMALS).unwrap_or(CONSOLIDATE_BELOW);
    (quantile_percent > 0).then_some(Consolidation { quantile_percent, small_below, coins_min })
}

/// A payout waits for a network fee of at most this share of it, and at most so long.
fn read_patience(section: &Section<'_>) -> Option<Patience> {
    let wait_max = section
        .seconds("wait_seconds_max", 0..=30 * SECONDS_MAX)
        .unwrap_or(Span::from_seconds(SECONDS_MAX));
    let fee_share_max = share(section, "wait_above_basis_points")?;
    Some(Patience { fee_share_max, wait_max })
}

fn share(section: &Section<'_>, key: &'static str) -> Option<Share> {
    section.number::<u16>(key, 1..=BASIS_POINTS_MAX).map(Share::from_basis_points)
}
