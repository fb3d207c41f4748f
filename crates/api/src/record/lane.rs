//! A wallet's line of payments, as operators see it.

use std::collections::BTreeMap;

use adit_core::{
    ChainRules, ClockDoubt, Funds, HaltReason, Lane, LaneState, LaneView, Lineage, Market, Rules,
    Timestamp, Tip, Trust, upkeep,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::docs::shapes::{AssetName, ChainName, Time, Units};
use crate::units::{rfc3339, units};

/// A lane: one wallet's line of payments.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LaneRecord {
    lane: String,
    #[schema(value_type = ChainName)]
    chain: String,
    wallet: String,
    /// `reconciling`, `sweeping`, `running` or `halted`.
    pub state: &'static str,
    pub halted: Option<HaltRecord>,
    /// `quorum` or `single`.
    trust: &'static str,
    #[schema(value_type = Option<Time>)]
    leased_until: Option<String>,
    /// Rises with every lease that another process, or another life of the database, takes.
    epoch: u64,
    /// Counts the changes of the lane that the signer has to know of.
    counter: u64,
    /// Whether all that the signer's journal knows stands in the database, under this epoch.
    /// Nothing is planned or given back before.
    pub journal_read: bool,
    /// A refusal of the signer that showed the database to be behind; a second one halts the lane.
    doubt: Option<String>,
    next_nonce: u64,
    tip: Option<TipRecord>,
    funds: Vec<FundsRecord>,
    consolidation: Option<ConsolidationRecord>,
}

/// Why a lane stopped, and what to do.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HaltRecord {
    /// `foreign_use`, `journal_ahead`, `both_went_back`, `journal_went_back`, `unreleased`,
    /// `pin_changed`, `wallet_has_code`, `invariant` or `operator`.
    pub reason: &'static str,
    #[schema(value_type = Time)]
    since: String,
    pub sentence: String,
}

/// How far the chain is, as a quorum says.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TipRecord {
    height: u64,
    final_height: u64,
    #[schema(value_type = Time)]
    at: String,
    age_seconds: u64,
    /// Of EVM chains.
    #[serde(skip_serializing_if = "Option::is_none")]
    base_fee_per_gas_wei: Option<String>,
    /// Of Bitcoin.
    #[serde(skip_serializing_if = "Option::is_none")]
    feerate_sat_per_vb: Option<String>,
    /// Of Bitcoin: no source estimates fees now.
    #[serde(skip_serializing_if = "Option::is_none")]
    feerate_guessed: Option<bool>,
}

/// What the wallet holds of one asset, in whole units.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FundsRecord {
    #[schema(value_type = AssetName)]
    asset: String,
    #[schema(value_type = Units)]
    balance: String,
    #[schema(value_type = Time)]
    at: String,
    age_seconds: u64,
}

/// Whether small coins are merged now.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsolidationRecord {
    state: &'static str,
    sentence: String,
    /// The transactions that do so.
    tx_hashes: Vec<String>,
}

/// A lane with what is needed to show it.
pub struct Shown<'a> {
    pub lane: &'a Lane,
    pub chain: &'a ChainRules,
    /// Those among which the ones are that merge coins.
    pub live: &'a [Lineage],
    pub rules: &'a Rules,
    pub now: Timestamp,
    pub clock_doubt: Option<ClockDoubt>,
}

impl Shown<'_> {
    pub fn record(&self) -> LaneRecord {
        let Self { lane, chain, now, .. } = *self;
        LaneRecord {
            lane: lane.id.to_string(),
            chain: lane.id.chain.to_string(),
            wallet: lane.id.wallet.to_string(),
            state: state_name(&lane.state),
            halted: halt(&lane.state, chain),
            trust: match chain.trust {
                Trust::Quorum => "quorum",
                Trust::Single => "single",
            },
            leased_until: lane.lease.as_ref().map(|lease| rfc3339(lease.until)),
            epoch: lane.epoch.0,
            counter: lane.counter,
            journal_read: lane.has_read_journal(),
            doubt: lane.doubt.clone(),
            next_nonce: lane.next_nonce,
            tip: lane.tip.as_ref().map(|tip| tip_record(tip, now)),
            funds: lane.funds.iter().map(|held| self.funds(held)).collect(),
            consolidation: chain.consolidation.map(|_| self.consolidation()),
        }
    }

    fn funds(&self, held: &Funds) -> FundsRecord {
        FundsRecord {
            asset: held.asset.to_string(),
            balance: units(self.rules, &held.asset, held.balance),
            at: rfc3339(held.at),
            age_seconds: self.now.since(held.at).seconds(),
        }
    }

    fn consolidation(&self) -> ConsolidationRecord {
        let Self { lane, chain, live, now, clock_doubt, .. } = *self;
        let view = LaneView {
            lane,
            chain,
            live,
            queue: &[],
            suspensions: &BTreeMap::new(),
            now,
            clock_doubt,
        };
        let standing = upkeep(&view, true);
        // What stands on another one pays for that one, and merges nothing.
        let stands_alone =
            |one: &Lineage| !live.iter().any(|other| other.id != one.id && one.stands_on(other));
        let merging = live.iter().filter(|one| one.legs.is_empty() && stands_alone(one));
        let signed = merging.filter_map(|lineage| lineage.latest().signed());
        ConsolidationRecord {
            state: standing.code(),
            sentence: standing.sentence(),
            tx_hashes: signed.map(|signed| chain.kind.shown(signed.hash)).collect(),
        }
    }
}

fn tip_record(tip: &Tip, now: Timestamp) -> TipRecord {
    let mut record = TipRecord {
        height: tip.head.height,
        final_height: tip.final_height,
        at: rfc3339(tip.at),
        age_seconds: now.since(tip.at).seconds(),
        base_fee_per_gas_wei: None,
        feerate_sat_per_vb: None,
        feerate_guessed: None,
    };
    match &tip.market {
        Market::Evm(market) => {
            record.base_fee_per_gas_wei = Some(market.base_fee_per_gas.to_string());
        }
        Market::Bitcoin(market) => {
            record.feerate_sat_per_vb = Some(market.feerate.sat_per_vb());
            record.feerate_guessed = Some(market.guessed);
        }
    }
    record
}

/// The state's word.
pub fn state_name(state: &LaneState) -> &'static str {
    match state {
        LaneState::Reconciling => "reconciling",
        LaneState::Running => "running",
        LaneState::Sweeping => "sweeping",
        LaneState::Halted { .. } => "halted",
    }
}

fn halt(state: &LaneState, chain: &ChainRules) -> Option<HaltRecord> {
    match state {
        LaneState::Reconciling | LaneState::Running | LaneState::Sweeping => None,
        LaneState::Halted { reason, since } => Some(HaltRecord {
            reason: halt_name(reason),
            since: rfc3339(*since),
            sentence: chain.kind.written(&reason.sentence()),
        }),
    }
}

/// The reason's word; docs/operations.md has a section for each.
pub fn halt_name(reason: &HaltReason) -> &'static str {
    match reason {
        HaltReason::ForeignUse { .. } => "foreign_use",
        HaltReason::JournalAhead { .. } => "journal_ahead",
        HaltReason::PinChanged { .. } => "pin_changed",
        HaltReason::BothWentBack { .. } => "both_went_back",
        HaltReason::Unreleased => "unreleased",
        HaltReason::JournalWentBack { .. } => "journal_went_back",
        HaltReason::WalletHasCode => "wallet_has_code",
        HaltReason::Invariant { .. } => "invariant",
        HaltReason::Operator { .. } => "operator",
    }
}
